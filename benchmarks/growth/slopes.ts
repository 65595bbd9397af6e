/**
 * What one more node, entry, change or restart costs, from measured points, and what a larger cluster would
 * cost by that. Pure. A projection goes beyond what was measured and has to be called one.
 */
import { phases, restartEverySeconds, churnPerSecond, type Phase, type Point } from "./measure.js";

/** From one point: what each of its parts adds, at its number of entries per node. */
export interface Slopes {
  /** Received per second from each idle peer. */
  readonly idleBytesPerPeer: number;
  /** Received per entry that joins or leaves elsewhere, its share of the frame included. */
  readonly bytesPerChange: number;
  /** Processor time per change received, the author's share and the simulation's own work included. */
  readonly processorMicrosecondsPerChange: number;
  /** Received per entry by a node that starts. */
  readonly catchUpBytesPerEntry: number;
  /** Received by the whole cluster per node of it, per entry of a node that restarts. */
  readonly restartBytesPerEntry: number;
}

export function slopesOf({ nodes, entries, cost, catchUpBytes }: Point): Slopes {
  // A replaced entry is two changes, and a node hears of those of its peers.
  const changesPerSecond = (2 * entries * churnPerSecond * (nodes - 1)) / nodes;
  const restartBytes = (cost.restart.receivedBytes - cost.idle.receivedBytes) * restartEverySeconds;
  return {
    idleBytesPerPeer: cost.idle.receivedBytes / (nodes - 1),
    bytesPerChange: (cost.churn.receivedBytes - cost.idle.receivedBytes) / changesPerSecond,
    processorMicrosecondsPerChange:
      ((cost.churn.processorMs - cost.idle.processorMs) * 1_000) / changesPerSecond,
    catchUpBytesPerEntry: catchUpBytes / entries,
    restartBytesPerEntry: restartBytes / (entries / nodes),
  };
}

/**
 * The idle and churn costs of a cluster of so many nodes that each have as many entries as a node of the point
 * has: a peer costs the same, whatever the number of other peers.
 */
export function projected(point: Point, nodes: number): Record<"idle" | "churn", number> {
  const times = (nodes - 1) / (point.nodes - 1);
  return {
    idle: point.cost.idle.receivedBytes * times,
    churn: point.cost.churn.receivedBytes * times,
  };
}

/** A pair of points with equal entries per node: what the smaller foretells of the larger, and what it took. */
export interface Check {
  readonly from: Point;
  readonly to: Point;
  readonly phase: Phase;
  readonly foretoldBytes: number;
  readonly measuredBytes: number;
}

/** Every pair among the points that can check the projection. */
export function checks(points: readonly Point[]): Check[] {
  const found: Check[] = [];
  for (const from of points) {
    for (const to of points) {
      if (to.nodes <= from.nodes || to.entries * from.nodes !== from.entries * to.nodes) continue;
      const foretold = projected(from, to.nodes);
      for (const phase of phases) {
        if (phase === "restart") continue;
        const measuredBytes = to.cost[phase].receivedBytes;
        found.push({ from, to, phase, foretoldBytes: foretold[phase], measuredBytes });
      }
    }
  }
  return found;
}
