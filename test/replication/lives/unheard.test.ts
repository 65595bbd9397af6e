/** Counters that were passed over: what is late is told from what is repeated, however many runs there are. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_UNHEARD_RUNS } from "../../../src/replication/limits.js";
import { UnheardCounters } from "../../../src/replication/lives/unheard.js";

/** What was heard, and what passed over, where counters rise by these steps. */
function hear(steps: readonly number[]): { unheard: UnheardCounters; heard: Set<number>; highest: number } {
  const unheard = new UnheardCounters();
  const heard = new Set<number>();
  let highest = 0;
  for (const step of steps) {
    unheard.passOver(highest, highest + step);
    highest += step;
    heard.add(highest);
  }
  return { unheard, heard, highest };
}

describe("R41: counters that were passed over", () => {
  const step = fc.integer({ min: 1, max: 40 });

  it("are late whatever was heard above them, in any number of runs", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 4 * MAX_UNHEARD_RUNS, size: "max" }), (steps) => {
        const { unheard, heard, highest } = hear(steps);
        for (let counter = 1; counter <= highest; counter += 1)
          if (!heard.has(counter)) expect(unheard.take(counter), `${counter}`).toBe(true);
      }),
    );
  });

  it("are late also below one that came late before them", () => {
    const { unheard } = hear([1, 1_000]);
    for (const counter of [900, 2, 3, 901, 899]) expect(unheard.take(counter), `${counter}`).toBe(true);
    for (const counter of [900, 2, 3, 901, 899])
      expect(unheard.take(counter), `${counter} again`).toBe(false);
  });

  it("are late once, and what was heard never is, while the runs are few", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: MAX_UNHEARD_RUNS, size: "max" }), (steps) => {
        const { unheard, heard, highest } = hear(steps);
        for (let counter = 1; counter <= highest; counter += 1) {
          expect(unheard.take(counter), `${counter}`).toBe(!heard.has(counter));
          expect(unheard.take(counter), `${counter} again`).toBe(false);
        }
      }),
    );
  });

  it("are late still where a forger goes ahead by more and more", () => {
    const steps = Array.from({ length: 100 }, (_, i) => 10 + i * i);
    const { unheard } = hear([1, 1, 1, ...steps]);
    for (const counter of [4, 5, 6, 7]) expect(unheard.take(counter)).toBe(true);
  });
});
