/** The view: reads that agree with each other, and diffs that are net. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplicatedEntry } from "../../../src/replication/entry.js";
import { View } from "../../../src/replication/showing/view.js";
import type { Diff, LeaveReason } from "../../../src/words.js";

function ownerOf(name: string, departure?: "departed"): { name: string; departure: "departed" | undefined } {
  return { name, departure };
}

let clock = 0;
function entryOf(
  owner: ReturnType<typeof ownerOf>,
  topic: string,
  key: string,
  session = "s-1",
): ReplicatedEntry {
  clock += 1;
  const entry = new ReplicatedEntry(
    { owner, shard: 0, refPrefix: `${owner.name}.0.` },
    clock,
    topic,
    key,
    session,
    {},
  );
  ReplicatedEntry.seal(entry, undefined);
  return entry;
}

/** What a follower of the diffs holds: ref by topic and ref. */
function fold(held: Map<string, Set<string>>, diff: Diff | undefined): void {
  for (const [topic, { joins, updates, leaves }] of diff ?? []) {
    const refs = held.get(topic) ?? new Set();
    held.set(topic, refs);
    for (const { ref } of leaves) if (!refs.delete(ref)) throw new Error("a leave without its join");
    for (const { prevRef } of updates) if (!refs.delete(prevRef)) throw new Error("an update of nothing");
    for (const { ref } of [...joins, ...updates]) {
      if (refs.has(ref)) throw new Error("a second join");
      refs.add(ref);
    }
  }
}

describe("the view", () => {
  it("returns diffs whose fold is its list, whatever happens between two deliveries", () => {
    const command = fc.record({
      what: fc.constantFrom("join", "leave", "update", "take"),
      topic: fc.constantFrom("t", "u"),
      which: fc.nat({ max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60, size: "max" }), (commands) => {
        const view = new View();
        const owner = ownerOf("a");
        const shown = new Map<string, ReplicatedEntry>();
        const held = new Map<string, Set<string>>();
        for (const { what, topic, which } of commands) {
          const slot = `${topic}${which}`;
          const present = shown.get(slot);
          if (what === "take") fold(held, view.takeDiff());
          else if (what === "join" && present === undefined) {
            const entry = entryOf(owner, topic, `k${which % 3}`);
            shown.set(slot, entry);
            view.join(entry);
          } else if (what === "leave" && present !== undefined) {
            shown.delete(slot);
            view.leave(present, "untracked");
          } else if (what === "update" && present !== undefined) {
            const entry = entryOf(owner, topic, present.key);
            shown.set(slot, entry);
            view.update(entry, present);
          }
        }
        fold(held, view.takeDiff());
        expect(view.takeDiff()).toBeUndefined();
        for (const topic of ["t", "u"]) {
          const list = view.list(topic);
          expect(new Set(list.map(({ ref }) => ref))).toEqual(held.get(topic) ?? new Set());
          expect(view.count(topic)).toBe(list.length);
          expect(view.countKeys(topic)).toBe(new Set(list.map(({ key }) => key)).size);
          for (const { key } of list) expect(view.has(topic, key)).toBe(true);
          expect(view.topics().includes(topic)).toBe(list.length > 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("shows nothing twice and hides nothing that is not shown", () => {
    const view = new View();
    const entry = entryOf(ownerOf("a"), "t", "k");
    view.join(entry);
    view.join(entry);
    expect(view.takeDiff()?.get("t")?.joins).toHaveLength(1);
    view.leave(entry, "down");
    view.leave(entry, "down");
    expect(
      view
        .takeDiff()
        ?.get("t")
        ?.leaves.map(({ reason }): LeaveReason => reason),
    ).toEqual(["down"]);
    view.leave(entry, "down");
    expect(view.takeDiff()).toBeUndefined();
  });

  it("hands off an entry of a departing life when its key is shown by one that stays", () => {
    const view = new View();
    const departing = ownerOf("a", "departed");
    const old = entryOf(departing, "t", "k");
    const bystander = entryOf(departing, "t", "other");
    view.departingLives = 1;
    view.join(old);
    view.join(bystander);
    view.takeDiff();
    const fresh = entryOf(ownerOf("b"), "t", "k");
    view.join(fresh);
    const changes = view.takeDiff()?.get("t");
    expect(changes?.joins).toEqual([fresh]);
    expect(changes?.leaves.map(({ ref, reason }) => [ref, reason])).toEqual([[old.ref, "departed"]]);
    // While its window lasts it waits on: the successor may have been one of two connections.
    view.leave(fresh, "untracked");
    const back = view.takeDiff()?.get("t");
    expect(back?.joins).toEqual([old]);
    expect(back?.leaves.map(({ ref }) => ref)).toEqual([fresh.ref]);
    expect(view.list("t")).toEqual([bystander, old]);
    for (const entry of [old, bystander]) view.leave(entry, "departed");
    expect(view.topics()).toEqual([]);
  });

  it("shows what comes late of a departing life beside what was there, and hides it for what comes then", () => {
    const view = new View();
    const owner = ownerOf("b");
    view.join(entryOf(owner, "t", "k"));
    view.departingLives = 1;
    const departing = ownerOf("a", "departed");
    const late = entryOf(departing, "t", "k");
    view.join(late);
    expect(view.count("t")).toBe(2);
    const revised = entryOf(departing, "t", "k");
    view.update(revised, late);
    expect(view.getByKey("t", "k")).toContain(revised);
    view.takeDiff();
    const after = entryOf(owner, "t", "k", "s-2");
    view.join(after);
    const changes = view.takeDiff()?.get("t");
    expect(changes?.joins).toEqual([after]);
    expect(changes?.leaves.map(({ ref, reason }) => [ref, reason])).toEqual([[revised.ref, "departed"]]);
    // A second one has nobody's place to take.
    view.join(entryOf(owner, "t", "k", "s-3"));
    expect(view.count("t")).toBe(3);
    // Changed while it is hidden, it is shown as it is when its place is free again.
    const hidden = entryOf(departing, "t", "k");
    view.update(hidden, revised);
    for (const entry of view.list("t")) view.leave(entry, "untracked");
    expect(view.list("t")).toEqual([hidden]);
    view.leave(hidden, "departed");
    expect(view.topics()).toEqual([]);
  });

  it("goes on to hold a place when the life of the entry that took it departs as well", () => {
    const view = new View();
    const [first, second] = [ownerOf("a"), ownerOf("b")];
    const old = entryOf(first, "t", "k");
    view.join(old);
    first.departure = "departed";
    view.departingLives = 1;
    view.depart(first);
    const moved = entryOf(second, "t", "k");
    view.join(moved);
    expect(view.list("t")).toEqual([moved]);
    second.departure = "departed";
    view.departingLives = 2;
    view.depart(second);
    expect(view.list("t")).toEqual([moved]);
    const again = entryOf(ownerOf("c"), "t", "k");
    view.join(again);
    expect(view.list("t")).toEqual([again]);
    view.leave(again, "closed");
    expect(view.list("t")).toEqual([moved]);
    // Its window may be the shorter one.
    view.leave(moved, "departed");
    expect(view.list("t")).toEqual([old]);
  });
});
