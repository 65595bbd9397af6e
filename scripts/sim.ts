/**
 * Simulated clusters by the thousand: `npm run sim -- --seeds 10000` runs fresh seeds on all cores, and
 * `npm run sim -- --seed 7` runs one again; `--profile lanes` keeps to one kind of schedules. The exit code is 0 only if nothing failed.
 */
import { fork, type ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError, Option } from "commander";
import { profileOf, profiles, seedOf, seedsPerProfile, type Profile } from "../src/testing/profiles.js";
import { randomSchedule } from "../src/testing/random-schedule.js";
import type { Schedule } from "../src/testing/steps.js";
import { failureOf } from "../test/sim/run-seed.js";
import { shorten } from "../test/sim/shorten.js";

/** A seed takes a fraction of a second: one that takes this long hangs. */
const hangMs = 60_000;
/** Of each kind of failure so many seeds are named. */
const seedsShownPerKind = 3;

/** So much of a line is shown where many seeds are. */
const lineLength = 240;

/** What a worker says of a seed. */
interface Report {
  readonly seed: number;
  readonly failure?: string;
}

interface Flags {
  readonly seed?: number;
  readonly seeds: number;
  readonly first?: number;
  readonly profile?: Profile;
  readonly jobs: number;
  readonly shorten: boolean;
  readonly trace: boolean;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number");
  return value;
}

function readFlags(): Flags {
  return new Command("npm run sim --")
    .description("runs simulated clusters with random faults and checks what they promise")
    .option("--seed <number>", "run this one seed", wholeNumber)
    .option("--seeds <count>", "run so many seeds", wholeNumber, 1_000)
    .option("--first <number>", "the first of them (default: one that was never run)", wholeNumber)
    .addOption(
      new Option("--profile <name>", "only of this profile; default: of each in turn").choices(profiles),
    )
    .option("--jobs <count>", "processes to run them in", wholeNumber, availableParallelism())
    .option("--shorten", "with --seed: look for fewer steps that fail as well", false)
    .option("--trace", "with --seed: print every payload and fault", false)
    .parse()
    .opts<Flags>();
}

/** The finding without its names and numbers: shortening is not to end at another failure. */
function kindOf(failure: string): string {
  const lines = failure.split("\n");
  // The first line says only when it happened, and "not settled" not what is missing.
  const finding = (lines[1]?.includes("settled") === true ? lines[2] : lines[1]) ?? failure;
  return finding
    .replace(/^.*? ms: /, "")
    .replace(/:.*$/, "")
    .replace(/\S+@\S+/, "#")
    .replace(/ (lacks|has|of|shows|with) .*$/, " $1 …")
    .replace(/\b[a-e]\b|[\d.]+/g, "#");
}

async function runOne(seed: number, flags: Flags): Promise<boolean> {
  let schedule = randomSchedule(seed);
  let failure = await failureOf(schedule);
  if (failure !== undefined && flags.shorten) {
    const kind = kindOf(failure);
    schedule = await shorten(schedule, async (candidate) => {
      const other = await failureOf(candidate);
      return other !== undefined && kindOf(other) === kind;
    });
    failure = (await failureOf(schedule)) ?? failure;
  }
  if (flags.trace) {
    const { trace = [] } = await traceOf(schedule);
    for (const line of trace) console.log(line);
  }
  if (failure === undefined) {
    console.log(`seed ${seed}: ok`);
    return true;
  }
  const { steps, ...setting } = schedule;
  console.log(JSON.stringify(setting));
  for (const step of steps) console.log(`  ${JSON.stringify(step)}`);
  console.log(`seed ${seed}: FAILED ${failure}`);
  return false;
}

/** The cluster of a run, with its trace, however the run ends. */
async function traceOf(schedule: Schedule): Promise<{ readonly trace?: readonly string[] }> {
  const seen: { trace?: readonly string[] } = {};
  const begun = ({ trace }: { readonly trace: readonly string[] }): void => {
    seen.trace = trace;
  };
  await failureOf(schedule, { trace: true, begun });
  return seen;
}

/** The `index`th of the seeds to run: of each profile in turn, or of the given one. */
function seedAt(index: number, first: number, profile: Profile | undefined): number {
  // A seed that lies in a profile's stretch means that one.
  if (profile === undefined && first >= seedsPerProfile) return first + index;
  if (profile !== undefined) return seedOf(profile, first + index);
  const turn = profiles[index % profiles.length] ?? "base";
  return seedOf(turn, first + Math.floor(index / profiles.length));
}

/** Runs all seeds in worker processes, one seed at a time each. */
function runMany(seeds: readonly number[], jobs: number): Promise<Report[]> {
  const count = seeds.length;
  return new Promise((resolve) => {
    const failures: Report[] = [];
    const bar = new SingleBar({
      format: "{bar} {value}/{total} seeds, {failed} failed, {eta_formatted} left",
    });
    bar.start(count, 0, { failed: 0 });
    let next = 0;
    let done = 0;
    let running = 0;
    const settle = (report: Report): void => {
      done += 1;
      if (report.failure !== undefined) failures.push(report);
      bar.update(done, { failed: failures.length });
    };
    const startWorker = (): void => {
      running += 1;
      const worker: ChildProcess = fork(fileURLToPath(import.meta.url), {
        env: { ...process.env, SIM_WORKER: "1" },
      });
      let seed: number | undefined;
      let timer: NodeJS.Timeout | undefined;
      const giveSeed = (): void => {
        clearTimeout(timer);
        if (next >= count) {
          seed = undefined;
          worker.disconnect();
          return;
        }
        seed = seeds[next];
        next += 1;
        timer = setTimeout(() => worker.kill("SIGKILL"), hangMs);
        worker.send(seed ?? 0);
      };
      worker.on("message", (report: Report) => {
        settle(report);
        giveSeed();
      });
      worker.once("exit", (code, signal) => {
        clearTimeout(timer);
        running -= 1;
        if (seed !== undefined) {
          settle({ seed, failure: `its process ended with ${signal ?? code}: it hung, or took all memory` });
        }
        if (next < count) startWorker();
        else if (running === 0) {
          bar.stop();
          resolve(failures);
        }
      });
      giveSeed();
    };
    for (let job = 0; job < Math.max(1, Math.min(jobs, count)); job += 1) startWorker();
  });
}

function work(): void {
  process.on("message", (seed: number) => {
    void failureOf(randomSchedule(seed)).then((failure) => {
      process.send?.(failure === undefined ? { seed } : { seed, failure });
    });
  });
}

async function main(): Promise<void> {
  const flags = readFlags();
  if (flags.seed !== undefined) {
    process.exitCode = (await runOne(flags.seed, flags)) ? 0 : 1;
    return;
  }
  const first = flags.first ?? Math.floor(Date.now() / 10) % 1e9;
  const beganMs = performance.now();
  const seeds = Array.from({ length: flags.seeds }, (_, index) => seedAt(index, first, flags.profile));
  const failures = await runMany(seeds, flags.jobs);
  const seconds = ((performance.now() - beganMs) / 1_000).toFixed(0);
  const kinds = new Map<string, Report[]>();
  for (const report of failures) {
    const kind = `${profileOf(report.seed)}: ${kindOf(report.failure ?? "")}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), report]);
  }
  for (const [kind, reports] of kinds) {
    console.log(`${kind}: ${reports.length} seeds`);
    for (const { seed, failure } of reports.slice(0, seedsShownPerKind)) {
      console.log(
        `  npm run sim -- --seed ${seed}\n      ${failure
          ?.split("\n")
          .slice(1, 3)
          .map((line) => line.slice(0, lineLength))
          .join("\n      ")}`,
      );
    }
  }
  console.log(`${flags.seeds} seeds from ${first} in ${seconds} s: ${failures.length} failed`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

if (process.env["SIM_WORKER"] === "1") work();
else await main();
