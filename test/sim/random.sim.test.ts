/**
 * Random schedules with every oracle: seeds that failed once, some that are always the same, and for a developer
 * some that are new each time. `npm run sim` runs thousands.
 */
import { describe, expect, it } from "vitest";
import { profileOf, profiles, seedOf } from "../../src/testing/profiles.js";
import { randomSchedule } from "../../src/testing/random-schedule.js";
import { regressionSeeds } from "./regression-seeds.js";
import { runSeed } from "./run-seed.js";

const seedsAlways = 100;
const seedsMore = 50;
const seedsPerProfile = 12;
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

  for (const profile of profiles.slice(1)) {
    it(`pass with the first ${seedsPerProfile} seeds of the profile ${profile}`, { timeout }, async () => {
      for (let number = 1; number <= seedsPerProfile; number += 1) await runSeed(seedOf(profile, number));
    });
  }

  it("have a profile by their seed, and what each is made for", () => {
    expect(profileOf(544_851_241)).toBe("base");
    expect(() => profileOf(profiles.length * 1e9)).toThrow(RangeError);
    const found = new Map<string, Set<string>>();
    for (const profile of profiles) {
      const seen = new Set<string>();
      found.set(profile, seen);
      for (let number = 1; number <= 200; number += 1) {
        const {
          steps,
          trackers = [],
          latencies = [],
          habits = [],
          nodeOptions,
          options,
        } = randomSchedule(seedOf(profile, number));
        for (const step of steps) {
          seen.add(step.do);
          if ("shape" in step && step.shape !== undefined) seen.add(step.shape);
          if ("manner" in step) seen.add(step.manner);
          if ("graceMs" in step && step.graceMs !== undefined) seen.add(`${step.do} with a grace`);
          if ("clockOffsetMs" in step) seen.add(`clock ${Math.sign(step.clockOffsetMs)}`);
        }
        for (const habit of habits) seen.add(habit);
        if (trackers.length > 1) seen.add("several trackers");
        if (latencies.length > 0) seen.add("latencies");
        if (nodeOptions !== undefined) seen.add("node options");
        if (options.poolSize === 64) seen.add("64 shards");
      }
    }
    const madeFor: Partial<Record<(typeof profiles)[number], string>> = {
      trackers: "several trackers|close|set",
      metas: "many|nested|texts|numbers|lists|names",
      lanes: "lane|oneWay|heal|crash",
      far: "latencies|awaitComplete|64 shards|stall",
      flapping: "outage|reconnect|crash|stop",
      clocks: "clock 1|clock 0|clock -1",
      moving: "stop|crash|close",
      users: "throws|returnsTrue|returnsThenable|throwsInThen|hangs|act|throw|stop",
      periods: "node options|crash",
      busy: "awaitComplete|partition|64 shards",
      leaving: "close with a grace|close|evict|crash|stop|partition|several trackers",
    };
    for (const [profile, kinds] of Object.entries(madeFor)) {
      for (const kind of kinds.split("|")) expect(found.get(profile), `${profile}: ${kind}`).toContain(kind);
    }
    expect(found.get("base")).not.toContain("lane");
    for (const profile of profiles)
      if (profile !== "leaving") expect(found.get(profile)).not.toContain("evict");
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
