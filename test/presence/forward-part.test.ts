/** The first keys of a topic, and how many there are of the rest, as clients are told of them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PresenceClient } from "../../src/client/index.js";
import type { Presence, PresenceCount } from "../../src/presence/index.js";
import { DiffWindow } from "../../src/presence/diff-window.js";
import { TopicPart, type TopicReader } from "../../src/presence/topic-part.js";
import { Session } from "../../src/session.js";
import type { Entry, TopicDiff } from "../../src/words.js";
import { PresenceCluster, thrownBy } from "./presence-cluster.js";

interface Page {
  page: number;
}

async function single() {
  const cluster = new PresenceCluster();
  return { cluster, ...(await cluster.start<Page>("node1")) };
}

/** A client of the first keys of a topic, and what it was told in which order. */
class PartClient {
  readonly client = new PresenceClient<Page>();
  readonly events: string[] = [];
  rest: PresenceCount | undefined;
  readonly end: () => void;

  constructor(presence: Presence<Page>, limit: number, topic = "room") {
    this.end = presence.forward(
      topic,
      (event, payload) => {
        this.events.push(event);
        if (event === "presence_rest") this.rest = payload;
        else this.client.receive(event, JSON.parse(JSON.stringify(payload)));
      },
      { limit },
    );
  }

  get keys(): string[] {
    return Object.keys(this.client.list());
  }
}

/** What the tracker lists of the first keys, in their order, and how many it has besides. */
function expectedOf(presence: Presence<Page>, limit: number) {
  const list = presence.list("room");
  const keys = Object.keys(list).sort().slice(0, limit);
  const metas = keys.reduce((sum, key) => sum + (list[key]?.metas.length ?? 0), 0);
  return {
    presences: Object.fromEntries(keys.map((key) => [key, list[key]])),
    rest: { metas: presence.count("room") - metas, keys: presence.countKeys("room") - keys.length },
  };
}

describe("forward with a limit", () => {
  it("tells of the first keys, moves others up and out, and counts the rest", async () => {
    const { presence, cluster } = await single();
    const sessions = new Map(["b", "d", "f", "h"].map((key) => [key, new Session()]));
    for (const [key, session] of sessions) presence.track(session, "room", key, { page: 1 });
    presence.track(new Session(), "room", "h", { page: 2 });
    const part = new PartClient(presence, 2);
    expect(part.events, "never synchronously").toEqual([]);
    await cluster.now();
    expect([part.keys, part.rest]).toEqual([["b", "d"], { metas: 3, keys: 2 }]);
    expect(part.events).toEqual(["presence_state", "presence_rest"]);

    presence.track(new Session(), "room", "a", { page: 1 });
    await cluster.now();
    expect(part.keys.sort()).toEqual(["a", "b"]);
    expect(part.rest).toEqual({ metas: 4, keys: 3 });

    sessions.get("b")?.close();
    await cluster.now();
    expect(part.keys.sort()).toEqual(["a", "d"]);
    await cluster.time.advance(1_000);
    expect(part.rest).toEqual({ metas: 3, keys: 2 });
    await presence.stop();
    expect(cluster.timers.size).toBe(0);
  });

  it("tells nothing of changes beyond them but the counts, once in a second", async () => {
    const { presence, cluster } = await single();
    presence.track(new Session(), "room", "a", { page: 1 });
    const part = new PartClient(presence, 1);
    await cluster.now();
    part.events.length = 0;
    for (let i = 0; i < 50; i++) {
      presence.track(new Session(), "room", `z${i}`, { page: i });
      await cluster.time.advance(10);
    }
    expect(part.events).toEqual(["presence_rest"]);
    await cluster.time.advance(1_000);
    expect(part.events).toEqual(["presence_rest", "presence_rest"]);
    expect(part.rest).toEqual({ metas: 50, keys: 50 });
    await presence.stop();
  });

  it("fetches only what it tells, in one order, and sends it to all who follow the same part", async () => {
    const asked: string[] = [];
    const cluster = new PresenceCluster();
    const { presence } = await cluster.start<Page, { name: string }>("node1", {
      fetch: async (_topic, keys) => {
        asked.push(keys.join());
        await new Promise<void>((resolve) => cluster.runtime.schedule(20, resolve));
        return new Map(keys.map((key) => [key, { name: `name of ${key}` }]));
      },
    });
    for (const key of ["a", "b", "c", "d"]) presence.track(new Session(), "room", key, { page: 1 });
    const payloads: object[][] = [[], []];
    for (const list of payloads) {
      presence.forward("room", (_event, payload) => list.push(payload), { limit: 2 });
    }
    await cluster.time.advance(30);
    presence.track(new Session(), "room", "e", { page: 1 });
    const early = new Session();
    presence.track(early, "room", "0", { page: 1 });
    await cluster.time.advance(5);
    early.close();
    await cluster.time.advance(2_000);
    expect(asked).toEqual(["a,b", "0,b", "b,0"]);
    const [first = [], second = []] = payloads;
    expect(first.length).toBeGreaterThan(3);
    expect(first.every((payload, i) => payload === second[i] && Object.isFrozen(payload))).toBe(true);
    expect(JSON.stringify(first[0])).toContain("name of b");
    await presence.stop();
  });

  it("ends by hand, with its signal and with the presence, and leaves nothing behind", async () => {
    const { presence, cluster, errors } = await single();
    const told: string[] = [];
    const controller = new AbortController();
    const tell = (event: string): void => void told.push(event);
    presence.forward("room", tell, { limit: 3, signal: controller.signal, ended: tell });
    presence.forward("room", tell, { limit: 3, ended: tell });
    const other = new PartClient(presence, 4);
    presence.forward("hall", () => expect.fail("thrown"), { limit: 1 });
    await cluster.now();
    expect(told.splice(0)).toEqual([
      ...["presence_state", "presence_state", "presence_rest", "presence_rest"],
    ]);
    expect(errors.map(({ code }) => code)).toEqual(["HANDLER_FAILED", "HANDLER_FAILED"]);
    other.end();
    controller.abort();
    await cluster.now();
    expect(told.splice(0)).toEqual(["aborted"]);
    const stopped = presence.stop();
    await cluster.now();
    await stopped;
    expect(told.splice(0)).toEqual(["stopped"]);
    presence.forward("room", tell, { limit: 3, ended: tell });
    await cluster.now();
    expect(told).toEqual(["stopped"]);
    expect(cluster.timers.size).toBe(0);
  });

  it("refuses what is no limit", async () => {
    const { presence } = await single();
    for (const limit of [0, -1, 1.5, Number.NaN, Infinity, "5", null]) {
      expect(thrownBy(() => presence.forward("room", () => {}, { limit: limit as never }))).toMatchObject({
        code: "INVALID_OPTION",
        details: { option: "limit" },
      });
    }
    const { code } = thrownBy(() => presence.forward(5 as never, () => {}, { limit: 5 }));
    expect(code).toBe("INVALID_ARGUMENT");
    await presence.stop();
  });

  it("comes to the first keys, whatever joins, changes and leaves, also from within callbacks", async () => {
    const anyStep = fc.record({
      do: fc.constantFrom("join", "join", "update", "leave", "close", "follow", "wait", "remote"),
      key: fc.constantFrom("a", "b", "c", "d", "e", "__proto__", "7"),
      session: fc.nat({ max: 4 }),
      limit: fc.integer({ min: 1, max: 4 }),
    });
    const script = fc.record({
      steps: fc.array(anyStep, { maxLength: 40 }),
      diffPeriodMs: fc.constantFrom(0, 0, 300),
      fetchMs: fc.constantFrom(undefined, 0, 40),
      reacts: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(script, async ({ steps, diffPeriodMs, fetchMs, reacts }) => {
        const cluster = new PresenceCluster();
        const fetch = async (_topic: string, keys: readonly string[]) => {
          if (fetchMs) await new Promise<void>((resolve) => cluster.runtime.schedule(fetchMs, resolve));
          return new Map(keys.map((key) => [key, {}]));
        };
        const options = { diffPeriodMs, ...(fetchMs !== undefined && { fetch }) };
        const { presence, errors } = await cluster.start<Page>("node1", options);
        const { presence: remote } = await cluster.start<Page>("node2");
        const sessions = Array.from({ length: 5 }, () => new Session());
        const parts: { part: PartClient; limit: number }[] = [];
        if (reacts) {
          const own = new Session();
          presence.subscribe("room", {
            state() {},
            diff: ({ leaves }) => {
              for (const key in leaves) presence.set(own, "room", key === "a" ? "0" : "a", { page: 0 });
            },
          });
        }
        for (const step of steps) {
          const session = sessions[step.session] ?? new Session();
          if (step.do === "join") presence.set(session, "room", step.key, { page: step.limit });
          if (step.do === "remote") remote.set(session, "room", step.key, { page: step.limit });
          if (step.do === "leave") presence.untrack(session, "room", step.key);
          if (step.do === "close") sessions[step.session] = (session.close(), new Session());
          if (step.do === "update" && presence.has("room", step.key)) {
            presence.set(session, "room", step.key, { page: step.limit + 10 });
          }
          if (step.do === "follow")
            parts.push({ part: new PartClient(presence, step.limit), limit: step.limit });
          if (step.do === "wait") await cluster.time.advance(step.session * 30);
        }
        await cluster.converge();
        for (const { part, limit } of parts) {
          const { presences, rest } = expectedOf(presence, limit);
          expect({ ...part.client.list() }).toEqual({ ...presences });
          expect(part.rest).toEqual(rest);
          expect(part.client.ignored).toBe(0);
          expect(part.events.slice(0, 1)).toEqual(["presence_state"]);
        }
        expect(errors).toEqual([]);
        await presence.stop({ handoffMs: 0 });
        await remote.stop({ handoffMs: 0 });
        expect(cluster.timers.size).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("folds to the first keys, each entry told once, whatever changes together", () => {
    const anyChange = fc.record({
      do: fc.constantFrom("join", "join", "update", "leave"),
      key: fc.constantFrom("a", "b", "c", "d", "e", "f"),
      session: fc.nat({ max: 1 }),
    });
    const batches = fc.array(fc.array(anyChange, { minLength: 1, maxLength: 6 }), { maxLength: 12 });
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 4 }), fc.nat({ max: 6 }), (all, limit, before) => {
        const topic = new ModelRoom();
        for (const batch of all.slice(0, before)) topic.take(batch);
        const part = new TopicPart<Page>(topic, limit);
        const told = new Map(part.first.map((entry) => [entry.ref, entry]));
        for (const batch of all.slice(before)) {
          const { joins, updates, leaves } = part.advance(topic.take(batch));
          for (const { ref } of leaves) expect(told.delete(ref)).toBe(true);
          for (const update of updates) expect(told.delete(update.prevRef)).toBe(true);
          for (const entry of [...updates, ...joins]) {
            expect(told.has(entry.ref)).toBe(false);
            told.set(entry.ref, entry);
          }
          const expected = topic.entries(undefined, limit);
          expect([...told.keys()].sort()).toEqual(expected.map(({ ref }) => ref).sort());
          const [metas, keys] = [told.size, new Set(expected.map(({ key }) => key)).size];
          const count = topic.count();
          expect(part.rest()).toEqual({ metas: count.metas - metas, keys: count.keys - keys });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("reads of the topic only what moves", () => {
    const entries = Array.from({ length: 50_000 }, (_, i) => entryOf(`k${100_000 + i}`));
    const byKey = new Map(entries.map((entry) => [entry.key, entry]));
    const keys = [...byKey.keys()];
    let read = 0;
    const reading = (found: readonly Entry<Page>[]): readonly Entry<Page>[] => {
      read += found.length;
      return found;
    };
    const part = new TopicPart<Page>(
      {
        has: (key) => byKey.has(key),
        getByKey: (key) => reading(byKey.has(key) ? [entryOf(key)] : []),
        entries: (after, limit) => {
          const from = after === undefined ? 0 : keys.findIndex((key) => key > after);
          return reading(keys.slice(from, from + limit).map(entryOf));
        },
        count: () => ({ metas: byKey.size, keys: byKey.size }),
      },
      100,
    );
    expect([read, part.rest()]).toEqual([100, { metas: 49_900, keys: 49_900 }]);
    read = 0;
    for (const [i, entry] of entries.slice(-100).entries()) {
      byKey.delete(entry.key);
      const leaves = [{ ...entry, reason: "closed" as const }];
      expect(part.advance({ joins: [], updates: [], leaves })).toEqual({
        joins: [],
        updates: [],
        leaves: [],
      });
      expect(part.rest().keys).toBe(49_899 - i);
    }
    expect(read).toBe(0);
    const first = entryOf("k0");
    byKey.set("k0", first);
    const { joins, leaves } = part.advance({ joins: [first], updates: [], leaves: [] });
    expect([joins.map(({ key }) => key), leaves.map(({ key }) => key)]).toEqual([["k0"], ["k100099"]]);
    expect(read).toBe(2);
  });
});

function entryOf(key: string): Entry<Page> {
  return { key, meta: { page: 1 }, ref: key, node: "node1", session: key };
}

type Change = { readonly do: string; readonly key: string; readonly session: number };

/** A topic of two sessions: what a tracker would list, and one diff for changes that are made together. */
class ModelRoom implements TopicReader<Page> {
  readonly #entries = new Map<string, Entry<Page>>();
  #revision = 0;

  take(changes: readonly Change[]): TopicDiff<Page> {
    const window = new DiffWindow<Page>();
    const nothing: TopicDiff<Page> = { joins: [], updates: [], leaves: [] };
    for (const { do: what, key, session } of changes) {
      const name = `${key} ${session}`;
      const held = this.#entries.get(name);
      const ref = `${++this.#revision}`;
      if (what === "leave" && held !== undefined) {
        this.#entries.delete(name);
        window.add({ ...nothing, leaves: [{ ...held, reason: "untracked" }] });
      } else if (what === "join" && held === undefined) {
        const entry = { key, meta: { page: 1 }, ref, node: "node1", session: name };
        this.#entries.set(name, entry);
        window.add({ ...nothing, joins: [entry] });
      } else if (what === "update" && held !== undefined) {
        const entry = { ...held, ref, prevRef: held.ref };
        this.#entries.set(name, entry);
        window.add({ ...nothing, updates: [{ ...entry, previous: held.meta }] });
      }
    }
    return window.toDiff();
  }

  has(key: string): boolean {
    return this.getByKey(key).length > 0;
  }

  getByKey(key: string): Entry<Page>[] {
    return [...this.#entries.values()].filter((entry) => entry.key === key);
  }

  entries(after: string | undefined, limit: number): Entry<Page>[] {
    const behind = this.#keys().filter((key) => after === undefined || key > after);
    return behind.slice(0, limit).flatMap((key) => this.getByKey(key));
  }

  count() {
    return { metas: this.#entries.size, keys: this.#keys().length };
  }

  #keys(): string[] {
    return [...new Set([...this.#entries.values()].map(({ key }) => key))].sort();
  }
}
