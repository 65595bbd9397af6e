/**
 * Oracles that look inside: the invariant of the protocol says that a slice held anywhere is exactly what its
 * author had at one flushed clock. Authors are recorded at every flush, and every held slice is compared with
 * the record whenever its node has done something. Also the way to damage a slice on purpose.
 *
 * They run in the place of the replicators of the release, and see their steps.
 */
import type { AuthoredShard } from "../../src/replication/authoring/authored-shard.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { RemoteSlice } from "../../src/replication/holding/remote-slice.js";
import type { Life } from "../../src/replication/life.js";
import { LIMITS, type Limits } from "../../src/replication/limits.js";
import type { DeltaMessage, Frame } from "../../src/replication/message.js";
import type { Replica } from "../../src/replication/replica.js";
import type { Replicator } from "../../src/replication/replicator.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import type { SimulatedCluster } from "../../src/testing/cluster.js";
import type { VersionedMeta } from "../../src/testing/history-oracles.js";
import type { RunHooks } from "../../src/testing/run-schedule.js";
import type { SimulatedNode } from "../../src/testing/simulated-node.js";
import type { SimulatedProtocol } from "../../src/tracker/options.js";
import { AuthorOracles } from "./author-oracles.js";
import { GoalOracles } from "./goal-oracles.js";
import { MembershipOracles } from "./membership-oracles.js";
import { ProtocolOracles } from "./protocol-oracles.js";
import { RequestOracles } from "./request-oracles.js";
import { Situation } from "./situation.js";
import {
  replicaOfFrame,
  watchedBy,
  type DoneStep,
  type StepWatcher,
  type StepWatchers,
  type WatchedStep,
} from "./watched-steps.js";

type Cluster = SimulatedCluster<VersionedMeta>;
type Node = SimulatedNode<VersionedMeta>;

/** What an author had: per flushed clock the clocks of the live births, in order. */
interface AuthorRecord {
  readonly flushes: Map<number, string>;
  readonly births: Map<number, string>;
}

/** The entries of a slice of which nothing came yet: every such slice has these. */
const nothingHeld: unknown = new RemoteSlice({ author: "" } as never, 0).entries;

function textOfEntry(entry: ReplicatedEntry): string {
  const { key, session, ref, meta } = entry;
  return JSON.stringify([ReplicatedEntry.topicOf(entry), key, session, ref, meta]);
}

function clocksOf(entries: ReadonlyMap<number, ReplicatedEntry>): string {
  return [...entries.keys()].sort((a, b) => a - b).join(" ");
}

export class WhiteBox implements StepWatchers {
  readonly hooks: RunHooks;
  /** How many slices were compared with their authors' records. */
  comparisons = 0;
  readonly #records = new Map<string, AuthorRecord>();
  readonly #replicators = new Map<Node, Replicator>();
  /** Slices whose first sync is under way: their pages are visible as they come. */
  readonly #partial = new WeakSet<RemoteSlice>();
  readonly #damaged = new WeakSet<RemoteSlice>();
  readonly #toDamage = new WeakSet<RemoteSlice>();
  readonly #protocol = new ProtocolOracles();
  readonly #situation = new Situation();
  readonly #author: AuthorOracles;
  readonly #requests = new RequestOracles(this.#situation);
  readonly #membership = new MembershipOracles(this.#situation);
  readonly #goals = new GoalOracles(this.#situation);
  readonly #watchers: readonly StepWatcher[];
  /** Where each author stood when it was recorded last. */
  readonly #recordedAt = new WeakMap<AuthoredShard, number>();
  /** Who has had a turn. */
  readonly #started = new WeakSet<Replicator>();
  /** What the slice of a delta was, and what damaged slices held, before a step. */
  #joining: { readonly slice: RemoteSlice; readonly delta: DeltaMessage } | undefined;
  #damagedBefore: { readonly slice: RemoteSlice; readonly entries: unknown }[] = [];
  #tampered: RemoteSlice | undefined;
  #acting: Replicator | undefined;

  constructor(limits: Limits = LIMITS) {
    this.#author = new AuthorOracles(this.#situation, limits);
    this.hooks = {
      begun: (cluster) => this.#situation.begin(cluster),
      afterTask: (_, node) => this.#afterTask(node),
      settled: (cluster) => this.#settled(cluster),
      corrupt: (_, node, of) => this.#corrupt(node, of),
    };
    this.#watchers = [this.#author, this.#requests, this.#membership, this.#protocol];
  }

  /** A protocol whose replicators are watched. */
  watch(protocol: Protocol = PROTOCOL): SimulatedProtocol {
    return watchedBy(this, protocol);
  }

  begins(step: WatchedStep): void {
    const { replicator, event, frame } = step;
    // Who has had no turn may hear itself, but is no node yet. Who acts last during a task is the node whose task it was.
    if (event.type === "turn") this.#started.add(replicator);
    const isTask = event.type === "turn" || event.type === "frame";
    if (isTask && this.#started.has(replicator)) this.#acting = replicator;
    for (const watcher of this.#watchers) watcher.begins?.(step);
    this.#joining = undefined;
    this.#damagedBefore = [];
    if (frame === undefined) return;
    const replica = replicaOfFrame(replicator, frame);
    const { message } = frame;
    for (const slice of replica?.held.slices.values() ?? []) {
      if (this.#damaged.has(slice)) this.#damagedBefore.push({ slice, entries: slice.entries });
      if (message.type !== "delta" || message.shard !== slice.shard || this.#partial.has(slice)) continue;
      // It waits until all that a rebuild has changed is told.
      if (slice.isReplacing) continue;
      const joinsOn = message.since <= slice.clock && message.upTo > slice.clock && message.parts === 1;
      if (joinsOn) this.#joining = { slice, delta: message };
    }
  }

  merged(step: WatchedStep, life: Life, added: readonly ReplicatedEntry[]): void {
    for (const watcher of this.#watchers) watcher.merged?.(step, life, added);
  }

  rebuilding(step: WatchedStep, life: Life, shard: number): void {
    for (const watcher of this.#watchers) watcher.rebuilding?.(step, life, shard);
    for (const replica of step.replicator.membership.replicas()) {
      const slice = replica.life === life ? replica.held.slices.get(shard) : undefined;
      if (slice?.clock === 0 && slice.entries.size === 0) this.#partial.add(slice);
    }
  }

  done(step: DoneStep): void {
    const { replicator, counters } = step;
    const isMerged = replicator.counters.deltasMerged > counters.deltasMerged;
    if (this.#tampered !== undefined) {
      // One that was not merged was no damage.
      (isMerged ? this.#damaged : this.#toDamage).add(this.#tampered);
      this.#tampered = undefined;
    }
    // What was built anew is right again. A slice of which nothing was held has no entries of its own to replace.
    for (const { slice, entries } of this.#damagedBefore) {
      if (entries !== nothingHeld && slice.entries !== entries) this.#damaged.delete(slice);
    }
    const { slice, delta } = this.#joining ?? {};
    if (isMerged && slice !== undefined && slice.clock < (delta?.upTo ?? 0)) {
      this.#situation.blame("does not merge what joins on");
    }
    for (const author of replicator.shards) {
      if (this.#recordedAt.get(author) === author.flushed.clock) continue;
      this.#recordedAt.set(author, author.flushed.clock);
      this.#record(author);
    }
    for (const watcher of this.#watchers) watcher.done?.(step);
  }

  /** The replicator of a life, once it has done anything. */
  replicatorOf(node: Node): Replicator | undefined {
    return this.#replicators.get(node);
  }

  #record(author: AuthoredShard): void {
    const { clock } = author.flushed;
    const first = author.entries.values().next().value;
    const prefix = first === undefined ? undefined : refPrefix(first);
    const key = prefix ?? this.#prefixOf.get(author);
    if (key === undefined) return; // never held anything
    this.#prefixOf.set(author, key);
    const record = this.#recordOf(key);
    if (record.flushes.has(clock)) return;
    record.flushes.set(clock, clocksOf(author.entries));
    for (const [birth, entry] of author.entries) {
      if (!record.births.has(birth)) record.births.set(birth, textOfEntry(entry));
    }
  }

  readonly #prefixOf = new WeakMap<AuthoredShard, string>();

  #recordOf(key: string): AuthorRecord {
    let record = this.#records.get(key);
    if (record === undefined) {
      record = { flushes: new Map(), births: new Map() };
      this.#records.set(key, record);
    }
    return record;
  }

  /** The replicator of whichever node has just acted; for tests that look inside without a schedule. */
  takeActing(): Replicator | undefined {
    const acting = this.#acting;
    this.#acting = undefined;
    return acting;
  }

  #afterTask(node: Node): string[] {
    const acting = this.takeActing();
    if (acting !== undefined) this.#replicators.set(node, acting);
    const replicator = this.#replicators.get(node);
    if (replicator === undefined) return [];
    const { nowMs } = this.#situation;
    const wrong = [
      ...this.#situation.takeWrong(),
      ...this.#author.look(node, replicator),
      ...this.#membership.look(node, replicator),
      ...this.#goals.look(node, replicator, (replica) => this.#isDoubted(replica)),
      ...this.#protocol.look(replicator, nowMs, (slice) => this.#damaged.has(slice)),
    ];
    return [
      ...wrong.map((what) => `${node.name} at ${nowMs.toFixed(1)} ms: ${what}`),
      ...(acting === undefined ? [] : this.#compareAll(node, acting)),
    ];
  }

  #isDoubted(replica: Replica): boolean {
    for (const slice of replica.held.slices.values()) if (this.#damaged.has(slice)) return true;
    return false;
  }

  #compareAll(node: Node, replicator: Replicator): string[] {
    const wrong: string[] = [];
    for (const replica of replicator.membership.replicas()) {
      for (const slice of replica.held.slices.values()) {
        if (slice.caughtUp) this.#partial.delete(slice);
        if (this.#partial.has(slice) || this.#damaged.has(slice) || slice.entries.size === 0) continue;
        const what = this.#compare(slice);
        if (what !== undefined)
          wrong.push(`${node.name} holds of ${replica.id}, shard ${slice.shard}: ${what}`);
      }
    }
    return wrong;
  }

  #compare(slice: RemoteSlice): string | undefined {
    const first = slice.entries.values().next().value;
    if (first === undefined) return undefined;
    const record = this.#records.get(refPrefix(first));
    if (record === undefined) return "a slice that nobody has authored";
    this.comparisons += 1;
    const flushed = record.flushes.get(slice.clock);
    if (flushed === undefined) return `clock ${slice.clock}, at which its author never flushed`;
    const held = clocksOf(slice.entries);
    if (held !== flushed) return `at clock ${slice.clock} the dots [${held}] instead of [${flushed}]`;
    for (const [clock, entry] of slice.entries) {
      const text = textOfEntry(entry);
      if (text !== record.births.get(clock)) {
        return `${text} at clock ${clock} instead of ${record.births.get(clock) ?? "nothing"}`;
      }
    }
    return undefined;
  }

  /** At rest every slice of a running author stands where the author stands, and nothing is left over. */
  #settled(cluster: Cluster): string[] {
    const wrong: string[] = [];
    const running = cluster.running();
    const replicators = running.flatMap((node) => this.#replicators.get(node) ?? []);
    for (const node of running) {
      const replicator = this.#replicators.get(node);
      if (replicator === undefined) continue;
      wrong.push(...this.#compareAll(node, replicator));
      for (const replica of replicator.membership.replicas()) {
        for (const slice of replica.held.slices.values()) {
          if (!slice.caughtUp && replica.status === "up") {
            wrong.push(`${node.name} has not caught up with ${replica.id}, shard ${slice.shard}`);
          }
        }
      }
      for (const what of this.#requests.leftOver(replicator)) wrong.push(`${node.name} still has ${what}`);
    }
    if (replicators.length !== running.length) wrong.push("a node has never done anything");
    return wrong;
  }

  /**
   * The next delta with a birth that a node gets of another loses it on the way in. A removal that was lost would
   * leave an entry beside its successor, and no diff could say so.
   */
  #corrupt(node: Node, of: string): boolean {
    const replicator = this.#replicators.get(node);
    let armed = false;
    for (const replica of replicator?.membership.replicas() ?? []) {
      if (replica.name !== of || !replica.isShown) continue;
      for (const slice of replica.held.slices.values()) {
        if (!slice.caughtUp || this.#partial.has(slice)) continue;
        this.#toDamage.add(slice);
        armed = true;
      }
    }
    return armed;
  }

  tamper(replicator: Replicator, frame: Frame): string | undefined {
    const { message } = frame;
    if (message.type !== "delta" || message.births.length === 0) return undefined;
    const slice = replicaOfFrame(replicator, frame)?.held.slices.get(message.shard);
    // Only what stands is damaged: what is being built would have to be checked against two states.
    if (slice === undefined || !this.#toDamage.has(slice) || !slice.caughtUp) return undefined;
    this.#toDamage.delete(slice);
    this.#tampered = slice;
    return encodeFrame({ ...frame, message: { ...message, births: message.births.slice(1) } });
  }
}

/** What the refs of one author in one shard have in common. */
function refPrefix({ ref }: ReplicatedEntry): string {
  return ref.slice(0, ref.lastIndexOf("."));
}
