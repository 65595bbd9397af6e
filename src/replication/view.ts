/**
 * What this node shows: the visible entries by topic and key, and the diff since the last delivery.
 *
 * The view is the gate through which every change passes, so a join is in a diff only if the entry was not
 * shown before, and a leave only if it was. It also hands off: an entry of a departing life leaves as soon
 * as its topic and key appear elsewhere. Knows no slice, no time and no handler.
 */
import type { Diff, Entry, Leave, LeaveReason, TopicDiff, Update } from "../tracker/behaviour.js";
import { ReplicatedEntry } from "./entry.js";

/** The entries of one key: nearly always one, so a set is made only for the second. */
type Bucket = ReplicatedEntry | Set<ReplicatedEntry>;

interface Topic {
  count: number;
  readonly keys: Map<string, Bucket>;
}

interface PendingTopicDiff {
  readonly joins: Set<ReplicatedEntry>;
  /** By the present revision. */
  readonly updates: Map<ReplicatedEntry, ReplicatedEntry>;
  readonly leaves: Map<ReplicatedEntry, LeaveReason>;
}

export class View {
  readonly #topics = new Map<string, Topic>();
  #pending = new Map<string, PendingTopicDiff>();
  /** How many lives are departing: with none, a join has nobody to look for. */
  departingLives = 0;

  topics(): string[] {
    return [...this.#topics.keys()];
  }

  list(topic: string): ReplicatedEntry[] {
    const found = this.#topics.get(topic);
    if (found === undefined) return [];
    const entries: ReplicatedEntry[] = [];
    for (const bucket of found.keys.values()) {
      if (bucket instanceof Set) for (const entry of bucket) entries.push(entry);
      else entries.push(bucket);
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
    if (owner.departure !== undefined && this.#isElsewhere(entry)) {
      owner.handedOff.add(entry);
      return;
    }
    const name = ReplicatedEntry.topicOf(entry);
    if (!this.#insert(name, entry)) return;
    const diff = this.#diffOf(name);
    if (diff.leaves.delete(entry)) return;
    diff.joins.add(entry);
    if (this.departingLives > 0 && owner.departure === undefined) this.#handOffTo(entry);
  }

  /** Hides an entry, if it is shown. */
  leave(entry: ReplicatedEntry, reason: LeaveReason): void {
    const name = ReplicatedEntry.topicOf(entry);
    if (!this.#delete(name, entry)) return;
    const diff = this.#diffOf(name);
    if (diff.joins.delete(entry)) return;
    const before = diff.updates.get(entry);
    diff.updates.delete(entry);
    diff.leaves.set(before ?? entry, reason);
  }

  /** Puts a revision in the place of the one before, if that is shown. */
  update(entry: ReplicatedEntry, previous: ReplicatedEntry): void {
    const name = ReplicatedEntry.topicOf(entry);
    const owner = ReplicatedEntry.ownerOf(entry);
    if (owner.handedOff.delete(previous)) {
      owner.handedOff.add(entry);
      return;
    }
    if (!this.#delete(name, previous)) return;
    this.#insert(name, entry);
    const diff = this.#diffOf(name);
    if (diff.joins.delete(previous)) {
      diff.joins.add(entry);
      return;
    }
    const first = diff.updates.get(previous) ?? previous;
    diff.updates.delete(previous);
    diff.updates.set(entry, first);
  }

  /** Hands off what of a life that begins to depart is elsewhere already. */
  handOff(entry: ReplicatedEntry): void {
    const owner = ReplicatedEntry.ownerOf(entry);
    if (owner.departure === undefined || !this.#isElsewhere(entry)) return;
    owner.handedOff.add(entry);
    this.leave(entry, owner.departure);
  }

  /** Whether anything waits for delivery. */
  get hasChanges(): boolean {
    return this.#pending.size > 0;
  }

  /** The changes since the last call, if there are any. */
  takeDiff(): Diff | undefined {
    if (this.#pending.size === 0) return undefined;
    const pending = this.#pending;
    this.#pending = new Map();
    const diff = new Map<string, TopicDiff>();
    for (const [topic, { joins, updates, leaves }] of pending) {
      if (joins.size + updates.size + leaves.size === 0) continue;
      diff.set(topic, {
        joins: [...joins],
        updates: Array.from(updates, ([entry, previous]) => updateOf(entry, previous)),
        leaves: Array.from(leaves, ([entry, reason]) => leaveOf(entry, reason)),
      });
    }
    return diff.size === 0 ? undefined : diff;
  }

  /** Forgets the changes since the last call, where nobody wants them. */
  dropDiff(): void {
    if (this.#pending.size > 0) this.#pending = new Map();
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

  /** Whether another life that is here to stay shows the same topic and key. */
  #isElsewhere(entry: ReplicatedEntry): boolean {
    const bucket = this.#topics.get(ReplicatedEntry.topicOf(entry))?.keys.get(entry.key);
    if (bucket === undefined) return false;
    if (!(bucket instanceof Set)) return ReplicatedEntry.ownerOf(bucket).departure === undefined;
    for (const other of bucket) if (ReplicatedEntry.ownerOf(other).departure === undefined) return true;
    return false;
  }

  #handOffTo(entry: ReplicatedEntry): void {
    for (const other of this.getByKey(ReplicatedEntry.topicOf(entry), entry.key)) {
      if (other !== entry) this.handOff(other);
    }
  }

  #diffOf(topic: string): PendingTopicDiff {
    let diff = this.#pending.get(topic);
    if (diff === undefined) {
      diff = { joins: new Set(), updates: new Map(), leaves: new Map() };
      this.#pending.set(topic, diff);
    }
    return diff;
  }
}

function plain({ key, meta, ref, prevRef, node, session }: ReplicatedEntry): Entry {
  return prevRef === undefined
    ? { key, meta, ref, node, session }
    : { key, meta, ref, prevRef, node, session };
}

function updateOf(entry: ReplicatedEntry, previous: ReplicatedEntry): Update {
  return { ...plain(entry), prevRef: previous.ref, previous: previous.meta };
}

function leaveOf(entry: ReplicatedEntry, reason: LeaveReason): Leave {
  return { ...plain(entry), reason };
}
