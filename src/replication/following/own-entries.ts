/**
 * What this node's own sessions have, by topic: the one source of all shares that it authors. One clock counts its
 * births and removals, whatever their topics; each share that has a topic open is told of each change in it, once, without a search.
 *
 * Knows no follower, no time and no pubsub.
 */
import { Digest } from "../../crdt/digest.js";
import { Orswot } from "../../crdt/index.js";
import type { Dot } from "../../crdt/index.js";
import type { AnyMeta } from "../../words.js";
import { Endings } from "../authoring/endings.js";
import { ReplicatedEntry } from "../entry.js";
import type { EntryOrigin, EntryOwner } from "../entry.js";
import { refPrefixOf, replicaOf } from "../life.js";
import type { Life } from "../life.js";
import type { WireRemoval } from "../message.js";
import { membersOf, sizeOf, withMember, withoutMember } from "./few.js";
import type { Few } from "./few.js";
import { Offers } from "./offers.js";
import { TopicSamples } from "./samples.js";
import { sumOf } from "./sum.js";
import { FOLLOWING_PROTOCOL } from "./rules.js";
import type { FollowingProtocol } from "./rules.js";

/** A removal, and the topic in which it was. */
export interface OwnRemoval extends WireRemoval {
  readonly topic: string;
}

/** What came and went after a clock. */
interface Since {
  readonly births: readonly ReplicatedEntry[];
  readonly removals: readonly OwnRemoval[];
}

/** A share that is told of the changes of its open topics. `hash` is that of the entry's value. */
export interface Watcher {
  born(entry: ReplicatedEntry, hash: number): void;
  removed(removal: OwnRemoval, hash: number, entry: ReplicatedEntry): void;
}

/** A topic that shares have open. */
interface Watched {
  watchers: Few<Watcher>;
  /** That of all its entries, since a share has wanted to know it: to hash the values of a large topic takes its time. */
  digest: Digest | undefined;
  /** Its entries by ascending clock, for those to whom it is told in stretches: some may have gone, later ones lack. */
  ordered: { entries: ReplicatedEntry[]; users: number; lacksLater: boolean } | undefined;
}

const NO_ENTRIES: ReadonlySet<ReplicatedEntry> = new Set();

export class OwnEntries {
  /** Followers with a limit that are told how much there is, and no entry. */
  readonly offers: Offers;
  readonly #origin: EntryOrigin;
  readonly #replica: string;
  readonly #set: Orswot<ReplicatedEntry>;
  readonly #endings: Endings;
  readonly #topics = new Map<string, Set<ReplicatedEntry>>();
  readonly #watched = new Map<string, Watched>();
  /** Of topics of which somebody is told a sample. */
  readonly #samples = new Map<string, TopicSamples>();
  /** The topics of the removals that the set keeps, by their clocks. */
  readonly #removedFrom = new Map<number, string>();
  readonly #removalsKept: number;
  #clock: number;

  /** @param clock counts what was before, of which nothing is there. */
  constructor(
    owner: EntryOwner,
    life: Life,
    { limits, rules }: FollowingProtocol = FOLLOWING_PROTOCOL,
    shard = 0,
    clock = 0,
  ) {
    const { removalsKept } = limits;
    this.offers = new Offers((topic) => this.of(topic).size, rules);
    this.#origin = { owner, shard, refPrefix: refPrefixOf(life, shard) };
    this.#replica = replicaOf(life);
    this.#set = new Orswot(this.#replica, { removalsKept });
    this.#clock = clock;
    if (clock > 0)
      this.#set.mergePart({ replica: this.#replica, since: 0, upTo: clock, births: [], removed: [] });
    this.#endings = new Endings(removalsKept);
    // As many as the set keeps at the most, so that a removal which is kept has a topic.
    this.#removalsKept = removalsKept + Math.min(removalsKept, 1_000);
  }

  get clock(): number {
    return this.#clock;
  }

  get size(): number {
    return this.#set.size;
  }

  /** The topics in which there is an entry. */
  topics(): IterableIterator<string> {
    return this.#topics.keys();
  }

  /** The entries of a topic. The set follows the changes. */
  of(topic: string): ReadonlySet<ReplicatedEntry> {
    return this.#topics.get(topic) ?? NO_ENTRIES;
  }

  add(topic: string, key: string, session: string, meta: Readonly<AnyMeta>): ReplicatedEntry {
    const entry = new ReplicatedEntry(this.#origin, this.#clock + 1, topic, key, session, meta);
    ReplicatedEntry.seal(entry, undefined);
    this.#insert(entry);
    return entry;
  }

  /** @throws Error, and changes nothing, if `previous` is not there. */
  update(previous: ReplicatedEntry, meta: Readonly<AnyMeta>): ReplicatedEntry {
    const dot = this.#dotOf(previous);
    const { key, session } = previous;
    const topic = ReplicatedEntry.topicOf(previous);
    const entry = new ReplicatedEntry(this.#origin, this.#clock + 2, topic, key, session, meta);
    ReplicatedEntry.seal(entry, previous);
    const removal = this.#remove(dot, topic, previous);
    this.#endings.updated(this.#clock);
    this.#tellRemoved(removal, previous);
    this.#insert(entry);
    return entry;
  }

  /** @throws Error, and changes nothing, if the entry is not there. */
  remove(entry: ReplicatedEntry, closed: boolean): void {
    const dot = this.#dotOf(entry);
    const topic = ReplicatedEntry.topicOf(entry);
    const removal = this.#remove(dot, topic, entry);
    this.#endings.ended(this.#clock, dot.clock, closed, (clock) => this.#removedBy(clock)?.clock);
    if (this.#topics.get(topic)?.size === 0) this.#topics.delete(topic);
    this.offers.changed(topic);
    this.#tellRemoved(removal, entry);
  }

  /** From now on the watcher, which was not so before, is told of the changes in a topic. */
  watch(topic: string, watcher: Watcher): void {
    const watched = this.#watched.get(topic);
    if (watched === undefined)
      this.#watched.set(topic, { watchers: watcher, digest: undefined, ordered: undefined });
    else watched.watchers = withMember(watched.watchers, watcher);
  }

  unwatch(topic: string, watcher: Watcher): void {
    const watched = this.#watched.get(topic);
    if (watched === undefined) return;
    watched.watchers = withoutMember(watched.watchers, watcher);
    if (watched.watchers === undefined) this.#watched.delete(topic);
  }

  /** The digest of all entries of a topic that is watched: it follows the changes. */
  digestOf(topic: string): Digest {
    const watched = this.#watched.get(topic);
    if (watched?.digest !== undefined) return watched.digest;
    const digest = sumOf(this.of(topic));
    if (watched !== undefined) watched.digest = digest;
    return digest;
  }

  /** What a watcher has summed up in stretches is the digest of all entries of a topic. */
  hasDigest(topic: string, sum: Digest): void {
    const watched = this.#watched.get(topic);
    if (watched === undefined || watched.digest !== undefined) return;
    watched.digest = new Digest();
    watched.digest.assume(sum);
  }

  /** A watcher begins to tell a topic in stretches; `endStretches` is to follow. */
  beginStretches(topic: string): void {
    const watched = this.#watched.get(topic);
    if (watched === undefined) return;
    const users = (watched.ordered?.users ?? 0) + 1;
    if (watched.ordered?.lacksLater === false) watched.ordered.users = users;
    // They are kept by clock: what comes has the latest.
    else watched.ordered = { entries: [...this.of(topic)], users, lacksLater: false };
  }

  endStretches(topic: string): void {
    const watched = this.#watched.get(topic);
    if (watched?.ordered === undefined) return;
    watched.ordered.users -= 1;
    if (watched.ordered.users === 0) watched.ordered = undefined;
  }

  /**
   * The latest entries of a topic up to a clock, so many at the most and those above a floor, by descending clock; and above
   * which clock there is no other one.
   */
  stretch(
    topic: string,
    upTo: number,
    most: number,
    above = 0,
  ): { readonly entries: ReplicatedEntry[]; readonly floor: number } {
    const { entries: ordered = [] } = this.#watched.get(topic)?.ordered ?? {};
    const present = this.of(topic);
    const entries: ReplicatedEntry[] = [];
    for (let i = countUpTo(ordered, upTo) - 1; i >= 0; i--) {
      const entry = ordered[i]!;
      const clock = ReplicatedEntry.clockOf(entry);
      if (clock <= above) break;
      if (!present.has(entry)) continue;
      if (entries.length === most) return { entries, floor: clock };
      entries.push(entry);
    }
    return { entries, floor: above };
  }

  /** The samples of a topic, kept up to date until they are released as often. Made by a walk over it for the first. */
  samplesOf(topic: string): TopicSamples {
    const samples = this.#samples.get(topic) ?? new TopicSamples(() => this.of(topic));
    samples.users += 1;
    this.#samples.set(topic, samples);
    return samples;
  }

  releaseSamples(topic: string): void {
    const samples = this.#samples.get(topic);
    if (samples === undefined) return;
    samples.users -= 1;
    if (samples.users === 0) this.#samples.delete(topic);
  }

  /** Of how many topics samples are kept. */
  get sampledCount(): number {
    return this.#samples.size;
  }

  /** How many watch a topic, or are told how much there is, over all topics. */
  get watchCount(): number {
    let count = this.offers.size;
    for (const { watchers } of this.#watched.values()) count += sizeOf(watchers);
    return count;
  }

  /**
   * What came after a clock and is there, and what was there at it and is not; `undefined` where the kept removals do not
   * reach back. Costs as much as there was.
   */
  since(clock: number): Since | undefined {
    const part = this.#set.part(this.#replica, clock);
    if (part === undefined) return undefined;
    return {
      births: part.births.map(({ value }) => value),
      removals: part.removed.map((removal) => ({
        clock: removal.clock,
        removed: removal.dot.clock,
        closed: this.isClosed(removal.clock),
        topic: this.#removedFrom.get(removal.clock) ?? "",
      })),
    };
  }

  /** What went with its session after a clock, as far as removals are kept. Costs as much as was removed. */
  closedSince(since: number): OwnRemoval[] {
    const closed: OwnRemoval[] = [];
    for (const clock of this.#endings.closedWithin(since, this.#clock)) {
      const removed = this.#removedBy(clock)?.clock;
      const topic = this.#removedFrom.get(clock);
      if (removed !== undefined && topic !== undefined) closed.push({ clock, removed, closed: true, topic });
    }
    return closed;
  }

  /** Whether what was removed at this clock went with its session, then or in a later revision. */
  isClosed(removal: number): boolean {
    return this.#endings.isClosed(removal);
  }

  #insert(entry: ReplicatedEntry): void {
    this.#clock = this.#set.add(entry).clock;
    if (this.#clock !== ReplicatedEntry.clockOf(entry))
      throw new Error(`A fault of rollcall: the entry ${entry.ref} was born at clock ${this.#clock}`);
    const topic = ReplicatedEntry.topicOf(entry);
    const entries = this.#topics.get(topic);
    if (entries === undefined) this.#topics.set(topic, new Set([entry]));
    else entries.add(entry);
    this.#samples.get(topic)?.add(entry);
    this.offers.changed(topic);
    const watched = this.#watched.get(topic);
    if (watched === undefined) return;
    // Once for all of them: what it costs is that of the value.
    const hash = ReplicatedEntry.hashOf(entry);
    watched.digest?.add(this.#clock, hash);
    if (watched.ordered !== undefined) watched.ordered.lacksLater = true;
    for (const watcher of membersOf(watched.watchers)) watcher.born(entry, hash);
  }

  #remove(dot: Dot, topic: string, entry: ReplicatedEntry): OwnRemoval {
    this.#set.remove(dot);
    this.#clock = this.#set.context.clock(this.#replica);
    this.#topics.get(topic)?.delete(entry);
    this.#samples.get(topic)?.delete(entry);
    this.#removedFrom.set(this.#clock, topic);
    if (this.#removedFrom.size > this.#removalsKept) {
      for (const oldest of this.#removedFrom.keys()) {
        this.#removedFrom.delete(oldest);
        break;
      }
    }
    return { clock: this.#clock, removed: dot.clock, closed: false, topic };
  }

  #tellRemoved(removal: OwnRemoval, entry: ReplicatedEntry): void {
    const watched = this.#watched.get(removal.topic);
    if (watched === undefined) return;
    const hash = ReplicatedEntry.hashOf(entry);
    watched.digest?.subtract(removal.removed, hash);
    for (const watcher of membersOf(watched.watchers)) watcher.removed(removal, hash, entry);
  }

  #dotOf(entry: ReplicatedEntry): Dot {
    const dot = { replica: this.#replica, clock: ReplicatedEntry.clockOf(entry) };
    if (this.#set.get(dot) === entry) return dot;
    throw new Error(`A fault of rollcall: the entry ${entry.ref} is not in its author's set`);
  }

  #removedBy(clock: number): Dot | undefined {
    return this.#set.removedBy({ replica: this.#replica, clock });
  }
}

/** How many entries, which stand by ascending clock, were born up to a clock. */
function countUpTo(entries: readonly ReplicatedEntry[], clock: number): number {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (ReplicatedEntry.clockOf(entries[middle]!) <= clock) from = middle + 1;
    else to = middle;
  }
  return from;
}
