/** What the nats adapter does with its connection; over real servers it is tested in test/brokers. */
import { describe, expect, it } from "vitest";
import { natsPubSub, type NatsConnection, type NatsMessage } from "../../src/adapters/nats.js";
import type { PubSubStatus } from "../../src/pubsub/pubsub.js";

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Status = { readonly type: string; readonly error?: Error };
type Callback = (error: Error | null, message: NatsMessage) => void;

const message = (fields: Partial<NatsMessage> = {}): NatsMessage => ({
  subject: "",
  data: new TextEncoder().encode("payload"),
  ...fields,
});

class FakeNats implements NatsConnection {
  info = { max_payload: 20 };
  readonly published: string[] = [];
  readonly subscribed = new Map<string, Callback>();
  following = false;
  readonly #statuses: Status[] = [];
  #wake: () => void = () => {};
  flushes: (() => void)[] = [];
  holdsFlushes = false;

  /** Who listens elsewhere; whether the server says so of others; what it refuses. */
  readonly elsewhere = new Set<string>();
  saysWhoListens = true;
  refused: string | undefined;
  reconnects = 0;

  publish(subject: string, payload: string, { reply }: { reply?: string } = {}): void {
    if (reply === undefined) return void this.published.push(`${subject} ${payload}`);
    if (!this.saysWhoListens || this.elsewhere.has(subject)) return;
    const [answers] = [...this.subscribed].filter(([name]) => name.endsWith("*"));
    answers?.[1](null, message({ subject: reply, headers: { code: 503 } }));
  }
  async reconnect(): Promise<void> {
    this.reconnects++;
  }
  subscribe(subject: string, { callback }: { callback: Callback }) {
    this.subscribed.set(subject, callback);
    if (subject === this.refused) callback(new Error("Permissions Violation"), message());
    return { unsubscribe: () => void this.subscribed.delete(subject) };
  }
  flush(): Promise<void> {
    if (!this.holdsFlushes) return Promise.resolve();
    return new Promise((resolve) => this.flushes.push(resolve));
  }
  isClosed(): boolean {
    return false;
  }
  say(status: Status): void {
    this.#statuses.push(status);
    this.#wake();
  }
  status(): AsyncIterable<Status> & { stop(): void } {
    let done = false;
    const next = async (): Promise<IteratorResult<Status>> => {
      this.following = true;
      while (!done && this.#statuses.length === 0)
        await new Promise<void>((resolve) => (this.#wake = resolve));
      const value = this.#statuses.shift();
      if (!done && value !== undefined && value.type !== "end") return { done: false, value };
      this.following = false;
      return { done: true, value: undefined };
    };
    const stop = (): void => {
      done = true;
      this.#wake();
    };
    return { [Symbol.asyncIterator]: () => ({ next }), stop };
  }
}

function opened() {
  const connection = new FakeNats();
  const pubsub = natsPubSub({ connection, nodeName: "me.too", prefix: "p" });
  const statuses: PubSubStatus[] = [];
  const errors: unknown[] = [];
  pubsub.onStatus?.((status) => statuses.push(status));
  pubsub.onError?.((error) => errors.push(error));
  return { connection, pubsub, statuses, errors };
}

describe("natsPubSub", () => {
  it("makes single tokens of names", async () => {
    const { connection, pubsub } = opened();
    await pubsub.subscribe("a.b *>", () => {});
    expect([...connection.subscribed.keys()]).toEqual([
      "p.all.a%2Eb%20%2A%3E",
      "p.to.me%2Etoo.a%2Eb%20%2A%3E",
    ]);
    await pubsub.broadcast("", "1");
    await pubsub.send("%", "room", "2");
    expect(connection.published).toEqual(["p.all.% 1", "p.to.%25.room 2"]);
  });

  it("refuses by bytes what the server would end the connection for, by its limit of today", async () => {
    const { connection, pubsub } = opened();
    expect(pubsub.maxPayloadBytes).toBe(20);
    await pubsub.broadcast("room", "€".repeat(6));
    await expect(pubsub.broadcast("room", "€".repeat(7))).rejects.toMatchObject({ code: "PUBLISH_FAILED" });
    connection.info = { max_payload: 10 };
    await expect(pubsub.send("you", "room", "€".repeat(6))).rejects.toMatchObject({ code: "PUBLISH_FAILED" });
    expect(connection.published).toHaveLength(1);
  });

  it("is connected again only when the server has answered, and sends nothing meanwhile", async () => {
    const { connection, pubsub, statuses } = opened();
    connection.say({ type: "disconnect" });
    await settled();
    expect(statuses).toEqual(["disconnected"]);
    await expect(pubsub.broadcast("room", "1")).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    connection.holdsFlushes = true;
    connection.say({ type: "reconnect" });
    await settled();
    expect(statuses).toEqual(["disconnected"]);
    connection.flushes[0]?.();
    await settled();
    expect(statuses).toEqual(["disconnected", "connected"]);
  });

  it("is not fooled by a connection that is lost again before the server has answered", async () => {
    const { connection, statuses } = opened();
    connection.holdsFlushes = true;
    connection.say({ type: "disconnect" });
    connection.say({ type: "reconnect" });
    await settled();
    connection.say({ type: "disconnect" });
    await settled();
    connection.flushes[0]?.();
    await settled();
    expect(statuses).toEqual(["disconnected"]);
  });

  it("says that a connection which gave up is lost for good, to later listeners too", async () => {
    const { connection, pubsub, statuses, errors } = opened();
    connection.say({ type: "close" });
    connection.say({ type: "end" });
    await settled();
    expect(statuses).toEqual(["disconnected"]);
    expect(errors).toEqual([expect.objectContaining({ code: "PUBSUB_UNAVAILABLE" })]);
    const later: unknown[] = [];
    pubsub.onError?.((error) => later.push(error));
    await settled();
    expect(later).toEqual(errors);
  });

  it("reports errors of the server and of a subscription", async () => {
    const { connection, pubsub, errors } = opened();
    const [ofServer, ofSubscription] = [new Error("slow"), new Error("not permitted")];
    await pubsub.subscribe("room", () => {});
    connection.say({ type: "error", error: ofServer });
    connection.subscribed.get("p.all.room")?.(ofSubscription, message());
    await settled();
    expect(new Set(errors)).toEqual(new Set([ofServer, ofSubscription]));
  });

  it("rejects a subscription that the server refuses, with what it said, and keeps none of it", async () => {
    for (const refused of ["p.all.room", "p.to.me%2Etoo.room"]) {
      const { connection, pubsub, errors } = opened();
      connection.refused = refused;
      await expect(pubsub.subscribe("room", () => {})).rejects.toMatchObject({
        code: "PUBSUB_UNAVAILABLE",
        cause: { message: "Permissions Violation" },
      });
      expect([...connection.subscribed.keys()]).toEqual([]);
      expect(errors).toEqual([]);
    }
  });

  it("names as listening whom the server does not call absent", async () => {
    const { connection, pubsub } = opened();
    connection.elsewhere.add("p.to.x.room");
    expect(await pubsub.listening?.("room", ["x", "y"])).toEqual(new Set(["x"]));
    expect(connection.subscribed.size).toBe(0);
  });

  it("does not take a server for an answer that calls nobody absent", async () => {
    const { connection, pubsub } = opened();
    connection.saysWhoListens = false;
    await expect(pubsub.listening?.("room", ["x"])).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    expect(connection.subscribed.size).toBe(0);
  });

  it("delivers payloads, but not the question whether it is listening", async () => {
    const { connection, pubsub } = opened();
    const heard: string[] = [];
    await pubsub.subscribe("room", (payload) => heard.push(payload));
    connection.subscribed.get("p.to.me%2Etoo.room")?.(null, message({ reply: "p.ask.x.1.0" }));
    connection.subscribed.get("p.to.me%2Etoo.room")?.(null, message());
    expect(heard).toEqual(["payload"]);
  });

  it("asks the client for a new connection", async () => {
    const { connection, pubsub } = opened();
    await pubsub.reconnect?.();
    expect(connection.reconnects).toBe(1);
  });

  it("refuses a connection that does not hear itself", () => {
    const connection = Object.assign(new FakeNats(), { options: { noEcho: true } });
    expect(() => natsPubSub({ connection })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });

  it("leaves the connection open and unfollowed when it is closed", async () => {
    const { connection, pubsub } = opened();
    await pubsub.subscribe("room", () => {});
    await settled();
    expect(connection.following).toBe(true);
    await pubsub.close();
    await settled();
    expect(connection.following).toBe(false);
    expect(connection.subscribed.size).toBe(0);
    await expect(pubsub.broadcast("room", "1")).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
  });

  it("refuses what is no connection", () => {
    expect(() => natsPubSub({ connection: {} as FakeNats })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });
});
