/**
 * What full replication costs as a cluster grows: `npm run bench:growth`. Simulated clusters of unmodified
 * trackers on virtual time, first more and more nodes, then more and more entries; docs/scaling.md draws the
 * conclusions.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { describeMachine } from "./harness/machine.js";
import { formatNumber } from "./harness/table.js";
import { measure, phases, type Point } from "./growth/measure.js";
import { chart, type Line, type Panel } from "./growth/plot.js";
import { proveSampling } from "./growth/proof.js";
import { checks, slopesOf } from "./growth/slopes.js";
import { costTable, grouped, rowsOf, slopeTable } from "./growth/tables.js";

/** The nodes of the clusters that have more and more entries. */
const nodesOfEntries = 10;

interface Options {
  readonly nodes: number[];
  readonly entries: number[];
  readonly json?: string;
  readonly plots?: string;
}

const options = new Command("bench:growth")
  .description("What nodes pay per second in clusters with more and more nodes and entries, simulated.")
  .option("--nodes <counts>", "numbers of nodes, with the most of the entries", counts, [3, 10, 30, 100, 200])
  .option(
    "--entries <counts>",
    `numbers of entries in a cluster, all nodes together, on ${nodesOfEntries} nodes`,
    counts,
    [1_000, 3_000, 10_000, 30_000, 100_000],
  )
  .option("--json <file>", "also write the rows, points and slopes to this file")
  .option("--plots <folder>", "also draw scaling-nodes.svg and scaling-entries.svg in this folder")
  .parse()
  .opts<Options>();

const entriesOfNodes = Math.max(...options.entries);
const wanted = new Map<string, { nodes: number; entries: number }>();
const want = (nodes: number, entries: number): unknown =>
  wanted.set(`${nodes} ${entries}`, { nodes, entries });
for (const entries of ascending(options.entries)) want(nodesOfEntries, entries);
for (const nodes of ascending(options.nodes)) want(nodes, entriesOfNodes);

const bar = process.stderr.isTTY
  ? new SingleBar({ format: "[{bar}] {value}/{total} {step}", clearOnComplete: true, hideCursor: true })
  : undefined;
bar?.start(wanted.size + 1, 0, { step: "" });
const say = (step: string): void => (bar === undefined ? console.error(step) : bar.update({ step }));

// Also compiles the code, so that the first cluster does not pay for it.
const proof = await proveSampling(say);
bar?.increment();
const points: Point[] = [];
for (const size of wanted.values()) {
  points.push(await measure(size, say));
  bar?.increment();
}
bar?.stop();

const byEntries = points.filter(({ nodes }) => nodes === nodesOfEntries);
const byNodes = points.filter(({ entries }) => entries === entriesOfNodes).sort((a, b) => a.nodes - b.nodes);
const machine = describeMachine();
const slopes = points.map(slopesOf);

console.log(
  `${machine.cores} cores, ${machine.processor}, ${machine.memoryGiB} GiB, Node ${machine.node}, ` +
    `commit ${machine.commit}, ${machine.date}; per node and second\n`,
);
console.log(costTable(points));
console.log(slopeTable(slopes));
for (const { from, to, phase, foretoldBytes, measuredBytes } of checks(points)) {
  console.log(
    `${phase}: ${from.nodes} nodes foretell ${formatNumber(foretoldBytes)} B/s of ${to.nodes} nodes with as many ` +
      `entries each; measured ${formatNumber(measuredBytes)} B/s`,
  );
}
console.log(
  `the sampling, beside a whole cluster of ${proof.nodes} nodes with ${grouped(proof.entries)} entries: differs by ` +
    `${formatNumber(proof.largestDifference * 100)} % at the most (${proof.found})`,
);

if (options.json !== undefined) {
  const rows = rowsOf(points);
  const result = { program: "bench:growth", machine, rows, proof, points, slopes, checks: checks(points) };
  writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
}
if (options.plots !== undefined) {
  const ofNodes = panels(byNodes, "nodes", `nodes, with ${grouped(entriesOfNodes)} entries in all`);
  const ofEntries = panels(byEntries, "entries", `entries in all, on ${nodesOfEntries} nodes`);
  writeFileSync(
    join(options.plots, "scaling-nodes.svg"),
    chart("Cost per node by number of nodes", phases, ofNodes),
  );
  writeFileSync(
    join(options.plots, "scaling-entries.svg"),
    chart("Cost per node by number of entries", phases, ofEntries),
  );
}

function panels(series: readonly Point[], along: "nodes" | "entries", xLabel: string): Panel[] {
  const lines = (figure: "receivedBytes" | "merges"): Line[] =>
    phases
      .map((phase) => ({
        name: phase,
        points: series.map((point) => [point[along], point.cost[phase][figure]] as const),
      }))
      // Idle nodes merge nothing, and a logarithmic axis has no 0.
      .filter(({ points }) => points.every(([, y]) => y > 0));
  return [
    { title: "bytes received per node and second", xLabel, lines: lines("receivedBytes") },
    { title: "merges per node and second", xLabel, lines: lines("merges") },
  ];
}

function ascending(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function counts(text: string): number[] {
  return text.split(",").map(count);
}

function count(text: string): number {
  const value = Number(text);
  // A node's users reconnect to others while it restarts, and there are three observers.
  if (!Number.isSafeInteger(value) || value < 3) {
    throw new InvalidArgumentError("expected whole numbers of at least 3");
  }
  return value;
}
