/**
 * What one more node, entry, change or restart costs, from measured points, and what a larger cluster would
 * cost by that. Pure. A projection goes beyond what was measured and has to be called one.
 */
import { churnPerSecond, restartEverySeconds, type Point } from "./measure.js";

/** From one point: what each of its parts adds, at its number of entries per node. */
export interface Slopes {
  readonly nodes: number;
  readonly entries: number;
  /** Received per second from each idle peer. */
  readonly idleBytesPerPeer: number;
  /** Received per entry that joins or leaves elsewhere, its share of the frame included. */
  readonly bytesPerChange: number;
  /** Work per change received. Real time: it knows the moods of the machine. */
  readonly workMicrosecondsPerChange: number;
  /** Received per entry by a node that starts. */
  readonly catchUpBytesPerEntry: number;
  /** Received per user of a restarted node that reconnects elsewhere, its share of the frame included. */
  readonly bytesPerReconnect: number;
  /** Received by each node per entry of the cluster while all nodes are restarted: catch-up and reconnects. */
  readonly restartBytesPerEntry: number;
}

export function slopesOf({ nodes, entries, cost, catchUpBytes, reconnectsPerUser }: Point): Slopes {
  const changesPerSecond = changesReceived(nodes, entries);
  const restartBytes = (cost.restart.receivedBytes - cost.idle.receivedBytes) * nodes * restartEverySeconds;
  // Neither the node that is restarted hears of a reconnect nor the one that has the user now.
  const reconnectsReceived = (entries * reconnectsPerUser * (nodes - 2)) / nodes;
  return {
    nodes,
    entries,
    idleBytesPerPeer: cost.idle.receivedBytes / (nodes - 1),
    bytesPerChange: (cost.churn.receivedBytes - cost.idle.receivedBytes) / changesPerSecond,
    workMicrosecondsPerChange: ((cost.churn.workMs - cost.idle.workMs) * 1_000) / changesPerSecond,
    catchUpBytesPerEntry: catchUpBytes / entries,
    bytesPerReconnect: (restartBytes - catchUpBytes) / reconnectsReceived,
    restartBytesPerEntry: restartBytes / entries,
  };
}

/** A replaced entry is two changes, and a node receives those of its peers. */
function changesReceived(nodes: number, entries: number): number {
  return (2 * entries * churnPerSecond * (nodes - 1)) / nodes;
}

/** A pair of points with equal entries per node: what the smaller foretells of the larger, and what it took. */
export interface Check {
  readonly from: Point;
  readonly to: Point;
  readonly phase: "idle" | "churn";
  readonly foretoldBytes: number;
  readonly measuredBytes: number;
}

/**
 * Every pair among the points that can check a projection: a peer with as many entries costs the same, whatever
 * the number of other peers.
 */
export function checks(points: readonly Point[]): Check[] {
  const found: Check[] = [];
  for (const from of points) {
    for (const to of points) {
      if (to.nodes <= from.nodes || to.entries * from.nodes !== from.entries * to.nodes) continue;
      const times = (to.nodes - 1) / (from.nodes - 1);
      for (const phase of ["idle", "churn"] as const) {
        const foretoldBytes = from.cost[phase].receivedBytes * times;
        found.push({ from, to, phase, foretoldBytes, measuredBytes: to.cost[phase].receivedBytes });
      }
    }
  }
  return found;
}
