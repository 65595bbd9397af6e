/**
 * What a cluster costs each of its nodes per second, idle, under churn, and while it is restarted node by node.
 */
import { collectGarbage } from "../harness/stopwatch.js";
import { GrowthCluster, type Totals } from "./cluster.js";

export const phases = ["idle", "churn", "restart"] as const;
export type Phase = (typeof phases)[number];

/** Per node and second of virtual time, the mean over all nodes. */
export interface Cost {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly receivedFrames: number;
  /** Deltas and pages merged. */
  readonly merges: number;
  /** Milliseconds of processor time, the simulation's own work included. */
  readonly processorMs: number;
}

/** One cluster, measured. */
export interface Point {
  readonly nodes: number;
  readonly entries: number;
  readonly cost: Readonly<Record<Phase, Cost>>;
  /** What a restarted node received until it was complete, the mean of the restarts. */
  readonly catchUpBytes: number;
}

/** The share of all entries that is replaced per second. */
export const churnPerSecond = 0.01;
export const restartEverySeconds = 12;
/** Virtual seconds that are measured. Idle, multiples of the heartbeat; churn, of the collecting of changes. */
export const idleSeconds = 10;
export const churnSeconds = 12;
/** Before churn is measured, so that changes are under way at both ends. */
const churnWarmUpSeconds = 3;
const restarts = 2;

export async function measure(nodes: number, entries: number, say: (step: string) => void): Promise<Point> {
  const title = `${nodes} nodes, ${entries} entries`;
  say(`${title}: filling`);
  const cluster = await GrowthCluster.filled(nodes, entries);

  say(`${title}: idle`);
  const idle = await costOf(cluster, idleSeconds, () => cluster.idle(idleSeconds));

  say(`${title}: churn`);
  await cluster.churn(churnWarmUpSeconds, churnPerSecond);
  const churn = await costOf(cluster, churnSeconds, () => cluster.churn(churnSeconds, churnPerSecond));
  await cluster.settle();

  say(`${title}: rolling restart`);
  const caughtUp: number[] = [];
  const restart = await costOf(cluster, restarts * restartEverySeconds, async () => {
    for (let node = 0; node < restarts; node++) {
      caughtUp.push(await cluster.restart(node, restartEverySeconds));
    }
  });
  await cluster.settle();
  const catchUpBytes = caughtUp.reduce((sum, bytes) => sum + bytes, 0) / caughtUp.length;
  return { nodes, entries, cost: { idle, churn, restart }, catchUpBytes };
}

async function costOf(cluster: GrowthCluster, seconds: number, run: () => Promise<void>): Promise<Cost> {
  collectGarbage();
  const before = cluster.totals();
  await run();
  const after = cluster.totals();
  const each = (part: keyof Totals): number => (after[part] - before[part]) / cluster.nodeCount / seconds;
  return {
    sentBytes: each("sentBytes"),
    receivedBytes: each("receivedBytes"),
    receivedFrames: each("receivedFrames"),
    merges: each("merges"),
    processorMs: each("processorMs"),
  };
}
