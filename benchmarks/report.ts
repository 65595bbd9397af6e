/**
 * Writes benchmarks/RESULTS.md from the JSON files of one full run:
 *
 *   npx tsx benchmarks/report.ts bench.json cluster.json peers.json channels.json growth.json following.json
 *
 * Every target comes first, met or not; a row that misses its target has to have a reason in `reasons.ts`, or
 * this fails.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import type { Machine } from "./harness/machine.js";
import type { Row } from "./harness/row.js";
import { markdownTable } from "./harness/table.js";
import { reasonBehind, reasonFor } from "./reasons.js";

interface Run {
  readonly program: string;
  readonly machine: Machine;
  readonly rows: readonly Row[];
}

const program = new Command("report")
  .description("Writes the results of benchmark runs as Markdown.")
  .argument(
    "<files...>",
    "JSON files of the benchmark programs; what a later file has again takes the place of what was there before",
  )
  .option("--out <file>", "where to write", fileURLToPath(new URL("./RESULTS.md", import.meta.url)))
  .parse();
const { out } = program.opts<{ out: string }>();
const runs = latestOf(program.args.map((file) => JSON.parse(readFileSync(file, "utf8")) as Run));

const unexplained: string[] = [];
writeFileSync(out, render(runs));
for (const name of unexplained) console.error(`no reason is given for the miss of: ${name}`);
if (unexplained.length > 0) process.exitCode = 1;

/** Each figure once, from the last run that has its benchmark or its row: where a part was run again, it stands instead. */
function latestOf(all: readonly Run[]): Run[] {
  return all.map((run, index) => {
    const later = all.slice(index + 1).filter(({ program: name }) => name === run.program);
    const again = new Set(
      later.flatMap(({ rows }) => rows.flatMap(({ benchmark, name }) => [benchmark, name])),
    );
    return {
      ...run,
      rows: run.rows.filter(({ benchmark, name }) => !again.has(benchmark) && !again.has(name)),
    };
  });
}

function render(all: readonly Run[]): string {
  const aimed = all.flatMap(({ rows }) => rows.filter(({ target }) => target !== undefined));
  const missed = aimed.filter(({ target }) => target?.met === false);
  const lines = [
    "# Results",
    "",
    "One run of all benchmarks; of a program that is listed twice a part was run again. How to run them yourself: `npm run bench`, `npm run bench:cluster`,",
    "`npm run bench:peers`, `npm run bench:channels`, `npm run bench:growth`, `npm run bench:following`; `--only NAME`",
    "runs a part of all but the last two, `--json FILE` keeps the rows.",
    "",
    ...all.map(({ program: name, machine }) => `- \`${name}\`: ${machineText(machine)}`),
    "",
    "A floor is the least that could work, measured in the same run: bare Maps, or the bare client beneath an",
    "adapter. A ratio is the median of the ratios of neighbouring runs, so it holds on a busier or slower machine",
    "too; absolute times do not. The column of Phoenix.Tracker is of another day, on a machine of the same kind:",
    "version 2.2.0 of phoenix_pubsub on Erlang/OTP 25, with the same workload.",
    "",
    `## Targets: ${aimed.length - missed.length} of ${aimed.length} met`,
    "",
    markdownTable(aimed),
    "",
    "## What misses, and why",
    "",
  ];
  if (missed.length === 0) lines.push("Nothing.", "");
  for (const { name } of missed) lines.push(`- **${name}**: ${explain(name)}`);
  lines.push("", "## What is behind a peer, and why", "", ...behindPeers(all));
  for (const { program: name, rows, machine } of all)
    lines.push("", `## All rows of ${name} at ${machine.commit}`, "", markdownTable(rows));
  return `${lines.join("\n")}\n`;
}

/** Of the programs that measure peers: the rows in which one of them takes less. */
function behindPeers(all: readonly Run[]): string[] {
  const found = new Map<string, string[]>();
  for (const { program: name, rows } of all) {
    if (name !== "bench:peers") continue;
    for (const { name: row, value, unit, beside = [] } of rows) {
      for (const { what, value: ofPeer } of beside) {
        if (ofPeer.median >= value.median) continue;
        const reason = reasonBehind(row) ?? "no reason found yet";
        const text = `${row}: ${round(value.median)} ${unit}, ${what} ${round(ofPeer.median)} ${unit}`;
        found.set(reason, [...(found.get(reason) ?? []), text]);
      }
    }
  }
  if (found.size === 0) return ["Nothing."];
  return [...found].map(([reason, rows]) => `- **${rows.join("; ")}**: ${reason}`);
}

function round(figure: number): string {
  return figure.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

function explain(name: string): string {
  const reason = reasonFor(name);
  if (reason === undefined) unexplained.push(name);
  return reason ?? "no reason found yet";
}

function machineText({ cores, processor, memoryGiB, node, commit, date }: Machine): string {
  return `${cores} cores, ${processor}, ${memoryGiB} GiB, Node ${node}, commit ${commit}, ${date}`;
}
