/**
 * A simulated cluster of nodes that hold what they follow: machines, a network with faults, and virtual time. After
 * every step of a node its diffs are folded and held against its list, and each share that it holds against what its
 * author had at that place. What is found is kept in `wrong`.
 */
import { ReplicatedEntry } from "../../../src/replication/entry.js";
import { Follower } from "../../../src/replication/follower.js";
import type { FollowerEvent } from "../../../src/replication/following/port.js";
import { decodeFollowing } from "../../../src/replication/following/codec.js";
import { utf8Length } from "../../../src/replication/bytes.js";
import type { FollowingProtocol } from "../../../src/replication/following/rules.js";
import type { AuthoredShare } from "../../../src/replication/following/share-author.js";
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

/** What a share has open, as it was noted last, and what was noted of it. */
interface NotedShare {
  readonly opened: Map<string, number>;
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
}

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
  readonly follower: Follower;
  /** What its sessions have, and when it was last changed. */
  readonly entries: Map<ReplicatedEntry, number>;
  readonly folds: Map<string, DiffFold>;
  /** What was told last of each topic whose count it wants. */
  readonly countsTold: Map<string, Count>;
  isAlive: boolean;
  /** Whether its pubsub is connected, and says so. */
  isAttached: boolean;
  wakeMs: number;
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
  /** Who was taken for down by whom, and whether that was alive. */
  readonly downs: { by: string; name: string; atMs: number; isAlive: boolean }[] = [];
  /** Frames that were sent, of each kind. */
  readonly sent = { broadcasts: 0, beats: 0, summaries: 0, others: 0 };
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

  start(name: string): Node {
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
    } = this.#options;
    const follower = new Follower(
      {
        life,
        echoes,
        maxFrameBytes,
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
      },
      this.nowMs,
    );
    this.#histories.set(replicaOf(life), new ShareHistory());
    const node: Node = {
      name,
      life,
      follower,
      entries: new Map(),
      folds: new Map(),
      countsTold: new Map(),
      isAlive: true,
      isAttached: true,
      wakeMs: Infinity,
    };
    this.nodes.set(name, node);
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
    const made = this.step(node, { type: "add", topic, key, session, meta });
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

  step(node: Node, event: FollowerEvent): ReplicatedEntry | undefined {
    const { made, effects } = node.follower.step(event, this.nowMs);
    this.#noteChange(node, event, made);
    // What was shown ends with its last handle, and the next one begins at nothing.
    if (
      event.type === "unfollowCount" &&
      node.follower.interests.counts.watches.registrarOf(event.topic) === undefined
    )
      node.countsTold.delete(event.topic);
    // Shares are known by their streams before anything of them can arrive.
    this.#learnShares(node);
    for (const effect of effects) {
      if (effect.type === "wake") this.#wake(node, effect.atMs);
      else if (effect.type === "broadcast") this.#broadcast(node, effect.payload);
      else if (effect.type === "send") this.#transmit(node, effect.to, effect.payload);
      else if (effect.type === "count")
        node.countsTold.set(effect.topic, node.follower.countOf(effect.topic));
      else if (effect.type === "divergence")
        this.wrong.push(`${node.name} diverged from ${effect.life.name}`);
      else if (effect.type === "replicaDown") this.#noteDown(node, effect.life);
    }
    this.#fold(node);
    return made;
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
        if (ReplicatedEntry.topicOf(entry) === topic && sinceMs <= trackedBeforeMs) refs.add(entry.ref);
      }
    }
    return refs;
  }

  #noteCount({ life, follower }: Node, topic: string): void {
    this.counts.note(replicaOf(life), topic, follower.interests.own.of(topic).size, this.nowMs);
  }

  /** What the node lists in a topic. */
  listed(node: Node, topic: string): Set<string> {
    return new Set(node.follower.view.list(topic).map(({ ref }) => ref));
  }

  /** Holds all shares of a node against what their authors had. */
  checkShares(node: Node, from?: string): void {
    for (const partner of node.follower.membership.replicas()) {
      if (from === undefined || partner.name === from) this.#checkShare(node, partner);
    }
  }

  #checkShare(node: Node, { id, pair }: Partner): void {
    const { stream, clock, version } = pair.followed.place;
    const { generationOf } = node.follower.interests.follows;
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

  /** What an author has from now on. */
  #noteChange(node: Node, event: FollowerEvent, made: ReplicatedEntry | undefined): void {
    const history = this.#histories.get(replicaOf(node.life));
    if (event.type === "update" && made !== undefined) {
      history?.removed(event.previous, ReplicatedEntry.clockOf(made) - 1);
    }
    if (event.type === "remove") history?.removed(event.entry, node.follower.interests.own.clock);
    if (made !== undefined) history?.born(made);
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
    const { follower, folds } = node;
    const { view } = follower;
    for (const topic of folds.keys()) if (!follower.isFollowed(topic)) folds.delete(topic);
    for (const [topic, diff] of view.takeDiff() ?? []) {
      if (!follower.isFollowed(topic)) {
        if (diff.joins.length > 0)
          this.wrong.push(`${node.name} is told of ${topic}, and does not follow it`);
        continue;
      }
      const fold = folds.get(topic) ?? new DiffFold();
      folds.set(topic, fold);
      for (const each of fold.apply(new Map([[topic, diff]]))) this.wrong.push(`${node.name}: ${each}`);
      if (fold.count(topic) !== view.count(topic))
        this.wrong.push(
          `${node.name}: diffs of ${topic} add up to ${fold.count(topic)}, listed ${view.count(topic)}`,
        );
    }
    for (const topic of view.topics()) {
      if (!follower.isFollowed(topic)) this.wrong.push(`${node.name} lists ${topic}, and does not follow it`);
    }
  }

  #wake(node: Node, atMs: number): void {
    node.wakeMs = atMs;
    this.at(atMs, () => {
      if (!node.isAlive || node.wakeMs !== atMs) return;
      node.wakeMs = Infinity;
      this.step(node, { type: "turn" });
    });
  }

  #broadcast(from: Node, payload: string): void {
    this.sent.beats += 1;
    this.sent.broadcasts += 1;
    for (const other of this.nodes.values())
      if (other !== from || this.#options.echoes) this.#carry(from, other.name, payload);
  }

  #transmit(from: Node, to: string, payload: string): void {
    const { frame } = decodeFollowing(payload);
    if (frame === undefined) throw new Error(`sent what is no frame: ${payload}`);
    if (utf8Length(payload) > this.#options.maxFrameBytes) throw new Error(`sent too much: ${payload}`);
    const { message } = frame;
    const isSummary = message.type === "pair" && Object.keys(message.letters).join() === "summary";
    const isBeat = to === from.name || message.type === "beat";
    if (isBeat) this.sent.beats += 1;
    else if (isSummary) this.sent.summaries += 1;
    else this.sent.others += 1;
    this.#carry(from, to, payload);
  }

  #carry(from: Node, to: string, payload: string): void {
    const { loss, repeat, delayMs, reorders } = this.faults;
    if (!from.isAttached) return;
    if (this.cut.has(`${from.name}>${to}`) || (loss > 0 && this.random.chance(loss))) return;
    this.#deliver(from, to, payload, this.random.between(...delayMs), reorders);
    if (repeat > 0 && this.random.chance(repeat))
      this.#deliver(from, to, payload, this.random.between(0, 5_000), reorders);
  }

  #deliver(from: Node, to: string, payload: string, delayMs: number, reorders: boolean): void {
    let atMs = this.nowMs + delayMs;
    if (!reorders) {
      const way = `${from.life.incarnation}>${to}`;
      atMs = Math.max(atMs, this.#busy.get(way) ?? 0);
      this.#busy.set(way, atMs);
    }
    this.at(atMs, () => {
      const node = this.nodes.get(to);
      if (node?.isAttached !== true) return;
      this.step(node, { type: "frame", payload });
      this.checkShares(node, from.name);
    });
  }
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
  for (const [topic, generation] of share.opened()) {
    if (opened.get(topic) === generation) continue;
    opened.set(topic, generation);
    events.push({ version, topic, generation });
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
