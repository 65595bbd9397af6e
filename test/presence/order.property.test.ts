import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { DiffWindow } from "../../src/presence/diff-window.js";
import { compareEntries } from "../../src/presence/presences.js";
import { TopicView } from "../../src/presence/topic-view.js";
import { toPresences } from "../../src/presence/wire.js";
import type { Entry } from "../../src/words.js";
import { ModelTopic, anyStep, stepOf, type Page } from "./model-topic.js";

const nothing = new Map<string, object>();

const anyEntry: fc.Arbitrary<Entry> = fc.record({
  key: fc.constantFrom("u1", "u2"),
  meta: fc.constant({}),
  ref: fc.constantFrom("r1", "r2", "r10"),
  node: fc.constantFrom("a", "b", "B", "ä"),
  session: fc.constantFrom("x-1", "x-9", "x-10", "y-2"),
});

describe("the order of a key's metas", () => {
  it("is total: any shuffle of the same entries is listed alike", () => {
    const anyEntries = fc.uniqueArray(anyEntry, {
      selector: ({ node, session, ref }) => `${node} ${session} ${ref}`,
    });
    fc.assert(
      fc.property(
        anyEntries.chain((entries) =>
          fc.tuple(fc.constant(entries), fc.shuffledSubarray(entries, { minLength: entries.length })),
        ),
        ([entries, shuffled]) => {
          const [ours, theirs] = [toPresences(entries, nothing), toPresences(shuffled, nothing)];
          expect(Object.keys(theirs).sort()).toEqual(Object.keys(ours).sort());
          for (const key of Object.keys(ours)) expect(theirs[key]?.metas).toEqual(ours[key]?.metas);
        },
      ),
    );
  });

  it("is by node, then by the age of the session, whose count grows a digit at ten", () => {
    const sorted = [
      { node: "a", session: "x-9" },
      { node: "a", session: "x-10" },
      { node: "b", session: "x-1" },
    ].map((place) => ({ key: "u1", meta: {}, ref: "r", ...place }));
    expect([...sorted].reverse().sort(compareEntries)).toEqual(sorted);
  });
});

describe("a view", () => {
  it("that folds the diffs shows what the list does, in the same order, and tells who came and went", () => {
    fc.assert(
      fc.property(fc.array(anyStep), fc.array(anyStep), (before, steps) => {
        const topic = new ModelTopic();
        for (const step of before) topic.take(step);
        const view = new TopicView(topic.list());
        for (const step of steps) {
          const keysBefore = new Set(topic.list().map(({ key }) => key));
          const diff = topic.take(step);
          if (diff === undefined) continue;
          const { online, offline } = view.apply(diff);
          const keys = new Set(topic.list().map(({ key }) => key));
          expect(online).toEqual([...keys].filter((key) => !keysBefore.has(key)));
          expect(offline).toEqual([...keysBefore].filter((key) => !keys.has(key)));
          expect(view.snapshot().presences(nothing)).toEqual(toPresences(topic.list(), nothing));
        }
      }),
    );
  });

  it("folds a diff of many changes of one key as it folds them one by one", () => {
    const anySteps = fc.array(stepOf(39), { minLength: 20, maxLength: 120, size: "max" });
    fc.assert(
      fc.property(anySteps, anySteps, (before, steps) => {
        const topic = new ModelTopic();
        for (const step of before) topic.take(step);
        const [atOnce, oneByOne] = [new TopicView(topic.list()), new TopicView(topic.list())];
        const window = new DiffWindow<Page>();
        for (const step of steps) {
          const diff = topic.take(step);
          if (diff === undefined) continue;
          window.add(diff);
          oneByOne.apply(diff);
        }
        atOnce.apply(window.toDiff());
        const refsOf = (view: TopicView<Page>): [string, string[]][] =>
          [...view.metas].map(([key, metas]): [string, string[]] => [key, metas.map((meta) => meta.phx_ref)]);
        expect(new Map(refsOf(atOnce))).toEqual(new Map(refsOf(oneByOne)));
        const listed = toPresences(topic.list(), nothing);
        for (const [key, refs] of refsOf(atOnce)) {
          expect(refs).toEqual(listed[key]?.metas.map((meta) => meta.phx_ref));
        }
        expect(atOnce.metas.size).toBe(Object.keys(listed).length);
      }),
    );
  });

  it("shifts no more metas than a few times those that it holds, however many a diff changes", () => {
    const count = 1_000;
    const entryOf = (i: number, ref: string): Entry<Page> => {
      return { key: "guest", meta: { page: "/" }, ref, node: "a", session: `s-${10_000 + i}` };
    };
    const numbers = Array.from({ length: count }, (_, i) => i);
    const view = new TopicView(numbers.map((i) => entryOf(i, `old-${i}`)));
    let shifted = 0;
    const splice = Array.prototype.splice;
    // eslint-disable-next-line no-restricted-syntax -- counts what the built-in moves
    const spy = vi.spyOn(Array.prototype, "splice").mockImplementation(function (this: unknown[], ...args) {
      shifted += this.length - args[0];
      return splice.apply(this, args);
    });
    try {
      const updates = numbers.map((i) => {
        return { ...entryOf(i, `new-${i}`), prevRef: `old-${i}`, previous: { page: "/" } };
      });
      view.apply({ joins: [], updates, leaves: [] });
      view.apply({
        joins: [],
        updates: [],
        leaves: updates
          .slice(1)
          .map((update) => ({ ...update, prevRef: undefined, reason: "closed" as const })),
      });
    } finally {
      spy.mockRestore();
    }
    expect(view.metas.get("guest")?.map((meta) => meta.phx_ref)).toEqual(["new-0"]);
    expect(shifted).toBeLessThan(10 * count);
  });

  it("makes a presence anew in a snapshot only for keys that have changed since the last", () => {
    const entryOf = (key: string, ref: string): Entry<Page> => {
      return { key, meta: { page: "/" }, ref, node: "a", session: `s-${ref}` };
    };
    const view = new TopicView([entryOf("one", "1"), entryOf("two", "2"), entryOf("three", "3")]);
    const before = view.snapshot().presences(nothing);
    view.apply({ joins: [entryOf("one", "4"), entryOf("four", "5")], updates: [], leaves: [] });
    const after = view.snapshot().presences(nothing);
    expect(after["two"]).toBe(before["two"]);
    expect(after["three"]).toBe(before["three"]);
    expect(after["one"]?.metas.map(({ phx_ref }) => phx_ref)).toEqual(["1", "4"]);
    expect(before["one"]?.metas.map(({ phx_ref }) => phx_ref)).toEqual(["1"]);
    const extra = view.snapshot().presences(new Map([["two", { name: "Two" }]]));
    expect(extra["two"]).toEqual({ name: "Two", metas: before["two"]?.metas });
    expect(after["two"]).not.toHaveProperty("name");
  });

  it("returns a snapshot that later diffs do not change", () => {
    const topic = new ModelTopic();
    const view = new TopicView(topic.list());
    const apply = (what: "join" | "leave", slot: number): void => {
      const diff = topic.take({ do: what, slot });
      if (diff !== undefined) view.apply(diff);
    };
    apply("join", 0);
    apply("join", 2);
    const snapshot = view.snapshot();
    const listed = toPresences(topic.list(), nothing);
    apply("leave", 0);
    apply("join", 4);
    expect(snapshot.presences(nothing)).toEqual(listed);
  });

  it("ignores a leave of what is not there", () => {
    const view = new TopicView([{ key: "u1", meta: {}, ref: "r1", node: "a", session: "x-1" }]);
    const leaves = [{ key: "u1", meta: {}, ref: "r0", node: "a", session: "x-1", reason: "closed" as const }];
    expect(view.apply({ joins: [], updates: [], leaves })).toEqual({
      online: [],
      offline: [],
      places: undefined,
    });
    expect(view.metas.get("u1")).toEqual([{ phx_ref: "r1" }]);
  });
});
