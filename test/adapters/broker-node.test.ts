/** What the adapters for brokers have in common, over a broker that does as it is told. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  BrokerNode,
  type Broker,
  type BrokerWatcher,
  type ChannelNames,
} from "../../src/adapters/broker-node.js";
import type { PubSubStatus } from "../../src/pubsub/pubsub.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

class FakeBroker implements Broker {
  readonly prefix = "test";
  readonly maxPayloadBytes = 5;
  readonly calls: string[] = [];
  readonly watcher: BrokerWatcher;
  /** Whether it answers no more. */
  standsStill = false;

  constructor(watcher: BrokerWatcher) {
    this.watcher = watcher;
    watcher.connected();
  }
  broadcastName(channel: string): string {
    return `all ${channel}`;
  }
  inboxName(node: string, channel: string): string {
    return `${node} ${channel}`;
  }
  publish(name: string, payload: string): void {
    this.calls.push(`publish ${name}: ${payload}`);
  }
  open({ all, inbox }: ChannelNames): Promise<void> {
    return this.#answer(`open ${all}, ${inbox}`, undefined);
  }
  close({ all, inbox }: ChannelNames): Promise<void> {
    return this.#answer(`close ${all}, ${inbox}`, undefined);
  }
  listening(inboxes: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#answer(`listening ${inboxes.join()}`, new Set(["b room"]));
  }
  reconnect(): void {
    this.calls.push("reconnect");
  }
  forget(): void {
    this.calls.push("forget");
  }
  #answer<T>(call: string, answer: T): Promise<T> {
    this.calls.push(call);
    return this.standsStill ? new Promise(() => {}) : Promise.resolve(answer);
  }
}

function opened() {
  let broker: FakeBroker | undefined;
  const node = new BrokerNode("a", (watcher) => (broker = new FakeBroker(watcher)));
  if (broker === undefined) throw new Error("no broker was made");
  const statuses: PubSubStatus[] = [];
  const errors: unknown[] = [];
  node.onStatus((status) => statuses.push(status));
  node.onError((error) => errors.push(error));
  return { node, broker, statuses, errors };
}

const unavailable = expect.objectContaining({ code: "PUBSUB_UNAVAILABLE" });

describe("BrokerNode", () => {
  it("delivers by the names that it has opened, and names nodes by their inboxes", async () => {
    const { node, broker } = opened();
    const heard: string[] = [];
    await node.subscribe("room", (payload) => heard.push(payload));
    broker.watcher.received("all room", "1");
    broker.watcher.received("a room", "2");
    broker.watcher.received("all hall", "not subscribed");
    expect(heard).toEqual(["1", "2"]);
    expect(broker.watcher.openNames()).toEqual([{ all: "all room", inbox: "a room" }]);
    expect(await node.listening?.("room", ["b", "c"])).toEqual(new Set(["b"]));
    expect(broker.calls.at(-1)).toBe("listening b room,c room");
  });

  it("has neither listening nor reconnect where the broker has not", () => {
    const bare = (watcher: BrokerWatcher) =>
      Object.assign(new FakeBroker(watcher), { listening: undefined, reconnect: undefined });
    const node = new BrokerNode("a", bare as (watcher: BrokerWatcher) => FakeBroker);
    expect([node.listening, node.reconnect]).toEqual([undefined, undefined]);
  });

  it.each([
    ["ending a subscription", "end"],
    ["closing", "close"],
  ] as const)("%s ends after a second if the broker stands still, and is reported", async (_, what) => {
    const { node, broker, errors } = opened();
    const unsubscribe = await node.subscribe("room", () => {});
    broker.standsStill = true;
    let ended = false;
    void Promise.resolve(what === "end" ? unsubscribe() : node.close()).then(() => (ended = true));
    await vi.advanceTimersByTimeAsync(999);
    expect(ended).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(ended).toBe(true);
    expect(errors).toEqual([unavailable]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends a subscription at once when the connection is lost meanwhile, and tells the client all the same", async () => {
    const { node, broker, errors } = opened();
    const unsubscribe = await node.subscribe("room", () => {});
    const second = await node.subscribe("hall", () => {});
    broker.standsStill = true;
    const ending = unsubscribe();
    await settled();
    broker.watcher.disconnected();
    await ending;
    // A client that reconnects would subscribe again to what it was not told of.
    await second();
    expect(broker.calls.slice(2)).toEqual(["close all room, a room", "close all hall, a hall"]);
    expect(errors).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("takes no harm from a client that refuses to unsubscribe without a connection", async () => {
    const { node, broker, errors } = opened();
    const unsubscribe = await node.subscribe("room", () => {});
    const refusal = Promise.reject<void>(new Error("The client is closed"));
    const handled = vi.spyOn(refusal, "catch");
    broker.close = () => refusal;
    broker.watcher.disconnected();
    await unsubscribe();
    expect(handled).toHaveBeenCalled();
    expect(errors).toEqual([]);
  });

  it("rejects a question for who is listening if the broker stands still or the connection is lost", async () => {
    const { node, broker } = opened();
    broker.standsStill = true;
    const late = expect(node.listening?.("room", ["b"])).rejects.toEqual(unavailable);
    await vi.advanceTimersByTimeAsync(1_000);
    await late;
    const lost = expect(node.listening?.("room", ["b"])).rejects.toEqual(unavailable);
    broker.watcher.disconnected();
    await lost;
    await expect(node.listening?.("room", ["b"])).rejects.toEqual(unavailable);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("reports an outage once, to later listeners too, and says in each refusal what the client said", async () => {
    const { node, broker, errors, statuses } = opened();
    const refusal = new Error("ECONNREFUSED");
    broker.watcher.disconnected();
    for (let attempt = 0; attempt < 5; attempt++)
      broker.watcher.failed(attempt === 0 ? refusal : new Error("again"));
    expect(errors).toEqual([refusal]);
    const later: unknown[] = [];
    node.onError((error) => later.push(error));
    await settled();
    expect(later).toEqual([refusal]);
    await expect(node.broadcast("room", "1")).rejects.toMatchObject({
      code: "PUBSUB_UNAVAILABLE",
      cause: refusal,
    });
    broker.watcher.connected();
    expect(statuses).toEqual(["disconnected", "connected"]);
    await node.broadcast("room", "1");
    broker.watcher.failed(new Error("slow"));
    broker.watcher.failed(new Error("slow"));
    expect(errors).toHaveLength(3);
  });

  it("refuses by bytes what is above the limit", async () => {
    const { node, broker } = opened();
    await node.send("b", "room", "€n");
    await expect(node.send("b", "room", "€€")).rejects.toMatchObject({ code: "PUBLISH_FAILED" });
    expect(broker.calls).toEqual(["publish b room: €n"]);
  });

  it("asks nothing of a client that it has let go of", async () => {
    const { node, broker } = opened();
    await node.close();
    await node.close();
    for (const call of [
      node.broadcast("room", "1"),
      node.listening?.("room", ["b"]),
      node.reconnect?.(),
      node.subscribe("room", () => {}),
    ]) {
      await expect(call).rejects.toEqual(unavailable);
    }
    expect(broker.calls).toEqual(["forget"]);
  });
});
