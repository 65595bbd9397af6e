/**
 * Oracles for those who do not leave at once: sessions that close with a grace, and users whom somebody wants to go. An
 * entry with a grace ends when its time is up, or in the place of one that was tracked since, one for one; an evicted
 * one is ended by its owner, and nobody else is.
 *
 * They look at what each owner tells its application of its own entries, as it is told, and tell the model; through
 * public words only. They collect what is wrong, one line each.
 */
import type { Diff, Entry, Leave } from "../words.js";
import type { SimulatedCluster } from "./cluster.js";
import { describeEntry } from "./diff-fold.js";
import type { Expected } from "./history-oracles.js";
import type { VersionedMeta } from "./metas.js";
import { identityOf, type NaiveModel, type Stay } from "./naive-model.js";
import { quietSinceMs } from "./own-hearing.js";
import type { SimulatedNode } from "./simulated-node.js";

type Node = SimulatedNode<VersionedMeta>;

/** One whose place was taken on another node stays until all know of that; and periods end together, after a stall later. */
const knownToAllMs = 500;
const lateMs = 50 + 250;
/** Timers are late, and what ends takes a turn. */
const slackMs = 200;

/** An entry whose session has closed with a grace. */
interface Leaving {
  readonly stay: Stay;
  readonly closedMs: number;
  readonly graceMs: number;
  isBlamed: boolean;
}

/** Somebody was tracked under a key, as an owner has seen it. */
interface Came {
  readonly session: string;
  readonly node: string;
  readonly atMs: number;
}

/** What is remembered of one life of one owner. */
interface Memory {
  /** By topic and key, then by identity. */
  readonly leaving: Map<string, Map<string, Leaving>>;
  /** Who has come since under those, and has taken nobody's place. */
  readonly came: Map<string, Came[]>;
  /** Whom it has seen, by what the refs of a life begin with, as long as it has not forgotten that life. */
  readonly seen: Map<string, WeakSet<Stay>>;
  events: number;
}

/** Somebody wants a user to go, whom it lists. */
interface Wanted {
  readonly by: Node;
  readonly atMs: number;
  readonly stay: Stay;
  readonly what: string;
}

export class LeavingOracles {
  readonly wrong: string[] = [];
  readonly #cluster: SimulatedCluster<VersionedMeta>;
  readonly #model: NaiveModel;
  readonly #expected: Expected;
  readonly #memories = new WeakMap<Node, Memory>();
  #wanted: Wanted[] = [];

  constructor(cluster: SimulatedCluster<VersionedMeta>, model: NaiveModel, expected: Expected) {
    this.#cluster = cluster;
    this.#model = model;
    this.#expected = expected;
  }

  /** A session of a node is about to close with a grace. */
  closing(node: Node, session: string, graceMs: number): void {
    const { leaving } = this.#memoryOf(node);
    for (const entry of this.#model.of(node.life)) {
      const stay = this.#model.stayOf(entry.version);
      if (entry.session !== session || stay === undefined) continue;
      const where = whereOf(entry.topic, entry.key);
      const ofKey = leaving.get(where) ?? new Map<string, Leaving>();
      leaving.set(where, ofKey);
      ofKey.set(identityOf(entry), { stay, closedMs: this.#cluster.nowMs, graceMs, isBlamed: false });
    }
  }

  /** When the last grace is over of those that last on nodes that run. */
  get untilMs(): number {
    let untilMs = -Infinity;
    for (const node of this.#cluster.running()) {
      for (const ofKey of this.#memoryOf(node).leaving.values()) {
        for (const { closedMs, graceMs } of ofKey.values()) untilMs = Math.max(untilMs, closedMs + graceMs);
      }
    }
    return untilMs + knownToAllMs + lateMs + slackMs;
  }

  /** A node is about to ask for the end of a user. */
  asking(by: Node, topic: string, key: string): void {
    for (const entry of by.tracker.getByKey(topic, key)) {
      const identity = identityOf({ topic, session: entry.session, key });
      this.#model.want(identity);
      const stay = this.#model.stayOf(entry.meta.version);
      if (stay === undefined || stay.reason !== undefined) continue;
      this.#wanted.push({ by, atMs: this.#cluster.nowMs, stay, what: describeEntry(topic, entry) });
    }
  }

  /** A node tells its application of a diff, and nobody has looked at it yet. */
  changed(node: Node, diff: Diff<VersionedMeta>): void {
    const memory = this.#memoryOf(node);
    this.#forgetThoseGone(node, memory);
    for (const [topic, { joins, updates, leaves }] of diff) {
      const left = new Map<string, Leave<VersionedMeta>[]>();
      for (const leave of leaves) {
        if (!this.#isOwn(node, leave)) continue;
        const ofKey = left.get(leave.key);
        if (ofKey === undefined) left.set(leave.key, [leave]);
        else ofKey.push(leave);
      }
      const came = new Map<string, Came[]>();
      for (const entry of [...joins, ...updates]) {
        if (!this.#isNew(memory, entry)) continue;
        const one = { session: entry.session, node: entry.node, atMs: this.#cluster.nowMs };
        came.set(entry.key, [...(came.get(entry.key) ?? []), one]);
      }
      for (const key of new Set([...left.keys(), ...came.keys()])) {
        this.#changedKey(node, topic, key, left.get(key) ?? [], came.get(key) ?? []);
      }
    }
  }

  /** Looks at a node after one of its tasks. */
  look(node: Node): void {
    if (!node.running || node.tracker.stopped) return;
    for (const [where, ofKey] of this.#memoryOf(node).leaving) {
      for (const [identity, leaving] of ofKey) {
        if (leaving.stay.reason !== undefined) ofKey.delete(identity);
        else this.#lookAtGrace(node, where, identity, leaving);
      }
      if (ofKey.size > 0) continue;
      this.#memoryOf(node).leaving.delete(where);
      this.#memoryOf(node).came.delete(where);
    }
    if (this.#wanted.length > 0) this.#lookAtWanted();
  }

  #memoryOf(node: Node): Memory {
    let memory = this.#memories.get(node);
    if (memory === undefined) {
      memory = { leaving: new Map(), came: new Map(), seen: new Map(), events: 0 };
      this.#memories.set(node, memory);
    }
    return memory;
  }

  #blame(node: Node, what: string): void {
    this.wrong.push(`${node.name} (life ${node.life}) at ${this.#cluster.nowMs.toFixed(1)} ms: ${what}`);
  }

  #isOwn(node: Node, { session }: Entry<VersionedMeta>): boolean {
    return this.#model.lifeOf(session) === node.life;
  }

  /** Whether a node sees a stay for the first time, as far as it remembers. */
  #isNew({ seen }: Memory, { ref, meta }: Entry<VersionedMeta>): boolean {
    const stay = this.#model.stayOf(meta.version);
    const life = ref.slice(0, ref.indexOf("."));
    const ofLife = seen.get(life) ?? new WeakSet<Stay>();
    seen.set(life, ofLife);
    if (stay === undefined || ofLife.has(stay)) return false;
    ofLife.add(stay);
    return true;
  }

  /** Once a life is forgotten, all is new that is seen of it. */
  #forgetThoseGone({ events }: Node, memory: Memory): void {
    for (; memory.events < events.length; memory.events += 1) {
      const recorded = events[memory.events];
      if (recorded?.event !== "replicaGone") continue;
      const { incarnation } = recorded.detail as { readonly incarnation: string };
      for (const life of memory.seen.keys()) if (life.startsWith(incarnation)) memory.seen.delete(life);
    }
  }

  #changedKey(
    node: Node,
    topic: string,
    key: string,
    left: readonly Leave<VersionedMeta>[],
    came: readonly Came[],
  ): void {
    const memory = this.#memoryOf(node);
    const where = whereOf(topic, key);
    const leaving = memory.leaving.get(where);
    const waiting = [...(memory.came.get(where) ?? []), ...came];
    const ended = new Set<string>();
    const evicted = new Set<string>();
    let replaced = 0;
    for (const leave of left) {
      const identity = identityOf({ topic, session: leave.session, key });
      const what = describeEntry(topic, leave);
      // What was ended by its application was told to the model before.
      if (this.#model.stayOf(leave.meta.version)?.reason !== undefined) continue;
      if (leave.reason === "evicted") {
        if (!this.#model.isUnwanted(identity)) this.#blame(node, `evicts whom nobody wanted to go: ${what}`);
        evicted.add(identity);
      } else if (leave.reason === "closed") {
        const grace = leaving?.get(identity);
        if (grace === undefined) continue;
        ended.add(identity);
        if (this.#cluster.nowMs - grace.closedMs >= grace.graceMs) continue;
        replaced += 1;
        // The entry that came last may have been taken by one that began to leave last.
        const by = waiting.findIndex(
          ({ session, atMs }) => session !== leave.session && atMs >= grace.closedMs,
        );
        if (by < 0) this.#blame(node, `has left in its grace though nobody came in its place: ${what}`);
        else waiting.splice(by, 1);
      }
    }
    if (leaving !== undefined) {
      for (const identity of [...ended, ...evicted]) leaving.delete(identity);
      const local = came.filter((each) => each.node === node.name);
      for (const { session } of local) {
        const identity = identityOf({ topic, session, key });
        for (const before of ended) this.#model.succeeds(identity, before);
      }
      memory.came.set(where, waiting);
      // As many as came elsewhere may wait until all know of that.
      const remote = waiting.filter((each) => each.node !== node.name).length;
      if (local.length > replaced && leaving.size > remote) {
        this.#blame(node, `keeps who leaves beside who came in its place: ${where}`);
      }
    }
    if (ended.size > 0) this.#model.ended("closed", ended);
    if (evicted.size > 0) this.#model.ended("evicted", evicted);
  }

  /** A grace ends in time. */
  #lookAtGrace(node: Node, where: string, identity: string, leaving: Leaving): void {
    const { closedMs, graceMs, isBlamed } = leaving;
    if (isBlamed) return;
    const wellMs = this.#cluster.nowMs - closedMs - node.machine.stalledMsSince(closedMs);
    if (wellMs <= graceMs + knownToAllMs + lateMs + slackMs) {
      // Who came elsewhere while all heard each other takes a place at once.
      const quietMs = this.#quietSinceMs(node);
      const by = this.#memoryOf(node)
        .came.get(where)
        ?.find(
          ({ atMs, node: other }) => atMs >= closedMs && this.#isSurelyTracked(other, quietMs, closedMs),
        );
      if (by === undefined || this.#cluster.nowMs - by.atMs <= knownToAllMs + lateMs + slackMs) return;
    }
    leaving.isBlamed = true;
    this.#blame(
      node,
      `keeps who leaves ${(wellMs - graceMs).toFixed(0)} ms after its grace, or beside who came: ${identity}`,
    );
  }

  /** Whether a node that comes under a key was there all the time, so that what it has is new. */
  #isSurelyTracked(name: string, quietMs: number, closedMs: number): boolean {
    const other = this.#cluster.running().find((node) => node.name === name);
    if (other === undefined || this.#isMistakable(name)) return false;
    return Math.max(quietMs, this.#quietSinceMs(other)) < closedMs - 2 * this.#expected.downPeriodMs;
  }

  /** An owner ends the entries that are wanted to go, where both nodes heard each other all the time. */
  #lookAtWanted(): void {
    const now = this.#cluster.nowMs;
    this.#wanted = this.#wanted.filter(({ by, atMs, stay, what }) => {
      const owner = this.#cluster.lives[stay.life - 1];
      if (stay.reason !== undefined || owner?.running !== true || !by.running) return false;
      if (this.#isMistakable(owner.name) || this.#isMistakable(by.name)) return false;
      if (this.#quietSinceMs(owner, by) >= atMs) return false;
      const { slowestMs } = this.#cluster.network;
      if (now - atMs <= slowestMs + this.#expected.slowestFaultMs + lateMs + slackMs) return true;
      this.#blame(owner, `has not ended whom ${by.name} wanted to go: ${what}`);
      return false;
    });
  }

  #quietSinceMs(...nodes: readonly Node[]): number {
    return quietSinceMs(this.#cluster.network, nodes);
  }

  #isMistakable(name: string): boolean {
    return this.#expected.twins.has(name) || this.#expected.turnedBack.has(name);
  }
}

function whereOf(topic: string, key: string): string {
  return JSON.stringify([topic, key]);
}
