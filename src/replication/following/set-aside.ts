/**
 * What a follower held of topics that are told anew, in stretches (R110): it is shown until it is told, by its clock or in a
 * later revision; and what is not told leaves when the topic was told to its end, so many at a time that no turn is long.
 *
 * Knows no frame, and what is held only as far as it is told.
 */
import { ReplicatedEntry } from "../entry.js";
import { GoneByIdentity } from "../holding/identity.js";
import type { Gone } from "../holding/identity.js";

class Topic {
  readonly entries: Set<ReplicatedEntry>;
  /** By identity, as far as they are indexed: to index all is more than the work of one turn. */
  readonly #byIdentity = new GoneByIdentity();
  readonly #toIndex: Iterator<ReplicatedEntry>;
  #isIndexed = false;

  constructor(entries: Set<ReplicatedEntry>) {
    this.entries = entries;
    // Of a set that grows meanwhile this one visits all.
    this.#toIndex = entries.values();
  }

  get isIndexed(): boolean {
    return this.#isIndexed;
  }

  /** Indexes so many at the most. Returns how many. */
  index(most: number): number {
    for (let count = 0; count < most; count++) {
      const next = this.#toIndex.next();
      if (next.done === true) {
        this.#isIndexed = true;
        return count;
      }
      this.#put(next.value);
    }
    return most;
  }

  add(entry: ReplicatedEntry): void {
    this.entries.add(entry);
    if (this.#isIndexed) this.#put(entry);
  }

  delete(entry: ReplicatedEntry): void {
    this.entries.delete(entry);
    if (this.#byIdentity.find(entry)?.entry === entry) this.#byIdentity.delete(entry);
  }

  /** Those of which entries are later revisions. */
  *like(entries: readonly ReplicatedEntry[]): Generator<ReplicatedEntry> {
    const others = new GoneByIdentity();
    for (const entry of entries) {
      const found = this.#byIdentity.find(entry)?.entry;
      if (found !== undefined) yield found;
      else if (!this.#isIndexed) others.put({ entry, closed: false });
    }
    if (this.#isIndexed) return;
    for (const entry of this.entries) if (others.find(entry) !== undefined) yield entry;
  }

  #put(entry: ReplicatedEntry): void {
    // Of a further one of the same identity, which no author has, nothing is found: it leaves in the end.
    if (this.#byIdentity.find(entry) === undefined) this.#byIdentity.put({ entry, closed: false });
  }
}

export class SetAside {
  #byClock = new Map<number, ReplicatedEntry>();
  readonly #topics = new Map<string, Topic>();
  /** Those that were told to their ends: what is left of them is to leave. */
  readonly #ended = new Set<string>();
  readonly #toIndex = new Set<Topic>();

  get size(): number {
    return this.#byClock.size;
  }

  entries(): IterableIterator<ReplicatedEntry> {
    return this.#byClock.values();
  }

  /** Whether there is any of a topic. */
  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  get(clock: number): ReplicatedEntry | undefined {
    return this.#byClock.get(clock);
  }

  put(entry: ReplicatedEntry): void {
    const name = ReplicatedEntry.topicOf(entry);
    const topic = this.#topics.get(name);
    if (topic === undefined) this.#begin(name, new Set([entry]));
    else topic.add(entry);
    this.#ended.delete(name);
    this.#byClock.set(ReplicatedEntry.clockOf(entry), entry);
  }

  /** Puts all that was held: maps and sets that are nobody else's from now on. Costs the number of topics, if nothing was there. */
  putAll(
    byClock: Map<number, ReplicatedEntry>,
    topics: Iterable<readonly [string, Set<ReplicatedEntry>]>,
  ): void {
    if (this.size > 0) {
      for (const entry of byClock.values()) this.put(entry);
      return;
    }
    this.#byClock = byClock;
    for (const [name, entries] of topics) if (entries.size > 0) this.#begin(name, entries);
  }

  #begin(name: string, entries: Set<ReplicatedEntry>): void {
    const topic = new Topic(entries);
    this.#topics.set(name, topic);
    this.#toIndex.add(topic);
  }

  /** Takes the one of this clock, if there is one: it was told, as it is or as gone. */
  take(clock: number): ReplicatedEntry | undefined {
    const entry = this.#byClock.get(clock);
    if (entry !== undefined) this.#delete(entry);
    return entry;
  }

  /** Takes those of which entries of a topic are later revisions. */
  takeLike(name: string, entries: readonly ReplicatedEntry[]): ReplicatedEntry[] {
    const topic = this.#topics.get(name);
    const found = topic === undefined ? [] : [...topic.like(entries)];
    for (const entry of found) this.#delete(entry);
    return found;
  }

  /** Takes all of a topic. */
  takeTopic(name: string): ReplicatedEntry[] {
    const topic = this.#topics.get(name);
    if (topic === undefined) return [];
    this.#forget(name, topic);
    for (const entry of topic.entries) this.#byClock.delete(ReplicatedEntry.clockOf(entry));
    return [...topic.entries];
  }

  /** A topic was told to its end: what is left of it is to leave. */
  end(name: string): void {
    if (this.#topics.has(name)) this.#ended.add(name);
  }

  /** More of a topic is to be told: what is left of it may be. */
  goOn(name: string): void {
    this.#ended.delete(name);
  }

  /** Whether there is more to do than one turn should take. */
  get hasWork(): boolean {
    return this.#ended.size > 0 || this.#toIndex.size > 0;
  }

  /** Does some of it, with so many entries: returns those that leave. */
  work(most: number): Gone[] {
    let left = most;
    for (const topic of this.#toIndex) {
      left -= topic.index(left);
      if (topic.isIndexed) this.#toIndex.delete(topic);
      if (left <= 0) return [];
    }
    const gone: Gone[] = [];
    for (const name of this.#ended) {
      for (const entry of this.#topics.get(name)?.entries ?? []) {
        if (gone.length === left) return gone;
        this.#delete(entry);
        gone.push({ entry, closed: false });
      }
    }
    return gone;
  }

  #delete(entry: ReplicatedEntry): void {
    this.#byClock.delete(ReplicatedEntry.clockOf(entry));
    const name = ReplicatedEntry.topicOf(entry);
    const topic = this.#topics.get(name);
    topic?.delete(entry);
    if (topic?.entries.size === 0) this.#forget(name, topic);
  }

  #forget(name: string, topic: Topic): void {
    this.#topics.delete(name);
    this.#ended.delete(name);
    this.#toIndex.delete(topic);
  }
}
