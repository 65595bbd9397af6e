import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LatestNumbers } from "../../src/crdt/latest.js";
import { KeptRemovals } from "../../src/crdt/removals.js";

const highest = 40;
const limits = fc.constantFrom(0, 1, 2, 7, 1_000);
const settings = fc.noBias(
  fc.array(fc.tuple(fc.integer({ min: 1, max: highest }), fc.nat(99)), { maxLength: 80, size: "max" }),
);
/** As nearly all of it comes: every clock once, in order, with gaps. */
const ascending = fc
  .noBias(fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(99)), { maxLength: 60, size: "max" }))
  .map((steps) => {
    let clock = 0;
    return steps.map(([step, number]): [number, number] => [(clock += step), number]);
  });
const bounds = fc.tuple(fc.nat(highest + 2), fc.nat(highest + 2));

/** Every number that was set above what the table says it dropped, in order. */
function expected(set: readonly [number, number][], dropped: number): [number, number][] {
  return [...new Map(set)].filter(([clock]) => clock > dropped).sort(([one], [other]) => one - other);
}

describe("the numbers of the latest clocks", () => {
  it("are those of a plain Map above what was dropped, whatever the order", () => {
    fc.assert(
      fc.property(fc.oneof(settings, ascending), limits, bounds, (set, limit, [since, upTo]) => {
        const table = new LatestNumbers(limit);
        let dropped = 0;
        for (const [clock, number] of set) {
          table.set(clock, number);
          expect(table.dropped).toBeGreaterThanOrEqual(dropped);
          dropped = table.dropped;
        }
        const left = expected(set, dropped);
        expect(table.clocks.map((clock) => [clock, table.get(clock)])).toEqual(left);
        expect(table.size).toBe(left.length);
        const absent = Array.from({ length: highest + 2 }, (_, clock) => clock).filter(
          (clock) => !table.clocks.includes(clock),
        );
        expect(absent.filter((clock) => table.get(clock) !== undefined)).toEqual([]);
        const within = left.map(([clock]) => clock).filter((clock) => clock > since && clock <= upTo);
        expect(table.clocksWithin(since, upTo)).toEqual(within);
      }),
      { numRuns: 500 },
    );
  });

  it("are never fewer than the limit once there were so many, and never more than it and its spare", () => {
    fc.assert(
      fc.property(ascending, limits, (set, limit) => {
        const table = new LatestNumbers(limit);
        for (const [index, [clock, number]] of set.entries()) {
          table.set(clock, number);
          expect(table.size).toBeGreaterThanOrEqual(Math.min(limit, index + 1));
          expect(table.size).toBeLessThanOrEqual(limit + Math.min(limit, 1_000));
        }
      }),
      { numRuns: 500 },
    );
    const table = new LatestNumbers(3_000);
    for (let clock = 1; clock <= 20_000; clock++) table.set(clock, clock);
    expect([table.size, table.dropped]).toEqual([4_000, 16_000]);
  });

  it("may be larger than 32 bits", () => {
    const table = new LatestNumbers(10);
    for (const clock of [2 ** 31 - 1, 2 ** 31, 2 ** 40, 2 ** 53 - 1]) table.set(clock, clock - 1);
    expect(table.get(2 ** 40)).toBe(2 ** 40 - 1);
    expect(table.clocksWithin(2 ** 31, 2 ** 53 - 1)).toEqual([2 ** 40, 2 ** 53 - 1]);
  });

  it("do not follow the table that they were taken over from", () => {
    const [original, copy] = [new LatestNumbers(2), new LatestNumbers(2)];
    for (const clock of [1, 2, 3, 4, 5]) original.set(clock, clock);
    copy.assume(original);
    original.set(5, 50);
    original.set(6, 60);
    expect(copy.clocks).toEqual([3, 4, 5]);
    expect([copy.get(5), copy.dropped]).toEqual([5, 2]);
  });
});

describe("kept removals", () => {
  const removal = fc.record({
    clock: fc.integer({ min: 1, max: highest }),
    replica: fc.constantFrom("ann", "bob", "eve"),
    birth: fc.integer({ min: 1, max: 9 }),
    missed: fc.boolean(),
  });

  it("name the birth and its replica, and say how far back they reach", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(removal, { selector: ({ clock }) => clock, maxLength: 40 }),
        limits,
        bounds,
        (removals, limit, [since, upTo]) => {
          const kept = new KeptRemovals(limit, "ann");
          for (const { clock, replica, birth, missed } of removals) {
            if (missed) kept.missUpTo(clock);
            else kept.keep(clock, { replica, clock: birth });
          }
          const copy = new KeptRemovals(limit, "ann");
          copy.assume(kept);
          for (const some of [kept, copy]) {
            const told = some.within({ since, upTo });
            expect(told).toEqual([...told].sort((one, other) => one.clock - other.clock));
            for (const { clock, dot } of told) expect(some.at(clock)).toEqual(dot);
            for (const { clock, replica, birth, missed } of removals) {
              const dot = { replica, clock: birth };
              if (some.at(clock) !== undefined) expect(some.at(clock)).toEqual(dot);
              if (missed) expect(some.reach).toBeGreaterThanOrEqual(clock);
              if (missed || clock <= some.reach || clock <= since || clock > upTo) continue;
              expect(told).toContainEqual({ clock, dot });
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
