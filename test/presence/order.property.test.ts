import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareEntries } from "../../src/presence/presences.js";
import { TopicView } from "../../src/presence/topic-view.js";
import { toPresences } from "../../src/presence/wire.js";
import type { Entry } from "../../src/tracker/behaviour.js";
import { ModelTopic, anyStep } from "./model-topic.js";

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

  it("gives a snapshot that later diffs do not change", () => {
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
    expect(view.apply({ joins: [], updates: [], leaves })).toEqual({ online: [], offline: [] });
    expect(view.metas.get("u1")).toEqual([{ phx_ref: "r1" }]);
  });
});
