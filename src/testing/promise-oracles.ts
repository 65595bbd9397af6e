/**
 * Promises that hold while faults last, asked then: a key stays while somebody's window holds it, the dead go, a node that
 * starts is seen, nobody who is heard is hidden, `whenComplete` comes and is true, and `stop` ends. They look at one
 * tracker of every node, through public words only, and collect what is wrong, one line each.
 */
import type { Leave } from "../words.js";
import type { SimulatedCluster } from "./cluster.js";
import { describeEntry } from "./diff-fold.js";
import type { Expected } from "./history-oracles.js";
import type { VersionedMeta } from "./metas.js";
import { missedInEarlierWindows } from "./newcomer-oracle.js";
import { identityOf, type ModelEntry, type NaiveModel } from "./naive-model.js";
import { listAll } from "./oracles.js";
import { isNoticed, quietSinceMs, timeWithin, unwellMs, unwellStretches } from "./own-hearing.js";
import type { SimulatedNode } from "./simulated-node.js";

type Node = SimulatedNode<VersionedMeta>;

/** A tracker looks for silence so often. */
const ticksPerHeartbeat = 4;
/** What each stall may hide of the time in which a node was well; a disconnection hides less. */
const ticksPerStall = 3;
/** `startTimeoutMs` unless given: stopping takes no longer than starting. */
const stopLimitMs = 5_000;
/** Timers are late, and what ends a wait takes a turn or two. */
const slackMs = 500;
/** No answer is waited for longer, however slow others were. */
const longestPatienceMs = 1.25 * 15_000;
/** A turn of this length delays nobody's greeting. */
const shortStallMs = 400;
/** A wait whose goal is reached ends within so many heartbeats: far more than it needs, far fewer than for ever. */
const heartbeatsToComplete = 10;

/** A key that a departing life holds for others until its window ends. */
interface Held {
  readonly topic: string;
  readonly key: string;
  readonly untilMs: number;
  readonly what: string;
}

/** A call of `whenComplete` that has not resolved. */
interface Wait {
  readonly calledMs: number;
  /** What others had at the call. */
  readonly goal: readonly ModelEntry[];
  /** Since when all of it has been here, with the node well. */
  reachedMs: number | undefined;
}

/** What is remembered of one observer. */
interface Memory {
  diffs: number;
  held: Held[];
  lookedMs: number;
  wasComplete: boolean;
  wasEverComplete: boolean;
  readonly lives: Set<number>;
  /** Since when a life is followed: it had something, and all of it was here. */
  readonly followsMs: Map<number, number>;
  readonly waits: Set<Wait>;
}

export class PromiseOracles {
  readonly wrong: string[] = [];
  readonly #cluster: SimulatedCluster<VersionedMeta>;
  readonly #model: NaiveModel;
  readonly #expected: Expected;
  readonly #memories = new Map<Node, Memory>();
  readonly #overdueStops = new Set<Node>();

  constructor(cluster: SimulatedCluster<VersionedMeta>, model: NaiveModel, expected: Expected) {
    this.#cluster = cluster;
    this.#model = model;
    this.#expected = expected;
  }

  /** Looks at a node after one of its tasks: at its diffs always, at all it shows several times per heartbeat. */
  look(node: Node): void {
    if (!node.running) return;
    const memory = this.#memoryOf(node);
    for (; memory.diffs < node.diffs.length; memory.diffs += 1) {
      for (const [topic, { joins, leaves }] of node.diffs[memory.diffs]?.diff ?? []) {
        for (const { session } of joins) memory.lives.add(this.#model.lifeOf(session) ?? 0);
        for (const leave of leaves) this.#lookAtLeave(node, memory, topic, leave);
      }
    }
    if (memory.held.length > 0) this.#lookAtHeld(node, memory);
    // The task may have ended a wait.
    if (memory.waits.size > 0) this.#cluster.time.promisesMayBePending();
    const now = this.#cluster.nowMs;
    if (now - memory.lookedMs < this.#expected.heartbeatPeriodMs / 2) return;
    memory.lookedMs = now;
    this.#lookAtTheDead(node);
    this.#lookAtStarts(node, memory);
    this.#lookAtCompleteness(node, memory);
    this.#lookAtFollowing(node, memory);
    for (const wait of memory.waits) this.#lookAtWait(node, memory, wait);
  }

  /** Calls `whenComplete` on a node. */
  awaitComplete(node: Node): void {
    const { waits } = this.#memoryOf(node);
    const goal = this.#others(node).flatMap(({ life }) => this.#model.of(life));
    const wait: Wait = { calledMs: this.#cluster.nowMs, goal, reachedMs: undefined };
    waits.add(wait);
    this.#cluster.time.promisesMayBePending();
    node.tracker.whenComplete().then(
      () => {
        waits.delete(wait);
        if (node.running) this.#lookAtCompletion(node, wait.calledMs);
      },
      () => waits.delete(wait), // it was stopped
    );
  }

  /** Looks for stops that do not end. */
  lookAtStops(): void {
    const now = this.#cluster.nowMs;
    for (const node of this.#cluster.lives) {
      const { goodbye, machine, state } = node;
      if (state !== "stopping" || goodbye === undefined || machine.ended || this.#overdueStops.has(node))
        continue;
      const takenMs = now - goodbye.atMs - machine.stalledMsSince(goodbye.atMs);
      if (takenMs <= stopLimitMs + slackMs) continue;
      this.#overdueStops.add(node);
      this.#blame(node, `stop has not ended after ${takenMs.toFixed(0)} ms`);
    }
  }

  #memoryOf(node: Node): Memory {
    let memory = this.#memories.get(node);
    if (memory === undefined) {
      memory = {
        diffs: 0,
        held: [],
        lookedMs: -Infinity,
        wasComplete: false,
        wasEverComplete: false,
        lives: new Set(),
        followsMs: new Map(),
        waits: new Set(),
      };
      this.#memories.set(node, memory);
    }
    return memory;
  }

  #blame(node: Node, what: string): void {
    this.wrong.push(`${node.name} (life ${node.life}) at ${this.#cluster.nowMs.toFixed(1)} ms: ${what}`);
  }

  #others(node: Node): Node[] {
    return this.#cluster.running().filter(({ name }) => name !== node.name);
  }

  get #tickPeriodMs(): number {
    return this.#expected.heartbeatPeriodMs / ticksPerHeartbeat;
  }

  /** Whether lives of a name may be taken for each other: then little can be promised of them. */
  #isMistakable(name: string): boolean {
    return this.#expected.twins.has(name) || this.#expected.turnedBack.has(name);
  }

  /** Since when nodes certainly heard each other. */
  #quietSinceMs(...nodes: readonly Node[]): number {
    return quietSinceMs(this.#cluster.network, nodes);
  }

  #lookAtLeave(node: Node, memory: Memory, topic: string, leave: Leave<VersionedMeta>): void {
    const owner = this.#cluster.lives[(this.#model.lifeOf(leave.session) ?? 0) - 1];
    if (owner === undefined || this.#isMistakable(owner.name) || this.#isMistakable(node.name)) return;
    const what = describeEntry(topic, leave);
    if (leave.reason === "departed" || leave.reason === "replaced") {
      const untilMs = this.#windowEndMs(node, owner, leave.reason) - 2 * this.#tickPeriodMs;
      if (untilMs > this.#cluster.nowMs && !this.#expected.corrupted) {
        memory.held.push({ topic, key: leave.key, untilMs, what });
      }
    } else if (leave.reason === "down") this.#lookAtDown(node, owner, what);
  }

  /** Until when at least a node holds what a departing life had. */
  #windowEndMs(node: Node, owner: Node, reason: "departed" | "replaced"): number {
    if (reason === "departed") {
      return owner.goodbye === undefined ? -Infinity : owner.goodbye.atMs + owner.goodbye.windowMs;
    }
    const heardMs = node.endpoint.lastFreshMs.get(owner.endpoint) ?? -Infinity;
    return heardMs + node.options.downPeriodMs;
  }

  /** A key that was handed off is there for as long as the window of the node that held it. */
  #lookAtHeld(node: Node, memory: Memory): void {
    const now = this.#cluster.nowMs;
    memory.held = memory.held.filter(({ topic, key, untilMs, what }) => {
      if (now >= untilMs) return false;
      if (node.tracker.has(topic, key)) return true;
      this.#blame(node, `a key is away ${(untilMs - now).toFixed(0)} ms before its window ends: ${what}`);
      return false;
    });
  }

  /** A node that runs, and whose frames were lost for no longer than any patience, is not hidden. */
  #lookAtDown(node: Node, owner: Node, what: string): void {
    if (!owner.running || this.#expected.hints) return;
    const { downPeriodMs, heartbeatPeriodMs } = this.#expected;
    const quietMs = this.#cluster.nowMs - this.#quietSinceMs(node, owner);
    if (quietMs < 2 * downPeriodMs + heartbeatPeriodMs) return;
    this.#blame(node, `hides who is there, though nothing was lost for ${quietMs.toFixed(0)} ms: ${what}`);
  }

  /** The dead are hidden within twice the patience of a connected node, however often its connection was interrupted. */
  #lookAtTheDead(node: Node): void {
    const { downPeriodMs, heartbeatPeriodMs, permdownPeriodMs, latestFrameMs } = this.#expected;
    // Frames that come after all memory of their life has gone bring it back.
    const revivedMs = latestFrameMs > permdownPeriodMs ? latestFrameMs : 0;
    const blamed = new Set<Node>();
    for (const { topic, entry } of listAll(node.tracker)) {
      const owner = this.#cluster.lives[(this.#model.lifeOf(entry.session) ?? 0) - 1];
      if (owner === undefined || owner.state !== "crashed" || blamed.has(owner)) continue;
      if (this.#isMistakable(owner.name)) continue;
      const sinceMs = node.endpoint.lastFreshMs.get(owner.endpoint) ?? node.startedMs;
      const windowMs = owner.goodbye?.windowMs ?? 0;
      // One that stood still again and again has said so, and others are patient with it.
      const patienceMs = Math.max(downPeriodMs, owner.patienceMs);
      const limitMs = downPeriodMs + patienceMs + 3 * heartbeatPeriodMs + windowMs + revivedMs;
      const wellMs = this.#connectedMsSince(node, sinceMs);
      if (wellMs <= limitMs) continue;
      blamed.add(owner);
      this.#blame(
        node,
        `shows the dead ${wellMs.toFixed(0)} ms of good connection after it was heard: ${describeEntry(topic, entry)}`,
      );
    }
  }

  /** Time in which a node certainly was well, less what each interruption may have hidden of it. */
  #connectedMsSince(node: Node, sinceMs: number): number {
    const now = this.#cluster.nowMs;
    const stalls = node.machine.stalls.filter(({ untilMs }) => untilMs >= sinceMs);
    const unwell = unwellStretches(node.endpoint).filter(({ untilMs }) => untilMs >= sinceMs);
    const ticks = 1 + ticksPerStall * stalls.length + unwell.length;
    const lost = [...stalls, ...unwell].map(({ fromMs, untilMs }) => ({
      fromMs,
      untilMs: Math.min(untilMs, now),
    }));
    const lostMs = timeWithin(lost, sinceMs);
    return now - sinceMs - lostMs - ticks * this.#tickPeriodMs;
  }

  /** A node that has started, and has something to show, is seen where nothing was lost. */
  #lookAtStarts(node: Node, memory: Memory): void {
    const { heartbeatPeriodMs, corrupted, slowestFaultMs } = this.#expected;
    if (corrupted || this.#isMistakable(node.name)) return;
    const now = this.#cluster.nowMs;
    const { broadcastPeriodMs, network } = this.#cluster;
    // A node that has measured slow answers waits for a lost one as long as such a round trip and its variation.
    const patienceMs = Math.min(6 * (network.slowestMs + slowestFaultMs), longestPatienceMs);
    const limitMs = 2 * heartbeatPeriodMs + broadcastPeriodMs + patienceMs;
    for (const owner of this.#others(node)) {
      if (now - this.#quietSinceMs(node, owner) < limitMs || this.#paysForItsClock(owner, memory)) continue;
      const expected = this.#model.of(owner.life).find(({ atMs = 0 }) => now - atMs >= limitMs);
      if (expected === undefined || memory.lives.has(owner.life)) continue;
      this.#blame(
        node,
        `does not see life ${owner.life} of ${owner.name}, which has ${identityOf(expected)}`,
      );
    }
  }

  /**
   * A node that was level with another follows it while no broadcast on that way is lost, whatever else fails:
   * no question has to be asked.
   */
  #lookAtFollowing(node: Node, memory: Memory): void {
    if (this.#expected.corrupted || this.#expected.hints || this.#isMistakable(node.name)) return;
    const now = this.#cluster.nowMs;
    const { heartbeatPeriodMs } = this.#expected;
    const { broadcastPeriodMs, network } = this.#cluster;
    const limitMs = broadcastPeriodMs + 2 * network.slowestMs + 2 * slackMs;
    for (const owner of this.#others(node)) {
      if (this.#isMistakable(owner.name)) continue;
      const quietSinceMs = Math.max(
        network.broadcastLossMs(owner.name, node.name),
        network.disorderMs,
        ...[node, owner].map((each) => Math.max(each.startedMs, unwellMs(each))),
      );
      const entries = this.#model.of(owner.life);
      const missing = entries.find((entry) => !this.#isHere(node, entry));
      const followsMs = memory.followsMs.get(owner.life) ?? -Infinity;
      // Level with what was there before the last loss is not enough: its frame may have been the one that was lost.
      if (followsMs <= quietSinceMs + limitMs) {
        // What was lost may have told of a leave: of that the list says nothing, but the next heartbeat does.
        const isTold = now > quietSinceMs + limitMs + heartbeatPeriodMs;
        const isLevel = entries.length > 0 && missing === undefined && isTold && this.#lagsNot(node, owner);
        if (isLevel) memory.followsMs.set(owner.life, now);
        continue;
      }
      if (missing === undefined || now - (missing.atMs ?? 0) < limitMs) continue;
      memory.followsMs.delete(owner.life);
      this.#blame(
        node,
        `no longer follows ${owner.name}, of which no broadcast was lost: ${identityOf(missing)}`,
      );
    }
  }

  /** Whether a node knows of nothing that it lacks of another. */
  #lagsNot(node: Node, { name }: Node): boolean {
    const { replicas } = node.tracker.health();
    return replicas.every((replica) => replica.name !== name || replica.lagDots === 0);
  }

  /** The first life after a clock that was ahead has to insist; once one of them was seen, none does. */
  #paysForItsClock({ name, life }: Node, { lives }: Memory): boolean {
    if (this.#expected.twins.has(name)) return true;
    if (!this.#expected.turnedBack.has(name)) return false;
    const first = this.#expected.turnBackLife.get(name) ?? Infinity;
    return !this.#cluster.lives.some(
      (other) => other.name === name && other.life >= first && other.life < life && lives.has(other.life),
    );
  }

  /** The first time that a node says it is complete, it lists what others had before it came. */
  #lookAtCompleteness(node: Node, memory: Memory): void {
    const { complete } = node.tracker.health();
    if (complete && !memory.wasComplete) this.#lookAtCompletion(node);
    if (complete && !memory.wasEverComplete) this.#lookAtEarlierWindows(node);
    memory.wasComplete = complete;
    memory.wasEverComplete ||= complete;
  }

  /** The same of lives that had said goodbye before it came, and still wait. */
  #lookAtEarlierWindows(node: Node): void {
    if (this.#expected.corrupted || this.#isMistakable(node.name)) return;
    const others = this.#others(node).filter(({ name }) => !this.#isMistakable(name));
    const missed = missedInEarlierWindows(node, others, {
      cluster: this.#cluster,
      model: this.#model,
      tickPeriodMs: this.#tickPeriodMs,
      unwellMs,
    });
    if (missed !== undefined) this.#blame(node, `is complete without one who waits elsewhere: ${missed}`);
  }

  /** It says that it is complete; or that a wait is over, which asks for what others had at the call. */
  #lookAtCompletion(node: Node, calledMs = Infinity): void {
    if (this.#expected.corrupted || this.#isMistakable(node.name)) return;
    const { broadcastPeriodMs, network } = this.#cluster;
    const { endpoint } = node;
    // Who has not noticed that it was deaf hears nobody out again.
    const last = unwellStretches(endpoint).findLast(
      (stretch) =>
        stretch.untilMs !== Infinity &&
        stretch.fromMs <= calledMs &&
        isNoticed(stretch, endpoint, this.#tickPeriodMs),
    );
    const sinceMs = Math.max(node.startedMs, last?.untilMs ?? 0);
    const up = new Set<string>();
    for (const { name, status } of node.tracker.health().replicas) if (status === "up") up.add(name);
    const missing: string[] = [];
    for (const owner of this.#others(node)) {
      if (owner.startedMs > sinceMs || this.#isMistakable(owner.name)) continue;
      const isKnown = up.has(owner.name) && node.endpoint.lastFreshMs.has(owner.endpoint);
      if (!isKnown && !this.#canBeHeard(node, owner, sinceMs)) continue;
      for (const entry of this.#model.of(owner.life)) {
        const wasFlushedMs =
          (entry.atMs ?? 0) + broadcastPeriodMs + slackMs + owner.machine.stalledMsSince(0);
        if (wasFlushedMs < sinceMs && !this.#isHere(node, entry)) missing.push(identityOf(entry));
      }
    }
    if (missing.length === 0) return;
    const waysMs = network.slowestMs;
    this.#blame(
      node,
      `is complete ${(this.#cluster.nowMs - sinceMs).toFixed(0)} ms after its start (ways of ${waysMs} ms) without ${missing.length} entries: ${missing[0]}`,
    );
  }

  /** Whether a greeting and its answer certainly fit a heartbeat. */
  #canBeHeard(node: Node, owner: Node, sinceMs: number): boolean {
    const { lossMs, disorderMs, slowestMs } = this.#cluster.network;
    if (Math.max(lossMs, disorderMs, unwellMs(node)) >= sinceMs) return false;
    const stalledMs = owner.machine.stalledMsSince(sinceMs - shortStallMs);
    if (stalledMs > shortStallMs) return false;
    const heartbeatPeriodMs = owner.options.heartbeatPeriodMs;
    return 2 * slowestMs + stalledMs + slackMs < heartbeatPeriodMs;
  }

  /** Whether an entry is listed as it was, or as it has become since. */
  #isHere(node: Node, { topic, key, session, version }: ModelEntry): boolean {
    return node.tracker
      .getByKey(topic, key)
      .some((entry) => entry.session === session && entry.meta.version >= version);
  }

  /** Once everything is here that was there at the call, the wait ends soon, whatever comes meanwhile. */
  #lookAtWait(node: Node, memory: Memory, wait: Wait): void {
    const { corrupted, heartbeatPeriodMs } = this.#expected;
    const now = this.#cluster.nowMs;
    const { lossMs, slowestMs } = this.#cluster.network;
    const isHere = wait.goal.every((entry) => {
      const present = this.#model.find(entry);
      const owner = this.#cluster.lives[entry.life - 1];
      // What has ended, or may be on its way out, is no part of the goal any more.
      return present === undefined || owner?.running !== true || this.#isHere(node, entry);
    });
    const names = new Set(this.#others(node).map(({ name }) => name));
    const isDisturbed = corrupted || [node.name, ...names].some((name) => this.#isMistakable(name));
    if (!isHere || isDisturbed) {
      wait.reachedMs = undefined;
      return;
    }
    wait.reachedMs ??= now;
    // A loss, a stall or a disconnection may cost a heartbeat, so the patience begins anew.
    const lastUnwellMs = Math.max(...[node, ...this.#others(node)].map((each) => unwellMs(each)));
    const startedMs = Math.max(0, ...this.#others(node).map((each) => each.startedMs));
    const sinceMs = Math.max(wait.reachedMs, wait.calledMs, lossMs, lastUnwellMs, startedMs);
    if (now - sinceMs <= heartbeatsToComplete * heartbeatPeriodMs + 10 * slowestMs) return;
    memory.waits.delete(wait);
    this.#blame(
      node,
      `whenComplete has not resolved ${(now - sinceMs).toFixed(0)} ms after all was here that was there at its call`,
    );
  }
}
