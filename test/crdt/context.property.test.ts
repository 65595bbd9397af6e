import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Context, Seen } from "../../src/crdt/context.js";

const highest = 24;
const range = fc
  .noBias(fc.tuple(fc.nat(highest), fc.nat(5)))
  .map(([since, length]) => ({ since, upTo: Math.min(highest, since + length) }));
const ranges = fc.array(range, { maxLength: 12, size: "max" });

describe("what was seen of a replica", () => {
  it("answers like a plain set of clocks, whatever the order of the ranges", () => {
    fc.assert(
      fc.property(ranges, range, (taken, asked) => {
        const seen = new Seen();
        const plain = new Set<number>();
        for (const { since, upTo } of taken) {
          seen.take(since, upTo);
          for (let clock = since + 1; clock <= upTo; clock++) plain.add(clock);
          let contiguous = 0;
          while (plain.has(contiguous + 1)) contiguous++;
          expect(seen.clock).toBe(contiguous);
          expect(seen.highest).toBe(Math.max(0, ...plain));
          for (let clock = 0; clock <= highest + 1; clock++)
            expect(seen.includes(clock)).toBe(plain.has(clock));
        }
        const within: number[] = [];
        let previous = -1;
        for (const { since, upTo } of seen.within(asked.since, asked.upTo)) {
          // Neither empty nor touching: two that touch are one.
          expect(since).toBeGreaterThan(previous);
          expect(upTo).toBeGreaterThan(since);
          for (let clock = since + 1; clock <= upTo; clock++) within.push(clock);
          previous = upTo;
        }
        expect(within).toEqual(
          [...plain].filter((clock) => clock > asked.since && clock <= asked.upTo).sort((a, b) => a - b),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it("is the same in any order", () => {
    fc.assert(
      fc.property(ranges, (taken) => {
        const [forwards, backwards] = [new Context(), new Context()];
        for (const { since, upTo } of taken) forwards.of("ann").take(since, upTo);
        for (const { since, upTo } of taken.toReversed()) backwards.of("ann").take(since, upTo);
        expect(forwards.equals(backwards)).toBe(true);
        expect(forwards.clone().equals(backwards)).toBe(true);
        backwards.of("bob");
        expect(forwards.equals(backwards) && backwards.equals(forwards)).toBe(true);
        backwards.of("bob").take(1, 2);
        expect(forwards.equals(backwards) || backwards.equals(forwards)).toBe(false);
      }),
    );
  });
});
