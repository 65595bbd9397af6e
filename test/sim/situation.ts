/** What the oracles that look inside are told of the run: its time, its periods, and where to say what is wrong. */
import type { VersionedMeta } from "../../src/testing/history-oracles.js";
import type { SimulatedCluster } from "../../src/testing/cluster.js";
import { unwellStretches } from "../../src/testing/own-hearing.js";
import type { SimulatedNode } from "../../src/testing/simulated-node.js";

export type Watched = SimulatedNode<VersionedMeta>;

/** How often a tracker looks for silence. */
const ticksPerHeartbeat = 4;

export class Situation {
  /** What is wrong, one line each, since somebody took it. */
  readonly #wrong: string[] = [];
  #cluster: SimulatedCluster<VersionedMeta> | undefined;

  begin(cluster: SimulatedCluster<VersionedMeta>): void {
    this.#cluster = cluster;
  }

  get nowMs(): number {
    return this.#cluster?.nowMs ?? 0;
  }

  get broadcastPeriodMs(): number {
    return this.#cluster?.broadcastPeriodMs ?? 0;
  }

  get heartbeatPeriodMs(): number {
    return this.#cluster?.heartbeatPeriodMs ?? Infinity;
  }

  get downPeriodMs(): number {
    return this.#cluster?.downPeriodMs ?? Infinity;
  }

  get permdownPeriodMs(): number {
    return this.#cluster?.permdownPeriodMs ?? Infinity;
  }

  /** Whether frames that come twice may come for longer than a life that has ended can send: they may seem to insist. */
  get mayInsist(): boolean {
    return (this.#cluster?.network.longestWayMs ?? 0) >= this.downPeriodMs;
  }

  get tickPeriodMs(): number {
    return this.heartbeatPeriodMs / ticksPerHeartbeat;
  }

  blame(what: string): void {
    this.#wrong.push(what);
  }

  takeWrong(): string[] {
    return this.#wrong.splice(0);
  }

  /** Time in which a node certainly was well: neither stalled nor disconnected, and not what a late tick cut off. */
  healthyMsSince(node: Watched, sinceMs: number): number {
    const { nowMs } = this;
    let lostMs = node.machine.stalledMsSince(sinceMs);
    for (const { fromMs, untilMs } of unwellStretches(node.endpoint)) {
      lostMs += Math.max(0, Math.min(untilMs, nowMs) - Math.max(fromMs, sinceMs));
    }
    return nowMs - sinceMs - lostMs;
  }
}
