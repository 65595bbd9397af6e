/**
 * A cluster of unmodified trackers in one process, on virtual time and a metered wire that loses nothing, under
 * the load of an application: entries spread evenly over the nodes, users that come and go, nodes that are
 * restarted while their users reconnect elsewhere. All options of the trackers are the defaults.
 */
import { countAll, Lab } from "../harness/lab.js";
import type { Traffic } from "../harness/wire.js";
import { Session } from "../../src/tracker/session.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { keyOf, metaOf, topicCount, topicOf, type Viewer } from "../workload.js";

/** What one life of a node has taken so far. */
interface Life {
  readonly tracker: Tracker<Viewer>;
  readonly traffic: Traffic;
}

/** A presence that is tracked somewhere. */
interface Tracked {
  readonly session: Session;
  readonly presence: number;
  node: number;
}

/** Sums over all nodes since the cluster began, their earlier lives too. */
export interface Totals {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly receivedFrames: number;
  /** Deltas and pages merged. */
  readonly merges: number;
  /** Milliseconds of processor time of the whole process, the simulation's own work included. */
  readonly processorMs: number;
}

/** Nodes start this far apart, so that their heartbeats do not coincide. */
const startApartMs = 7;
const fillPerStep = 500;
const fillStepMs = 100;
const churnStepMs = 50;
/** When a stopped node is started again, and within which time its users have reconnected to other nodes. */
const restartAfterMs = 2_000;
const reconnectWithinMs = 1_000;
const reconnectSteps = 10;

export class GrowthCluster {
  readonly nodeCount: number;
  readonly entryCount: number;
  readonly #lab = new Lab();
  readonly #lives: Life[] = [];
  /** Lives that were stopped: what they took still counts. */
  readonly #ended: Life[] = [];
  /** In the order in which they were tracked. */
  #tracked: Tracked[] = [];
  #lastPresence = 0;

  private constructor(nodeCount: number, entryCount: number) {
    this.nodeCount = nodeCount;
    this.entryCount = entryCount;
  }

  /** Starts the nodes and fills them; resolves when each of them lists every entry. */
  static async filled(nodeCount: number, entryCount: number): Promise<GrowthCluster> {
    const cluster = new GrowthCluster(nodeCount, entryCount);
    for (let node = 0; node < nodeCount; node++) {
      cluster.#lives.push(await cluster.#start(node));
      await cluster.#lab.advance(startApartMs);
    }
    while (cluster.#tracked.length < entryCount) {
      for (let step = 0; step < fillPerStep && cluster.#tracked.length < entryCount; step++) {
        cluster.#tracked.push(cluster.#track(cluster.#homeOf(cluster.#tracked.length)));
      }
      await cluster.#lab.advance(fillStepMs);
    }
    await cluster.settle();
    return cluster;
  }

  /** Lets what is under way arrive, and checks that every node lists every entry. @throws Error if one does not. */
  async settle(): Promise<void> {
    await this.#lab.advance(10_000);
    for (const { tracker } of this.#lives) {
      const listed = countAll(tracker);
      if (listed === this.entryCount && tracker.health().complete) continue;
      throw new Error(`${tracker.nodeName} lists ${listed} of ${this.entryCount} entries`);
    }
  }

  idle(seconds: number): Promise<void> {
    return this.#lab.advance(seconds * 1_000);
  }

  /** A share of all entries is replaced per second: the oldest session closes, a new one is tracked on its node. */
  async churn(seconds: number, sharePerSecond: number): Promise<void> {
    const replaced: Tracked[] = [];
    let oldest = 0;
    for (let step = 1; step <= (seconds * 1_000) / churnStepMs; step++) {
      const due = Math.round((this.entryCount * sharePerSecond * step * churnStepMs) / 1_000);
      for (; oldest < due; oldest++) {
        const old = this.#tracked[oldest];
        if (old === undefined) throw new Error("more churn than entries");
        old.session.close();
        replaced.push(this.#track(old.node));
      }
      await this.#lab.advance(churnStepMs);
    }
    this.#tracked = this.#tracked.slice(oldest).concat(replaced);
  }

  /**
   * Restarts one node within the given time: it stops with the default handoff, its users reconnect to the other
   * nodes, and it comes back without entries. Returns the bytes that its new life received until it was complete.
   */
  async restart(node: number, seconds: number): Promise<number> {
    const life = this.#lives[node];
    if (life === undefined) throw new Error(`no node ${node}`);
    const stopped = life.tracker.stop();
    await this.#reconnectUsersOf(node);
    await stopped;
    this.#ended.push(life);
    await this.#lab.advance(restartAfterMs - reconnectWithinMs);
    const next = await this.#start(node);
    this.#lives[node] = next;
    const startedMs = this.#lab.time.nowMs;
    await this.#lab.until(() => next.tracker.health().complete && countAll(next.tracker) >= this.entryCount);
    const { receivedBytes } = next.traffic;
    const leftMs = seconds * 1_000 - restartAfterMs - (this.#lab.time.nowMs - startedMs);
    if (leftMs < 0) throw new Error("catching up took longer than the time between two restarts");
    await this.#lab.advance(leftMs);
    return receivedBytes;
  }

  totals(): Totals {
    const totals = { sentBytes: 0, receivedBytes: 0, receivedFrames: 0, merges: 0 };
    for (const { tracker, traffic } of [...this.#ended, ...this.#lives]) {
      const { deltasMerged, pagesMerged } = tracker.health().counters;
      totals.sentBytes += traffic.sentBytes;
      totals.receivedBytes += traffic.receivedBytes;
      totals.receivedFrames += traffic.receivedFrames;
      totals.merges += deltasMerged + pagesMerged;
    }
    const { user, system } = process.cpuUsage();
    return { ...totals, processorMs: (user + system) / 1_000 };
  }

  async #start(node: number): Promise<Life> {
    const name = `node-${node}`;
    const tracker = await this.#lab.start(name);
    return { tracker, traffic: this.#lab.wire.traffic(name) };
  }

  #track(node: number, presence = ++this.#lastPresence): Tracked {
    const session = new Session();
    const life = this.#lives[node];
    if (life === undefined) throw new Error(`no node ${node}`);
    life.tracker.track(session, topicOf(presence), keyOf(presence), metaOf(presence));
    return { session, presence, node };
  }

  async #reconnectUsersOf(node: number): Promise<void> {
    const users = [...this.#tracked.entries()].filter(([, tracked]) => tracked.node === node);
    let reconnected = 0;
    for (let step = 1; step <= reconnectSteps; step++) {
      await this.#lab.advance(reconnectWithinMs / reconnectSteps);
      const due = Math.round((users.length * step) / reconnectSteps);
      for (const [index, { session, presence }] of users.slice(reconnected, due)) {
        session.close();
        this.#tracked[index] = this.#track(this.#otherNode(node, reconnected++), presence);
      }
    }
  }

  /**
   * The node on which a presence is tracked first. Each round of the topics begins one node later, so that no
   * node has a topic to itself, whatever the number of nodes.
   */
  #homeOf(index: number): number {
    return (index + Math.floor(index / topicCount)) % this.nodeCount;
  }

  #otherNode(node: number, turn: number): number {
    return (node + 1 + (turn % (this.nodeCount - 1))) % this.nodeCount;
  }
}
