import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PresenceClient } from "../../src/client/index.js";
import { DiffWindow, isEmpty } from "../../src/presence/diff-window.js";
import { toPresenceDiff, toPresences, toWireDiff } from "../../src/presence/wire.js";
import { ModelTopic, anyStep, type Page, type Step } from "./model-topic.js";
import type { Entry } from "../../src/words.js";
import { StrictFold, describePresences } from "./strict-fold.js";

const nothing = new Map<string, object>();

/** What a window makes of steps, after others that the reader has seen already. */
function collect(before: readonly Step[], steps: readonly Step[]) {
  const topic = new ModelTopic();
  for (const step of before) topic.take(step);
  const seen = topic.list();
  const window = new DiffWindow<Page>();
  for (const step of steps) {
    const diff = topic.take(step);
    if (diff !== undefined) window.add(diff);
  }
  return { seen, diff: window.toDiff(), listed: topic.list() };
}

const step = (what: Step["do"], slot = 0): Step => ({ do: what, slot });

describe("a window of diffs", () => {
  it("comes to what its diffs came to, for a strict reader and for a Phoenix client", () => {
    fc.assert(
      fc.property(fc.array(anyStep), fc.array(anyStep), (before, steps) => {
        const { seen, diff, listed } = collect(before, steps);
        const presenceDiff = toPresenceDiff(diff, nothing);
        const fold = new StrictFold();
        fold.state(toPresences(seen, nothing));
        fold.diff(presenceDiff);
        const expected = describePresences(toPresences(listed, nothing));
        expect(fold.now()).toBe(expected);

        const client = new PresenceClient<Page>();
        client.receive("presence_state", toPresences(seen, nothing));
        client.receive("presence_diff", toWireDiff(presenceDiff));
        expect(describePresences(client.list())).toBe(expected);
      }),
    );
  });

  it("says nothing that is not needed: what the reader held and holds is not mentioned", () => {
    fc.assert(
      fc.property(fc.array(anyStep), fc.array(anyStep), (before, steps) => {
        const { seen, diff, listed } = collect(before, steps);
        const held = new Set(seen.map(({ ref }) => ref));
        const holds = new Set(listed.map(({ ref }) => ref));
        const added = [...diff.joins, ...diff.updates].map(({ ref }) => ref);
        const removed = [...diff.leaves.map(({ ref }) => ref), ...diff.updates.map(({ prevRef }) => prevRef)];
        expect(new Set(added)).toEqual(new Set([...holds].filter((ref) => !held.has(ref))));
        expect(new Set(removed)).toEqual(new Set([...held].filter((ref) => !holds.has(ref))));
        expect(added.length + removed.length).toBe(new Set([...added, ...removed]).size);
      }),
    );
  });

  it("tells of no entry as a leave and a join: it was updated, from what the reader holds", () => {
    fc.assert(
      fc.property(fc.array(anyStep), fc.array(anyStep), (before, steps) => {
        const { seen, diff } = collect(before, steps);
        const isOf = ({ node, session, key }: Entry): string => JSON.stringify([node, session, key]);
        const left = new Set(diff.leaves.map(isOf));
        for (const join of diff.joins) expect(left.has(isOf(join))).toBe(false);
        for (const update of diff.updates) {
          const held = seen.find((entry) => isOf(entry) === isOf(update));
          expect([update.prevRef, update.previous]).toEqual([held?.ref, held?.meta]);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("makes an update of what was updated while its node was away, whatever the order", () => {
    const orders: Step["do"][][] = [
      ["update", "hide", "show"],
      ["hide", "update", "show"],
      ["update", "hide", "update", "show", "update"],
      ["hide", "show", "update", "hide", "show"],
      ["leave", "join"],
    ];
    for (const order of orders) {
      const { seen, diff, listed } = collect(
        [step("join")],
        order.map((each) => step(each)),
      );
      expect([...diff.joins, ...diff.leaves]).toEqual([]);
      expect(diff.updates).toHaveLength(1);
      expect(diff.updates[0]).toMatchObject({ prevRef: seen[0]?.ref, previous: seen[0]?.meta });
      expect(diff.updates[0]).toMatchObject({ ref: listed[0]?.ref, meta: listed[0]?.meta });
    }
  });

  it("keeps two nodes of one process apart that track the same session", () => {
    const window = new DiffWindow<Page>();
    const [moved, here] = ["paris", "tokyo"].map((node) => {
      return { key: "ann", meta: { page: "/" }, ref: `r-${node}`, node, session: "s-1" };
    });
    window.add({ joins: [], updates: [], leaves: [{ ...moved!, reason: "untracked" }] });
    window.add({ joins: [here!], updates: [], leaves: [] });
    expect(window.toDiff()).toEqual({
      joins: [here],
      updates: [],
      leaves: [{ ...moved, reason: "untracked" }],
    });
  });

  it("cancels a join and its leave, with all updates in between", () => {
    const { diff } = collect([], [step("join"), step("update"), step("update"), step("leave")]);
    expect(isEmpty(diff)).toBe(true);
  });

  it("cancels a leave and the return of the same revision", () => {
    const { diff } = collect([step("join")], [step("hide"), step("show")]);
    expect(isEmpty(diff)).toBe(true);
  });

  it("collapses updates into one, from what the reader holds to the newest", () => {
    const { seen, diff, listed } = collect([step("join")], [step("update"), step("update"), step("update")]);
    const [update] = diff.updates;
    expect(diff).toEqual({ joins: [], updates: [update], leaves: [] });
    expect(update).toMatchObject({ prevRef: seen[0]?.ref, previous: seen[0]?.meta });
    expect(update).toMatchObject({ ref: listed[0]?.ref, meta: listed[0]?.meta });
  });

  it("makes an update of a join a join, which names no revision that the reader never held", () => {
    const { diff, listed } = collect([], [step("join"), step("update")]);
    expect(diff.joins).toHaveLength(1);
    expect(diff.joins[0]).toMatchObject({ ref: listed[0]?.ref, meta: listed[0]?.meta });
    expect(diff.joins[0]?.prevRef).toBeUndefined();
    expect([...diff.updates, ...diff.leaves]).toEqual([]);
  });

  it("makes an update and a leave the leave of what the reader holds, with its reason", () => {
    const { seen, diff } = collect([step("join")], [step("update"), step("leave")]);
    expect(diff).toEqual({ joins: [], updates: [], leaves: [{ ...seen[0], reason: "untracked" }] });
  });
});
