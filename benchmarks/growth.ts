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
import { checks, slopesOf } from "./growth/slopes.js";

/** Every node holds every entry, all in one heap: no cluster has more copies than this, about 0.7 GB. */
const copiesMax = 2_000_000;
/** The nodes of the clusters that have more and more entries. */
const nodesOfEntries = 10;

interface Options {
  readonly nodes: number[];
  readonly entries: number;
  readonly json?: string;
  readonly plots?: string;
}

const options = new Command("bench:growth")
  .description("What nodes pay per second in clusters with more and more nodes and entries, simulated.")
  .option("--nodes <counts>", "numbers of nodes, separated by commas", counts, [3, 10, 30, 100, 200])
  .option("--entries <count>", "most entries in a cluster, all nodes together", count, 100_000)
  .option("--json <file>", "also write the figures to this file")
  .option("--plots <folder>", "also draw scaling-nodes.svg and scaling-entries.svg in this folder")
  .parse()
  .opts<Options>();

const nodeCounts = [...new Set(options.nodes)].sort((a, b) => a - b);
const entriesOfNodes = Math.min(options.entries, Math.floor(copiesMax / (nodeCounts.at(-1) ?? 1)));
const entryCounts = [100, 10, 1].map((part) => Math.max(nodesOfEntries, Math.floor(options.entries / part)));

const wanted = new Map<string, { nodes: number; entries: number }>();
const want = (nodes: number, entries: number): unknown =>
  wanted.set(`${nodes} ${entries}`, { nodes, entries });
for (const nodes of nodeCounts) want(nodes, entriesOfNodes);
for (const entries of entryCounts) want(nodesOfEntries, entries);

const bar = process.stderr.isTTY
  ? new SingleBar({ format: "[{bar}] {value}/{total} {step}", clearOnComplete: true, hideCursor: true })
  : undefined;
bar?.start(wanted.size, 0, { step: "" });
const say = (step: string): void => (bar === undefined ? console.error(step) : bar.update({ step }));

// Compiles the code, so that the first cluster does not pay for it.
await measure(4, 2_000, () => say("warming up"));
const points: Point[] = [];
for (const { nodes, entries } of wanted.values()) {
  points.push(await measure(nodes, entries, say));
  bar?.increment();
}
bar?.stop();

const byNodes = points.filter(({ entries }) => entries === entriesOfNodes);
const byEntries = points
  .filter(({ nodes }) => nodes === nodesOfEntries)
  .sort((a, b) => a.entries - b.entries);
const machine = describeMachine();
const slopes = points.map((point) => ({ nodes: point.nodes, entries: point.entries, ...slopesOf(point) }));

console.log(
  `${machine.cores} cores, ${machine.processor}, ${machine.memoryGiB} GiB, Node ${machine.node}, ` +
    `commit ${machine.commit}, ${machine.date}; per node and second, the mean over all nodes\n`,
);
console.log(
  table(
    ["nodes", "entries", "", "sent B", "received B", "frames", "merges", "processor ms"],
    points.flatMap(({ nodes, entries, cost }) =>
      phases.map((phase) => {
        const { sentBytes, receivedBytes, receivedFrames, merges, processorMs } = cost[phase];
        const figures = [sentBytes, receivedBytes, receivedFrames, merges, processorMs].map(formatNumber);
        return [grouped(nodes), grouped(entries), phase, ...figures];
      }),
    ),
  ),
);
console.log(
  table(
    [
      "nodes",
      "entries",
      "idle B/s per peer",
      "B per change",
      "processor µs per change",
      "catch-up B per entry",
      "restart B per entry",
    ],
    slopes.map(({ nodes, entries, ...each }) => [
      grouped(nodes),
      grouped(entries),
      ...[
        each.idleBytesPerPeer,
        each.bytesPerChange,
        each.processorMicrosecondsPerChange,
        each.catchUpBytesPerEntry,
        each.restartBytesPerEntry,
      ].map(formatNumber),
    ]),
  ),
);
for (const { from, to, phase, foretoldBytes, measuredBytes } of checks(points)) {
  console.log(
    `${phase}: ${from.nodes} nodes foretell ${formatNumber(foretoldBytes)} B/s of ${to.nodes} nodes with as many ` +
      `entries each; measured ${formatNumber(measuredBytes)} B/s`,
  );
}

if (options.json !== undefined) {
  const result = { program: "bench:growth", machine, points, slopes, checks: checks(points) };
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

/** A Markdown table, so that it can be taken over into a page as it is. */
function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(headings), line(headings.map(() => "---:")), ...rows.map(line), ""].join("\n");
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

function counts(text: string): number[] {
  return text.split(",").map(count);
}

function count(text: string): number {
  const value = Number(text);
  // A node's users reconnect to others while it restarts, and two nodes are restarted.
  if (!Number.isSafeInteger(value) || value < 3) {
    throw new InvalidArgumentError("expected whole numbers of at least 3");
  }
  return value;
}
