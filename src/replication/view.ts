/**
 * What this node shows: the visible entries by topic and key, and what of it changed since the last delivery.
 *
 * The view is the gate through which every change passes, so a join is in a diff only if the entry was not
 * shown before, and a leave only if it was. It also hands off: an entry of a departing life leaves as soon
 * as its topic and key appear elsewhere. Knows no slice, no time and no handler.
 */
import type { Diff, LeaveReason } from "../tracker/behaviour.js";
import { ReplicatedEntry } from "./entry.js";
import { PendingDiff } from "./pending-diff.js";

/** The entries of one key: nearly always one, so a set is made only for the second. */
type Bucket = ReplicatedEntry | Set<ReplicatedEntry>;

interface Topic {
  count: number;
  readonly keys: Map<string, Bucket>;
}

export class View {
  readonly #topics = new Map<string, Topic>();
  readonly #changes = new PendingDiff();
  /** How many lives are departing: with none, a join has nobody to look for. */
  departingLives = 0;

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
    const owner = ReplicatedEntry.ownerOf(entry);
    if (owner.departure !== undefined && this.isElsewhere(entry)) {
      owner.handedOff.add(entry);
      return;
    }
    const name = ReplicatedEntry.topicOf(entry);
    if (!this.#insert(name, entry)) return;
    this.#changes.join(name, entry);
    if (this.departingLives > 0 && owner.departure === undefined) this.#handOffTo(entry);
  }

  /** Hides an entry, if it is shown. */
  leave(entry: ReplicatedEntry, reason: LeaveReason): void {
    const name = ReplicatedEntry.topicOf(entry);
    if (this.#delete(name, entry)) this.#changes.leave(name, entry, reason);
  }

  /** Puts a revision in the place of the one before, if that is shown. */
  update(entry: ReplicatedEntry, previous: ReplicatedEntry): void {
    const name = ReplicatedEntry.topicOf(entry);
    const owner = ReplicatedEntry.ownerOf(entry);
    if (owner.handedOff.delete(previous)) {
      owner.handedOff.add(entry);
      return;
    }
    const keys = this.#topics.get(name)?.keys;
    if (keys?.get(entry.key) === previous) keys.set(entry.key, entry);
    else {
      if (!this.#delete(name, previous)) return;
      this.#insert(name, entry);
    }
    this.#changes.update(name, entry, previous);
  }

  /** Hands off what of a life that begins to depart is elsewhere already. */
  handOff(entry: ReplicatedEntry): void {
    const owner = ReplicatedEntry.ownerOf(entry);
    if (owner.departure === undefined || !this.isElsewhere(entry)) return;
    owner.handedOff.add(entry);
    this.leave(entry, owner.departure);
  }

  /** Whether another life that is here to stay shows the same topic and key. */
  isElsewhere(entry: ReplicatedEntry): boolean {
    const bucket = this.#topics.get(ReplicatedEntry.topicOf(entry))?.keys.get(entry.key);
    if (bucket === undefined) return false;
    if (!(bucket instanceof Set)) return ReplicatedEntry.ownerOf(bucket).departure === undefined;
    for (const other of bucket) if (ReplicatedEntry.ownerOf(other).departure === undefined) return true;
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

  #insert(name: string, entry: ReplicatedEntry): boolean {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = { count: 0, keys: new Map() };
      this.#topics.set(name, topic);
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

  #delete(name: string, entry: ReplicatedEntry): boolean {
    const topic = this.#topics.get(name);
    const bucket = topic?.keys.get(entry.key);
    if (topic === undefined || bucket === undefined) return false;
    if (bucket instanceof Set) {
      if (!bucket.delete(entry)) return false;
      if (bucket.size === 1) for (const last of bucket) topic.keys.set(entry.key, last);
    } else if (bucket === entry) topic.keys.delete(entry.key);
    else return false;
    topic.count -= 1;
    if (topic.count === 0) this.#topics.delete(name);
    return true;
  }

  #handOffTo(entry: ReplicatedEntry): void {
    for (const other of this.getByKey(ReplicatedEntry.topicOf(entry), entry.key)) {
      if (other !== entry) this.handOff(other);
    }
  }
}
