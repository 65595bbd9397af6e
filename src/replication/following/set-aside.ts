/**
 * What a follower held of topics that are told anew, in stretches (R109): it is shown until it is told, by its clock or in a
 * later revision; and what is not told leaves when the topic was told to its end, so many at a time that no turn is long.
 *
 * Knows no frame, and what is held only as far as it is told.
 */
import { ReplicatedEntry } from "../entry.js";
import { GoneByIdentity } from "../holding/identity.js";
import type { Gone } from "../holding/identity.js";

interface Topic {
  readonly entries: Set<ReplicatedEntry>;
  /** Made when an entry comes that may be a later revision of one of them. */
  byIdentity: GoneByIdentity | undefined;
}

export class SetAside {
  #byClock = new Map<number, ReplicatedEntry>();
  readonly #topics = new Map<string, Topic>();
  /** Those that were told to their ends: what is left of them is to leave. */
  readonly #ended = new Set<string>();

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

  hasClock(clock: number): boolean {
    return this.#byClock.has(clock);
  }

  put(entry: ReplicatedEntry): void {
    const name = ReplicatedEntry.topicOf(entry);
    const topic = this.#topics.get(name);
    if (topic === undefined) this.#topics.set(name, { entries: new Set([entry]), byIdentity: undefined });
    else {
      topic.entries.add(entry);
      topic.byIdentity?.put({ entry, closed: false });
    }
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
    for (const [name, entries] of topics)
      if (entries.size > 0) this.#topics.set(name, { entries, byIdentity: undefined });
  }

  /** Takes the one of this clock, if there is one: it was told, as it is or as gone. */
  take(clock: number): ReplicatedEntry | undefined {
    const entry = this.#byClock.get(clock);
    if (entry !== undefined) this.#delete(entry);
    return entry;
  }

  /** Takes the one of which an entry is a later revision, if there is one. */
  takeLike(entry: ReplicatedEntry): ReplicatedEntry | undefined {
    const topic = this.#topics.get(ReplicatedEntry.topicOf(entry));
    if (topic === undefined) return undefined;
    topic.byIdentity ??= new GoneByIdentity(goneOf(topic.entries));
    const found = topic.byIdentity.find(entry)?.entry;
    if (found !== undefined) this.#delete(found);
    return found;
  }

  /** Takes all of a topic. */
  takeTopic(name: string): ReplicatedEntry[] {
    const topic = this.#topics.get(name);
    if (topic === undefined) return [];
    this.#topics.delete(name);
    this.#ended.delete(name);
    for (const entry of topic.entries) this.#byClock.delete(ReplicatedEntry.clockOf(entry));
    return [...topic.entries];
  }

  /** A topic was told to its end: what is left of it is to leave. */
  end(name: string): void {
    if (this.#topics.has(name)) this.#ended.add(name);
  }

  /** Whether anything is to leave. */
  get isToBeCleared(): boolean {
    return this.#ended.size > 0;
  }

  /** Lets go of so many of those that are to leave. */
  clear(most: number): Gone[] {
    const gone: Gone[] = [];
    for (const name of this.#ended) {
      for (const entry of this.#topics.get(name)?.entries ?? []) {
        if (gone.length === most) return gone;
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
    topic?.entries.delete(entry);
    // A further one of the same identity, which no author has, is found no more: it leaves in the end.
    if (topic?.byIdentity?.find(entry)?.entry === entry) topic.byIdentity.delete(entry);
    if (topic?.entries.size !== 0) return;
    this.#topics.delete(name);
    this.#ended.delete(name);
  }
}

function* goneOf(entries: Iterable<ReplicatedEntry>): Generator<Gone> {
  for (const entry of entries) yield { entry, closed: false };
}
