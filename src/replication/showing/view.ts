/**
 * What this node shows: the visible entries by topic and key, and what of it changed since the last delivery.
 *
 * The view is the gate through which every change passes, so a join is in a diff only if the entry was not
 * shown before, and a leave only if it was. It also hands off and back: an entry of a departing life is shown
 * exactly while no life that stays shows its topic and key. So what is shown of a key is either of lives that
 * stay or of lives that depart, and one look at any of it tells which. Knows no slice, no time and no handler.
 */
import type { Diff, LeaveReason } from "../../words.js";
import { ReplicatedEntry } from "../entry.js";
import type { EntryOwner } from "../entry.js";
import { PendingDiff } from "./pending-diff.js";
import { RULES } from "../rules.js";
import type { Rules } from "../rules.js";

/** The entries of one key: nearly always one, so a set is made only for the second. */
type Bucket = ReplicatedEntry | Set<ReplicatedEntry>;

interface Topic {
  count: number;
  readonly keys: Map<string, Bucket>;
}

type Topics = Map<string, Topic>;

export class View {
  readonly #rules: Rules;
  readonly #topics: Topics = new Map();
  /** What departing lives hold and others show: empty while nobody departs. */
  readonly #handedOff: Topics = new Map();
  /** How many of them each departing life has. */
  readonly #handedOffCounts = new Map<EntryOwner, number>();
  readonly #changes = new PendingDiff();
  /** How many lives are departing: with none, a join has nobody to look for. */
  departingLives = 0;

  constructor(rules: Rules = RULES) {
    this.#rules = rules;
  }

  topics(): string[] {
    return [...this.#topics.keys()];
  }

  list(topic: string): ReplicatedEntry[] {
    const found = this.#topics.get(topic);
    if (found === undefined) return [];
    const { count, keys } = found;
    const entries = new Array<ReplicatedEntry>(count);
    let next = 0;
    // As many entries as keys: then no bucket is a set, and none has to be looked at.
    const areSingle = count === keys.size;
    for (const bucket of keys.values()) {
      if (areSingle) entries[next++] = bucket as ReplicatedEntry;
      else if (bucket instanceof Set) for (const entry of bucket) entries[next++] = entry;
      else entries[next++] = bucket;
    }
    return entries;
  }

  getByKey(topic: string, key: string): ReplicatedEntry[] {
    const bucket = this.#topics.get(topic)?.keys.get(key);
    if (bucket === undefined) return [];
    return bucket instanceof Set ? [...bucket] : [bucket];
  }

  count(topic: string): number {
    return this.#topics.get(topic)?.count ?? 0;
  }

  countKeys(topic: string): number {
    return this.#topics.get(topic)?.keys.size ?? 0;
  }

  has(topic: string, key: string): boolean {
    return this.#topics.get(topic)?.keys.has(key) ?? false;
  }

  /**
   * Shows an entry, unless its life departs and its key is shown by another one already; then it counts as
   * handed off.
   */
  join(entry: ReplicatedEntry): void {
    const departs = !this.#rules.stays(entry);
    if (departs && this.#isElsewhere(entry)) return this.#setAside(entry);
    // Who stays beside another has nothing to take over: that one has.
    const takesOver = this.departingLives > 0 && !departs && !this.#isElsewhere(entry);
    if (!insert(this.#topics, entry)) return;
    this.#changes.join(ReplicatedEntry.topicOf(entry), entry);
    if (takesOver) this.#handOffAllOf(entry);
  }

  /** Hides an entry, if it is shown; what waited for its key is shown again if it was the last. */
  leave(entry: ReplicatedEntry, reason: LeaveReason): void {
    if (remove(this.#topics, entry)) {
      this.#changes.leave(ReplicatedEntry.topicOf(entry), entry, reason);
      this.handBack(entry);
    } else this.#takeBack(entry);
  }

  /** Puts a revision in the place of the one before, if that is shown. */
  update(entry: ReplicatedEntry, previous: ReplicatedEntry): void {
    if (this.#takeBack(previous)) return this.#setAside(entry);
    const name = ReplicatedEntry.topicOf(entry);
    const keys = this.#topics.get(name)?.keys;
    if (keys?.get(entry.key) === previous) keys.set(entry.key, entry);
    else {
      if (!remove(this.#topics, previous)) return;
      insert(this.#topics, entry);
    }
    this.#changes.update(name, entry, previous);
  }

  /**
   * A life begins to depart: of its keys, those that others show who stay are handed off; for the rest all who
   * depart wait together. Looks at each key once, however many entries the life has there.
   */
  depart(entries: Iterable<ReplicatedEntry>): void {
    const seen = new Set<Bucket>();
    for (const entry of entries) {
      const bucket = bucketOf(this.#topics, entry);
      if (bucket === undefined || seen.has(bucket)) continue;
      seen.add(bucket);
      const shown = bucket instanceof Set ? [...bucket] : [bucket];
      if (!shown.some((other) => this.#rules.stays(other))) this.#showWaiting(entry);
      else this.#handOffAllOf(entry);
    }
  }

  /** Hides an entry of a departing life, because its key is shown by one that stays. */
  handOff(entry: ReplicatedEntry): void {
    const { departure } = ReplicatedEntry.ownerOf(entry);
    if (departure === undefined || !remove(this.#topics, entry)) return;
    this.#setAside(entry);
    this.#changes.leave(ReplicatedEntry.topicOf(entry), entry, departure);
  }

  /** How many entries of a departing life are hidden, because others show their keys. */
  handedOffCount(owner: EntryOwner): number {
    return this.#handedOffCounts.get(owner) ?? 0;
  }

  /** Shows again what departing lives hold of a key, if nobody shows it any more. */
  handBack(entry: ReplicatedEntry): void {
    if (this.#handedOff.size > 0 && bucketOf(this.#topics, entry) === undefined) this.#showWaiting(entry);
  }

  /** Whether another life that is here to stay shows the same topic and key. */
  #isElsewhere(entry: ReplicatedEntry): boolean {
    const bucket = bucketOf(this.#topics, entry);
    if (bucket === undefined) return false;
    if (!(bucket instanceof Set)) return this.#rules.stays(bucket);
    for (const other of bucket) return this.#rules.stays(other);
    return false;
  }

  /** The changes since the last call, if there are any. */
  takeDiff(): Diff | undefined {
    return this.#changes.take();
  }

  /** Forgets the changes since the last call, where nobody wants them. */
  dropDiff(): void {
    this.#changes.drop();
  }

  #setAside(entry: ReplicatedEntry): void {
    if (!insert(this.#handedOff, entry)) return;
    const owner = ReplicatedEntry.ownerOf(entry);
    this.#handedOffCounts.set(owner, this.handedOffCount(owner) + 1);
  }

  /** Returns whether the entry was handed off. */
  #takeBack(entry: ReplicatedEntry): boolean {
    if (this.#handedOff.size === 0 || !remove(this.#handedOff, entry)) return false;
    const owner = ReplicatedEntry.ownerOf(entry);
    const count = this.handedOffCount(owner) - 1;
    if (count === 0) this.#handedOffCounts.delete(owner);
    else this.#handedOffCounts.set(owner, count);
    return true;
  }

  #handOffAllOf(entry: ReplicatedEntry): void {
    for (const other of this.getByKey(ReplicatedEntry.topicOf(entry), entry.key)) this.handOff(other);
  }

  #showWaiting(entry: ReplicatedEntry): void {
    const waiting = bucketOf(this.#handedOff, entry);
    if (waiting === undefined) return;
    for (const other of waiting instanceof Set ? [...waiting] : [waiting]) {
      this.#takeBack(other);
      insert(this.#topics, other);
      this.#changes.join(ReplicatedEntry.topicOf(other), other);
    }
  }
}

/** What stands under the topic and key of an entry. */
function bucketOf(topics: Topics, entry: ReplicatedEntry): Bucket | undefined {
  return topics.get(ReplicatedEntry.topicOf(entry))?.keys.get(entry.key);
}

/** Whether the entry was not there. */
function insert(topics: Topics, entry: ReplicatedEntry): boolean {
  const name = ReplicatedEntry.topicOf(entry);
  let topic = topics.get(name);
  if (topic === undefined) {
    topic = { count: 0, keys: new Map() };
    topics.set(name, topic);
  }
  const bucket = topic.keys.get(entry.key);
  if (bucket === undefined) topic.keys.set(entry.key, entry);
  else if (bucket instanceof Set) {
    if (bucket.has(entry)) return false;
    bucket.add(entry);
  } else if (bucket === entry) return false;
  else topic.keys.set(entry.key, new Set([bucket, entry]));
  topic.count += 1;
  return true;
}

/** Whether the entry was there. */
function remove(topics: Topics, entry: ReplicatedEntry): boolean {
  const name = ReplicatedEntry.topicOf(entry);
  const topic = topics.get(name);
  const bucket = topic?.keys.get(entry.key);
  if (topic === undefined || bucket === undefined) return false;
  if (bucket instanceof Set) {
    if (!bucket.delete(entry)) return false;
    if (bucket.size === 1) for (const last of bucket) topic.keys.set(entry.key, last);
  } else if (bucket === entry) topic.keys.delete(entry.key);
  else return false;
  topic.count -= 1;
  if (topic.count === 0) topics.delete(name);
  return true;
}
