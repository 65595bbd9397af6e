/**
 * What changed and was not delivered yet: net, so that what came and went in between is not in it. Knows no
 * index: that a join was really one is the view's word.
 *
 * Nearly every local call changes one entry, so the maps are made only for the second change.
 */
import type { Diff, Leave, LeaveReason, TopicDiff, Update } from "../../words.js";
import { ReplicatedEntry } from "../entry.js";

interface PendingTopicDiff {
  readonly joins: Set<ReplicatedEntry>;
  /** The revision that was delivered last, by the present one. */
  readonly updates: Map<ReplicatedEntry, ReplicatedEntry>;
  readonly leaves: Map<ReplicatedEntry, LeaveReason>;
  began: boolean;
  ended: boolean;
}

const NONE: readonly never[] = Object.freeze([]);

export class PendingDiff {
  /** The only change, while there is one: of an entry, from `#previous` if updated, with `#reason` if left. */
  #topic: string | undefined;
  #entry: ReplicatedEntry | undefined;
  #previous: ReplicatedEntry | undefined;
  #reason: LeaveReason | undefined;
  /** All changes, once there are several. */
  #topics: Map<string, PendingTopicDiff> | undefined;

  /** The topic is shown from now on. */
  begin(topic: string): void {
    this.#open();
    this.#diffOf(topic).began = true;
  }

  /** The topic is shown no longer: whatever changed in it is of no interest any more. */
  end(topic: string): void {
    this.#open();
    const { began, ended } = this.#diffOf(topic);
    this.#topics?.delete(topic);
    // Of what began and ended between two deliveries nobody has heard.
    if (!began || ended) this.#diffOf(topic).ended = true;
  }

  join(topic: string, entry: ReplicatedEntry): void {
    if (this.#isFirst(topic, entry, undefined, undefined)) return;
    const diff = this.#diffOf(topic);
    if (!diff.leaves.delete(entry)) diff.joins.add(entry);
  }

  update(topic: string, entry: ReplicatedEntry, previous: ReplicatedEntry): void {
    if (this.#isFirst(topic, entry, previous, undefined)) return;
    const diff = this.#diffOf(topic);
    if (diff.joins.delete(previous)) {
      diff.joins.add(entry);
      return;
    }
    const first = diff.updates.get(previous) ?? previous;
    diff.updates.delete(previous);
    diff.updates.set(entry, first);
  }

  leave(topic: string, entry: ReplicatedEntry, reason: LeaveReason): void {
    if (this.#isFirst(topic, entry, undefined, reason)) return;
    const diff = this.#diffOf(topic);
    if (diff.joins.delete(entry)) return;
    const before = diff.updates.get(entry);
    diff.updates.delete(entry);
    diff.leaves.set(before ?? entry, reason);
  }

  /** The changes since the last call, if there are any. */
  take(): Diff | undefined {
    const topics = this.#topics;
    const topic = this.#topic;
    const entry = this.#entry;
    if (topics === undefined && (topic === undefined || entry === undefined)) return undefined;
    const diff = new Map<string, TopicDiff>();
    if (topics === undefined) {
      if (topic !== undefined && entry !== undefined) {
        diff.set(topic, single(entry, this.#previous, this.#reason));
      }
    } else {
      for (const [name, pending] of topics) {
        const { joins, updates, leaves, began, ended } = pending;
        if (joins.size > 0 && leaves.size > 0) findReturned(pending);
        if (joins.size + updates.size + leaves.size === 0 && !began && !ended) continue;
        const changes = {
          joins: [...joins],
          updates: Array.from(updates, ([present, previous]) => updateOf(present, previous)),
          leaves: Array.from(leaves, ([left, reason]) => leaveOf(left, reason)),
        };
        // Spread only where it has to be: nearly no diff is of a topic that begins or ends.
        if (!began && !ended) diff.set(name, changes);
        else diff.set(name, { ...(ended && { ended }), ...(began && { began }), ...changes });
      }
    }
    this.drop();
    return diff.size === 0 ? undefined : diff;
  }

  drop(): void {
    this.#topic = undefined;
    this.#entry = undefined;
    this.#previous = undefined;
    this.#reason = undefined;
    this.#topics = undefined;
  }

  /** Notes the first change by itself; the second brings both into the maps. */
  #isFirst(
    topic: string,
    entry: ReplicatedEntry,
    previous: ReplicatedEntry | undefined,
    reason: LeaveReason | undefined,
  ): boolean {
    if (this.#topics !== undefined) return false;
    if (this.#topic === undefined) {
      this.#topic = topic;
      this.#entry = entry;
      this.#previous = previous;
      this.#reason = reason;
      return true;
    }
    this.#open();
    return false;
  }

  /** Brings the only change into the maps. */
  #open(): void {
    if (this.#topics !== undefined) return;
    const [topic, only] = [this.#topic, this.#entry];
    this.#topics = new Map();
    if (topic === undefined || only === undefined) return;
    const diff = this.#diffOf(topic);
    if (this.#reason !== undefined) diff.leaves.set(only, this.#reason);
    else if (this.#previous !== undefined) diff.updates.set(only, this.#previous);
    else diff.joins.add(only);
  }

  #diffOf(topic: string): PendingTopicDiff {
    this.#topics ??= new Map();
    let diff = this.#topics.get(topic);
    if (diff === undefined) {
      diff = { joins: new Set(), updates: new Map(), leaves: new Map(), began: false, ended: false };
      this.#topics.set(topic, diff);
    }
    return diff;
  }
}

/**
 * What left and is back as a later revision was updated. Only a revision that replaced another can be: one that
 * was tracked anew is told as the leave and the join that it is.
 */
function findReturned({ joins, updates, leaves }: PendingTopicDiff): void {
  let left: Map<string, Map<string, ReplicatedEntry>> | undefined;
  for (const entry of joins) {
    if (entry.prevRef === undefined) continue;
    left ??= bySessionAndKey(leaves.keys());
    const previous = left.get(entry.session)?.get(entry.key);
    if (previous === undefined || !leaves.has(previous)) continue;
    if (ReplicatedEntry.ownerOf(previous) !== ReplicatedEntry.ownerOf(entry)) continue;
    joins.delete(entry);
    leaves.delete(previous);
    updates.set(entry, previous);
  }
}

function bySessionAndKey(entries: Iterable<ReplicatedEntry>): Map<string, Map<string, ReplicatedEntry>> {
  const bySession = new Map<string, Map<string, ReplicatedEntry>>();
  for (const entry of entries) {
    const byKey = bySession.get(entry.session);
    if (byKey === undefined) bySession.set(entry.session, new Map([[entry.key, entry]]));
    else byKey.set(entry.key, entry);
  }
  return bySession;
}

function single(
  entry: ReplicatedEntry,
  previous: ReplicatedEntry | undefined,
  reason: LeaveReason | undefined,
): TopicDiff {
  if (reason !== undefined) return { joins: NONE, updates: NONE, leaves: [leaveOf(entry, reason)] };
  if (previous !== undefined) return { joins: NONE, updates: [updateOf(entry, previous)], leaves: NONE };
  return { joins: [entry], updates: NONE, leaves: NONE };
}

function updateOf({ key, meta, ref, node, session }: ReplicatedEntry, previous: ReplicatedEntry): Update {
  return { key, meta, ref, prevRef: previous.ref, previous: previous.meta, node, session };
}

function leaveOf({ key, meta, ref, prevRef, node, session }: ReplicatedEntry, reason: LeaveReason): Leave {
  return prevRef === undefined
    ? { key, meta, ref, node, session, reason }
    : { key, meta, ref, prevRef, node, session, reason };
}
