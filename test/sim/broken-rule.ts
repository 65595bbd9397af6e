/**
 * Switches off one rule at a time, and looks for a seed in which the oracle that is to see it does. The trackers run by
 * another rule or limit, or by another replicator; or what stands between them and those around them lies.
 */
import { describe, expect, it } from "vitest";
import type { Limits } from "../../src/replication/limits.js";
import type { Protocol } from "../../src/replication/rules.js";
import { SimulationError } from "../../src/testing/cluster.js";
import { randomSchedule } from "../../src/testing/random-schedule.js";
import type { Schedule } from "../../src/testing/steps.js";
import { changed, type Changes } from "./protocol.js";
import { limitsOf, runWithAllOracles } from "./run-seed.js";

const seedsTried = 300;
/** Seeds of a schedule or run of one's own that have to pass while the rule holds. */
const seedsThatPass = 3;
const timeout = 120_000;

export interface BrokenRule {
  readonly rule: string;
  /** What the oracle that finds it says, and no other. */
  readonly found: RegExp;
  /** The seed to begin with, as it is known to show it; the others come after it. Default 1. */
  readonly firstSeed?: number;
  /** What the trackers run by instead, or how they are started. The oracles do not know. */
  readonly broken: Changes;
  /** The schedules of its seeds. Default: random ones. */
  readonly schedule?: (seed: number) => Schedule;
  /** The limits of the authors of that schedule. Default: those of the seed. */
  readonly limits?: Partial<Limits>;
  /** Instead of a schedule: a run that throws what is wrong. */
  readonly run?: (seed: number, protocol?: Protocol) => Promise<void>;
}

/** What the oracles find in a run, one line each. */
async function findingsOf(run: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await run();
    return [];
  } catch (error) {
    return error instanceof SimulationError ? error.wrong : [`a run threw ${String(error)}`];
  }
}

/** One test per rule: some oracle finds it within a bounded number of seeds, and only while it is off. */
export function describeBrokenRules(title: string, rules: readonly BrokenRule[]): void {
  describe(title, () => {
    for (const { rule, found, firstSeed = 1, broken, schedule, limits, run } of rules) {
      const runOf = (seed: number, changes: Changes = {}): Promise<unknown> => {
        if (run !== undefined) return run(seed, changed(changes));
        const itsSchedule = (schedule ?? randomSchedule)(seed);
        const itsLimits = limits === undefined ? limitsOf(itsSchedule) : changed({ limits }).limits;
        return runWithAllOracles(itsSchedule, {}, itsLimits, (protocol) => changed(changes, protocol));
      };

      it(rule, { timeout }, async () => {
        if (schedule !== undefined || run !== undefined) {
          for (let seed = 1; seed <= seedsThatPass; seed += 1) {
            expect(await findingsOf(() => runOf(seed)), `seed ${seed}, with the rule`).toEqual([]);
          }
        }
        const others: string[] = [];
        for (let tried = 0; tried < seedsTried; tried += 1) {
          const seed = 1 + ((firstSeed - 1 + tried) % seedsTried);
          const findings = await findingsOf(() => runOf(seed, broken));
          if (findings.some((finding) => found.test(finding))) return;
          if (findings.length > 0) others.push(`seed ${seed}: ${findings.slice(0, 2).join("; ")}`);
        }
        expect.fail(
          `${seedsTried} seeds have not shown it; what ${others.length} showed:\n${others.slice(0, 5).join("\n")}`,
        );
      });
    }
  });
}
