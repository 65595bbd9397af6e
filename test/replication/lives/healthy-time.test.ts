/** Healthy time by itself: what of the time by the clock counts, and what this node blames itself for. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HealthyTime } from "../../../src/replication/lives/healthy-time.js";
import { RULES } from "../../../src/replication/rules.js";

const TICK_MS = 500;

describe("healthy time", () => {
  it("is the time by the clock while this node hears and its turns are short", () => {
    const healthy = new HealthyTime(RULES, TICK_MS, 7_000);
    for (let nowMs = 7_000; nowMs <= 17_000; nowMs += TICK_MS) healthy.pass(nowMs);
    expect(healthy.at(17_250)).toBe(10_250);
    expect(healthy.blamed(17_250)).toEqual({ times: 0, durationMs: 0 });
  });

  it("counts two ticks of a turn that was long, and blames this node for the rest", () => {
    const healthy = new HealthyTime(RULES, TICK_MS, 0);
    healthy.pass(0);
    expect(healthy.at(9_000)).toBe(2 * TICK_MS);
    expect(healthy.blamed(9_000)).toEqual({ times: 1, durationMs: 8_000 });
    healthy.pass(9_000);
    healthy.pass(9_500);
    healthy.pass(19_500);
    expect(healthy.blamed(19_500)).toEqual({ times: 2, durationMs: 17_000 });
  });

  it("stands still while this node cannot hear, which counts once however many ticks pass", () => {
    const healthy = new HealthyTime(RULES, TICK_MS, 0);
    healthy.pass(TICK_MS);
    healthy.run(false);
    expect(healthy.blamed(TICK_MS)).toEqual({ times: 1, durationMs: 0 });
    for (let nowMs = 2 * TICK_MS; nowMs <= 10 * TICK_MS; nowMs += TICK_MS) healthy.pass(nowMs);
    healthy.run(false);
    expect(healthy.at(10 * TICK_MS)).toBe(TICK_MS);
    healthy.run(true);
    expect(healthy.at(11 * TICK_MS)).toBe(2 * TICK_MS);
    expect(healthy.blamed(11 * TICK_MS)).toEqual({ times: 1, durationMs: 9 * TICK_MS });
  });

  it("blames nobody for the time before it passes for the first time", () => {
    const healthy = new HealthyTime(RULES, TICK_MS, 0);
    expect(healthy.blamed(5_000)).toEqual({ times: 0, durationMs: 0 });
    healthy.pass(5_000);
    expect(healthy.blamed(5_000)).toEqual({ times: 0, durationMs: 0 });
  });

  it("and what is left out of it are the time by the clock, and neither goes back (law)", () => {
    const turns = fc.array(
      fc.record({ ms: fc.nat({ max: 5_000 }), runs: fc.boolean(), looksAfter: fc.nat() }),
    );
    fc.assert(
      fc.property(turns, (steps) => {
        const healthy = new HealthyTime(RULES, TICK_MS, 0);
        healthy.pass(0);
        let nowMs = 0;
        let before = { healthyMs: 0, times: 0, durationMs: 0 };
        const look = (atMs: number): void => {
          const now = { healthyMs: healthy.at(atMs), ...healthy.blamed(atMs) };
          expect(now.healthyMs + now.durationMs).toBe(atMs);
          for (const what of ["healthyMs", "times", "durationMs"] as const)
            expect(now[what]).toBeGreaterThanOrEqual(before[what]);
          before = now;
        };
        for (const { ms, runs, looksAfter } of steps) {
          if (ms > 0) look(nowMs + (looksAfter % ms));
          nowMs += ms;
          healthy.pass(nowMs);
          look(nowMs);
          healthy.run(runs);
          look(nowMs);
        }
      }),
    );
  });
});
