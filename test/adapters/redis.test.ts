/** What the redis adapter does with its clients; over real servers it is tested in test/brokers. */
import { EventEmitter } from "node:events";
import type { Cluster as IoredisCluster } from "ioredis";
import type { createCluster, createSentinel } from "redis";
import type { createSentinel as createSentinel5 } from "redis5";
import { describe, expect, expectTypeOf, it } from "vitest";
import { redisPubSub, type RedisClient } from "../../src/adapters/redis.js";
import { homeOf } from "../../src/pubsub/broker-names.js";
import type { PubSubStatus } from "../../src/pubsub/pubsub.js";

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** As ioredis: says `ready` before it has subscribed again. */
class FakeIoredis extends EventEmitter {
  status = "ready";
  readonly calls: string[] = [];
  isCluster = false;
  refusal: Error | undefined;

  async publish(channel: string, payload: string): Promise<number> {
    return this.#call(`publish ${channel} ${payload}`);
  }
  async subscribe(...channels: string[]): Promise<number> {
    return this.#call(`subscribe ${channels.join()}`);
  }
  async unsubscribe(...channels: string[]): Promise<number> {
    return this.#call(`unsubscribe ${channels.join()}`);
  }
  async call(...words: string[]): Promise<unknown> {
    this.#call(words.join(" "));
    return words.slice(2).flatMap((name, index) => [name, index]);
  }
  disconnect(reconnect: boolean): void {
    this.#call(`disconnect ${reconnect}`);
  }
  become(status: string): void {
    this.status = status;
    this.emit(status);
  }
  listening(): number {
    return this.eventNames().reduce((sum, name) => sum + this.listenerCount(name), 0);
  }
  #call(call: string): number {
    this.calls.push(call);
    if (this.refusal !== undefined) throw this.refusal;
    return 1;
  }
}

/** As node-redis: `isReady`, and a listener per subscription. */
class FakeNodeRedis extends EventEmitter {
  isReady = true;
  isOpen = true;
  isPubSubActive: boolean | undefined = false;
  readonly calls: string[] = [];
  receive: (payload: string, channel: string) => unknown = () => {};

  async publish(channel: string, payload: string): Promise<number> {
    return this.calls.push(`publish ${channel} ${payload}`);
  }
  async subscribe(
    channels: string[],
    listener: (payload: string, channel: string) => unknown,
  ): Promise<void> {
    this.receive = listener;
    this.calls.push(`subscribe ${channels.join()}`);
  }
  async unsubscribe(channels: string[]): Promise<void> {
    this.calls.push(`unsubscribe ${channels.join()}`);
  }
  async pubSubNumSub(channels: string[]): Promise<Record<string, number>> {
    this.calls.push(`numsub ${channels.join()}`);
    return Object.fromEntries(channels.map((name, index) => [name, index]));
  }
  destroy(): void {
    this.calls.push("destroy");
    this.isOpen = false;
    this.become(false, "end");
  }
  async connect(): Promise<void> {
    this.calls.push("connect");
    this.isOpen = true;
    await Promise.resolve();
    this.become(true, "ready");
  }
  become(isReady: boolean, event: string, value?: unknown): void {
    this.isReady = isReady;
    this.emit(event, value);
  }
}

function withIoredis() {
  const [publisher, subscriber] = [new FakeIoredis(), new FakeIoredis()];
  const pubsub = redisPubSub({ publisher, subscriber, nodeName: "me", prefix: "p" });
  const statuses: PubSubStatus[] = [];
  const errors: unknown[] = [];
  pubsub.onStatus?.((status) => statuses.push(status));
  pubsub.onError?.((error) => errors.push(error));
  return { publisher, subscriber, pubsub, statuses, errors };
}

describe("redisPubSub with ioredis", () => {
  it("is connected only when the server has confirmed the subscriptions again", async () => {
    const { subscriber, pubsub, statuses } = withIoredis();
    await pubsub.subscribe("room", () => {});
    expect(subscriber.calls).toEqual(["subscribe p:all:room,p:to:me:room"]);
    subscriber.become("close");
    expect(statuses).toEqual(["disconnected"]);
    subscriber.become("ready");
    expect(statuses).toEqual(["disconnected"]);
    await settled();
    expect(statuses).toEqual(["disconnected", "connected"]);
    expect(subscriber.calls).toHaveLength(2);
    expect(subscriber.calls[1]).toBe(subscriber.calls[0]);
  });

  it("stays disconnected when the server refuses the subscriptions, and reports it", async () => {
    const { subscriber, pubsub, statuses, errors } = withIoredis();
    await pubsub.subscribe("room", () => {});
    subscriber.become("close");
    subscriber.refusal = new Error("NOPERM");
    subscriber.become("ready");
    await settled();
    expect(statuses).toEqual(["disconnected"]);
    expect(errors).toEqual([subscriber.refusal]);
  });

  it("is not fooled by a connection that is lost again while it subscribes", async () => {
    const { subscriber, pubsub, statuses } = withIoredis();
    await pubsub.subscribe("room", () => {});
    subscriber.become("close");
    subscriber.become("ready");
    subscriber.become("close");
    await settled();
    expect(statuses).toEqual(["disconnected"]);
  });

  it("is connected only while both clients are", async () => {
    const { publisher, subscriber, statuses } = withIoredis();
    publisher.become("close");
    subscriber.become("close");
    publisher.become("ready");
    await settled();
    expect(statuses).toEqual(["disconnected"]);
    subscriber.become("ready");
    await settled();
    expect(statuses).toEqual(["disconnected", "connected"]);
  });

  it("rejects at once what is sent while disconnected, instead of leaving it to the client's queue", async () => {
    const { publisher, pubsub } = withIoredis();
    publisher.become("reconnecting");
    await expect(pubsub.broadcast("room", "1")).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    await expect(pubsub.send("you", "room", "1")).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    expect(publisher.calls).toEqual([]);
  });

  it("rejects with what the client said when a publish fails", async () => {
    const { publisher, pubsub } = withIoredis();
    publisher.refusal = new Error("READONLY");
    await expect(pubsub.broadcast("room", "1")).rejects.toBe(publisher.refusal);
  });

  it("reports an outage once, however often the client tries to reconnect", () => {
    const { publisher, errors } = withIoredis();
    publisher.status = "close";
    for (let attempt = 0; attempt < 5; attempt++) publisher.emit("error", new Error("ECONNREFUSED"));
    expect(errors).toHaveLength(1);
  });

  it("hears only what it has subscribed to, on a client that others use too", async () => {
    const { subscriber, pubsub } = withIoredis();
    const heard: string[] = [];
    await pubsub.subscribe("room", (payload) => heard.push(payload));
    subscriber.emit("message", "p:all:room", "ours");
    subscriber.emit("message", "room", "the application's");
    subscriber.emit("message", "p:all:hall", "not subscribed");
    subscriber.emit("message", "p:to:me:room", "direct");
    expect(heard).toEqual(["ours", "direct"]);
  });

  it("leaves the clients open and without a listener when it is closed", async () => {
    const { publisher, subscriber, pubsub } = withIoredis();
    await pubsub.subscribe("room", () => {});
    await pubsub.close();
    expect(publisher.listening() + subscriber.listening()).toBe(0);
    expect(subscriber.calls.at(-1)).toBe("unsubscribe p:all:room,p:to:me:room");
    await expect(pubsub.broadcast("room", "1")).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    await expect(pubsub.subscribe("room", () => {})).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
  });

  it("does not wait for a client without a connection when it is closed", async () => {
    const { subscriber, pubsub } = withIoredis();
    await pubsub.subscribe("room", () => {});
    subscriber.unsubscribe = () => new Promise(() => {});
    subscriber.become("close");
    await pubsub.close();
    expect(subscriber.listening()).toBe(0);
  });
});

describe("redisPubSub with node-redis", () => {
  it("follows the clients, and publishes by the names of channels and inboxes", async () => {
    const [publisher, subscriber] = [new FakeNodeRedis(), new FakeNodeRedis()];
    const pubsub = redisPubSub({ publisher, subscriber, nodeName: "me:too", prefix: "p" });
    const statuses: PubSubStatus[] = [];
    const heard: string[] = [];
    pubsub.onStatus?.((status) => statuses.push(status));
    await pubsub.subscribe("room", (payload) => heard.push(payload));
    subscriber.receive("1", "p:all:room");
    subscriber.receive("2", "p:to:me%3Atoo:room");
    await pubsub.broadcast("room", "3");
    await pubsub.send("you:all", "room", "4");
    expect(heard).toEqual(["1", "2"]);
    expect(publisher.calls).toEqual(["publish p:all:room 3", "publish p:to:you%3Aall:room 4"]);
    subscriber.on("error", () => {});
    subscriber.become(false, "error", new Error("Socket closed unexpectedly"));
    subscriber.become(true, "ready");
    await settled();
    expect(statuses).toEqual(["disconnected", "connected"]);
    await pubsub.close();
    expect(subscriber.listenerCount("error")).toBe(1);
  });
});

describe("redisPubSub", () => {
  it.each(["wait", "end"])(
    "says of an ioredis client in status %s that nobody connects it",
    async (status) => {
      const { publisher, subscriber, pubsub } = withIoredis();
      publisher.become(status);
      const error = await (async () => pubsub.subscribe("room", () => {}))().catch(
        (refusal: unknown) => refusal,
      );
      expect(error).toMatchObject({ code: "PUBSUB_UNAVAILABLE", details: { option: "publisher" } });
      expect(String(error)).toMatch(/connect\(\)/);
      expect(subscriber.calls).toEqual([]);
      publisher.become("ready");
      await pubsub.subscribe("room", () => {});
    },
  );

  it("says of a node-redis client that was never connected what to call, and waits for one that is connecting", async () => {
    const [publisher, subscriber] = [new FakeNodeRedis(), new FakeNodeRedis()];
    subscriber.isReady = subscriber.isOpen = false;
    const pubsub = redisPubSub({ publisher, subscriber });
    await expect(pubsub.subscribe("room", () => {})).rejects.toMatchObject({
      code: "PUBSUB_UNAVAILABLE",
      message: "The Redis client passed as subscriber is not connected: await its connect() first",
    });
    subscriber.isOpen = true;
    await pubsub.subscribe("room", () => {});
  });

  it("asks the server who is listening, with either client", async () => {
    const { publisher, pubsub } = withIoredis();
    expect(await pubsub.listening?.("room", ["x", "y"])).toEqual(new Set(["y"]));
    expect(publisher.calls).toEqual(["PUBSUB NUMSUB p:to:x:room p:to:y:room"]);
    const clients = { publisher: new FakeNodeRedis(), subscriber: new FakeNodeRedis() };
    const other = redisPubSub({ ...clients, prefix: "p" });
    expect(await other.listening?.("room", ["x", "y"])).toEqual(new Set(["y"]));
    expect(clients.publisher.calls).toEqual(["numsub p:to:x:room,p:to:y:room"]);
  });

  it("asks either client for a new connection, but not while it has none", async () => {
    const { publisher, subscriber, pubsub } = withIoredis();
    await pubsub.reconnect?.();
    publisher.become("reconnecting");
    await pubsub.reconnect?.();
    expect([publisher.calls, subscriber.calls]).toEqual([
      ["disconnect true"],
      ["disconnect true", "disconnect true"],
    ]);
    const clients = { publisher: new FakeNodeRedis(), subscriber: new FakeNodeRedis() };
    const other = redisPubSub(clients);
    const statuses: PubSubStatus[] = [];
    other.onStatus?.((status) => statuses.push(status));
    await other.reconnect?.();
    await settled();
    expect(statuses).toEqual(["disconnected", "connected"]);
    expect(clients.publisher.calls).toEqual(["destroy", "connect"]);
    clients.subscriber.become(false, "reconnecting");
    await other.reconnect?.();
    expect(clients.subscriber.calls).toEqual(["destroy", "connect"]);
  });

  it("offers neither for a cluster, whose servers know only their own subscribers", () => {
    const client = Object.assign(new FakeIoredis(), { isCluster: true });
    const pubsub = redisPubSub({ publisher: client, subscriber: client });
    expect([pubsub.listening, pubsub.reconnect]).toEqual([undefined, undefined]);
    const cluster = Object.assign(new FakeNodeRedis(), { masters: [] });
    Reflect.deleteProperty(cluster, "isPubSubActive");
    const other = redisPubSub({ publisher: cluster, subscriber: cluster });
    expect([other.listening, other.reconnect]).toEqual([undefined, undefined]);
  });

  it("takes clusters and sentinels by type", () => {
    expectTypeOf<IoredisCluster>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createCluster>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createSentinel>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createSentinel5>>().toExtend<RedisClient>();
  });

  it("refuses what is no client, and bad names", () => {
    const client = new FakeIoredis();
    const refused = expect.objectContaining({ code: "INVALID_OPTION" });
    expect(() => redisPubSub({ publisher: {} as FakeIoredis, subscriber: client })).toThrow(refused);
    expect(() => redisPubSub({ publisher: client, subscriber: client, nodeName: "" })).toThrow(refused);
    for (const prefix of ["", "with:colon", "with space", "x".repeat(33)]) {
      expect(() => redisPubSub({ publisher: client, subscriber: client, prefix })).toThrow(refused);
    }
    expect(client.listening()).toBe(0);
  });
});

/** Servers that remember who is subscribed to what, and clients of each. */
function withShards(servers: number) {
  const shards = Array.from({ length: servers }, () => {
    return { publisher: new FakeIoredis(), subscriber: new FakeIoredis() };
  });
  const pubsub = redisPubSub({ shards, nodeName: "me", prefix: "p" });
  const statuses: PubSubStatus[] = [];
  const errors: unknown[] = [];
  pubsub.onStatus?.((status) => statuses.push(status));
  pubsub.onError?.((error) => errors.push(error));
  return { shards, pubsub, statuses, errors };
}

describe("several servers", () => {
  it("takes each name to the server that the name decides, and what is sent to a node to one", async () => {
    const { shards, pubsub } = withShards(3);
    const rooms = ["room", "hall", "roof", "yard"];
    for (const room of rooms) {
      await pubsub.subscribe(room, () => {});
      await pubsub.broadcast(room, "hello");
      await pubsub.send("you", room, "hello");
    }
    const broadcasts = shards.map(({ publisher }) =>
      publisher.calls.filter((call) => call.includes(":all:")),
    );
    for (const room of rooms) {
      const publishes = broadcasts.map((calls) =>
        calls.filter((call) => call === `publish p:all:${room} hello`),
      );
      expect(
        publishes.findIndex((calls) => calls.length === 1),
        room,
      ).toBe(homeOf(`p:all:${room}`, 3));
      expect(publishes.flat(), room).toHaveLength(1);
    }
    const subscribed = shards.map(({ subscriber }) => subscriber.calls.join(" "));
    expect(
      subscribed.filter((calls) => calls.includes("p:to:me:")),
      "all inboxes on one",
    ).toHaveLength(1);
    const sent = shards.map(({ publisher }) => publisher.calls.filter((call) => call.includes(":to:you:")));
    expect(sent.map((calls) => calls.length).sort()).toEqual([0, 0, rooms.length]);
    expect(sent.findIndex((calls) => calls.length > 0)).toBe(homeOf("p:to:you:room", 3));
  });

  it("places names where all versions do, and evenly", () => {
    const names = ["p:all:rollcall:app", "p:to:node-1:rollcall:app:inbox", "p:to:%E2%82%AC:room"];
    expect(names.map((name) => [2, 3, 5].map((servers) => homeOf(name, servers)))).toEqual([
      [1, 2, 4],
      [0, 2, 2],
      [1, 2, 4],
    ]);
    for (const servers of [2, 3, 4, 8]) {
      const counts = Array.from({ length: servers }, () => 0);
      for (let i = 0; i < 1_000 * servers; i++) counts[homeOf(`p:to:node-${i}:room`, servers)]! += 1;
      expect(Math.min(...counts), `of ${servers}`).toBeGreaterThan(880);
      expect(Math.max(...counts), `of ${servers}`).toBeLessThan(1_120);
    }
  });

  it("is connected only while all clients are, and restores on each server what lives there", async () => {
    const { shards, pubsub, statuses } = withShards(3);
    for (const room of ["room", "hall", "roof", "yard"]) await pubsub.subscribe(room, () => {});
    const [{ publisher }, { subscriber }] = shards as [(typeof shards)[0], (typeof shards)[0]];
    const before = shards.map((each) => new Set(each.subscriber.calls.join().match(/p:\w+:[\w:]+/g)));
    subscriber.become("close");
    publisher.become("close");
    await expect(pubsub.broadcast("room", "lost")).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    for (const each of shards) each.subscriber.calls.length = 0;
    subscriber.become("ready");
    await settled();
    expect(statuses).toEqual(["disconnected"]);
    publisher.become("ready");
    await settled();
    expect(statuses).toEqual(["disconnected", "connected"]);
    const after = shards.map((each) => new Set(each.subscriber.calls.join().match(/p:\w+:[\w:]+/g)));
    expect(after).toEqual(before);
    await pubsub.close();
    for (const each of shards) expect(each.publisher.listening() + each.subscriber.listening()).toBe(0);
  });

  it("asks each server about the nodes that listen there, and all for new connections", async () => {
    const { shards, pubsub } = withShards(2);
    // A fake says of the first name that it has no subscriber, and of all others that they have.
    const nodes = ["a", "b", "c", "d", "e", "f"];
    const homes = nodes.map((node) => homeOf(`p:to:${node}:room`, 2));
    const firsts = [homes.indexOf(0), homes.indexOf(1)];
    const listening = await pubsub.listening?.("room", nodes);
    expect([...(listening ?? [])].sort()).toEqual(nodes.filter((_, index) => !firsts.includes(index)));
    await pubsub.reconnect?.();
    for (const { publisher, subscriber } of shards) {
      expect(publisher.calls.at(-1)).toBe("disconnect true");
      expect(subscriber.calls.at(-1)).toBe("disconnect true");
    }
  });

  it("takes back what one server has taken if another refuses it", async () => {
    const { shards, pubsub } = withShards(2);
    const room = ["room", "hall", "roof", "yard"].find(
      (each) => homeOf(`p:all:${each}`, 2) !== homeOf("p:to:me:", 2),
    );
    const refusing = shards[homeOf(`p:all:${room}`, 2)]!.subscriber;
    refusing.refusal = new Error("NOPERM");
    await expect(pubsub.subscribe(room!, () => {})).rejects.toThrow("NOPERM");
    const other = shards[homeOf("p:to:me:", 2)]!.subscriber;
    expect(other.calls).toEqual([`subscribe p:to:me:${room}`, `unsubscribe p:to:me:${room}`]);
  });

  it("reports that others are subscribed where a channel does not live, and nothing where all agree", async () => {
    const { shards, pubsub, errors } = withShards(2);
    const away = shards[1 - homeOf("p:all:room", 2)]!.publisher;
    let count = 0;
    away.call = async (...words) => words.slice(2).flatMap((name) => [name, count]);
    await pubsub.subscribe("room", () => {});
    await settled();
    expect(errors).toEqual([]);
    count = 1;
    shards[0]!.subscriber.become("close");
    shards[0]!.subscriber.become("ready");
    await settled();
    expect(errors).toEqual([
      expect.objectContaining({ code: "SHARDS_DIFFER", details: { names: ["p:all:room"] } }),
    ]);
    away.call = async () => Promise.reject(new Error("NOPERM"));
    shards[0]!.subscriber.become("close");
    shards[0]!.subscriber.become("ready");
    await settled();
    expect(errors, "a refusal tells nothing").toHaveLength(1);
  });

  it("says which client of which server nobody is connecting", async () => {
    const { shards, pubsub } = withShards(2);
    shards[1]!.subscriber.become("end");
    await expect(pubsub.subscribe("room", () => {})).rejects.toThrow(
      "passed as subscriber of shards[1] has ended its connection",
    );
  });

  it("is refused beside other clients, without any, with one client twice, and with `sharded`", () => {
    const [one, two, three, four] = Array.from({ length: 4 }, () => new FakeIoredis());
    const shards = [
      { publisher: one!, subscriber: two! },
      { publisher: three!, subscriber: four! },
    ];
    const optionOf = (options: unknown): unknown => {
      try {
        redisPubSub(options as never);
      } catch (error) {
        return (error as { code?: string; details?: { option?: string } }).details?.option;
      }
      return "taken";
    };
    expect(optionOf({ shards })).toBe("taken");
    expect(optionOf({ shards, publisher: one })).toBe("publisher");
    expect(optionOf({ shards, subscriber: one })).toBe("subscriber");
    expect(optionOf({ shards, sharded: true })).toBe("sharded");
    for (const none of [[], {}, "redis://localhost", 3]) expect(optionOf({ shards: none })).toBe("shards");
    expect(optionOf({ shards: [shards[0], shards[0]] })).toBe("shards");
    expect(optionOf({ shards: [shards[0], { publisher: one, subscriber: four }] })).toBe("shards");
    expect(optionOf({ shards: [{ publisher: one }] })).toBe("shards[0].subscriber");
    expect(optionOf({ shards: [{ publisher: one, subscriber: two, url: "" }] })).toBe("url");
    expect(optionOf({ shards: [null] })).toBe("options");
  });
});

describe("sharded pubsub", () => {
  it("takes each name by itself, of both libraries, and asks nobody who is listening", async () => {
    const calls: string[] = [];
    const note = (call: string) => async (name: string) => calls.push(`${call} ${name}`);
    const ioredis = Object.assign(new FakeIoredis(), {
      ...{ isCluster: true, options: { shardedSubscribers: true } },
      ...{ spublish: note("spublish"), ssubscribe: note("ssubscribe"), sunsubscribe: note("sunsubscribe") },
    });
    const nodeRedis = Object.assign(new FakeNodeRedis(), {
      ...{ sPublish: note("spublish"), sSubscribe: note("ssubscribe"), sUnsubscribe: note("sunsubscribe") },
    });
    for (const client of [ioredis, nodeRedis]) {
      const node = redisPubSub({ publisher: client, subscriber: client, nodeName: "a", sharded: true });
      expect(node.listening).toBe(undefined);
      await (
        await node.subscribe("room", () => {})
      )();
      await node.broadcast("room", "hello");
      await node.close();
      expect(calls.splice(0)).toEqual([
        ...["ssubscribe rollcall:all:room", "ssubscribe rollcall:to:{a}:room"],
        ...["sunsubscribe rollcall:all:room", "sunsubscribe rollcall:to:{a}:room"],
        "spublish rollcall:all:room",
      ]);
      expect(client.calls).toEqual([]);
    }
  });

  it("subscribes again to every name when a client of ioredis is ready again", async () => {
    const calls: string[] = [];
    const heard: string[] = [];
    const client = Object.assign(new FakeIoredis(), {
      spublish: async () => 1,
      sunsubscribe: async () => 1,
      ssubscribe: async (name: string) => calls.push(name),
    });
    const publisher = Object.assign(new FakeIoredis(), { spublish: async () => 1 });
    const node = redisPubSub({ publisher, subscriber: client, nodeName: "a", sharded: true });
    await node.subscribe("room", (payload) => heard.push(payload));
    client.become("reconnecting");
    client.become("ready");
    await settled();
    const names = ["rollcall:all:room", "rollcall:to:{a}:room"];
    expect(calls).toEqual([...names, ...names]);
    client.emit("message", "rollcall:all:room", "by PUBLISH");
    client.emit("smessage", "rollcall:all:room", "by SPUBLISH");
    expect(heard).toEqual(["by SPUBLISH"]);
    await node.close();
    expect(client.listening()).toBe(0);
  });

  it("is refused for clients that do not have it", () => {
    const cluster = Object.assign(new FakeIoredis(), { isCluster: true, spublish: async () => 1 });
    for (const client of [new FakeIoredis(), new FakeNodeRedis(), cluster]) {
      expect(() => redisPubSub({ publisher: client, subscriber: client, sharded: true })).toThrow(
        /Expected publisher to be a client that has sharded pubsub/,
      );
    }
  });
});
