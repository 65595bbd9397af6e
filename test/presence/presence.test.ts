import { describe, expect, it } from "vitest";
import { Session } from "../../src/session.js";
import { PresenceCluster, thrownBy } from "./presence-cluster.js";

interface Meta {
  name?: string;
  page?: string;
}

async function single() {
  const cluster = new PresenceCluster();
  return { cluster, ...(await cluster.start<Meta>("node1")) };
}

describe("list", () => {
  it("is an empty object without a prototype for a topic where nobody is", async () => {
    const { presence } = await single();
    expect(presence.list("nowhere")).toEqual({});
    expect(Object.getPrototypeOf(presence.list("nowhere"))).toBe(null);
  });

  it("has what was tracked, with its ref", async () => {
    const { presence } = await single();
    const ref = presence.track(new Session(), "room", "u1", { name: "u1" });
    expect(presence.list("room")).toEqual({ u1: { metas: [{ name: "u1", phx_ref: ref }] } });
    expect(presence.list("elsewhere")).toEqual({});
  });

  it("has a key that looks like a number as a text", async () => {
    const { presence } = await single();
    presence.track(new Session(), "room", "1", {});
    expect(Object.keys(presence.list("room"))).toEqual(["1"]);
  });

  it("names the revision before, after an update", async () => {
    const { presence } = await single();
    const session = new Session();
    const first = presence.track(session, "room", "u1", { page: "/" });
    const second = presence.update(session, "room", "u1", (meta) => ({ ...meta, page: "/shoes" }));
    expect(second).not.toBe(first);
    expect(presence.list("room")).toEqual({
      u1: { metas: [{ page: "/shoes", phx_ref: second, phx_ref_prev: first }] },
    });
  });

  it("takes __proto__ and constructor for keys, on the wire too, and leaves prototypes alone", async () => {
    const { presence } = await single();
    for (const key of ["__proto__", "constructor"]) presence.track(new Session(), "room", key, { name: key });
    expect(Object.keys(presence.list("room")).sort()).toEqual(["__proto__", "constructor"]);
    const received = JSON.parse(JSON.stringify(presence.list("room"))) as object;
    expect(Object.keys(received).sort()).toEqual(["__proto__", "constructor"]);
    expect(Object.hasOwn({}, "metas")).toBe(false);
    expect("metas" in Object.prototype).toBe(false);
  });

  it("cannot be changed by the caller", async () => {
    const { presence } = await single();
    presence.track(new Session(), "room", "u1", {});
    expect(Object.isFrozen(presence.list("room"))).toBe(true);
    expect(Object.isFrozen(presence.list("room")["u1"]?.metas)).toBe(true);
    expect(Object.isFrozen(presence.list("room")["u1"]?.metas[0])).toBe(true);
  });

  it("overwrites phx_ref and phx_ref_prev in a meta", async () => {
    const cluster = new PresenceCluster();
    const { presence } = await cluster.start("node1");
    const ref = presence.track(new Session(), "room", "u1", { phx_ref: "mine", phx_ref_prev: "mine too" });
    expect(presence.list("room")).toEqual({ u1: { metas: [{ phx_ref: ref }] } });
    expect(Object.keys(presence.list("room")["u1"]?.metas[0] ?? {})).toEqual(["phx_ref"]);
  });
});

describe("getByKey", () => {
  it("is undefined for a key or a topic where nobody is", async () => {
    const { presence } = await single();
    presence.track(new Session(), "room", "u1", {});
    expect(presence.getByKey("room", "u2")).toBeUndefined();
    expect(presence.getByKey("elsewhere", "u1")).toBeUndefined();
    expect(presence.getByKey("room", "constructor")).toBeUndefined();
  });

  it("has all metas of the key and no others, the older session first", async () => {
    const { presence } = await single();
    const [older, newer] = [new Session(), new Session()];
    presence.track(newer, "room", "u1", { name: "newer" });
    presence.track(older, "room", "u1", { name: "older" });
    presence.track(older, "room", "u2", { name: "other" });
    expect(presence.getByKey("room", "u1")?.metas).toMatchObject([{ name: "older" }, { name: "newer" }]);
    expect(presence.getByKey("room", "u1")).toEqual(presence.list("room")["u1"]);
  });
});

describe("metas of a key", () => {
  it("stand in one order on all nodes, and an update keeps their place", async () => {
    const cluster = new PresenceCluster();
    const nodes = [
      (await cluster.start<Meta>("b")).presence,
      (await cluster.start<Meta>("a")).presence,
      (await cluster.start<Meta>("c")).presence,
    ];
    const sessions = Array.from({ length: 12 }, () => new Session());
    for (const [index, session] of [...sessions.entries()].reverse()) {
      nodes[index % 3]?.track(session, "room", "u1", { name: `session ${index}` });
    }
    await cluster.converge();
    const names = nodes.map((node) => node.getByKey("room", "u1")?.metas.map(({ name }) => name));
    const expected = [1, 4, 7, 10, 0, 3, 6, 9, 2, 5, 8, 11].map((index) => `session ${index}`);
    expect(names).toEqual([expected, expected, expected]);

    const [first] = sessions;
    if (first !== undefined) nodes[0]?.update(first, "room", "u1", { name: "session 0", page: "/new" });
    await cluster.converge();
    for (const node of nodes) {
      expect(node.getByKey("room", "u1")?.metas.map(({ name }) => name)).toEqual(expected);
      expect(node.list("room")["u1"]?.metas[4]?.page).toBe("/new");
    }
  });
});

describe("changes", () => {
  it("of one key leave the session's others alone", async () => {
    const { presence } = await single();
    const session = new Session();
    presence.track(session, "room", "u1", {});
    presence.track(session, "room", "u2", {});
    expect(presence.untrack(session, "room", "u1")).toBe(1);
    expect(Object.keys(presence.list("room"))).toEqual(["u2"]);
  });

  it("untrack of what is not there is no error", async () => {
    const { presence } = await single();
    expect(presence.untrack(new Session(), "room", "u1")).toBe(0);
  });

  it("update of what is not there, and a second track, throw", async () => {
    const { presence } = await single();
    const session = new Session();
    expect(thrownBy(() => presence.update(session, "room", "u1", {})).code).toBe("NOT_TRACKED");
    presence.track(session, "room", "u1", {});
    expect(thrownBy(() => presence.track(session, "room", "u1", {})).code).toBe("ALREADY_TRACKED");
  });

  it("set tracks, and then updates", async () => {
    const { presence } = await single();
    const session = new Session();
    const first = presence.set(session, "room", "u1", { page: "/" });
    const second = presence.set(session, "room", "u1", { page: "/shoes" });
    expect(presence.getByKey("room", "u1")?.metas).toEqual([
      { page: "/shoes", phx_ref: second, phx_ref_prev: first },
    ]);
  });

  it("on a closed session do nothing", async () => {
    const { presence } = await single();
    const session = new Session();
    session.close();
    expect(presence.track(session, "room", "u1", {})).toBeUndefined();
    expect(presence.set(session, "room", "u1", {})).toBeUndefined();
    expect(presence.count("room")).toBe(0);
  });

  it("reach other nodes, and a session that closes leaves everywhere", async () => {
    const cluster = new PresenceCluster();
    const { presence: here } = await cluster.start<Meta>("here");
    const { presence: there } = await cluster.start<Meta>("there");
    const session = new Session();
    here.track(session, "room", "u1", { page: "/" });
    await cluster.converge();
    expect(there.list("room")).toEqual(here.list("room"));
    expect(there.count("room")).toBe(1);
    session.close();
    expect(here.list("room")).toEqual({});
    await cluster.converge();
    expect(there.list("room")).toEqual({});
  });
});

describe("what a presence tells as its tracker does", () => {
  it("count, countKeys, has, topics, name and node", async () => {
    const { presence } = await single();
    presence.track(new Session(), "room", "u1", {});
    presence.track(new Session(), "room", "u1", {});
    presence.track(new Session(), "lobby", "u2", {});
    expect(presence.count("room")).toBe(2);
    expect(presence.countKeys("room")).toBe(1);
    expect(presence.has("room", "u1")).toBe(true);
    expect(presence.has("room", "u2")).toBe(false);
    expect([...presence.topics()].sort()).toEqual(["lobby", "room"]);
    expect(presence.name).toBe("test");
    expect(presence.nodeName).toBe("node1");
    expect(presence.explain("room", "u1")).toHaveLength(2);
  });

  it("health, whenComplete and the events of its replicas", async () => {
    const cluster = new PresenceCluster();
    const { presence } = await cluster.start("here");
    const up: string[] = [];
    const off = presence.on("replicaUp", ({ name }) => up.push(name));
    await cluster.start("there");
    await cluster.converge();
    expect(up).toEqual(["there"]);
    off();
    await cluster.start("elsewhere");
    await cluster.converge();
    await presence.whenComplete({ timeoutMs: 1_000 });
    expect(presence.health().complete).toBe(true);
    expect(
      presence
        .health()
        .replicas.map(({ name }) => name)
        .sort(),
    ).toEqual(["elsewhere", "there"]);
    expect(up).toEqual(["there"]);
  });
});

describe("start", () => {
  it.each([
    ["fetch", "users"],
    ["handleMetas", {}],
    ["fetchTimeoutMs", 0],
    ["fetchTimeoutMs", Infinity],
    ["fetchTimeoutMs", "5s"],
    ["diffPeriodMs", -1],
    ["diffPeriodMs", NaN],
    ["diffPeriodMs", 2 ** 31],
    ["poolSize", 0],
  ])("refuses %s: %j", async (option, value) => {
    const cluster = new PresenceCluster();
    await expect(cluster.start("node1", { [option]: value })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      details: { option, value },
    });
  });

  it("refuses a name that is in use, and none is in use after a stop", async () => {
    const cluster = new PresenceCluster();
    const pubsub = cluster.hub.node("node1");
    const { presence } = await cluster.start("node1", { pubsub });
    await expect(cluster.start("node1", { pubsub })).rejects.toMatchObject({ code: "NAME_IN_USE" });
    await presence.stop();
    const { presence: next } = await cluster.start("node1", { pubsub });
    expect(next.stopped).toBe(false);
  });
});

describe("stop", () => {
  it("ends changes; stopping twice and disposing of it are the same", async () => {
    const { presence } = await single();
    await Promise.all([presence.stop({ handoffMs: 0 }), presence.stop()]);
    await presence[Symbol.asyncDispose]();
    expect(presence.stopped).toBe(true);
    expect(thrownBy(() => presence.track(new Session(), "room", "u1", {})).code).toBe("TRACKER_STOPPED");
  });

  it("on dispose, lets its presences leave the other nodes at once", async () => {
    const cluster = new PresenceCluster();
    const { presence: here } = await cluster.start("here");
    const { presence: there } = await cluster.start("there");
    here.track(new Session(), "room", "u1", {});
    await cluster.converge();
    expect(there.has("room", "u1")).toBe(true);
    await here[Symbol.asyncDispose]();
    await cluster.now();
    expect(there.has("room", "u1")).toBe(false);
  });
});
