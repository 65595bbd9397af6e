import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AuthoredShard } from "../../../src/replication/authoring/authored-shard.js";
import { Endings } from "../../../src/replication/authoring/endings.js";
import type { ReplicatedEntry } from "../../../src/replication/entry.js";

function author(): AuthoredShard {
  return new AuthoredShard({ name: "a", departure: undefined }, "a/1", 0, "r.");
}

describe("R5: how entries ended", () => {
  const step = fc.record({
    does: fc.constantFrom("track", "update", "update", "untrack", "close"),
    to: fc.nat(99),
  });

  it("is known of every revision of every entry, in any order of what happened to them", () => {
    fc.assert(
      fc.property(fc.noBias(fc.array(step, { maxLength: 80, size: "max" })), (steps) => {
        const endings = new Endings(1_000);
        const birthRemovedAt = new Map<number, number>();
        /** Each entry that lives: its birth, and the removals of its earlier revisions. */
        const live: { born: number; removals: number[] }[] = [];
        const closedAt = new Map<number, number>();
        let clock = 0;
        for (const { does, to } of steps) {
          const entry = live[to % Math.max(1, live.length)];
          if (does === "track" || entry === undefined) {
            live.push({ born: (clock += 1), removals: [] });
            continue;
          }
          birthRemovedAt.set((clock += 1), entry.born);
          entry.removals.push(clock);
          if (does === "update") {
            endings.updated(clock);
            entry.born = clock += 1;
            continue;
          }
          live.splice(live.indexOf(entry), 1);
          endings.ended(clock, entry.born, does === "close", (at) => birthRemovedAt.get(at));
          if (does === "close") for (const removal of entry.removals) closedAt.set(removal, clock);
        }
        const closed = [...closedAt.keys()].sort((one, other) => one - other);
        const clocks = Array.from({ length: clock + 2 }, (_, at) => at);
        expect(clocks.filter((at) => endings.isClosed(at))).toEqual(closed);
        expect(clocks.map((at) => endings.closedWithin(at, clock))).toEqual(
          clocks.map((at) => closed.filter((removal) => removal > at)),
        );
        expect(clocks.map((at) => [...endings.closed(at)])).toEqual(
          clocks.map((at) => closed.filter((removal) => removal <= at && (closedAt.get(removal) ?? 0) > at)),
        );
        expect([...endings.closed()]).toEqual(closed);
      }),
      { numRuns: 200 },
    );
  });

  it("is known as long as the removals are kept, and then counts as untracked", () => {
    const endings = new Endings(4);
    for (let clock = 2; clock <= 20; clock += 2) endings.ended(clock, clock - 1, true, () => undefined);
    // Eight at most, and at least four.
    expect([...endings.closed()]).toEqual([10, 12, 14, 16, 18, 20]);
    expect([endings.isClosed(8), endings.isClosed(10)]).toEqual([false, true]);
  });
});

describe("what an author remembers of entries that are gone", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const removals = 20_000;
  /**
   * What is in use after a collection moves by up to half a megabyte by itself: pages that helper threads have not swept
   * yet count as used, and code is compiled and dropped meanwhile. Shared by so many authors it is a tenth of that.
   */
  const authors = 10;

  /** What one author keeps. */
  function grownBytes(change: (shard: AuthoredShard, i: number) => void): number {
    const measure = (): number => {
      for (let turn = 0; turn < 4; turn++) collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const grow = (shard: AuthoredShard): void => {
      for (let i = 0; i < removals; i++) {
        change(shard, i);
        shard.flush(false);
      }
    };
    // Compiled code is in the heap too, and is no removal's.
    grow(author());
    const shards = Array.from({ length: authors }, author);
    const before = measure();
    for (const shard of shards) grow(shard);
    const grown = measure() - before;
    for (const shard of shards) expect(shard.flushed.clock).toBeGreaterThanOrEqual(2 * removals);
    return grown / authors;
  }

  // Two Maps in two generations each took 1.8 MB for the ends and 0.9 MB for the updates.
  const limitBytes = 750_000;

  it.each([
    ["was untracked", false],
    ["went with its session", true],
  ])("is less than 750 kB when each %s", (_, closed) => {
    const grown = grownBytes((shard, i) => shard.remove(shard.add("room", `k${i}`, "s", {}), closed));
    expect(grown).toBeLessThan(limitBytes);
  });

  it("is less than 750 kB when one was updated all the time", () => {
    let entry: ReplicatedEntry | undefined;
    let of: AuthoredShard | undefined;
    const grown = grownBytes((shard, i) => {
      const previous = of === shard && entry !== undefined ? entry : shard.add("room", "k", "s", {});
      of = shard;
      entry = shard.update(previous, { i });
    });
    expect(grown).toBeLessThan(limitBytes);
  });
});
