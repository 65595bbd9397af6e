import { describe, expect, it } from "vitest";
import type { HandleMetas } from "../../src/presence/index.js";
import { Session } from "../../src/session.js";
import { PresenceCluster } from "./presence-cluster.js";

interface Meta {
  name: string;
}
interface Extra {
  title: string;
}

interface Call {
  topic: string;
  joins: string[];
  updates: string[];
  leaves: string[];
  presences: Record<string, string[]>;
}

const names = (presences: object): string[] =>
  Object.values(presences as Record<string, { metas: Meta[] }>).flatMap(({ metas }) =>
    metas.map(({ name }) => name),
  );

async function handled(options = {}) {
  const calls: Call[] = [];
  const handleMetas: HandleMetas<Meta, Extra> = (topic, { joins, updates, leaves }, presences) => {
    const here = [...presences].map(([key, metas]) => [key, metas.map(({ name }) => name)] as const);
    calls.push({
      topic,
      joins: names(joins),
      updates: names(updates),
      leaves: names(leaves),
      presences: Object.fromEntries(here),
    });
  };
  const cluster = new PresenceCluster();
  const started = await cluster.start<Meta, Extra>("node1", { handleMetas, ...options });
  const sessions: Session[] = [];
  /** Tracks the key by a session of its own, with a meta that is named after it. */
  const track = (key: string, name: string): Session => {
    const session = new Session();
    sessions.push(session);
    started.presence.track(session, "room", key, { name });
    return session;
  };
  return { cluster, ...started, calls, track };
}

describe("handleMetas", () => {
  it("gets the topic, the diff, and the metas of all keys after it", async () => {
    const { cluster, calls, track } = await handled();
    track("u1", "u1");
    await cluster.now();
    expect(calls).toEqual([
      { topic: "room", joins: ["u1"], updates: [], leaves: [], presences: { u1: ["u1"] } },
    ]);
  });

  it("sees further keys beside the first", async () => {
    const { cluster, calls, track } = await handled();
    for (const key of ["u1", "u2", "u3"]) track(key, key);
    await cluster.now();
    expect(calls.map(({ joins }) => joins)).toEqual([["u1"], ["u2"], ["u3"]]);
    expect(calls[2]?.presences).toEqual({ u1: ["u1"], u2: ["u2"], u3: ["u3"] });
  });

  it("sees the metas of one key in their order, also when one of them has left", async () => {
    const { cluster, calls, track } = await handled();
    track("u1", "u1.1");
    const second = track("u1", "u1.2");
    track("u1", "u1.3");
    await cluster.now();
    expect(calls[2]?.presences).toEqual({ u1: ["u1.1", "u1.2", "u1.3"] });
    second.close();
    await cluster.now();
    expect(calls[3]).toMatchObject({ leaves: ["u1.2"], presences: { u1: ["u1.1", "u1.3"] } });
  });

  it("no longer sees a key whose one meta left, and nobody when everybody has", async () => {
    const { cluster, calls, track } = await handled();
    const sessions = ["u1", "u2", "u3"].map((key) => track(key, key));
    for (const session of sessions) session.close();
    await cluster.now();
    expect(calls.slice(3).map(({ presences }) => Object.keys(presences))).toEqual([["u2", "u3"], ["u3"], []]);
    track("u1", "again");
    await cluster.now();
    expect(calls.at(-1)?.presences).toEqual({ u1: ["again"] });
  });

  it("hears of an update as one", async () => {
    const { cluster, presence, calls, track } = await handled();
    const session = track("u1", "before");
    presence.update(session, "room", "u1", { name: "after" });
    await cluster.now();
    expect(calls[1]).toEqual({
      topic: "room",
      joins: [],
      updates: ["after"],
      leaves: [],
      presences: { u1: ["after"] },
    });
  });

  it("comes after the subscribers of its diff, and for every topic, followed or not", async () => {
    const order: string[] = [];
    const { cluster, presence, track } = await handled({
      handleMetas: (topic: string) => void order.push(`handled ${topic}`),
    });
    presence.subscribe("room", {
      state: () => void order.push("state"),
      diff: () => void order.push("diff"),
      online: () => void order.push("online"),
    });
    await cluster.now();
    const session = track("u1", "u1");
    presence.track(session, "lobby", "u1", { name: "u1" });
    await cluster.now();
    expect(order).toEqual(["state", "diff", "online", "handled room", "handled lobby"]);
  });

  it("comes in the order of the diffs, each as of its own diff, however long their fetches take", async () => {
    const waiting: (() => void)[] = [];
    const fetch = (_topic: string, keys: readonly string[]): Promise<Map<string, Extra>> =>
      new Promise((resolve) => {
        waiting.push(() => resolve(new Map(keys.map((key) => [key, { title: key }]))));
      });
    const { cluster, calls, track } = await handled({ fetch });
    track("u1", "u1");
    track("u2", "u2").close();
    for (const resolve of waiting.reverse()) resolve();
    await cluster.now();
    expect(calls.map(({ presences }) => Object.keys(presences))).toEqual([["u1"], ["u1", "u2"], ["u1"]]);
  });

  it("comes also for the diff whose subscriber ended itself, when nobody is left", async () => {
    const { cluster, presence, calls, track } = await handled();
    const session = track("u1", "u1");
    await cluster.now();
    const unsubscribe = presence.subscribe("room", { state: () => undefined, diff: () => unsubscribe() });
    await cluster.now();
    session.close();
    await cluster.now();
    expect(calls.at(-1)).toMatchObject({ leaves: ["u1"], presences: {} });
    expect(calls).toHaveLength(2);
  });

  it("that throws is reported, and hears of the next diff", async () => {
    let calls = 0;
    const { cluster, errors, track } = await handled({
      handleMetas: () => {
        calls += 1;
        throw new RangeError("full");
      },
    });
    track("u1", "u1");
    track("u2", "u2");
    await cluster.now();
    expect(calls).toBe(2);
    expect(errors).toMatchObject([
      { code: "HANDLER_FAILED", cause: new RangeError("full") },
      { code: "HANDLER_FAILED", cause: new RangeError("full") },
    ]);
  });

  it("hears of other nodes, too, and collects with diffPeriodMs", async () => {
    const { cluster, calls } = await handled({ diffPeriodMs: 100 });
    const { presence: there } = await cluster.start<Meta, Extra>("node2");
    await cluster.converge();
    const session = new Session();
    there.track(session, "room", "u1", { name: "u1" });
    there.track(session, "room", "u2", { name: "u2" });
    await cluster.converge();
    expect(calls.at(-1)?.presences).toEqual({ u1: ["u1"], u2: ["u2"] });
    session.close();
    await cluster.converge();
    expect(calls.at(-1)).toMatchObject({ leaves: ["u1", "u2"], presences: {} });
  });
});
