/**
 * What a cluster costs each of its nodes per second: idle, under churn, and while all its nodes are restarted in
 * turn.
 */
import { collectGarbage } from "../harness/stopwatch.js";
import { GrowthCluster, type ClusterSize, type Totals } from "./cluster.js";

export const phases = ["idle", "churn", "restart"] as const;
export type Phase = (typeof phases)[number];

/** Per node and second of virtual time, the mean over the observers. */
interface Cost {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly receivedFrames: number;
  /** Deltas and pages merged. */
  readonly merges: number;
  /** Real milliseconds of work for what was received, without the share in which other processes ran. */
  readonly workMs: number;
}

/** One cluster, measured. */
export interface Point {
  readonly nodes: number;
  readonly entries: number;
  readonly cost: Readonly<Record<Phase, Cost>>;
  /** What a restarted node received until it was complete, the mean of the observers. */
  readonly catchUpBytes: number;
  /** How often a user reconnected while all nodes were restarted, the mean over all users. */
  readonly reconnectsPerUser: number;
}

/** The share of all entries that is replaced per second. */
export const churnPerSecond = 0.01;
export const restartEverySeconds = 12;
/** Virtual seconds that are measured. Idle, multiples of the heartbeat; churn, of the collecting of changes. */
const idleSeconds = 10;
const churnSeconds = 12;
/** Before churn is measured, so that changes are under way at both ends. */
const churnWarmUpSeconds = 3;

export async function measure(size: ClusterSize, say: (step: string) => void): Promise<Point> {
  const { nodes, entries } = size;
  const title = `${nodes} nodes, ${entries} entries${size.whole === true ? ", whole" : ""}`;
  say(`${title}: filling`);
  const cluster = await GrowthCluster.filled(size);

  say(`${title}: idle`);
  const idle = await costOf(cluster, idleSeconds, () => cluster.idle(idleSeconds));

  say(`${title}: churn`);
  await cluster.churn(churnWarmUpSeconds, churnPerSecond);
  const churn = await costOf(cluster, churnSeconds, () => cluster.churn(churnSeconds, churnPerSecond));
  await cluster.settle();

  say(`${title}: rolling restart`);
  let catchUpBytes = 0;
  let moved = 0;
  const restart = await costOf(cluster, nodes * restartEverySeconds, async () => {
    for (let node = 0; node < nodes; node++) {
      const restarted = await cluster.restart(node, restartEverySeconds);
      catchUpBytes += (restarted.catchUpBytes ?? 0) / cluster.observers.size;
      moved += restarted.moved;
    }
  });
  await cluster.settle();
  return { nodes, entries, cost: { idle, churn, restart }, catchUpBytes, reconnectsPerUser: moved / entries };
}

async function costOf(cluster: GrowthCluster, seconds: number, run: () => Promise<void>): Promise<Cost> {
  collectGarbage();
  const before = cluster.totals();
  const busyBeforeMs = processorMs();
  const startMs = performance.now();
  await run();
  const busyShare = Math.min(1, (processorMs() - busyBeforeMs) / (performance.now() - startMs));
  const after = cluster.totals();
  const each = (part: keyof Totals): number =>
    (after[part] - before[part]) / cluster.observers.size / seconds;
  return {
    sentBytes: each("sentBytes"),
    receivedBytes: each("receivedBytes"),
    receivedFrames: each("receivedFrames"),
    merges: each("merges"),
    // Nothing here waits: whatever of the time this process was not busy, the machine ran others.
    workMs: each("workMs") * busyShare,
  };
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
