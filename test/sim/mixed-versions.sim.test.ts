/** Clusters of several versions of the protocol, under all oracles and faults: random schedules, and deploys. */
import { describe, expect, it } from "vitest";
import { randomSchedule } from "../../src/testing/random-schedule.js";
import type { RunResult } from "../../src/testing/run-schedule.js";
import { SeededRandom } from "../../src/testing/random.js";
import { ofGeneration, speakAs, type Generation } from "./other-versions.js";
import { changed } from "./protocol.js";
import { limitsOf, runWithAllOracles } from "./run-seed.js";

const seeds = Number(process.env["MIXED_SEEDS"] ?? 4);
const firstSeed = Number(process.env["MIXED_FIRST"] ?? 1);

/** Runs a schedule with all oracles in a cluster whose nodes are of two neighbouring generations. */
async function runMixed(
  seed: number,
  pair: readonly [Generation, Generation],
): Promise<RunResult["cluster"]> {
  const schedule = randomSchedule(seed);
  const random = new SeededRandom(`generations ${seed}`);
  const generations = new Map<string, Generation>();
  const generationOf = (name: string): Generation => {
    const known = generations.get(name) ?? random.pick(pair);
    generations.set(name, known);
    return known;
  };
  const limits = limitsOf(schedule);
  const options = schedule.nodes.map((name) => [
    name,
    { ...schedule.nodeOptions?.[name], ...ofGeneration(generationOf(name), changed({ limits })) },
  ]);
  const { cluster } = await runWithAllOracles(
    { ...schedule, nodeOptions: { ...schedule.nodeOptions, ...Object.fromEntries(options) } },
    { begun: ({ network }) => speakAs(network, generationOf) },
    limits,
  );
  return cluster;
}

describe("clusters of several versions", () => {
  for (const pair of [
    ["now", "next"],
    ["before", "now"],
  ] as const) {
    it(`keep every promise under random schedules: ${pair.join(" and ")}`, { timeout: 600_000 }, async () => {
      for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
        await runMixed(seed, pair).catch((error: unknown) => {
          throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
        });
      }
    });
  }

  it("speak the newest version that all understand, once they are at rest", { timeout: 60_000 }, async () => {
    const cluster = await runMixed(3, ["next", "next"]);
    await cluster.settle();
    const spoken = cluster.running().map(({ tracker }) => tracker.health().protocolVersion);
    expect(new Set(spoken)).toEqual(new Set([3]));
  });
});
