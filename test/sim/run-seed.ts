/** One seed, with every oracle there is: what the simulation tests, `npm run sim` and the seed list run. */
import { LIMITS, type Limits } from "../../src/replication/limits.js";
import type { Protocol } from "../../src/replication/rules.js";
import { SimulationError, type StartTracker } from "../../src/testing/cluster.js";
import type { VersionedMeta } from "../../src/testing/metas.js";
import { SeededRandom } from "../../src/testing/random.js";
import { randomSchedule } from "../../src/testing/random-schedule.js";
import { runSchedule, type RunHooks, type RunResult } from "../../src/testing/run-schedule.js";
import type { Schedule } from "../../src/testing/steps.js";
import { settlePromises } from "../../src/testing/virtual-time.js";
import { protocolOption } from "../../src/tracker/options.js";
import { by, changed, type RunsBy } from "./protocol.js";
import { WhiteBox } from "./white-box.js";

/**
 * The limits of a schedule: for one in three so small that pages, intervals, deltas that do not reach back, flushes
 * before their time and lives that are shown in parts come up all the time.
 */
export function limitsOf({ seed, latencies = [] }: Schedule): Limits {
  const random = new SeededRandom(`limits ${seed}`);
  if (!random.chance(1 / 3)) return LIMITS;
  const removalsKept = random.pick([4, 12, 40]);
  return {
    ...LIMITS,
    removalsKept,
    // Never above the removals kept, or a flush would have no delta.
    pendingDots: Math.min(removalsKept, random.pick([LIMITS.pendingDots, removalsKept, 8])),
    deltaDots: random.pick([4, 16, 64]),
    // Pages come one in a round trip: of nodes that are far apart, a crowd needs no more of them than time allows.
    pageItems: Math.max(latencies.length > 0 ? 10 : 1, random.pick([1, 3, 10])),
    entriesPerStep: random.pick([1, 3, LIMITS.entriesPerStep]),
  };
}

/**
 * Runs a schedule with all oracles; with `breakProtocol` by other rules or limits than the oracles know of.
 *
 * @throws whatever an oracle or the tracker throws.
 */
export async function runWithAllOracles(
  schedule: Schedule,
  hooks: Pick<RunHooks, "trace" | "begun"> = {},
  limits = limitsOf(schedule),
  breakProtocol: (protocol: Protocol) => RunsBy = (protocol) => protocol,
): Promise<RunResult> {
  const { startTracker, ...protocol } = breakProtocol(changed({ limits }));
  const whiteBox = new WhiteBox(limits);
  const unhandled: unknown[] = [];
  const noteUnhandled = (cause: unknown): void => void unhandled.push(cause);
  process.on("unhandledRejection", noteUnhandled);
  try {
    const result = await runSchedule(
      {
        ...schedule,
        options: by(whiteBox.watch(protocol), schedule.options),
        nodeOptions: watchedNodes(schedule.nodeOptions, whiteBox),
      },
      {
        ...whiteBox.hooks,
        startTracker: startTracker as StartTracker<VersionedMeta> | undefined,
        trace: hooks.trace ?? false,
        begun: (cluster) => {
          whiteBox.hooks.begun?.(cluster);
          hooks.begun?.(cluster);
        },
      },
    );
    await settlePromises();
    if (unhandled.length > 0) {
      const wrong = unhandled.map((cause) => `a rejection that nobody handles: ${String(cause)}`);
      throw new SimulationError(wrong, result.cluster.nowMs);
    }
    return result;
  } finally {
    await settlePromises();
    process.off("unhandledRejection", noteUnhandled);
  }
}

/** Nodes that run by a protocol of their own are watched, too. */
function watchedNodes(
  nodeOptions: Schedule["nodeOptions"],
  whiteBox: WhiteBox,
): NonNullable<Schedule["nodeOptions"]> {
  const watched = Object.entries(nodeOptions ?? {}).map(([name, options]) => {
    const { [protocolOption]: protocol } = options as { [protocolOption]?: Protocol };
    return [name, protocol === undefined ? options : by(whiteBox.watch(protocol), options)] as const;
  });
  return Object.fromEntries(watched);
}

/** What went wrong with a schedule, or undefined. */
export async function failureOf(
  schedule: Schedule,
  hooks: Pick<RunHooks, "trace" | "begun"> = {},
): Promise<string | undefined> {
  try {
    await runWithAllOracles(schedule, hooks);
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

/** Runs a seed; an error names the one line that runs it again. */
export async function runSeed(seed: number): Promise<void> {
  try {
    await runWithAllOracles(randomSchedule(seed));
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new Error(`npm run sim -- --seed ${seed}\n${what}`, { cause: error });
  }
}
