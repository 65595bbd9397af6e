/**
 * The command line that all benchmark programs share: which benchmarks to run, how often, progress while they
 * run, a table and a JSON file when they have.
 */
import { writeFileSync } from "node:fs";
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { describeMachine } from "./machine.js";
import { toRow, type Figure, type Row } from "./row.js";
import { terminalTable } from "./table.js";

/** What a benchmark gets. */
interface BenchmarkContext {
  /** How many runs the median is of. */
  readonly runs: number;
  /** The numbers of entries to measure at. */
  readonly sizes: readonly number[];
  /** Hands in a figure; several per benchmark. */
  report(figure: Figure): void;
  /** Says what is being done, for the progress line. */
  progress(step: string): void;
}

export interface Benchmark {
  /** As `--only` selects it and the table titles it. */
  readonly name: string;
  run(context: BenchmarkContext): void | Promise<void>;
}

interface Options {
  readonly only?: string[];
  readonly json?: string;
  readonly runs: number;
  readonly sizes: number[];
  readonly list?: boolean;
}

export interface Program {
  readonly name: string;
  readonly description: string;
  readonly benchmarks: readonly Benchmark[];
  /** How many runs unless `--runs` says otherwise. */
  readonly runs: number;
  /** The numbers of entries unless `--sizes` says otherwise. */
  readonly sizes: readonly number[];
}

/**
 * Runs the benchmarks that the command line selects, one after the other, and prints their rows. A benchmark
 * that fails is reported and fails the program, after the others have run.
 */
export async function runProgram(program: Program): Promise<void> {
  const options = parse(program);
  const selected = select(program.benchmarks, options.only);
  if (options.list === true) {
    for (const benchmark of selected) console.log(benchmark.name);
    return;
  }
  const rows: Row[] = [];
  const failures: string[] = [];
  const progress = startProgress(selected.length);
  for (const benchmark of selected) {
    progress.step(benchmark.name);
    try {
      await benchmark.run({
        runs: options.runs,
        sizes: options.sizes,
        report: (figure) => rows.push(toRow(benchmark.name, figure)),
        progress: (step) => progress.say(`${benchmark.name}: ${step}`),
      });
    } catch (error) {
      failures.push(`${benchmark.name} failed: ${error instanceof Error ? error.stack : String(error)}`);
    }
    progress.done();
  }
  progress.end();
  const machine = describeMachine();
  console.log(
    `${machine.cores} cores, ${machine.processor}, ${machine.memoryGiB} GiB, Node ${machine.node}, ` +
      `commit ${machine.commit}, ${machine.date}; medians of ${options.runs} runs\n`,
  );
  console.log(terminalTable(rows));
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ program: program.name, machine, rows }, null, 2)}\n`);
  }
  for (const failure of failures) console.error(`\n${failure}`);
  if (failures.length > 0) process.exitCode = 1;
}

function parse(program: Program): Options {
  return new Command(program.name)
    .description(program.description)
    .option("--only <name...>", "only the benchmarks whose name starts with one of these")
    .option("--json <file>", "also write the rows to this file")
    .option("--runs <count>", "runs per figure; the median is reported", positiveInteger, program.runs)
    .option(
      "--sizes <counts>",
      "numbers of entries, separated by commas",
      (text: string) => text.split(",").map(positiveInteger),
      [...program.sizes],
    )
    .option("--list", "print the names of the benchmarks and end")
    .parse()
    .opts<Options>();
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("expected a positive integer");
  return value;
}

function select(benchmarks: readonly Benchmark[], only: readonly string[] | undefined): readonly Benchmark[] {
  if (only === undefined) return benchmarks;
  const selected = benchmarks.filter(({ name }) => only.some((start) => name.startsWith(start)));
  if (selected.length === 0) {
    throw new Error(`--only matches none of: ${benchmarks.map(({ name }) => name).join(", ")}`);
  }
  return selected;
}

interface Progress {
  step(name: string): void;
  say(text: string): void;
  done(): void;
  end(): void;
}

/** A bar on a terminal, a line per benchmark in a log. */
function startProgress(total: number): Progress {
  if (!process.stderr.isTTY) {
    return { step: (name) => console.error(name), say: () => {}, done: () => {}, end: () => {} };
  }
  const bar = new SingleBar({
    format: "[{bar}] {value}/{total} {step}",
    clearOnComplete: true,
    hideCursor: true,
    stream: process.stderr,
  });
  bar.start(total, 0, { step: "" });
  return {
    step: (step) => bar.update({ step }),
    say: (step) => bar.update({ step }),
    done: () => bar.increment(),
    end: () => bar.stop(),
  };
}
