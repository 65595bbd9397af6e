import { describe, expect, it } from "vitest";
import type { PresenceSubscriber } from "../../src/presence/index.js";
import { Session } from "../../src/session.js";
import { PresenceCluster } from "./presence-cluster.js";

interface Meta {
  page?: string;
}
interface Named {
  name: string;
}
type Names = Map<string, Named>;

/** A fetch that a test answers by hand, in any order. */
class HandFetch {
  readonly asked: { topic: string; keys: readonly string[]; resolve(): void; reject(cause: Error): void }[] =
    [];

  readonly fetch = (topic: string, keys: readonly string[]): Promise<Names> =>
    new Promise((resolve, reject) => {
      const names = new Map(keys.map((key) => [key, { name: `name of ${key}` }]));
      this.asked.push({ topic, keys, resolve: () => resolve(names), reject });
    });
}

const named = (_topic: string, keys: readonly string[]): Names =>
  new Map(keys.map((key) => [key, { name: `name of ${key}` }]));

async function single(options = {}) {
  const cluster = new PresenceCluster();
  const { presence, errors } = await cluster.start<Meta, Named>("node1", options);
  /** What a subscriber of the topic heard: each state, join, update and leave with the key's name. */
  const follow = (topic = "room"): string[] => {
    const heard: string[] = [];
    const tell = (what: string, presences: object): void => {
      const each = Object.entries(presences as Record<string, Partial<Named>>);
      for (const [key, { name }] of each) heard.push(`${what} ${key}: ${name ?? "plain"}`);
    };
    const subscriber: PresenceSubscriber<Meta, Named> = {
      state(presences) {
        heard.push("state");
        tell("here", presences);
      },
      diff({ joins, updates, leaves }) {
        tell("join", joins);
        tell("update", updates);
        tell("leave", leaves);
      },
      online: (key, { name }) => void heard.push(`online ${key}: ${name ?? "plain"}`),
      offline: (key, { name }) => void heard.push(`offline ${key}: ${name ?? "plain"}`),
    };
    presence.subscribe(topic, subscriber);
    return heard;
  };
  return { cluster, presence, errors, follow };
}

describe("fetchList and fetchByKey", () => {
  it("without fetch are list and getByKey", async () => {
    const { presence } = await single();
    presence.track(new Session(), "room", "u1", {});
    expect(await presence.fetchList("room")).toEqual(presence.list("room"));
    expect(await presence.fetchByKey("room", "u1")).toEqual(presence.getByKey("room", "u1"));
  });

  it("add what fetch returns, in one call for all keys of the list", async () => {
    const asked: unknown[] = [];
    const { presence } = await single({
      fetch: (topic: string, keys: readonly string[]) => {
        asked.push([topic, [...keys].sort()]);
        return named(topic, keys);
      },
    });
    const ref = presence.track(new Session(), "room", "u1", {});
    presence.track(new Session(), "room", "u1", {});
    presence.track(new Session(), "room", "u2", {});
    const list = await presence.fetchList("room");
    expect(asked).toEqual([["room", ["u1", "u2"]]]);
    expect(list["u1"]).toEqual({ name: "name of u1", metas: presence.getByKey("room", "u1")?.metas });
    expect(list["u1"]?.metas[0]?.phx_ref).toBe(ref);
    expect(await presence.fetchByKey("room", "u2")).toEqual(list["u2"]);
    expect(asked).toHaveLength(2);
    expect(presence.list("room")["u1"]).not.toHaveProperty("name");
  });

  it("never ask about no keys", async () => {
    const { presence } = await single({
      fetch: () => {
        throw new Error("asked about nobody");
      },
    });
    expect(await presence.fetchList("room")).toEqual({});
    expect(await presence.fetchByKey("room", "u1")).toBeUndefined();
  });

  it("return who was here when they were called", async () => {
    const hand = new HandFetch();
    const { presence } = await single({ fetch: hand.fetch });
    presence.track(new Session(), "room", "u1", {});
    const fetched = presence.fetchList("room");
    presence.track(new Session(), "room", "u2", {});
    hand.asked[0]?.resolve();
    expect(Object.keys(await fetched)).toEqual(["u1"]);
  });

  it("keep a presence's own metas, leave out keys that fetch does not know, and prototypes alone", async () => {
    const fetch = (): Map<string, object> =>
      new Map([
        ["u1", { metas: "mine", name: "u1" }],
        ["__proto__", JSON.parse('{"__proto__": {"polluted": true}, "name": "odd"}') as object],
        ["stranger", { name: "stranger" }],
      ]);
    const { presence } = await single({ fetch });
    for (const key of ["u1", "u2", "__proto__"]) presence.track(new Session(), "room", key, {});
    const list = await presence.fetchList("room");
    expect(Object.keys(list).sort()).toEqual(["__proto__", "u1", "u2"]);
    expect(list["u1"]?.metas).toHaveLength(1);
    expect(list["u2"]).toEqual(presence.getByKey("room", "u2"));
    expect(list["__proto__"]?.name).toBe("odd");
    expect("polluted" in {}).toBe(false);
    expect("polluted" in (list["__proto__"] ?? {})).toBe(false);
  });
});

describe("a subscriber", () => {
  it("gets all presences fetched: in the state, in joins, updates and leaves, online and offline", async () => {
    const { cluster, presence, follow } = await single({ fetch: named });
    presence.track(new Session(), "room", "u0", {});
    const heard = follow();
    await cluster.now();
    const session = new Session();
    presence.track(session, "room", "u1", {});
    presence.update(session, "room", "u1", { page: "/" });
    session.close();
    await cluster.now();
    expect(heard).toEqual([
      "state",
      "here u0: name of u0",
      "join u1: name of u1",
      "online u1: name of u1",
      "update u1: name of u1",
      "leave u1: name of u1",
      "offline u1: name of u1",
    ]);
  });

  it("shares one fetch per diff with all others of its topic, for all keys of the diff", async () => {
    const hand = new HandFetch();
    const { cluster, presence, follow } = await single({ fetch: hand.fetch, diffPeriodMs: 100 });
    const [here, changes] = [new Session(), new Session()];
    presence.track(here, "room", "leaves", {});
    presence.track(changes, "room", "updates", {});
    const all = [follow(), follow(), follow()];
    await cluster.now();
    hand.asked.splice(0).forEach(({ resolve }) => resolve());
    await cluster.now();

    presence.track(new Session(), "room", "joins", {});
    presence.update(changes, "room", "updates", { page: "/" });
    here.close();
    await cluster.time.advance(100);
    expect(hand.asked.map(({ topic, keys }) => [topic, [...keys].sort()])).toEqual([
      ["room", ["joins", "leaves", "updates"]],
    ]);
    hand.asked[0]?.resolve();
    await cluster.now();
    for (const heard of all) expect(heard).toContain("join joins: name of joins");
  });

  it("gets the state by the fetch of another who asked for the same at the same time", async () => {
    const hand = new HandFetch();
    const { cluster, presence, follow } = await single({ fetch: hand.fetch });
    presence.track(new Session(), "room", "u1", {});
    const all = [follow(), follow(), follow()];
    await cluster.now();
    expect(hand.asked).toHaveLength(1);
    hand.asked[0]?.resolve();
    await cluster.now();
    for (const heard of all) expect(heard).toEqual(["state", "here u1: name of u1"]);
    follow();
    await cluster.now();
    expect(hand.asked).toHaveLength(2);
  });

  it("costs a fetch only for topics that somebody follows", async () => {
    const hand = new HandFetch();
    const { cluster, presence, follow } = await single({ fetch: hand.fetch });
    follow("lobby");
    const unsubscribe = presence.subscribe("left", { state: () => undefined, diff: () => undefined });
    await cluster.now();
    unsubscribe();
    presence.track(new Session(), "room", "u1", {});
    presence.track(new Session(), "left", "u1", {});
    await cluster.now();
    expect(hand.asked).toEqual([]);
  });
});

describe("the order", () => {
  it("is that of the diffs, though fetches start at once and end in any order", async () => {
    const hand = new HandFetch();
    const { cluster, presence, follow } = await single({ fetch: hand.fetch });
    const heard = follow();
    await cluster.now();
    for (const key of ["u1", "u2", "u3"]) presence.track(new Session(), "room", key, {});
    expect(hand.asked.map(({ keys }) => keys)).toEqual([["u1"], ["u2"], ["u3"]]);
    hand.asked[2]?.resolve();
    hand.asked[1]?.resolve();
    await cluster.now();
    expect(heard).toEqual(["state"]);
    hand.asked[0]?.resolve();
    await cluster.now();
    expect(heard.filter((each) => each.startsWith("join"))).toEqual([
      "join u1: name of u1",
      "join u2: name of u2",
      "join u3: name of u3",
    ]);
  });

  it("of one topic does not hold up another", async () => {
    const hand = new HandFetch();
    const { cluster, presence, follow } = await single({ fetch: hand.fetch });
    const [room, lobby] = [follow("room"), follow("lobby")];
    await cluster.now();
    presence.track(new Session(), "room", "u1", {});
    presence.track(new Session(), "lobby", "u2", {});
    hand.asked[1]?.resolve();
    await cluster.now();
    expect(room).toEqual(["state"]);
    expect(lobby).toEqual(["state", "join u2: name of u2", "online u2: name of u2"]);
  });

  it("holds for a state whose fetch takes longer than that of later diffs", async () => {
    const hand = new HandFetch();
    const { cluster, presence, follow } = await single({ fetch: hand.fetch });
    presence.track(new Session(), "room", "u1", {});
    const heard = follow();
    await cluster.now();
    presence.track(new Session(), "room", "u2", {});
    hand.asked[1]?.resolve();
    await cluster.now();
    expect(heard).toEqual([]);
    hand.asked[0]?.resolve();
    await cluster.now();
    expect(heard).toEqual(["state", "here u1: name of u1", "join u2: name of u2", "online u2: name of u2"]);
  });
});

describe("a fetch that fails", () => {
  it.each([
    [
      "throws",
      () => {
        throw new RangeError("no database");
      },
    ],
    ["rejects", () => Promise.reject(new RangeError("no database"))],
  ])("because it %s is reported, and the presences go out plain", async (_, fetch) => {
    const { cluster, presence, errors, follow } = await single({ fetch });
    const heard = follow();
    await cluster.now();
    presence.track(new Session(), "room", "u1", {});
    await cluster.now();
    expect(heard).toEqual(["state", "join u1: plain", "online u1: plain"]);
    expect(errors).toMatchObject([
      {
        code: "HANDLER_FAILED",
        details: { what: "fetch", topic: "room", keys: ["u1"] },
        cause: new RangeError("no database"),
      },
    ]);
    expect(await presence.fetchList("room")).toEqual(presence.list("room"));
  });

  it("because it returns no Map is reported, and the presences go out plain", async () => {
    const { presence, errors } = await single({ fetch: () => ({ u1: { name: "u1" } }) });
    presence.track(new Session(), "room", "u1", {});
    expect(await presence.fetchByKey("room", "u1")).toEqual(presence.getByKey("room", "u1"));
    expect(errors).toMatchObject([
      { code: "HANDLER_FAILED", details: { what: "fetch", value: { u1: { name: "u1" } } } },
    ]);
  });

  it("because it outlasts fetchTimeoutMs is reported once, lets later ones pass, and its answer is ignored", async () => {
    const hand = new HandFetch();
    const { cluster, presence, errors, follow } = await single({ fetch: hand.fetch });
    const heard = follow();
    await cluster.now();
    presence.track(new Session(), "room", "u1", {});
    presence.track(new Session(), "room", "u2", {});
    hand.asked[1]?.resolve();
    await cluster.time.advance(4_999);
    expect(heard).toEqual(["state"]);
    await cluster.time.advance(1);
    expect(heard).toEqual([
      "state",
      "join u1: plain",
      "online u1: plain",
      "join u2: name of u2",
      "online u2: name of u2",
    ]);
    hand.asked[0]?.reject(new Error("connection closed"));
    await cluster.converge();
    expect(heard).toHaveLength(5);
    expect(errors).toMatchObject([
      { code: "TIMEOUT", details: { topic: "room", keys: ["u1"], fetchTimeoutMs: 5_000 } },
    ]);
  });
});

describe("stop", () => {
  it("waits for the fetches that run, so that a database may be closed after it, and calls nobody", async () => {
    const hand = new HandFetch();
    const { cluster, presence, follow } = await single({ fetch: hand.fetch });
    const heard = follow();
    await cluster.now();
    presence.track(new Session(), "room", "u1", {});
    let stopped = false;
    const stop = presence.stop({ handoffMs: 0 }).then(() => (stopped = true));
    await cluster.now();
    expect(stopped).toBe(false);
    hand.asked[0]?.resolve();
    await stop;
    expect(heard).toEqual(["state"]);
  });

  it("does not wait longer than fetchTimeoutMs", async () => {
    const hand = new HandFetch();
    const { cluster, presence } = await single({ fetch: hand.fetch, fetchTimeoutMs: 300 });
    presence.track(new Session(), "room", "u1", {});
    const fetched = presence.fetchList("room");
    const stop = presence.stop({ handoffMs: 0 });
    await cluster.time.advance(300);
    await stop;
    expect(await fetched).toEqual(presence.list("room"));
  });
});
