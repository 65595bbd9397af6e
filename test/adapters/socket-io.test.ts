/** What the adapter for Socket.IO does without a broker: by a real server, with an adapter that the test carries. */
import { EventEmitter } from "node:events";
import { Server } from "socket.io";
import { describe, expect, it } from "vitest";
import { socketIoPubSub } from "../../src/adapters/socket-io.js";
import { TrackerError } from "../../src/errors.js";
import { Session, Tracker } from "../../src/index.js";

/** The class of the adapter that a server has of its own. */
const Alone = new Server().of("/").adapter.constructor as new (namespace: object) => object;

interface Packets {
  readonly nsp: { readonly name: string; _onServerSideEmit(packet: unknown[]): void };
}

/** Carries what servers say between them as text, in a later turn, as a broker would. */
class Bus {
  readonly adapters = new Set<Packets>();
  /** How many messages were carried. */
  carried = 0;

  server(shown: object = {}): Server {
    const { adapters } = this;
    const count = (): void => void this.carried++;
    class Carried extends Alone {
      declare readonly nsp: Packets["nsp"];
      constructor(namespace: object) {
        super(namespace);
        Object.assign(this, shown);
        adapters.add(this);
      }
      serverSideEmit(packet: unknown[]): void {
        const text = JSON.stringify(packet);
        count();
        void (this as { pubClient?: { publish(text: string): Promise<unknown> } }).pubClient?.publish(text);
        for (const each of adapters) {
          if (each === this || each.nsp.name !== this.nsp.name) continue;
          queueMicrotask(() => each.nsp._onServerSideEmit(JSON.parse(text) as unknown[]));
        }
      }
    }
    return new Server({ adapter: Carried as never });
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A client of Redis, as far as the adapter of Socket.IO shows it. */
class FakeClient extends EventEmitter {
  status = "ready";
  answer: () => Promise<unknown> = async () => 1;
  readonly published: string[] = [];
  publish(text: string): Promise<unknown> {
    this.published.push(text);
    return this.answer();
  }
  async ping(): Promise<void> {}
  become(status: string): void {
    this.status = status;
    this.emit(status);
  }
}

describe("a pubsub over Socket.IO", () => {
  it("reaches the nodes of all servers, also several of one, each under its name", async () => {
    const bus = new Bus();
    const [here, there] = [bus.server(), bus.server()];
    const nodes = [
      socketIoPubSub(here, { nodeName: "a" }),
      socketIoPubSub(here.of("/"), { nodeName: "b" }),
      socketIoPubSub(there, { nodeName: "c" }),
      socketIoPubSub(there.of("/other"), { nodeName: "d" }),
    ];
    const heard: string[] = [];
    for (const node of nodes) {
      await node.subscribe("room", (payload) => void heard.push(`${node.nodeName} ${payload}`));
    }
    const sent = nodes[0]?.broadcast("room", "all");
    expect(heard, "never synchronously").toEqual([]);
    await sent;
    await nodes[0]?.send("b", "room", "b alone");
    await nodes[2]?.send("a", "room", "a alone");
    await turn();
    expect(heard.sort()).toEqual(["a a alone", "a all", "b all", "b b alone", "c all"]);
    expect(bus.carried).toBe(3);
    for (const node of nodes) node.close();
    expect(here.of("/").listenerCount("rollcall")).toBe(0);
  });

  it("carries trackers, which start at once and find each other", async () => {
    const bus = new Bus();
    const [one, two] = await Promise.all(
      ["one", "two"].map((nodeName) =>
        Tracker.start({}, { name: "app", pubsub: socketIoPubSub(bus.server(), { nodeName }) }),
      ),
    );
    one?.track(new Session(), "room", "ann", {});
    await expect.poll(() => two?.count("room")).toBe(1);
    await Promise.all([one?.stop({ handoffMs: 0 }), two?.stop({ handoffMs: 0 })]);
  });

  it("reports once that a server has no adapter of a cluster, works within it, and on if one comes", async () => {
    const io = new Server();
    const warned: unknown[] = [];
    const { warn } = console;
    console.warn = (...words: unknown[]) => void warned.push(words);
    try {
      const node = socketIoPubSub(io, { nodeName: "alone" });
      const [errors, heard]: [unknown[], string[]] = [[], []];
      node.onError?.((error) => errors.push(error));
      await node.subscribe("room", (payload) => void heard.push(payload));
      await node.broadcast("room", "one");
      await node.broadcast("room", "two");
      await turn();
      expect(heard).toEqual(["one", "two"]);
      expect(errors.map((error) => (error as TrackerError).code)).toEqual(["NO_RELAY"]);
      const bus = new Bus();
      io.adapter(bus.server()._opts.adapter as never);
      await node.broadcast("room", "three");
      expect([bus.carried, warned]).toEqual([1, []]);
    } finally {
      console.warn = warn;
    }
  });

  it("reports what no node of rollcall has sent, and costs nobody anything", async () => {
    const bus = new Bus();
    const [here, there] = [bus.server(), bus.server()];
    const node = socketIoPubSub(here);
    const codes: unknown[] = [];
    const heard: string[] = [];
    node.onError?.((error) => codes.push((error as TrackerError).code));
    await node.subscribe("room", (payload) => void heard.push(payload));
    const forged = [null, 5, "text", {}, { rollcall: 2, channel: "room", payload: "x" }, { rollcall: 1 }];
    for (const message of forged) there.serverSideEmit("rollcall", message);
    there.serverSideEmit("rollcall", { rollcall: 1, to: 5, channel: "room", payload: "x" });
    there.serverSideEmit("rollcall", { rollcall: 1, channel: "room", payload: "good" });
    await turn();
    expect(codes).toEqual(Array.from({ length: 7 }, () => "INVALID_FRAME"));
    expect(heard).toEqual(["good"]);
  });

  it("knows its status by the clients that the adapter shows, and hands on what they answer", async () => {
    const [pubClient, subClient] = [new FakeClient(), new FakeClient()];
    const io = new Bus().server({ pubClient, subClient });
    const node = socketIoPubSub(io);
    const said: string[] = [];
    node.onStatus?.((status) => said.push(status));
    await node.broadcast("room", "hello");
    expect(pubClient.published).toHaveLength(1);
    pubClient.answer = () => Promise.reject(new Error("lost on the way"));
    await expect(node.broadcast("room", "hello")).rejects.toThrow("lost on the way");
    expect((io.of("/").adapter as unknown as { pubClient: unknown }).pubClient).toBe(pubClient);

    subClient.become("reconnecting");
    expect(said).toEqual(["disconnected"]);
    await expect(node.broadcast("room", "hello")).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    await expect(node.send("a", "room", "hello")).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    expect(pubClient.published).toHaveLength(2);
    subClient.become("ready");
    await turn();
    expect(said).toEqual(["disconnected", "connected"]);
    node.close();
    expect([pubClient, subClient].flatMap((client) => client.eventNames())).toEqual([]);
    await expect(node.broadcast("room", "hello")).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
  });

  it("has no status where no clients can be seen", () => {
    const shown = [{}, { pubClient: {}, subClient: {} }, { pubClient: new FakeClient() }];
    for (const each of shown) expect(socketIoPubSub(new Bus().server(each)).onStatus).toBe(undefined);
  });

  it("refuses what is no server", () => {
    for (const io of [undefined, null, {}, { sockets: {} }, new EventEmitter()]) {
      expect(() => socketIoPubSub(io as never)).toThrow(TrackerError);
    }
    expect(() => socketIoPubSub(new Server(), { nodeName: "" })).toThrow(TrackerError);
  });

  it("takes servers and namespaces with typed events", () => {
    interface Events {
      ping: (n: number) => void;
    }
    const io = new Server<Events, Events, Events, { name: string }>();
    for (const each of [io, io.of("/typed")]) expect(socketIoPubSub(each).nodeName).not.toBe("");
  });
});
