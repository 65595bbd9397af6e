/** Pages of a topic: together they are the topic, in an order that all nodes share, whatever comes and goes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Session } from "../../src/session.js";
import { simulate } from "../../src/testing/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import { SortedKeys } from "../../src/tracker/sorted-keys.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { codeOf, startAlone } from "./recorder.js";

/** All pages of a topic, one after the other. */
function keysByPages(tracker: Tracker, topic: string, limit: number): string[] {
  const keys: string[] = [];
  for (let page = tracker.entries(topic, { limit }); page.length > 0;) {
    for (const { key } of page) if (keys.at(-1) !== key) keys.push(key);
    page = tracker.entries(topic, { limit, after: page.at(-1) });
  }
  return keys;
}

const sorted = (keys: Iterable<string>): string[] => [...new Set(keys)].sort();

describe("sorted keys", () => {
  it("are what a sorted set is, over any changes", () => {
    const key = fc.oneof(
      fc.integer({ min: 0, max: 3_000 }).map(String),
      fc.string({ unit: "binary", maxLength: 2 }),
    );
    const change = fc.record({ adds: fc.boolean(), key });
    fc.assert(
      fc.property(
        fc.array(key, { maxLength: 1_500 }),
        fc.array(change),
        key,
        fc.nat(20),
        (first, changes, at, n) => {
          const keys = new SortedKeys(first);
          const model = new Set(first);
          for (const each of changes) {
            if (each.adds) model.add(each.key);
            else model.delete(each.key);
            if (each.adds) keys.add(each.key);
            else keys.delete(each.key);
          }
          const all = sorted(model);
          expect(keys.size).toBe(all.length);
          expect(keys.after(undefined, Infinity)).toEqual(all);
          expect(keys.after(at, n + 1)).toEqual(all.filter((each) => each > at).slice(0, n + 1));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("stay in blocks when thousands are added in any order and taken away", () => {
    const random = new SeededRandom("blocks");
    const model = new Set<string>();
    const keys = new SortedKeys([]);
    for (let i = 0; i < 20_000; i++) {
      const key = String(random.integer(0, 9_999));
      if (random.chance(i < 10_000 ? 0.9 : 0.3)) {
        model.add(key);
        keys.add(key);
      } else {
        model.delete(key);
        keys.delete(key);
      }
    }
    expect(keys.after(undefined, Infinity)).toEqual(sorted(model));
    for (const key of model) keys.delete(key);
    expect([keys.size, keys.after(undefined, 5), keys.after("5", 5)]).toEqual([0, [], []]);
    keys.add("a");
    expect(keys.after(undefined, 5)).toEqual(["a"]);
  });
});

describe("entries", () => {
  it("returns whole keys, from behind a key or an entry that need not be there", async () => {
    const tracker = await startAlone();
    const [phone, desktop] = [new Session(), new Session()];
    for (const key of ["b", "a", "d", "__proto__"]) tracker.track(phone, "room", key, {});
    tracker.track(desktop, "room", "a", {});
    const keysOf = (options?: object): string[] => tracker.entries("room", options).map(({ key }) => key);
    expect(keysOf()).toEqual(["__proto__", "a", "a", "b", "d"]);
    expect(keysOf({ limit: 2 })).toEqual(["__proto__", "a", "a"]);
    expect(keysOf({ limit: 2, after: "a" })).toEqual(["b", "d"]);
    expect(keysOf({ after: tracker.entries("room", { limit: 3 }).at(-1) })).toEqual(["d"]);
    expect(keysOf({ after: "c" })).toEqual(["d"]);
    expect(keysOf({ after: "d" })).toEqual([]);
    expect(tracker.entries("hall")).toEqual([]);
    tracker.track(phone, "room", "c", {});
    phone.close();
    expect(keysOf()).toEqual(["a"]);
    await tracker.stop({ handoffMs: 0 });
    expect(keysOf()).toEqual(["a"]);
  });

  it.each([1, 2, 3])("are the topic, on every node, under faults and in handlers, seed %d", async (seed) => {
    const random = new SeededRandom(`pages ${seed}`);
    const nodes = ["a", "b", "c"];
    const expectPaged = (tracker: Tracker): void => {
      for (const limit of [1, 3, 100]) {
        const expected = sorted(tracker.list("room").map(({ key }) => key));
        expect(keysByPages(tracker, "room", limit)).toEqual(expected);
      }
    };
    const cluster = await simulate({
      seed,
      nodes,
      network: { lossRate: 0.05, delayMs: [1, 100] },
      behaviour: () => ({ handleDiff: (_diff, tracker) => expectPaged(tracker) }),
    });
    const sessions: Session[] = [];
    for (let step = 0; step < 120; step++) {
      const node = cluster.node(random.pick(nodes));
      if (random.chance(0.06)) {
        if (!node.running) await cluster.restart(node.name);
        else if (random.chance(0.5)) cluster.crash(node);
        else await cluster.stop(node, { handoffMs: random.pick([0, 5_000]) });
      } else if (node.running && random.chance(0.6)) {
        const session = node.session();
        node.tracker.track(session, "room", `user-${random.integer(0, 30)}`, {});
        sessions.push(session);
      } else sessions.splice(random.integer(0, sessions.length), 1)[0]?.close();
      await cluster.advance(random.integer(0, 3_000));
      for (const { tracker } of cluster.running()) expectPaged(tracker);
    }
    for (const { events } of cluster.lives) {
      const failed = events.filter(({ detail }) => (detail as { code?: unknown }).code === "HANDLER_FAILED");
      expect(failed.map(({ detail }) => (detail as Error).cause)).toEqual([]);
    }
  });

  it("are right when the order was forgotten in between: after many changes that nobody read", async () => {
    const tracker = await startAlone();
    for (let i = 0; i < 5; i++) tracker.track(new Session(), "room", `a-${i}`, {});
    expect(keysByPages(tracker, "room", 2)).toHaveLength(5);
    for (let i = 0; i < 3_000; i++) {
      const session = new Session();
      tracker.track(session, "room", `b-${i}`, {});
      if (i % 100 > 0) session.close();
    }
    expect(keysByPages(tracker, "room", 7)).toEqual(sorted(tracker.list("room").map(({ key }) => key)));
    await tracker.stop({ handoffMs: 0 });
  });

  it("refuses what is no page", async () => {
    const tracker = await startAlone();
    const wrong: object[] = [
      { limit: 0 },
      { limit: 1.5 },
      { after: 5 },
      { after: {} },
      { after: null },
      { offset: 1 },
    ];
    for (const options of wrong)
      expect(codeOf(() => tracker.entries("room", options))).toBe("INVALID_OPTION");
    await tracker.stop({ handoffMs: 0 });
  });
});
