/**
 * Oracles that need to know the past: what applications did, what has reached whom, who was stalled or cut off.
 * They look at each diff and event of a node right after the task that brought it, through public words only,
 * and collect what is wrong, one line each.
 */
import { TrackerError } from "../errors.js";
import { protocolOf } from "../tracker/options.js";
import type { Entry, LeaveReason } from "../words.js";
import type { SimulatedCluster } from "./cluster.js";
import { describeEntry } from "./diff-fold.js";
import { travelledText, type VersionedMeta } from "./metas.js";
import { identityOf, type NaiveModel } from "./naive-model.js";
import { isNoticed, timeWithin, unwellStretches, type Stretch } from "./own-hearing.js";
import { nameIn, type RecordedEvent, type SimulatedNode } from "./simulated-node.js";

export type { VersionedMeta } from "./metas.js";

/** What a run allows to happen because it did something that brings it about. */
export interface Expected {
  /** Names under which two lives ran at once. */
  readonly twins: ReadonlySet<string>;
  /** Names of which a life started with its wall clock behind that of the one before. */
  readonly turnedBack: ReadonlySet<string>;
  /** Of those names: the latest life that did. */
  readonly turnBackLife: ReadonlyMap<string, number>;
  /** Whether slices were damaged on purpose. */
  readonly corrupted: boolean;
  /** Whether adapters hint at crashes: a hint hides without silence. */
  readonly hints: boolean;
  /** Whether handlers and listeners throw: that is reported. */
  readonly handlersFail: boolean;
  /** How late a payload may arrive. */
  readonly latestFrameMs: number;
  /** How long a fault of the network keeps a frame under way. */
  readonly slowestFaultMs: number;
  readonly heartbeatPeriodMs: number;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
}

/** A tracker looks for silence so often: what it measures is too long by up to one tick. */
const ticksPerHeartbeat = 4;
/** A tick after a stall adds two periods at most, and one before it may have been cut short. */
const ticksPerStall = 3;

/** What an observer has seen of one entry. */
interface Seen {
  readonly node: string;
  version: number;
  removals: number;
}

/** What the oracles remember of one observer. */
interface Memory {
  diffs: number;
  events: number;
  readonly seen: Map<string, Seen>;
  /** Per node name the latest life of which something joined. */
  readonly latestLife: Map<string, number>;
  /** The lives of which something joined. */
  readonly lives: Set<number>;
  readonly downSinceMs: Map<string, number>;
}

type Node = SimulatedNode<VersionedMeta>;

export class HistoryOracles {
  readonly wrong: string[] = [];
  readonly #cluster: SimulatedCluster<VersionedMeta>;
  readonly #model: NaiveModel;
  readonly #expected: Expected;
  readonly #memories = new Map<Node, Memory>();
  readonly #asTracked = new WeakSet<VersionedMeta>();

  constructor(cluster: SimulatedCluster<VersionedMeta>, model: NaiveModel, expected: Expected) {
    this.#cluster = cluster;
    this.#model = model;
    this.#expected = expected;
  }

  /** Looks at what a node has told its application since it was last looked at. */
  look(node: Node): void {
    const memory = this.#memoryOf(node);
    for (; memory.events < node.events.length; memory.events += 1) {
      const recorded = node.events[memory.events];
      if (recorded !== undefined) this.#lookAtEvent(node, memory, recorded);
    }
    for (; memory.diffs < node.diffs.length; memory.diffs += 1) {
      for (const [topic, { joins, updates, leaves }] of node.diffs[memory.diffs]?.diff ?? []) {
        for (const entry of joins) this.#lookAtValue(node, memory, topic, entry);
        for (const entry of updates) this.#lookAtValue(node, memory, topic, entry);
        for (const entry of leaves) this.#lookAtLeave(node, memory, topic, entry, entry.reason);
      }
    }
  }

  #memoryOf(node: Node): Memory {
    let memory = this.#memories.get(node);
    if (memory === undefined) {
      memory = {
        diffs: 0,
        events: 0,
        seen: new Map(),
        latestLife: new Map(),
        lives: new Set(),
        downSinceMs: new Map(),
      };
      this.#memories.set(node, memory);
    }
    return memory;
  }

  #blame(node: Node, what: string): void {
    this.wrong.push(`${node.name} (life ${node.life}) at ${this.#cluster.nowMs.toFixed(1)} ms: ${what}`);
  }

  /** A join or an update: of a life that is not over, with a meta that its owner gave it, not older than before. */
  #lookAtValue(node: Node, memory: Memory, topic: string, entry: Entry<VersionedMeta>): void {
    const identity = identityOf({ topic, session: entry.session, key: entry.key });
    const what = describeEntry(topic, entry);
    const life = this.#model.lifeOf(entry.session);
    const lastVersion = this.#model.lastVersionOf(identity);
    if (life === undefined || lastVersion === undefined || entry.meta.version > lastVersion) {
      this.#blame(node, `shows what nobody has tracked: ${what}`);
      return;
    }
    if (!this.#isAsTracked(entry.meta)) this.#blame(node, `shows another meta than was tracked: ${what}`);
    const latestLife = memory.latestLife.get(entry.node) ?? 0;
    const isMistake = memory.lives.has(life) ? this.#mayInsist(entry.node) : this.#isMistakable(entry.node);
    const isHandedBack = life < latestLife && this.#isHandedBack(node, memory, topic, entry);
    if (life < latestLife && !isHandedBack && !isMistake) {
      this.#blame(node, `shows life ${life} after life ${latestLife}: ${what}`);
    }
    memory.lives.add(life);
    // A node that takes the earlier life for the present one may show more of it, until the later one is heard again.
    if (!isHandedBack) memory.latestLife.set(entry.node, life);
    const seen = memory.seen.get(identity);
    if (seen === undefined) {
      memory.seen.set(identity, { node: entry.node, version: entry.meta.version, removals: 0 });
    } else {
      if (entry.meta.version < seen.version) {
        this.#blame(node, `goes back from version ${seen.version}: ${what}`);
      }
      seen.version = entry.meta.version;
    }
  }

  /**
   * Whether an entry waits in the window of its life. Another may have come since, in the same task: then a later diff
   * has handed it off again.
   */
  #isHandedBack(node: Node, memory: Memory, topic: string, { key, ref }: Entry<VersionedMeta>): boolean {
    const { tracker, diffs } = node;
    const explained = tracker.explain(topic, key);
    const own = explained.find((each) => each.ref === ref);
    const isHeld = tracker
      .health()
      .replicas.some(({ name, incarnation }) => name === own?.node && incarnation === own.incarnation);
    if (own === undefined || !isHeld) return false;
    if (own.visible) return own.status === "departing";
    const later = diffs.slice(memory.diffs + 1).flatMap(({ diff }) => diff.get(topic)?.leaves ?? []);
    return own.status === "departing" && later.some((leave) => leave.ref === ref);
  }

  /** Whether a meta is what its application gave as this version: each object is looked at once. */
  #isAsTracked(meta: VersionedMeta): boolean {
    const given = this.#model.metaOf(meta.version);
    if (given === undefined || this.#asTracked.has(meta)) return true;
    this.#asTracked.add(meta);
    // A minus zero may be listed at home as it was given or as it travels: that nodes agree is asked elsewhere.
    return travelledText(meta) === travelledText(given);
  }

  #lookAtLeave(
    node: Node,
    memory: Memory,
    topic: string,
    entry: Entry<VersionedMeta>,
    reason: LeaveReason,
  ): void {
    const what = describeEntry(topic, entry);
    if (reason === "untracked" || reason === "closed" || reason === "evicted") {
      const identity = identityOf({ topic, session: entry.session, key: entry.key });
      const seen = memory.seen.get(identity);
      if (seen === undefined) return; // a leave without a join: reported by the fold
      seen.removals += 1;
      // A delta that was damaged on its way in may have lost the birth that came with a removal.
      if (seen.removals > this.#model.removalsOf(identity) && !this.#expected.corrupted) {
        this.#blame(node, `an entry that was not removed has left as ${reason}: ${what}`);
      }
      this.#lookAtReason(node, entry, reason, identity, what);
      return;
    }
    if (entry.node === node.name && !this.#expected.twins.has(node.name)) {
      this.#blame(node, `an entry of its own has left as ${reason}: ${what}`);
    }
    const owner = this.#cluster.lives[(this.#model.lifeOf(entry.session) ?? 0) - 1];
    if (owner === undefined) return;
    if (reason === "down") this.#lookAtSilence(node, owner, what);
    else this.#lookAtDeparture(node, owner, topic, entry, reason, what);
  }

  /** An entry leaves for the reason for which its stay has ended. */
  #lookAtReason(
    node: Node,
    entry: Entry<VersionedMeta>,
    reason: LeaveReason,
    identity: string,
    what: string,
  ): void {
    if (reason === "evicted" && !this.#model.isUnwanted(identity)) {
      this.#blame(node, `has left as evicted though nobody wanted it to go: ${what}`);
    }
    const ending = this.#model.endingOf(entry.meta.version);
    if (ending === undefined || ending.reason === reason || this.#expected.corrupted) return;
    if (entry.node !== node.name) {
      // A node that was told who is to go says so of every end; others know only that a session ended.
      if (reason === "evicted" || (reason === "closed" && ending.reason === "evicted")) return;
    }
    // An author tells how a revision ended for as long as it remembers that it removed it (R5).
    if (ending.removalsSince >= protocolOf(node.options).limits.removalsKept) return;
    this.#blame(node, `has left as ${reason} though it was ${ending.reason}: ${what}`);
  }

  /**
   * Whether a node may take an earlier life for the present one: two ran at once, or a clock was turned back and
   * the first that it hears of the earlier life is a frame that was late.
   */
  #isMistakable(name: string): boolean {
    return this.#expected.twins.has(name) || this.#expected.turnedBack.has(name);
  }

  /** Whether an earlier life may seem to be alive: it is, or its frames come for longer than a down period. */
  #mayInsist(name: string): boolean {
    return this.#expected.twins.has(name) || this.#expected.latestFrameMs >= this.#expected.downPeriodMs;
  }

  get #tickPeriodMs(): number {
    return this.#expected.heartbeatPeriodMs / ticksPerHeartbeat;
  }

  /**
   * Silence that an observer may hold against another: not its own stalls, and none from before the first reconnect,
   * which forgives those that are up.
   */
  #healthySilenceMs(node: Node, owner: Node, isForgiving = true): number {
    const now = this.#cluster.nowMs;
    let sinceMs = node.endpoint.lastFreshMs.get(owner.endpoint) ?? node.startedMs;
    let isForgiven = !isForgiving;
    const lost: Stretch[] = [];
    // That it is deaf it notices with a tick.
    const lateMs = node.endpoint.ownHearing.deafStretches.length * this.#tickPeriodMs;
    for (const stretch of unwellStretches(node.endpoint)) {
      const { fromMs, untilMs } = stretch;
      // It may have heard itself again before a tick noticed: then it counts as ever. Or else it has forgiven, once.
      if (!isNoticed(stretch, node.endpoint, this.#tickPeriodMs)) {
        isForgiven ||= fromMs < now && untilMs > sinceMs;
        continue;
      }
      // What it hears of a disconnection may be the last that it counts of the silence before.
      if (fromMs >= now || untilMs <= sinceMs) continue;
      if (isForgiven) lost.push(stretch);
      else sinceMs = untilMs;
      isForgiven = true;
    }
    const stalls = node.machine.stalls.filter(({ untilMs }) => untilMs >= sinceMs);
    // A reconnect that comes during a stall is heard after it: that time is no longer for being lost in two ways.
    const lostMs = timeWithin([...lost, ...stalls], sinceMs);
    return now - sinceMs - lostMs + lateMs + (1 + stalls.length * ticksPerStall) * this.#tickPeriodMs;
  }

  #lookAtSilence(node: Node, owner: Node, what: string): void {
    // Frames to one of two lives of a name reach the other too, which does not listen to them.
    if (this.#expected.hints || this.#expected.twins.has(owner.name) || this.#expected.twins.has(node.name)) {
      return;
    }
    const silentMs = this.#healthySilenceMs(node, owner);
    if (silentMs < node.options.downPeriodMs) {
      this.#blame(node, `falsely down after ${silentMs.toFixed(0)} ms of silence: ${what}`);
    }
  }

  /** What departs may leave when its key has come back elsewhere, or when the window is over. */
  #lookAtDeparture(
    node: Node,
    owner: Node,
    topic: string,
    entry: Entry<VersionedMeta>,
    reason: LeaveReason,
    what: string,
  ): void {
    if (this.#isMistakable(owner.name)) return;
    // What waits for its key again, because it has gone elsewhere too, is not cut either.
    if (node.tracker.has(topic, entry.key)) return;
    const now = this.#cluster.nowMs;
    if (reason === "departed") {
      if (owner.goodbye === undefined) this.#blame(node, `departed without a goodbye: ${what}`);
      else if (now - owner.goodbye.atMs + this.#tickPeriodMs < owner.goodbye.windowMs) {
        this.#blame(
          node,
          `cut ${now - owner.goodbye.atMs} ms after a goodbye of ${owner.goodbye.windowMs}: ${what}`,
        );
      }
      return;
    }
    if (!owner.machine.ended) this.#blame(node, `replaced though it lives: ${what}`);
    const heardMs = node.endpoint.lastFreshMs.get(owner.endpoint) ?? node.startedMs;
    const downPeriodMs = node.options.downPeriodMs;
    if (now - heardMs + this.#tickPeriodMs < downPeriodMs) {
      this.#blame(
        node,
        `cut at its replacement, ${(now - heardMs).toFixed(0)} ms after it was heard: ${what}`,
      );
    }
  }

  #lookAtEvent(node: Node, memory: Memory, { event, detail, atMs }: RecordedEvent): void {
    const name = nameIn(detail);
    switch (event) {
      case "replicaUp":
        memory.downSinceMs.delete(name);
        return;
      case "replicaDown":
        memory.downSinceMs.set(name, atMs);
        return;
      case "replicaGone": {
        // What is forgotten may be heard of again by a frame as old as the memory was.
        for (const [identity, seen] of memory.seen) if (seen.node === name) memory.seen.delete(identity);
        const lives = this.#cluster.lives.filter((life) => life.name === name);
        for (const { life } of lives) memory.lives.delete(life);
        // Lives that were replaced or said goodbye are over without having been down.
        if (this.#cluster.starting.has(name) || this.#cluster.refused.has(name)) return;
        if (lives.length > 1 || lives.some(({ goodbye }) => goodbye !== undefined)) return;
        const downSinceMs = memory.downSinceMs.get(name);
        const { downPeriodMs } = this.#expected;
        const permdownPeriodMs = node.options.permdownPeriodMs;
        if (downSinceMs === undefined) this.#blame(node, `${name} is gone without having been down`);
        // The tick that found it down may have come late, and then counted two periods.
        else if (
          atMs - downSinceMs + downPeriodMs + 2 * this.#tickPeriodMs < permdownPeriodMs &&
          // A node that doubts its connection hides others late, and remembers them no longer for that.
          lives.some((life) => this.#healthySilenceMs(node, life, false) < permdownPeriodMs)
        ) {
          this.#blame(node, `${name} is gone ${(atMs - downSinceMs).toFixed(0)} ms after it was down`);
        }
        return;
      }
      case "nameConflict":
        if (!this.#mayInsist(name)) this.#blame(node, `a false name conflict of ${name}`);
        return;
      case "divergence":
        if (!this.#expected.corrupted) this.#blame(node, `a divergence: ${JSON.stringify(detail)}`);
        return;
      case "error":
        this.#lookAtError(node, detail);
    }
  }

  /** The network may refuse payloads; nothing else may go wrong by itself. */
  #lookAtError(node: Node, detail: unknown): void {
    const code = typeof detail === "object" && detail !== null && "code" in detail ? detail.code : undefined;
    if (code === "PUBLISH_FAILED" || code === "PUBSUB_UNAVAILABLE") return;
    if (code === "HANDLER_FAILED" && this.#expected.handlersFail) return;
    if (code === "NAME_CONFLICT") return; // looked at as an event
    if (code === "DEAF" && node.endpoint.ownHearing.mayBeDeaf) return;
    // What a network that loses frames does to a link, and a wall clock that went back, are told as they are.
    if (code === "LINK_BROKEN") return;
    // Whom it was that nobody has ended is looked at where nothing was lost.
    if (code === "NOT_EVICTED") return;
    if (code === "PERIODS_DIFFER" && this.#hasOtherPeriod(node, detail)) return;
    if (code === "CLOCK_AHEAD") {
      const name = detail instanceof TrackerError ? nameIn(detail.details) : "";
      if (this.#isMistakable(name) || this.#mayInsist(name)) return;
    }
    if (
      code === "COUNTER_AHEAD" &&
      detail instanceof TrackerError &&
      this.#mayInsist(nameIn(detail.details))
    ) {
      return;
    }
    if (code === "DIVERGENCE" && this.#expected.corrupted) return;
    this.#blame(node, `reported an error: ${String(detail)}`);
  }

  /** Whether a node that is said to have another heartbeat period does have the one that is named. */
  #hasOtherPeriod(node: Node, detail: unknown): boolean {
    if (!(detail instanceof TrackerError)) return false;
    const periodMs = detail.details["heartbeatPeriodMs"];
    const name = nameIn(detail.details);
    if (periodMs === node.options.heartbeatPeriodMs) return false;
    if (this.#cluster.starting.get(name)?.heartbeatPeriodMs === periodMs) return true;
    return this.#cluster.lives.some(
      (life) => life.name === name && life.options.heartbeatPeriodMs === periodMs,
    );
  }
}
