/** A held slice: what joins on, what waits, and how one is rebuilt beside the other. */
import { describe, expect, it } from "vitest";
import { AuthoredShard } from "../../../src/replication/authoring/authored-shard.js";
import type { ReplicatedEntry } from "../../../src/replication/entry.js";
import type { DeltaMessage, Page } from "../../../src/replication/message.js";
import { RemoteSlice } from "../../../src/replication/holding/remote-slice.js";
import type { SliceChange } from "../../../src/replication/holding/identity.js";
import { slicesOf } from "../lives/table.js";
import { tellAll } from "./tell-all.js";

const owner = { name: "a", departure: undefined };

/** An author and a slice of it, with the counter of the author's frames. */
class Pair {
  readonly author = new AuthoredShard(owner, "a@1", 0, "r.0.");
  readonly slice = new RemoteSlice(slicesOf(owner), 0);
  readonly entries = new Map<string, ReplicatedEntry>();
  counter = 0;

  add(...keys: string[]): void {
    for (const key of keys) this.entries.set(key, this.author.add("t", key, `s-${key}`, { v: 1 }));
  }

  update(key: string, meta: object): void {
    this.entries.set(key, this.author.update(this.entries.get(key)!, meta));
  }

  remove(key: string, closed = false): void {
    this.author.remove(this.entries.get(key)!, closed);
  }

  flush(): DeltaMessage {
    const delta = this.author.flush();
    if (delta === undefined) throw new Error("nothing to flush");
    return delta;
  }

  receive(delta: DeltaMessage): SliceChange {
    const outcome = this.tryToReceive(delta);
    if (outcome.type !== "taken") throw new Error(`the delta is ${outcome.type}`);
    return tellAll(this.slice, outcome.change);
  }

  tryToReceive(delta: DeltaMessage): ReturnType<RemoteSlice["receiveDelta"]> {
    return this.slice.receiveDelta(delta, ++this.counter, false);
  }

  compare(): string {
    return this.slice.compare(this.author.flushed, ++this.counter);
  }

  /** The answer to the slice's next request, as the author makes it. */
  page(maxItems?: number): Page {
    const request = this.slice.nextRequest();
    if (request?.type !== "pageRequest") throw new Error(`the slice asks for ${request?.type}`);
    this.author.flush();
    return this.author.page(request, maxItems);
  }

  receivePage(page: Page): SliceChange {
    const outcome = this.slice.receivePage(page, ++this.counter);
    if (outcome.type !== "taken") throw new Error(`the page is ${outcome.type}`);
    return tellAll(this.slice, outcome.change);
  }

  held(): string[] {
    return [...this.slice.entries.values()].map(({ key }) => key).sort();
  }
}

const keysOf = (entries: readonly ReplicatedEntry[]): string[] => entries.map(({ key }) => key);

describe("a slice", () => {
  it("merges a delta that joins on, and tells what it changed", () => {
    const pair = new Pair();
    pair.add("x", "y");
    expect(keysOf(pair.receive(pair.flush()).added)).toEqual(["x", "y"]);
    pair.update("x", { v: 2 });
    pair.remove("y");
    pair.add("z");
    const change = pair.receive(pair.flush());
    expect(keysOf(change.added)).toEqual(["z"]);
    expect(change.updated.map(({ entry, previous }) => [entry.meta, previous.meta])).toEqual([
      [{ v: 2 }, { v: 1 }],
    ]);
    expect(change.removed.map(({ entry }) => entry.key)).toEqual(["y"]);
    expect(pair.compare()).toBe("equal");
  });

  it("leaves a delta after a gap alone, and asks for what is missing", () => {
    const pair = new Pair();
    pair.add("x");
    pair.flush();
    pair.add("y");
    const late = pair.flush();
    expect(pair.receive(late)).toMatchObject({ added: [], updated: [], removed: [] });
    expect(pair.slice.nextRequest()).toEqual({ type: "deltaRequest", shard: 0, clock: 0 });
    expect(pair.slice.lag).toBe(2);
    const answer = pair.author.answer(0);
    expect(keysOf(pair.receive(answer as DeltaMessage).added)).toEqual(["x", "y"]);
    expect(pair.slice.nextRequest()).toBeUndefined();
  });

  it("merges what overlaps and drops what is old", () => {
    const pair = new Pair();
    pair.add("x");
    const first = pair.flush();
    pair.receive(first);
    pair.remove("x");
    pair.add("y");
    pair.flush();
    const overlapping = pair.author.answer(0) as DeltaMessage;
    const change = pair.receive(overlapping);
    expect([keysOf(change.added), change.removed.map(({ entry }) => entry.key)]).toEqual([["y"], ["x"]]);
    expect(pair.receive(first)).toMatchObject({ added: [], removed: [] });
    expect(pair.held()).toEqual(["y"]);
  });

  it("merges a delta in parts with its last one, or not at all", () => {
    const pair = new Pair();
    pair.add("x", "y", "z");
    const whole = pair.flush();
    const parts = whole.births.map((birth, i) => ({ ...whole, births: [birth], part: i + 1, parts: 3 }));
    pair.receive(parts[0]!);
    expect(pair.tryToReceive(parts[2]!)).toEqual({ type: "broken" });
    expect(pair.held()).toEqual([]);
    expect(pair.slice.nextRequest()?.type).toBe("deltaRequest");
    for (const part of parts) pair.receive(part);
    expect(pair.held()).toEqual(["x", "y", "z"]);
    expect(pair.slice.caughtUp).toBe(true);
  });

  it("does not fall for parts of different deltas", () => {
    const pair = new Pair();
    pair.add("x", "y");
    const whole = pair.flush();
    const [first] = whole.births;
    pair.receive({ ...whole, births: [first!], part: 1, parts: 2 });
    // The same births again contradict an ascending order: refused as a whole.
    expect(pair.receive({ ...whole, births: [first!], part: 2, parts: 2 })).toMatchObject({ added: [] });
    expect(pair.held()).toEqual([]);
  });

  it("pairs an update by identity also when revisions in between were lost", () => {
    const pair = new Pair();
    pair.add("x");
    pair.receive(pair.flush());
    for (const v of [2, 3, 4]) pair.update("x", { v });
    const change = pair.receive(pair.flush());
    expect(change.updated).toHaveLength(1);
    expect(change.updated[0]?.entry.prevRef).toBe(change.updated[0]?.previous.ref);
    expect([change.added, change.removed]).toEqual([[], []]);
  });

  it("finds a divergence at an equal clock, and behind its author's back", () => {
    const pair = new Pair();
    pair.add("x");
    pair.receive(pair.flush());
    const { clock, count, digest } = pair.author.flushed;
    expect(pair.slice.compare({ clock, count: count + 1, digest }, ++pair.counter)).toBe("diverged");
    expect(pair.slice.compare({ clock, count, digest: digest ^ 1 }, ++pair.counter)).toBe("diverged");
    expect(pair.slice.compare({ clock: 0, count: 0, digest: 0 }, ++pair.counter)).toBe("diverged");
    expect(pair.compare()).toBe("equal");
  });

  it("does not take an older frame's clock for a divergence", () => {
    const pair = new Pair();
    pair.add("x");
    const before = { clock: 0, count: 0, digest: 0 };
    pair.counter = 10;
    pair.receive(pair.flush());
    expect(pair.slice.compare(before, 5)).toBe("equal");
  });
});

describe("a first sync", () => {
  it("shows its pages as they come, and follows deltas in between", () => {
    const pair = new Pair();
    pair.add("x", "y", "z");
    pair.flush();
    pair.slice.compare(pair.author.flushed, ++pair.counter);
    pair.slice.startRebuild(1, false);
    expect(keysOf(pair.receivePage(pair.page(2)).added)).toEqual(["x", "y"]);
    expect(pair.slice.caughtUp).toBe(false);
    pair.remove("x");
    const change = pair.receive(pair.flush());
    expect(change.removed.map(({ entry }) => entry.key)).toEqual(["x"]);
    expect(keysOf(pair.receivePage(pair.page(2)).added)).toEqual(["z"]);
    expect(pair.slice.caughtUp).toBe(true);
    expect(pair.compare()).toBe("equal");
  });

  it("asks for the delta that its last page ran ahead of", () => {
    const pair = new Pair();
    pair.add("x", "y");
    pair.flush();
    pair.slice.startRebuild(1, false);
    pair.receivePage(pair.page(1));
    pair.add("later");
    pair.receivePage(pair.page(1));
    expect(pair.slice.caughtUp).toBe(false);
    expect(pair.slice.nextRequest()).toEqual({ type: "deltaRequest", shard: 0, clock: 2 });
    pair.receive(pair.author.answer(2) as DeltaMessage);
    expect(pair.held()).toEqual(["later", "x", "y"]);
    expect(pair.compare()).toBe("equal");
  });
});

describe("a first sync that has all its pages, and that no delta carries on", () => {
  it("has reached what there was at its first page, and fetches none of it again", () => {
    const pair = new Pair();
    pair.add("ann", "ben", "cid");
    pair.flush();
    const goal = pair.author.flushed.clock;
    pair.compare();
    pair.slice.startRebuild(1, false);
    pair.receivePage(pair.page(2));
    expect(pair.slice.hasReached(goal)).toBe(false);
    // What changes meanwhile is in no page: the last one only tells that there is more.
    pair.add("dan");
    pair.receivePage(pair.page());
    expect(pair.slice.caughtUp).toBe(false);
    expect(pair.slice.hasReached(goal)).toBe(true);
    expect(pair.compare()).toBe("behind");
    expect(pair.slice.hasReached(pair.author.flushed.clock)).toBe(false);
    // The author has gone too far for a delta, and again.
    for (const rebuild of [2, 3]) {
      pair.slice.startRebuild(rebuild, false);
      expect(pair.slice.nextRequest()).toMatchObject({ type: "pageRequest", base: goal });
      expect(pair.slice.hasReached(goal)).toBe(true);
    }
    for (let pages = 0; pair.slice.nextRequest()?.type === "pageRequest"; pages += 1) {
      if (pages > 9) throw new Error("the rebuild does not end");
      const page = pair.page();
      expect(page.births.map(({ key }) => key).filter((key) => key !== "dan")).toEqual([]);
      pair.receivePage(page);
    }
    expect(pair.held()).toEqual(["ann", "ben", "cid", "dan"]);
    expect(pair.compare()).toBe("equal");
  });
});

describe("a rebuild", () => {
  function behind(): Pair {
    const pair = new Pair();
    pair.add("stays", "changes", "goes");
    pair.receive(pair.flush());
    pair.update("changes", { v: 2 });
    pair.remove("goes");
    pair.add("comes");
    pair.flush();
    pair.slice.compare(pair.author.flushed, ++pair.counter);
    return pair;
  }

  it("shows nothing until it is whole, then all in one step by identity", () => {
    const pair = behind();
    pair.slice.startRebuild(1, false);
    expect(pair.receivePage(pair.page(1))).toMatchObject({ added: [], removed: [] });
    expect(pair.held()).toEqual(["changes", "goes", "stays"]);
    const change = pair.receivePage(pair.page());
    expect(keysOf(change.added)).toEqual(["comes"]);
    expect(change.updated.map(({ entry }) => entry.meta)).toEqual([{ v: 2 }]);
    expect(change.removed.map(({ entry }) => entry.key)).toEqual(["goes"]);
    expect(pair.compare()).toBe("equal");
  });

  it("names what is held instead of sending it", () => {
    const pair = behind();
    pair.slice.startRebuild(1, false);
    const page = pair.page();
    expect(page.kept).toEqual([{ first: 1, last: 1 }]);
    expect(page.births.map(({ key }) => key).sort()).toEqual(["changes", "comes"]);
  });

  it("of a doubted slice takes nothing over", () => {
    const pair = behind();
    pair.slice.startRebuild(1, true);
    expect(pair.page().kept).toEqual([]);
    pair.receivePage(pair.page());
    expect(pair.compare()).toBe("equal");
  });

  it("holds what a page keeps though a delta has taken it meanwhile", () => {
    const pair = new Pair();
    pair.add("stays", "goes", "changes");
    pair.receive(pair.flush());
    pair.slice.startRebuild(1, false);
    const page = pair.page();
    pair.remove("goes");
    pair.update("changes", { v: 2 });
    pair.receive(pair.flush());
    const { added, updated, removed } = pair.receivePage(page);
    expect({ added, updated, removed }).toEqual({ added: [], updated: [], removed: [] });
    expect(pair.held()).toEqual(["changes", "stays"]);
    expect(pair.compare()).toBe("equal");
  });

  it("of a first sync that begins again does not bring back what a delta has taken meanwhile", () => {
    const pair = new Pair();
    pair.add("stays", "goes");
    pair.flush();
    pair.compare();
    pair.slice.startRebuild(1, false);
    pair.receivePage(pair.page(1));
    pair.add("late");
    pair.receivePage(pair.page(1));
    pair.slice.startRebuild(2, false);
    expect(pair.slice.nextRequest()).toMatchObject({ type: "pageRequest", base: 2 });
    const page = pair.page();
    pair.remove("goes");
    pair.flush();
    // Deltas carry on what the pages before have brought.
    pair.receive(pair.author.answer(pair.slice.clock) as DeltaMessage);
    expect(pair.held()).toEqual(["late", "stays"]);
    pair.receivePage(page);
    expect(pair.held()).toEqual(["late", "stays"]);
    expect(pair.compare()).toBe("equal");
  });

  it("refuses pages of another rebuild, out of turn, or beyond the base", () => {
    const pair = behind();
    pair.slice.startRebuild(7, false);
    const page = pair.page();
    const foreign = [
      { ...page, rebuild: 6 },
      { ...page, from: 1 },
      { ...page, kept: [{ first: 4, last: 4 }] },
      { ...page, births: [...page.births, ...page.births] },
    ];
    for (const each of foreign)
      expect(pair.slice.receivePage(each, ++pair.counter)).toEqual({ type: "foreign" });
    expect(pair.slice.receivePage({ ...page, kept: [{ first: 1, last: 3 }] }, ++pair.counter)).not.toEqual({
      type: "foreign",
    });
  });

  it("R31: lets a frame from before lower no goal, and a newer one lower it", () => {
    const pair = new Pair();
    pair.add("x");
    pair.flush();
    pair.add("y", "z");
    pair.counter = 19;
    pair.receive(pair.flush());
    expect([pair.slice.clock, pair.slice.target]).toEqual([0, 3]);
    expect(pair.slice.clockToldBy(0, 17)).toBe(3);
    expect(pair.slice.clockToldBy(4, 17)).toBe(4);
    expect(pair.slice.clockToldBy(1, 21)).toBe(1);
  });

  it("finds a kept dot that is not held unusable", () => {
    const pair = new Pair();
    pair.add("x");
    pair.receive(pair.flush());
    pair.remove("x");
    pair.receive(pair.flush());
    pair.add("y");
    pair.flush();
    pair.slice.startRebuild(1, false);
    const page = { ...pair.page(), kept: [{ first: 1, last: 1 }] };
    expect(pair.slice.receivePage(page, ++pair.counter)).toEqual({ type: "unusable" });
  });

  it("knows that a session closed whose entry a late delta updated while the page was under way", () => {
    const pair = new Pair();
    pair.add("x");
    pair.receive(pair.flush());
    pair.update("x", { v: 2 });
    const late = pair.flush();
    pair.remove("x", true);
    pair.slice.startRebuild(1, false);
    const page = pair.page();
    expect(pair.receive(late).updated).toHaveLength(1);
    expect(pair.receivePage(page).removed).toMatchObject([{ entry: { meta: { v: 2 } }, closed: true }]);
  });

  it.each(["before it was built anew", "while the page was under way", "never"])(
    "R5: knows that a session closed though the delta that tells came %s, and the entry's own late",
    (when) => {
      const pair = new Pair();
      pair.add("y");
      pair.receive(pair.flush());
      pair.add("x");
      const late = pair.flush();
      pair.remove("x", true);
      const early = pair.flush();
      if (when.startsWith("before")) pair.receive(early);
      pair.slice.startRebuild(1, false);
      const page = pair.page();
      if (when.startsWith("while")) pair.receive(early);
      expect(pair.receive(late).added).toHaveLength(1);
      expect(pair.receivePage(page).removed).toMatchObject([{ entry: { key: "x" }, closed: true }]);
      expect(pair.held()).toEqual(["y"]);
    },
  );

  it("R5: knows that a session closed whose later revision came in a delta that does not join on", () => {
    for (const isToldFirst of [true, false]) {
      const pair = new Pair();
      pair.add("y");
      pair.receive(pair.flush());
      pair.slice.startRebuild(1, false);
      const request = pair.slice.nextRequest();
      pair.add("x");
      const first = pair.flush();
      pair.add("z");
      pair.flush();
      pair.update("x", { v: 2 });
      const second = pair.flush();
      pair.remove("x", true);
      const end = pair.flush();
      for (const delta of isToldFirst ? [end, second] : [second, end]) pair.receive(delta);
      expect(pair.receive(first).added).toHaveLength(1);
      if (request?.type !== "pageRequest") throw new Error("asks for no page");
      // An author of before says nothing of what may be under way.
      const { closed: _, ...page } = pair.author.page(request);
      expect(pair.receivePage(page).removed).toMatchObject([{ entry: { key: "x" }, closed: true }]);
      expect(pair.held()).toEqual(["y", "z"]);
    }
  });

  it("R5: is told of the latest 512 that may have come meanwhile, and no more than fit", () => {
    const pair = new Pair();
    pair.add("y");
    pair.receive(pair.flush());
    const keys = Array.from({ length: 600 }, (_, i) => `k${i}`);
    pair.add(...keys);
    pair.flush();
    for (const key of keys) pair.remove(key, true);
    pair.flush();
    pair.slice.startRebuild(1, false);
    const { closed = [] } = pair.page();
    expect(closed).toHaveLength(512);
    expect(closed).toEqual([...closed].sort((one, other) => one - other));
    expect(closed.at(-1)).toBe(601);
    expect(pair.page(10).closed).toHaveLength(10);
  });

  it("never takes a slice back that went on meanwhile", () => {
    const pair = behind();
    pair.slice.startRebuild(1, true);
    const page = pair.page();
    // The answer to an earlier request arrives first, and what was flushed after the page.
    pair.receive(pair.author.answer(3) as DeltaMessage);
    pair.add("newest");
    pair.receive(pair.flush());
    expect(pair.receivePage(page)).toMatchObject({ added: [], removed: [] });
    expect(pair.held()).toContain("newest");
    // What came before the page has waited for it, and is not asked for again.
    expect(pair.slice.nextRequest()).toBeUndefined();
    expect(pair.compare()).toBe("equal");
  });
});

describe("an author", () => {
  it("answers with a delta, with far, or with nothing", () => {
    const pair = new Pair();
    pair.add("x");
    pair.flush();
    expect(pair.author.answer(1)).toBeUndefined();
    expect(pair.author.answer(0)).toMatchObject({ type: "delta", since: 0, upTo: 1 });
    for (let i = 0; i < 10_000; i++) {
      pair.add("y");
      pair.remove("y");
    }
    pair.flush();
    expect(pair.author.answer(1)).toEqual({ type: "far", shard: 0, clock: 20_001 });
  });

  it("speaks of flushes only", () => {
    const pair = new Pair();
    pair.add("x");
    expect([pair.author.flushed.clock, pair.author.pendingDots]).toEqual([0, 1]);
    pair.flush();
    pair.add("y");
    expect(pair.author.flushed).toMatchObject({ clock: 1, count: 1 });
  });
});
