/**
 * A cluster of unmodified trackers in one process, on virtual time and a metered wire that loses nothing, under
 * the load of an application: entries spread evenly over the nodes, users that come and go, nodes that are
 * restarted while their users reconnect elsewhere. All options of the trackers are the defaults.
 *
 * Two hundred nodes that hold everything would need the memory of two hundred machines. But nobody relays
 * anything: what a node receives depends on who sends, not on what the senders hold. So only a few nodes, the
 * observers, hear everybody; the others are real trackers with their share of the entries that hear only the
 * observers, and are told how much the others say (`harness/sampling.ts`). What an observer sees is what every node of a
 * whole cluster would see. In a cluster that is `whole` everybody is an observer: `proof.ts` compares the two.
 */
import { countAll, Lab } from "../harness/lab.js";
import { Sampling } from "../harness/sampling.js";
import type { Traffic } from "../harness/wire.js";
import { Session } from "../../src/session.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { keyOf, metaOf, topicCount, topicOf, type Viewer } from "../workload.js";

export interface ClusterSize {
  readonly nodes: number;
  /** In all, not per node. */
  readonly entries: number;
  /** Everybody hears everybody. */
  readonly whole?: boolean;
}

/** What one life of a node has taken so far. */
interface Life {
  readonly tracker: Tracker<Viewer>;
  readonly traffic: Traffic;
}

/** A presence that is tracked somewhere. */
interface Tracked {
  readonly session: Session;
  readonly presence: number;
  readonly node: number;
}

/** Sums over the observers since the cluster began, their earlier lives too. */
export interface Totals {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly receivedFrames: number;
  /** Deltas and pages merged. */
  readonly merges: number;
  /** Real milliseconds of work for what was received: decoding, merging, making the diffs. */
  readonly workMs: number;
}

/** What the restart of one node brought. */
export interface Restarted {
  /** Received by the new life until it was complete, if the node is an observer: else it hears too few. */
  readonly catchUpBytes: number | undefined;
  /** How many users reconnected to other nodes. */
  readonly moved: number;
}

const observerCount = 3;
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
  /** Spread evenly over the nodes, which are restarted in their order. */
  readonly observers: ReadonlySet<number>;
  readonly #lab: Lab;
  readonly #sampling: Sampling;
  readonly #lives: Life[] = [];
  /** Lives of observers that were stopped: what they took still counts. */
  readonly #ended: Life[] = [];
  /** In the order in which they were tracked. */
  #tracked: Tracked[] = [];
  #lastPresence = 0;

  private constructor({ nodes, entries, whole = false }: ClusterSize) {
    this.nodeCount = nodes;
    this.entryCount = entries;
    const count = whole ? nodes : Math.min(nodes, observerCount);
    this.observers = new Set(
      Array.from({ length: count }, (_, index) => Math.floor(((index + 0.5) * nodes) / count)),
    );
    const time = new VirtualTime();
    this.#sampling = new Sampling([...this.observers].map(nameOf));
    this.#lab = new Lab(this.#sampling.wire(time), time);
  }

  /** Starts the nodes and fills them; resolves when each of them lists what it hears of. */
  static async filled(size: ClusterSize): Promise<GrowthCluster> {
    const cluster = new GrowthCluster(size);
    const { nodes, entries } = size;
    for (let node = 0; node < nodes; node++) {
      cluster.#lives.push(await cluster.#start(node));
      await cluster.#lab.advance(startApartMs);
    }
    while (cluster.#tracked.length < entries) {
      for (let step = 0; step < fillPerStep && cluster.#tracked.length < entries; step++) {
        cluster.#tracked.push(cluster.#track(cluster.#homeOf(cluster.#tracked.length)));
      }
      await cluster.#lab.advance(fillStepMs);
    }
    await cluster.settle();
    return cluster;
  }

  /**
   * Lets what is under way arrive, and checks that every observer lists every entry, and every other node its own
   * and those of the observers. @throws Error if one does not.
   */
  async settle(): Promise<void> {
    await this.#lab.advance(10_000);
    const owned = this.#lives.map(() => 0);
    for (const { node } of this.#tracked) owned[node] = (owned[node] ?? 0) + 1;
    const ofObservers = [...this.observers].reduce((sum, node) => sum + (owned[node] ?? 0), 0);
    for (const [node, { tracker }] of this.#lives.entries()) {
      const expected = this.observers.has(node) ? this.entryCount : ofObservers + (owned[node] ?? 0);
      const listed = countAll(tracker);
      if (listed === expected && tracker.health().complete) continue;
      throw new Error(`${tracker.nodeName} lists ${listed} of ${expected} entries`);
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
   * nodes, and it comes back without entries.
   */
  async restart(node: number, seconds: number): Promise<Restarted> {
    const life = this.#lifeOf(node);
    const isObserver = this.observers.has(node);
    const stopped = life.tracker.stop();
    const moved = await this.#reconnectUsersOf(node);
    await stopped;
    if (isObserver) this.#ended.push(life);
    await this.#lab.advance(restartAfterMs - reconnectWithinMs);
    const next = await this.#start(node);
    this.#lives[node] = next;
    const startedMs = this.#lab.time.nowMs;
    const listed = isObserver ? this.entryCount : 0;
    await this.#lab.until(() => next.tracker.health().complete && countAll(next.tracker) >= listed);
    const catchUpBytes = isObserver ? next.traffic.receivedBytes : undefined;
    const leftMs = seconds * 1_000 - restartAfterMs - (this.#lab.time.nowMs - startedMs);
    if (leftMs < 0) throw new Error("catching up took longer than the time between two restarts");
    await this.#lab.advance(leftMs);
    return { catchUpBytes, moved };
  }

  totals(): Totals {
    const totals = { sentBytes: 0, receivedBytes: 0, receivedFrames: 0, merges: 0, workMs: 0 };
    const present = [...this.observers].map((node) => this.#lifeOf(node));
    for (const { tracker, traffic } of [...this.#ended, ...present]) {
      const { deltasMerged, pagesMerged } = tracker.health().counters;
      totals.sentBytes += traffic.sentBytes;
      totals.receivedBytes += traffic.receivedBytes;
      totals.receivedFrames += traffic.receivedFrames;
      totals.merges += deltasMerged + pagesMerged;
      totals.workMs += traffic.receivingMs;
    }
    return totals;
  }

  #lifeOf(node: number): Life {
    const life = this.#lives[node];
    if (life === undefined) throw new Error(`no node ${node}`);
    return life;
  }

  async #start(node: number): Promise<Life> {
    const name = nameOf(node);
    // With a handler, or the trackers would make no diffs.
    const tracker = await this.#lab.start(name, this.#sampling.options(name), { handleDiff: () => {} });
    return { tracker, traffic: this.#lab.wire.traffic(name) };
  }

  #track(node: number, presence = ++this.#lastPresence): Tracked {
    const session = new Session();
    this.#lifeOf(node).tracker.track(session, topicOf(presence), keyOf(presence), metaOf(presence));
    return { session, presence, node };
  }

  async #reconnectUsersOf(node: number): Promise<number> {
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
    return users.length;
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

function nameOf(node: number): string {
  return `node-${node}`;
}
