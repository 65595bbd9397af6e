/**
 * Random schedules with every oracle: seeds that failed once, some that are always the same, and for a developer
 * some that are new each time. `npm run sim` runs thousands.
 */
import { describe, expect, it } from "vitest";
import { randomSchedule } from "../../src/testing/random-schedule.js";
import { regressionSeeds } from "./regression-seeds.js";
import { runSeed } from "./run-seed.js";

const seedsAlways = 100;
const seedsMore = 50;
const timeout = 120_000;

describe("random schedules", () => {
  it("pass with the seeds that failed once", { timeout }, async () => {
    for (const seed of regressionSeeds) await runSeed(seed);
  });

  it(`pass with the first ${seedsAlways} seeds`, { timeout }, async () => {
    for (let seed = 1; seed <= seedsAlways; seed += 1) await runSeed(seed);
  });

  it(`pass with ${seedsMore} more`, { timeout }, async () => {
    // In CI the same: what turns red there is to be what was changed.
    const first = process.env["CI"] === "true" ? 2_000_000 : Math.floor(Date.now() / 1_000) % 1e9;
    for (let seed = first; seed < first + seedsMore; seed += 1) await runSeed(seed);
  });

  it("have every kind of step, and each of them often enough", () => {
    const counts = new Map<string, number>();
    for (let seed = 1; seed <= 1_000; seed += 1) {
      for (const step of randomSchedule(seed).steps) counts.set(step.do, (counts.get(step.do) ?? 0) + 1);
    }
    const kinds =
      "track set update untrack untrackTopic untrackAll close churn crowd faults partition oneWay outage heal stall crash start stop twin endTwin corrupt advance settle";
    for (const kind of kinds.split(" ")) expect(counts.get(kind) ?? 0, kind).toBeGreaterThan(50);
  });
});
