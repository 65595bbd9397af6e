import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { PresenceDiff, PresenceSubscriber, Presences, WireDiff } from "../../src/presence/index.js";
import { Session } from "../../src/session.js";
import { PresenceCluster, thrownBy } from "./presence-cluster.js";

interface Meta {
  page?: string;
}

type Heard =
  | { state: Presences<Meta> }
  | { diff: PresenceDiff<Meta> }
  | { online: string; metas: number }
  | { offline: string; metas: number };

/** A subscriber that writes down all it hears. */
function recorder(): { heard: Heard[]; subscriber: PresenceSubscriber<Meta> } {
  const heard: Heard[] = [];
  const subscriber: PresenceSubscriber<Meta> = {
    state: (state) => void heard.push({ state }),
    diff: (diff) => void heard.push({ diff }),
    online: (online, { metas }) => void heard.push({ online, metas: metas.length }),
    offline: (offline, { metas }) => void heard.push({ offline, metas: metas.length }),
  };
  return { heard, subscriber };
}

async function single(options = {}) {
  const cluster = new PresenceCluster();
  return { cluster, ...(await cluster.start<Meta>("node1", options)) };
}

const nobody = { joins: {}, updates: {}, leaves: {} };

describe("subscribe", () => {
  it("calls nothing synchronously: neither from subscribe nor from a change", async () => {
    const { cluster, presence } = await single();
    const { heard, subscriber } = recorder();
    presence.subscribe("room", subscriber);
    expect(heard).toEqual([]);
    await cluster.now();
    expect(heard).toEqual([{ state: {} }]);
    presence.track(new Session(), "room", "u1", {});
    expect(heard).toHaveLength(1);
    await cluster.now();
    expect(heard).toHaveLength(3);
  });

  it("takes two states for a crowd that comes in one turn and is told of itself, and misses nothing", async () => {
    const { cluster, presence } = await single();
    const states = new Set<object>();
    const lists: Set<string>[] = [];
    for (let number = 0; number < 20; number++) {
      const list = new Set<string>();
      lists.push(list);
      presence.track(new Session(), "room", `u${number}`, {});
      const end = presence.subscribe("room", {
        state: (state) => {
          states.add(state);
          for (const key of Object.keys(state)) list.add(key);
        },
        diff: ({ joins }) => {
          for (const key of Object.keys(joins)) {
            expect(list).not.toContain(key);
            list.add(key);
          }
        },
      });
      // As between what two sockets send: promises go on, the event loop does not turn.
      for (let promise = 0; promise < 20; promise++) await Promise.resolve();
      if (number % 5 === 4) end();
    }
    await cluster.now();
    const all = Object.keys(presence.list("room"));
    expect(all).toHaveLength(20);
    for (const [number, list] of lists.entries()) {
      if (number % 5 !== 4) expect([...list].sort()).toEqual(all.sort());
    }
    expect(states.size).toBe(2);
    expect(presence.health().followers).toBe(16);
  });

  it("tells the state as of the first moment after the call, and later changes as diffs", async () => {
    const { cluster, presence } = await single();
    const { heard, subscriber } = recorder();
    presence.subscribe("room", subscriber);
    const session = new Session();
    const first = presence.track(session, "room", "u1", { page: "/" });
    await cluster.now();
    const tracked = { page: "/", phx_ref: first };
    expect(heard).toEqual([{ state: { u1: { metas: [tracked] } } }]);

    const second = presence.update(session, "room", "u1", { page: "/shoes" });
    session.close();
    await cluster.now();
    const updated = { page: "/shoes", phx_ref: second, phx_ref_prev: first };
    expect(heard.slice(1)).toEqual([
      { diff: { ...nobody, updates: { u1: { metas: [updated], previous: [tracked] } } } },
      { diff: { ...nobody, leaves: { u1: { metas: [updated] } } } },
      { offline: "u1", metas: 1 },
    ]);
  });

  it("tells of the first and the last meta of a key, not of those between or of updates", async () => {
    const { cluster, presence } = await single();
    const { heard, subscriber } = recorder();
    const [phone, desktop] = [new Session(), new Session()];
    presence.track(new Session(), "room", "u0", {});
    presence.subscribe("room", subscriber);
    await cluster.now();
    presence.track(phone, "room", "u1", {});
    presence.track(desktop, "room", "u1", {});
    presence.update(phone, "room", "u1", { page: "/" });
    phone.close();
    desktop.close();
    await cluster.now();
    expect(heard.filter((each) => !("state" in each || "diff" in each))).toEqual([
      { online: "u1", metas: 1 },
      { offline: "u1", metas: 1 },
    ]);
  });

  it("hears of one topic only, and of no change twice", async () => {
    const { cluster, presence } = await single();
    const { heard, subscriber } = recorder();
    presence.subscribe("room", subscriber);
    await cluster.now();
    const session = new Session();
    presence.track(session, "lobby", "u1", {});
    presence.track(session, "room", "u1", {});
    session.close();
    await cluster.converge();
    expect(heard.filter((each) => "diff" in each)).toHaveLength(2);
  });

  it("hears of what happens on other nodes, and of a node that is gone", async () => {
    const cluster = new PresenceCluster();
    const { presence: here } = await cluster.start<Meta>("here");
    const { presence: there } = await cluster.start<Meta>("there");
    const { heard, subscriber } = recorder();
    here.subscribe("room", subscriber);
    await cluster.converge();
    there.track(new Session(), "room", "u1", {});
    await cluster.converge();
    cluster.hub.disconnect("there");
    await cluster.time.advance(20_000);
    expect(heard.map((each) => Object.keys(each)[0])).toEqual(["state", "diff", "online", "diff", "offline"]);
    expect(here.list("room")).toEqual({});
  });

  it("ends by its return value, by the signal, and calls nothing afterwards", async () => {
    const { cluster, presence } = await single();
    const controller = new AbortController();
    const [first, second, never] = [recorder(), recorder(), recorder()];
    const unsubscribe = presence.subscribe("room", first.subscriber);
    presence.subscribe("room", { ...second.subscriber, signal: controller.signal });
    presence.subscribe("room", { ...never.subscriber, signal: AbortSignal.abort() });
    await cluster.now();
    presence.track(new Session(), "room", "u1", {});
    unsubscribe();
    unsubscribe();
    controller.abort();
    await cluster.now();
    expect([first.heard, second.heard, never.heard]).toEqual([[{ state: {} }], [{ state: {} }], []]);
  });

  it("leaves nothing behind on a signal that outlives it", async () => {
    const { cluster, presence } = await single();
    const { signal } = new AbortController();
    const unsubscribe = presence.forward("room", () => undefined, { signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await cluster.now();
    unsubscribe();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("shares one listener on a signal with all others, and each ends alone or with the signal", async () => {
    const { cluster, presence } = await single();
    const controller = new AbortController();
    const { signal } = controller;
    const heard: string[] = [];
    const topics = Array.from({ length: 50 }, (_, index) => `room ${index}`);
    const unsubscribes = topics.map((topic) =>
      presence.forward(topic, (event) => heard.push(topic + event), { signal }),
    );
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await cluster.now();
    expect(heard).toHaveLength(50);
    unsubscribes[0]?.();
    presence.track(new Session(), "room 0", "u1", {});
    presence.track(new Session(), "room 1", "u1", {});
    await cluster.now();
    expect(heard.slice(50)).toEqual(["room 1presence_diff"]);
    controller.abort();
    for (const topic of topics) presence.track(new Session(), topic, "u2", {});
    await cluster.now();
    expect(heard).toHaveLength(51);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("ended before the state is due, gets none", async () => {
    const { cluster, presence } = await single();
    const { heard, subscriber } = recorder();
    presence.subscribe("room", subscriber)();
    await cluster.now();
    expect(heard).toEqual([]);
  });

  it("lets a callback end its own subscription: not even online follows its diff", async () => {
    const { cluster, presence } = await single();
    const { heard, subscriber } = recorder();
    const unsubscribe = presence.subscribe("room", {
      ...subscriber,
      diff(diff) {
        subscriber.diff(diff);
        unsubscribe();
      },
    });
    await cluster.now();
    presence.track(new Session(), "room", "u1", {});
    presence.track(new Session(), "room", "u2", {});
    await cluster.now();
    expect(heard.map((each) => Object.keys(each)[0])).toEqual(["state", "diff"]);
  });

  it("lets a callback change and subscribe: each hears all, once", async () => {
    const { cluster, presence } = await single();
    const [outer, inner] = [recorder(), recorder()];
    const session = new Session();
    presence.subscribe("room", {
      ...outer.subscriber,
      online(key, now) {
        outer.subscriber.online?.(key, now);
        if (key !== "u1") return;
        presence.track(session, "room", "u2", {});
        presence.subscribe("room", inner.subscriber);
        presence.track(session, "room", "u3", {});
      },
    });
    await cluster.now();
    presence.track(session, "room", "u1", {});
    await cluster.now();
    expect(outer.heard.flatMap((each) => ("online" in each ? [each.online] : []))).toEqual([
      "u1",
      "u2",
      "u3",
    ]);
    const seen = inner.heard.flatMap((each) =>
      "state" in each ? Object.keys(each.state) : "diff" in each ? Object.keys(each.diff.joins) : [],
    );
    expect(seen.sort()).toEqual(["u1", "u2", "u3"]);
    expect(inner.heard.filter((each) => "state" in each)).toHaveLength(1);
  });

  it.each(["state", "diff", "online", "offline"] as const)(
    "reports a %s that throws, or rejects, and loses nothing by it",
    async (name) => {
      const { cluster, presence, errors } = await single();
      const healthy = recorder();
      const failing = recorder();
      const thrower = {
        ...failing.subscriber,
        [name]: () => {
          throw new RangeError(`${name} threw`);
        },
      };
      const rejecter = {
        ...failing.subscriber,
        [name]: () => Promise.reject(new RangeError(`${name} rejected`)),
      };
      presence.subscribe("room", thrower);
      presence.subscribe("room", rejecter);
      presence.subscribe("room", healthy.subscriber);
      await cluster.now();
      const session = new Session();
      presence.track(session, "room", "u1", {});
      session.close();
      await cluster.now();
      expect(healthy.heard.map((each) => Object.keys(each)[0])).toEqual([
        "state",
        "diff",
        "online",
        "diff",
        "offline",
      ]);
      expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["HANDLER_FAILED"]));
      expect(new Set(errors.map(({ cause }) => cause instanceof RangeError && cause.message))).toEqual(
        new Set([`${name} threw`, `${name} rejected`]),
      );
      expect(errors[0]?.message).toContain("room");
    },
  );

  it("refuses a topic that is no text, and callbacks that are no functions", async () => {
    const { presence } = await single();
    const { subscriber } = recorder();
    const refusals = [
      () => presence.subscribe(7 as never, subscriber),
      () => presence.subscribe("room", { ...subscriber, state: undefined as never }),
      () => presence.subscribe("room", { ...subscriber, diff: "diff" as never }),
      () => presence.subscribe("room", { ...subscriber, online: {} as never }),
      () => presence.subscribe("room", { ...subscriber, offline: null as never }),
      () => presence.subscribe("room", undefined as never),
      () => presence.subscribe("room", null as never),
      () => presence.forward("room", undefined as never),
    ];
    expect(refusals.map((refused) => thrownBy(refused).code)).toEqual(refusals.map(() => "INVALID_ARGUMENT"));
  });

  it("calls nothing after stop, and leaves no timer", async () => {
    const { cluster, presence } = await single({ diffPeriodMs: 100 });
    const { heard, subscriber } = recorder();
    presence.subscribe("room", subscriber);
    await cluster.now();
    presence.track(new Session(), "room", "u1", {});
    const { signal } = new AbortController();
    presence.subscribe("lobby", { ...subscriber, state: () => undefined, signal });
    await cluster.now();
    await presence.stop({ handoffMs: 0 });
    expect(cluster.timers.size).toBe(0);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    presence.subscribe("room", subscriber);
    await cluster.converge();
    expect(heard).toEqual([{ state: {} }]);
  });
});

describe("forward", () => {
  it("sends presence_state and then presence_diff, an update as a join and a leave in one", async () => {
    const { cluster, presence } = await single();
    const pushed: [string, object][] = [];
    presence.forward("room", (event, payload) => void pushed.push([event, payload]));
    await cluster.now();
    const session = new Session();
    const first = presence.track(session, "room", "u1", { page: "/" });
    const second = presence.update(session, "room", "u1", { page: "/shoes" });
    presence.untrack(session, "room", "u1");
    await cluster.now();
    const before = { page: "/", phx_ref: first };
    const after = { page: "/shoes", phx_ref: second, phx_ref_prev: first };
    expect(pushed).toEqual([
      ["presence_state", {}],
      ["presence_diff", { joins: { u1: { metas: [before] } }, leaves: {} }],
      ["presence_diff", { joins: { u1: { metas: [after] } }, leaves: { u1: { metas: [before] } } }],
      ["presence_diff", { joins: {}, leaves: { u1: { metas: [after] } } }],
    ]);
  });

  it("sends everyone the same payload, to be encoded once, and ends by its signal", async () => {
    const { cluster, presence } = await single();
    const controller = new AbortController();
    const payloads: (Presences<Meta> | WireDiff<Meta>)[][] = [[], []];
    for (const each of payloads) {
      presence.forward("room", (_, payload) => void each.push(payload), { signal: controller.signal });
    }
    await cluster.now();
    presence.track(new Session(), "room", "u1", {});
    await cluster.now();
    controller.abort();
    presence.track(new Session(), "room", "u2", {});
    await cluster.now();
    const [ours = [], theirs = []] = payloads;
    expect(ours).toHaveLength(2);
    expect(ours.map((payload, index) => payload === theirs[index])).toEqual([true, true]);
  });
});

describe("diffPeriodMs", () => {
  it("collects the changes of a topic into one diff, and lets a join and its leave cancel", async () => {
    const { cluster, presence } = await single({ diffPeriodMs: 200 });
    const { heard, subscriber } = recorder();
    presence.subscribe("room", subscriber);
    await cluster.now();
    const [stays, goes] = [new Session(), new Session()];
    presence.track(stays, "room", "u1", { page: "/" });
    presence.track(goes, "room", "u2", {});
    presence.update(stays, "room", "u1", { page: "/a" });
    const last = presence.update(stays, "room", "u1", { page: "/b" });
    goes.close();
    await cluster.time.advance(199);
    expect(heard).toEqual([{ state: {} }]);
    await cluster.time.advance(1);
    expect(heard.slice(1)).toEqual([
      { diff: { ...nobody, joins: { u1: { metas: [{ page: "/b", phx_ref: last }] } } } },
      { online: "u1", metas: 1 },
    ]);
  });

  it("says nothing of a window in which nothing is left to say", async () => {
    const { cluster, presence } = await single({ diffPeriodMs: 200 });
    const { heard, subscriber } = recorder();
    presence.subscribe("room", subscriber);
    await cluster.now();
    const session = new Session();
    presence.track(session, "room", "u1", {});
    session.close();
    await cluster.converge();
    expect(heard).toEqual([{ state: {} }]);
  });

  it("sends a user who comes within a window the state of its beginning, and then the same diff as all", async () => {
    const { cluster, presence } = await single({ diffPeriodMs: 200 });
    const [early, late] = [recorder(), recorder()];
    presence.subscribe("room", early.subscriber);
    await cluster.now();
    presence.track(new Session(), "room", "u1", {});
    await cluster.time.advance(100);
    presence.subscribe("room", late.subscriber);
    await cluster.time.advance(200);
    expect(late.heard).toEqual(early.heard);
    expect(late.heard).toHaveLength(3);
  });

  it("keeps the windows of topics apart", async () => {
    const { cluster, presence } = await single({ diffPeriodMs: 200 });
    const [room, lobby] = [recorder(), recorder()];
    presence.subscribe("room", room.subscriber);
    presence.subscribe("lobby", lobby.subscriber);
    await cluster.now();
    presence.track(new Session(), "room", "u1", {});
    await cluster.time.advance(150);
    presence.track(new Session(), "lobby", "u1", {});
    await cluster.time.advance(100);
    expect(room.heard).toHaveLength(3);
    expect(lobby.heard).toHaveLength(1);
  });
});
