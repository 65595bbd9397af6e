/**
 * What following costs beside full replication: `npm run bench:following`. Simulated clusters of unmodified trackers on
 * virtual time, whose users sit in rooms; full replication, shares and the model of both in the same run. With `--model`
 * only the model, for clusters that no machine holds. `docs/scaling.md` draws the conclusions.
 */
import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { describeMachine } from "./harness/machine.js";
import { toRow, type Row } from "./harness/row.js";
import { formatNumber, terminalTable } from "./harness/table.js";
import { RoomsCluster, type Holds, type Totals } from "./following/cluster.js";
import { hourOfChurn } from "./following/hour.js";
import { fullReplication, shares, type Expected, type Load } from "./following/model.js";
import { Placement, type PlacementKind, type PlacementSize } from "./following/placement.js";
import { rowsOf } from "./following/rows.js";

const KINDS: readonly PlacementKind[] = ["home", "random"];
/** A topic lingers until as much has changed in it as it has entries: at this churn, 50 s. */
const LOAD: Load = { churnPerSecond: 0.01, windowMs: 1_500, lingerMs: 50_000 };
const IDLE_SECONDS = 20;
const CHURN_SECONDS = 20;

interface Options {
  readonly nodes: number;
  readonly entries: number;
  readonly placement?: PlacementKind;
  readonly warmUp: number;
  readonly model?: boolean;
  readonly full: boolean;
  readonly hour?: boolean;
  readonly json?: string;
}

/** Per node and second. */
interface Cost {
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly workMs: number;
}

interface Measured {
  readonly idle: Cost;
  readonly churn: Cost;
  readonly held: number;
}

const options = new Command("bench:following")
  .description("What a node pays per second where nodes follow rooms, beside full replication, simulated.")
  .option("--nodes <count>", "nodes", count, 100)
  .option("--entries <count>", "entries, all nodes together", count, 100_000)
  .option("--placement <kind>", "home or random; both, if it is not said", placement)
  .option("--warm-up <seconds>", "churn before it is measured: longer than a topic lingers", count, 70)
  .option("--model", "only compute what is expected")
  .option("--no-full", "leave full replication out")
  .option("--hour", "only what an hour of churn and restarts leaves behind, of ten nodes")
  .option("--json <file>", "also write the rows to this file")
  .parse()
  .opts<Options>();

const machine = describeMachine();
console.log(
  `${machine.cores} cores, ${machine.processor}, ${machine.memoryGiB} GiB, Node ${machine.node}, ` +
    `commit ${machine.commit}, ${machine.date}; per node and second, ${LOAD.churnPerSecond * 100} % of all entries replaced per second\n`,
);
const rows: Row[] = [];
if (options.hour === true) rows.push(...(await hourRows()));
for (const kind of options.hour === true
  ? []
  : options.placement === undefined
    ? KINDS
    : [options.placement]) {
  const size = { nodes: options.nodes, entries: options.entries, kind };
  const name = kind === "home" ? "home nodes" : "random";
  console.log(`${grouped(size.nodes)} nodes, ${grouped(size.entries)} entries, ${name}`);
  const expected = {
    everything: fullReplication(new Placement(size), LOAD),
    followed: shares(new Placement(size), LOAD),
  };
  const measured: { [Each in Holds]?: Measured } = {};
  for (const holds of ["everything", "followed"] as const) {
    if (holds === "everything" && !options.full && options.model !== true) continue;
    if (options.model !== true) measured[holds] = await measure(size, holds);
    show(holds, measured[holds], expected[holds]);
  }
  if (measured.followed !== undefined) {
    const { everything, followed } = measured;
    const { idle, churn } = followed;
    rows.push(...rowsOf({ size, idle, shares: churn, model: expected.followed, full: everything?.churn }));
  }
}
if (options.json !== undefined) {
  const result = { program: "bench:following", machine, rows };
  writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
}

async function hourRows(): Promise<Row[]> {
  const figures = await hourOfChurn((step) => console.error(step));
  const hour = figures.map((figure) => toRow("following hour", figure));
  console.log(terminalTable(hour));
  return hour;
}

async function measure(size: PlacementSize, holds: Holds): Promise<Measured> {
  const cluster = await RoomsCluster.filled(new Placement(size), holds);
  const idle = await costOf(cluster, IDLE_SECONDS, () => cluster.idle(IDLE_SECONDS));
  await cluster.churn(options.warmUp, LOAD.churnPerSecond);
  const churn = await costOf(cluster, CHURN_SECONDS, () => cluster.churn(CHURN_SECONDS, LOAD.churnPerSecond));
  const held = cluster.held();
  await cluster.idle(10);
  cluster.check();
  await cluster.stop();
  return { idle, churn, held };
}

async function costOf(cluster: RoomsCluster, seconds: number, run: () => Promise<void>): Promise<Cost> {
  const before = cluster.totals();
  await run();
  const after = cluster.totals();
  const per = (figure: keyof Totals): number =>
    (after[figure] - before[figure]) / seconds / cluster.measured.length;
  return {
    receivedFrames: per("receivedFrames"),
    receivedBytes: per("receivedBytes"),
    sentFrames: per("sentFrames"),
    sentBytes: per("sentBytes"),
    workMs: per("workMs"),
  };
}

function show(holds: Holds, measured: Measured | undefined, expected: Expected): void {
  const line = (what: string, text: string): void =>
    console.log(`  ${`${holds}, ${what}:`.padEnd(24)}${text}`);
  const heap = `about ${formatNumber(expected.heapBytes / 1e6)} MB of heap`;
  if (measured === undefined) {
    return line("model", `${traffic(expected)}, ${grouped(Math.round(expected.held))} entries held, ${heap}`);
  }
  const { idle, churn, held } = measured;
  line("idle", traffic(idle));
  const sent = `sent ${formatNumber(churn.sentFrames)} frames, ${formatNumber(churn.sentBytes / 1e3)} kB`;
  line(
    "churn",
    `${traffic(churn)}, ${sent}, ${formatNumber(churn.workMs)} ms of work, ${grouped(Math.round(held))} held`,
  );
  line(
    "model",
    `${traffic(expected)}, ${grouped(Math.round(expected.held))} held: frames ${off(expected.receivedFrames, churn.receivedFrames)}, ` +
      `bytes ${off(expected.receivedBytes, churn.receivedBytes)}, ${heap}`,
  );
}

function traffic({ receivedFrames, receivedBytes }: Pick<Cost, "receivedFrames" | "receivedBytes">): string {
  return `received ${formatNumber(receivedFrames)} frames, ${formatNumber(receivedBytes / 1e3)} kB`;
}

function off(expected: number, measured: number): string {
  const percent = (expected / measured - 1) * 100;
  return `${percent < 0 ? "" : "+"}${percent.toFixed(0)} %`;
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new InvalidArgumentError("a whole number from 1 on");
}

function placement(text: string): PlacementKind {
  const kind = KINDS.find((each) => each === text);
  if (kind !== undefined) return kind;
  throw new InvalidArgumentError("home or random");
}

function grouped(number: number): string {
  return number.toLocaleString("en-US");
}
