/**
 * Whether a node that is complete for the first time lists all keys that others list of lives which had said goodbye
 * before it started. Looks through public words, and only where everybody certainly heard the goodbye.
 */
import type { Diff } from "../words.js";
import type { SimulatedCluster } from "./cluster.js";
import { describeEntry } from "./diff-fold.js";
import type { VersionedMeta } from "./metas.js";
import type { NaiveModel } from "./naive-model.js";
import { listAll } from "./oracles.js";
import type { SimulatedNode } from "./simulated-node.js";

type Node = SimulatedNode<VersionedMeta>;

export interface Circumstances {
  readonly cluster: SimulatedCluster<VersionedMeta>;
  readonly model: NaiveModel;
  /** What a tick, and a turn of what comes after it, may shift. */
  readonly tickPeriodMs: number;
  /** When a node last was unwell, if ever. */
  unwellMs(node: Node): number;
}

/** What others list of earlier windows and this node does not; undefined if nothing is. */
export function missedInEarlierWindows(
  node: Node,
  others: readonly Node[],
  circumstances: Circumstances,
): string | undefined {
  const { cluster, model, tickPeriodMs } = circumstances;
  const now = cluster.nowMs;
  // It waits for nobody's window longer than that.
  if (now > node.startedMs + node.options.downPeriodMs - 2 * tickPeriodMs) return undefined;
  const { lossMs, disorderMs, slowestMs } = cluster.network;
  const heard = new Set(
    node.tracker
      .health()
      .replicas.filter(({ status }) => status === "up")
      .map(({ name }) => name),
  );
  const quietMs = Math.max(lossMs, disorderMs, circumstances.unwellMs(node));
  for (const other of others) {
    if (!heard.has(other.name)) continue;
    // Of what came back into its list since, its last heartbeats knew nothing.
    const toldMs = now - 2 * other.options.heartbeatPeriodMs - slowestMs;
    const isNew = (ref: string): boolean => other.diffsSince(toldMs).some((diff) => hasJoined(diff, ref));
    const wellMs = Math.max(quietMs, circumstances.unwellMs(other), other.startedMs);
    for (const { topic, entry } of listAll(other.tracker)) {
      const owner = cluster.lives[(model.lifeOf(entry.session) ?? 0) - 1];
      const { goodbye } = owner ?? {};
      if (owner === undefined || goodbye === undefined) continue;
      const wasHeard = goodbye.atMs > wellMs && goodbye.atMs + 2 * slowestMs + tickPeriodMs < node.startedMs;
      const isOpen = now < goodbye.atMs + goodbye.windowMs - 2 * tickPeriodMs - slowestMs;
      if (!wasHeard || !isOpen || node.tracker.has(topic, entry.key) || isNew(entry.ref)) continue;
      return describeEntry(topic, entry);
    }
  }
  return undefined;
}

function hasJoined(diff: Diff<VersionedMeta>, ref: string): boolean {
  for (const { joins } of diff.values()) if (joins.some((entry) => entry.ref === ref)) return true;
  return false;
}
