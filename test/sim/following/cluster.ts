/**
 * A simulated cluster of nodes that hold what they follow, and of such that hold everything beside them: machines, a network
 * with faults, and virtual time. After every step of a node its diffs are folded and held against its list, and each share
 * that it holds against what its author had at that place. What is found is kept in `wrong`.
 */
import { ReplicatedEntry } from "../../../src/replication/entry.js";
import { Follower } from "../../../src/replication/follower.js";
import { GENERATION_OF_EVERYTHING } from "../../../src/replication/following/limits.js";
import { Holder } from "../../../src/replication/holder.js";
import type { Machine, MachineEvent } from "../../../src/replication/machine.js";
import { Replicator } from "../../../src/replication/replicator.js";
import { PROTOCOL } from "../../../src/replication/rules.js";
import type { Protocol } from "../../../src/replication/rules.js";
import type { Effect, VoiceWay } from "../../../src/replication/step.js";
import { decodeFollowing } from "../../../src/replication/following/codec.js";
import { utf8Length } from "../../../src/replication/bytes.js";
import type { OwnEntries } from "../../../src/replication/following/own-entries.js";
import type { FollowingProtocol } from "../../../src/replication/following/rules.js";
import type { AuthoredShare } from "../../../src/replication/following/share-author.js";
import { hashText } from "../../../src/replication/hash.js";
import { makeIncarnation, replicaOf } from "../../../src/replication/life.js";
import type { Life } from "../../../src/replication/life.js";
import type { Count } from "../../../src/replication/step.js";
import type { Partner } from "../../../src/replication/partner.js";
import { DiffFold } from "../../../src/testing/diff-fold.js";
import { SeededRandom } from "../../../src/testing/random.js";
import { CountHistory } from "./count-history.js";
import { ShareHistory, type OpenEvent } from "../../replication/following/share-history.js";

export const HEARTBEAT_MS = 2_000;
const DOWN_MS = 8_000;
/**
 * A node that holds everything has heard within this time who is there, and hears those that follow, as long as nothing is
 * lost: they say that they are there with each heartbeat, and until then it says nothing to them.
 */
export const HEARS_OUT_WITHIN_MS = 1.25 * HEARTBEAT_MS;

/** What a share has open, as it was noted last, and what was noted of it. */
interface NotedShare {
  readonly opened: Map<string, string>;
  readonly events: OpenEvent[];
  version: number;
}

export interface ClusterOptions {
  readonly windowMs: number;
  readonly lingering: number;
  readonly permdownPeriodMs: number;
  readonly maxFrameBytes: number;
  /** Whether nodes hear themselves through the network, and judge their connection by it. */
  readonly echoes: boolean;
  readonly maxEntries?: number;
  readonly countPeriodMs?: number;
  readonly following: FollowingProtocol;
  readonly protocol?: Protocol;
  /** How many shards nodes have that hold everything. */
  readonly poolSize?: number;
}

export type Holds = "everything" | "followed";

export interface Faults {
  readonly loss: number;
  readonly repeat: number;
  readonly delayMs: readonly [number, number];
  readonly reorders: boolean;
}

export const CALM: Faults = { loss: 0, repeat: 0, delayMs: [0.2, 3], reorders: false };

export interface Node {
  readonly name: string;
  readonly life: Life;
  readonly holds: Holds;
  readonly machine: Machine;
  /** What those hear that follow: of a node that holds everything, a side of it, which begins with the first of them. */
  follower: Follower;
  /** How many sides it has begun, of a node that holds everything. */
  sides: number;
  /** Whether it hears those that follow. */
  hearsFollowers: boolean;
  /** Its own entries, as those that follow know them, when it was looked last. */
  readonly noted: Set<ReplicatedEntry>;
  /** Whose they were then, and at which clock. */
  notedOf: { readonly own: OwnEntries; readonly clock: number } | undefined;
  /** What its sessions have, and when it was last changed. */
  readonly entries: Map<ReplicatedEntry, number>;
  readonly folds: Map<string, DiffFold>;
  /** What was told last of each topic whose count it wants. */
  readonly countsTold: Map<string, Count>;
  readonly startedMs: number;
  isAlive: boolean;
  /** Whether its pubsub is connected, and says so. */
  isAttached: boolean;
  wakeMs: number;
}

/** What is under way: said where those speak that hold so. */
interface Sent {
  readonly among: Holds;
  readonly payload: string;
  readonly way: VoiceWay;
}

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class Cluster {
  readonly random: SeededRandom;
  readonly nodes = new Map<string, Node>();
  readonly wrong: string[] = [];
  /** Directions in which nothing gets through: "from>to". */
  readonly cut = new Set<string>();
  faults: Faults = CALM;
  nowMs = 0;
  /** Since when nothing was lost, cut or slow, and nobody crashed. */
  calmSinceMs = 0;
  /** When each node has called the roll last. */
  readonly calledMs = new Map<string, number>();
  /** Who was taken for down by whom, and whether that was alive. */
  readonly downs: { by: string; name: string; atMs: number; isAlive: boolean }[] = [];
  /** How many entries all nodes were told of and let go, because of their limits. */
  letGo = 0;
  /** Frames that were sent, of each kind. */
  readonly sent = { broadcasts: 0, beats: 0, summaries: 0, others: 0 };
  /** The most births and removals that one frame of a share has had; and how many leaves were told, over all nodes. */
  mostChanges = 0;
  leaves = 0;
  /** The most joins and leaves that a node has told after one step. */
  mostToldAtOnce = 0;
  readonly #options: ClusterOptions;
  readonly counts = new CountHistory();
  readonly #histories = new Map<string, ShareHistory>();
  readonly #shares = new WeakMap<AuthoredShare, NotedShare>();
  readonly #busy = new Map<string, number>();
  readonly #heap: Task[] = [];
  #order = 0;
  #lives = 0;
  #versions = 0;

  constructor(seed: number, options: ClusterOptions) {
    this.random = new SeededRandom(seed);
    this.#options = options;
  }

  /** A settled count is of a time within so long: the windows of its author and its registrar, twice, and two frames. */
  get countedWithinMs(): number {
    const { countPeriodMs = 2_000, windowMs } = this.#options;
    return 2 * countPeriodMs + 2 * Math.min(windowMs, 500) + 200;
  }

  at(atMs: number, run: () => void): void {
    push(this.#heap, { atMs, order: (this.#order += 1), run });
  }

  start(name: string, holds: Holds = "followed"): Node {
    this.#lives += 1;
    const life = {
      name,
      incarnation: makeIncarnation(1.7e12 + this.nowMs, String(this.#lives).padStart(5, "0")),
    };
    const {
      windowMs,
      lingering,
      permdownPeriodMs,
      maxFrameBytes,
      echoes,
      maxEntries = 1_000_000,
      countPeriodMs = 2_000,
      following,
      protocol = PROTOCOL,
      poolSize = 2,
    } = this.#options;
    const options = {
      life,
      echoes,
      maxFrameBytes: holds === "everything" ? Math.max(maxFrameBytes, 1_024) : maxFrameBytes,
      maxEntries,
      heartbeatPeriodMs: HEARTBEAT_MS,
      tickPeriodMs: HEARTBEAT_MS / 4,
      downPeriodMs: DOWN_MS,
      permdownPeriodMs,
      windowMs,
      lingering,
      countPeriodMs,
      random: () => this.random.next(),
      following,
      protocol,
      holdsEverything: holds === "everything",
    };
    this.#histories.set(replicaOf(life), new ShareHistory());
    // Of a node that holds everything nobody looks at this one: its side takes the place when it begins.
    const follower = new Follower(options, this.nowMs);
    const holder = (): Machine =>
      new Holder(
        new Replicator({ ...options, poolSize, broadcastPeriodMs: windowMs }, this.nowMs),
        ({ view, counters, merging: { room } }, timeMs, begun) => {
          node.sides += 1;
          this.#histories.get(replicaOf(life))?.sideBegun();
          node.noted.clear();
          return (node.follower = new Follower({ ...options, begun }, timeMs, { view, counters, room }));
        },
        {
          ...{ downPeriodMs: DOWN_MS, permdownPeriodMs, rules: following.rules },
          entriesPerStep: protocol.limits.entriesPerStep,
        },
      );
    const node: Node = {
      name,
      life,
      holds,
      machine: holds === "everything" ? holder() : follower,
      follower,
      sides: 0,
      hearsFollowers: holds === "followed",
      noted: new Set(),
      notedOf: undefined,
      entries: new Map(),
      folds: new Map(),
      countsTold: new Map(),
      startedMs: this.nowMs,
      isAlive: true,
      isAttached: true,
      wakeMs: Infinity,
    };
    this.nodes.set(name, node);
    if (holds === "everything") this.counts.unheard(replicaOf(life), this.nowMs + HEARS_OUT_WITHIN_MS);
    this.step(node, { type: "turn" });
    return node;
  }

  crash(node: Node): void {
    node.isAlive = false;
    this.calmSinceMs = this.nowMs;
    this.counts.ended(replicaOf(node.life), this.nowMs);
    if (this.nodes.get(node.name) === node) this.nodes.delete(node.name);
  }

  /** The pubsub of a node loses its connection, or has it back. */
  attach(node: Node, isAttached: boolean): void {
    if (node.isAttached === isAttached) return;
    node.isAttached = isAttached;
    this.calmSinceMs = this.nowMs;
    this.step(node, { type: "connection", isAttached });
  }

  // What applications do.

  track(node: Node, topic: string, key: string): void {
    const meta = { version: (this.#versions += 1) };
    const session = `${node.name}-${this.#lives}-${this.#versions}`;
    const shard = node.holds === "everything" ? hashText(topic) % (this.#options.poolSize ?? 2) : 0;
    const made = this.step(node, { type: "add", shard, topic, key, session, meta });
    if (made !== undefined) node.entries.set(made, this.nowMs);
    this.#noteCount(node, topic);
  }

  update(node: Node, previous: ReplicatedEntry): void {
    const made = this.step(node, { type: "update", previous, meta: { version: (this.#versions += 1) } });
    node.entries.delete(previous);
    if (made !== undefined) node.entries.set(made, this.nowMs);
  }

  untrack(node: Node, entry: ReplicatedEntry): void {
    node.entries.delete(entry);
    this.step(node, { type: "remove", entry, reason: this.random.chance(0.5) ? "closed" : "untracked" });
    this.#noteCount(node, ReplicatedEntry.topicOf(entry));
  }

  step(node: Node, event: MachineEvent): ReplicatedEntry | undefined {
    const { made, effects } = node.machine.step(event, this.nowMs);
    this.#noteChange(node);
    // What was shown ends with its last handle, and the next one begins at nothing.
    if (
      event.type === "unfollowCount" &&
      node.follower.interests.counts.watches.registrarOf(event.topic) === undefined
    )
      node.countsTold.delete(event.topic);
    // Shares are known by their streams before anything of them can arrive.
    this.#learnShares(node);
    for (const effect of effects) this.#carryOut(node, effect);
    this.#fold(node);
    return made;
  }

  #carryOut(node: Node, effect: Effect): void {
    const { holds } = node;
    const others = holds === "everything" ? "followed" : "everything";
    switch (effect.type) {
      case "wake":
        return this.#wake(node, effect.atMs);
      case "broadcast":
        return this.#broadcast(node, holds, effect.payload);
      case "send":
        return this.#transmit(node, effect.to, holds, effect.payload);
      case "notice":
        if (effect.to === undefined) return this.#broadcast(node, others, effect.payload);
        return this.#transmit(node, effect.to, others, effect.payload);
      case "followers":
        return this.#hearFollowers(node, effect.areThere);
      case "count":
        node.countsTold.set(effect.topic, node.follower.countOf(effect.topic));
        return;
      case "replicaDown":
        return this.#noteDown(node, effect.life);
      case "divergence":
        this.wrong.push(`${node.name} diverged from ${effect.life.name}`);
        return;
      default:
        return;
    }
  }

  /** A node that holds everything subscribes to the channels of those that follow, which takes a while; or it ends that. */
  #hearFollowers(node: Node, areHeard: boolean): void {
    if (!areHeard) {
      node.hearsFollowers = false;
      return;
    }
    this.at(this.nowMs + this.random.between(0, 30), () => {
      if (!node.isAlive || node.hearsFollowers) return;
      node.hearsFollowers = true;
      this.counts.unheard(replicaOf(node.life), this.nowMs);
      this.step(node, { type: "followers", areHeard });
    });
  }

  run(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    let atOnce = 0;
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= untilMs; first = this.#heap[0]) {
      pop(this.#heap);
      atOnce = first.atMs > this.nowMs ? 0 : atOnce + 1;
      if (atOnce > 20_000) throw new Error(`the cluster spins at ${this.nowMs}`);
      this.nowMs = Math.max(this.nowMs, first.atMs);
      first.run();
    }
    this.nowMs = untilMs;
  }

  /** What all who are alive have in a topic. */
  truth(topic: string, trackedBeforeMs = Infinity): Set<string> {
    const refs = new Set<string>();
    for (const node of this.nodes.values()) {
      for (const [entry, sinceMs] of node.entries) {
        if (ReplicatedEntry.topicOf(entry) === topic && sinceMs <= trackedBeforeMs) refs.add(nameOf(entry));
      }
    }
    return refs;
  }

  #noteCount({ life, entries }: Node, topic: string): void {
    let size = 0;
    for (const entry of entries.keys()) if (ReplicatedEntry.topicOf(entry) === topic) size += 1;
    this.counts.note(replicaOf(life), topic, size, this.nowMs);
  }

  /** What the node lists in a topic. */
  listed(node: Node, topic: string): Set<string> {
    return new Set(node.machine.view.list(topic).map(nameOf));
  }

  /** Holds all shares of a node against what their authors had. */
  checkShares(node: Node, from?: string): void {
    for (const partner of node.follower.membership.replicas()) {
      if (from === undefined || partner.name === from) this.#checkShare(node, partner);
    }
  }

  #checkShare(node: Node, { id, pair }: Partner): void {
    const { stream, clock, version } = pair.followed.place;
    const generationOf =
      node.holds === "everything"
        ? () => GENERATION_OF_EVERYTHING
        : node.follower.interests.follows.generationOf;
    const should = this.#histories.get(id)?.at(stream, clock, version, generationOf) ?? [];
    const is = [...pair.followed.entries.keys()].sort((one, other) => one - other);
    if (is.join() === should.join()) return;
    this.wrong.push(
      `${node.name} holds ${is.join()} of ${id} at ${stream}:${clock}/${version} instead of ${should.join()}`,
    );
  }

  #noteDown({ name }: Node, { name: other, incarnation }: Life): void {
    const isAlive = this.nodes.get(other)?.life.incarnation === incarnation;
    this.downs.push({ by: name, name: other, atMs: this.nowMs, isAlive });
  }

  /** What an author has from now on: one change at a time, but where a side begins. */
  #noteChange(node: Node): void {
    const { life, follower, noted } = node;
    const history = this.#histories.get(replicaOf(life));
    const { own } = follower.interests;
    // Each change has a clock of its own.
    const { clock } = own;
    if (own === node.notedOf?.own && clock === node.notedOf.clock) return;
    node.notedOf = { own, clock };
    const present = new Set([...own.topics()].flatMap((topic) => [...own.of(topic)]));
    const born = [...present].filter((entry) => !noted.has(entry));
    for (const entry of noted) {
      if (present.has(entry)) continue;
      noted.delete(entry);
      history?.removed(entry, born.length === 0 ? clock : clock - 1);
    }
    for (const entry of born) {
      noted.add(entry);
      history?.born(entry);
    }
  }

  /** What its shares have open from now on. */
  #learnShares(node: Node): void {
    for (const { pair } of node.follower.membership.replicas()) {
      const share = pair.authored;
      let noted = this.#shares.get(share);
      if (noted === undefined) {
        noted = { opened: new Map(), events: [], version: 0 };
        this.#shares.set(share, noted);
        this.#histories.get(replicaOf(node.life))?.begun(share, noted.events);
      }
      if (share.version !== noted.version) noteOpened(share, noted);
    }
  }

  #fold(node: Node): void {
    const { follower, folds, holds } = node;
    const { view } = node.machine;
    const isShown = (topic: string): boolean => holds === "everything" || follower.isFollowed(topic);
    let told = 0;
    for (const topic of folds.keys()) if (!isShown(topic)) folds.delete(topic);
    for (const [topic, diff] of view.takeDiff() ?? []) {
      if (!isShown(topic)) {
        if (diff.joins.length > 0)
          this.wrong.push(`${node.name} is told of ${topic}, and does not follow it`);
        continue;
      }
      this.leaves += diff.leaves.length;
      told += diff.joins.length + diff.leaves.length;
      const fold = folds.get(topic) ?? new DiffFold();
      folds.set(topic, fold);
      for (const { reason } of diff.leaves) if (reason === "limited") this.letGo += 1;
      for (const each of fold.apply(new Map([[topic, diff]]))) this.wrong.push(`${node.name}: ${each}`);
      if (fold.count(topic) !== view.count(topic))
        this.wrong.push(
          `${node.name}: diffs of ${topic} add up to ${fold.count(topic)}, listed ${view.count(topic)}`,
        );
    }
    this.mostToldAtOnce = Math.max(this.mostToldAtOnce, told);
    for (const topic of view.topics()) {
      if (!isShown(topic)) this.wrong.push(`${node.name} lists ${topic}, and does not follow it`);
    }
  }

  #wake(node: Node, atMs: number): void {
    if (atMs >= node.wakeMs) return;
    node.wakeMs = atMs;
    this.at(atMs, () => {
      if (!node.isAlive || node.wakeMs !== atMs) return;
      node.wakeMs = Infinity;
      this.step(node, { type: "turn" });
    });
  }

  /** To all that speak where those do that hold so. */
  #broadcast(from: Node, among: Holds, payload: string): void {
    this.sent.beats += 1;
    if (among === "followed") {
      this.sent.broadcasts += 1;
      if (decodeFollowing(payload).frame?.message.type === "roll") this.calledMs.set(from.name, this.nowMs);
    }
    for (const other of this.nodes.values()) {
      if (!hears(other, among)) continue;
      if (other !== from || this.#options.echoes)
        this.#carry(from, other.name, { among, payload, way: "broadcasts" });
    }
  }

  #transmit(from: Node, to: string, among: Holds, payload: string): void {
    const { maxFrameBytes } = this.#options;
    if (utf8Length(payload) > Math.max(maxFrameBytes, from.holds === "everything" ? 1_024 : 0))
      throw new Error(`sent too much: ${payload}`);
    const { frame } = among === "followed" ? decodeFollowing(payload) : {};
    if (frame === undefined && among === "followed") throw new Error(`sent what is no frame: ${payload}`);
    const said = frame?.message.type === "pair" ? frame.message.letters : {};
    if (said.share !== undefined) {
      const { births, removals } = said.share;
      this.mostChanges = Math.max(this.mostChanges, births.length + removals.length);
      this.#histories.get(replicaOf(from.life))?.sent(said.share);
    }
    const letters = Object.keys(said).join();
    const isBeat = to === from.name || frame?.message.type === "beat";
    if (isBeat) this.sent.beats += 1;
    else if (letters === "summary") this.sent.summaries += 1;
    else this.sent.others += 1;
    this.#carry(from, to, { among, payload, way: "inbox" });
  }

  #carry(from: Node, to: string, payload: Sent): void {
    const { loss, repeat, delayMs, reorders } = this.faults;
    if (!from.isAttached) return;
    if (this.cut.has(`${from.name}>${to}`) || (loss > 0 && this.random.chance(loss))) return;
    this.#deliver(from, to, payload, this.random.between(...delayMs), reorders);
    if (repeat > 0 && this.random.chance(repeat))
      this.#deliver(from, to, payload, this.random.between(0, 5_000), reorders);
  }

  #deliver(from: Node, to: string, sent: Sent, delayMs: number, reorders: boolean): void {
    let atMs = this.nowMs + delayMs;
    if (!reorders) {
      const way = `${from.life.incarnation}>${to}`;
      atMs = Math.max(atMs, this.#busy.get(way) ?? 0);
      this.#busy.set(way, atMs);
    }
    this.at(atMs, () => {
      const node = this.nodes.get(to);
      const { among, payload, way } = sent;
      if (node?.isAttached !== true || !hears(node, among)) return;
      if (node.holds === among) this.step(node, { type: "frame", payload, way });
      else this.step(node, { type: "frame", payload, way: "followers" });
      this.checkShares(node, from.name);
    });
  }
}

/** Whether a node hears what is said where those speak that hold so. */
function hears({ holds, hearsFollowers }: Node, among: Holds): boolean {
  return holds === among || (among === "followed" && hearsFollowers);
}

/** One revision of an entry, whoever knows it: refs are those of the nodes that hold alike. */
export function nameOf({ session, meta }: ReplicatedEntry): string {
  return `${session} ${JSON.stringify(meta)}`;
}

function noteOpened(share: AuthoredShare, noted: NotedShare): void {
  const { version } = share;
  const { opened, events } = noted;
  noted.version = version;
  for (const topic of opened.keys()) {
    if (share.generationOf(topic) !== undefined) continue;
    opened.delete(topic);
    events.push({ version, topic, generation: undefined });
  }
  for (const [topic, generation, cut] of share.opened()) {
    const text = JSON.stringify([generation, cut?.limit, cut?.sample]);
    if (opened.get(topic) === text) continue;
    opened.set(topic, text);
    events.push({ version, topic, generation, cut });
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs;
}

function push(heap: Task[], task: Task): void {
  let place = heap.length;
  heap.push(task);
  for (let above = (place - 1) >> 1; place > 0 && isBefore(task, heap[above]!); above = (place - 1) >> 1) {
    heap[place] = heap[above]!;
    place = above;
  }
  heap[place] = task;
}

function pop(heap: Task[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let place = 0;
  for (let below = 1; below < heap.length; below = 2 * place + 1) {
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
    if (!isBefore(heap[below]!, last)) break;
    heap[place] = heap[below]!;
    place = below;
  }
  heap[place] = last;
}
