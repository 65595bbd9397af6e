/**
 * The changes of one topic within a window of time, reduced to what differs between its ends.
 *
 * It promises that folding the diff that {@link DiffWindow.toDiff} returns leads to the same entries as folding every
 * diff that was added: a join and its leave cancel, an update of a join is a join, updates collapse into one
 * from the revision that the reader holds to the newest, an entry that went and came back unchanged is not
 * mentioned, and one that came back as another revision was updated. Pure: its owner decides when a window opens and
 * closes.
 */
import type { Entry, Leave, TopicDiff, Update } from "../words.js";

export class DiffWindow<M> {
  /** Entries that the reader does not hold, by the ref they have now. */
  readonly #joins = new Map<string, Entry<M>>();
  /** Entries that the reader holds in another revision, by the ref they have now. */
  readonly #updates = new Map<string, Update<M>>();
  /** Entries that are gone, by the ref that the reader holds. */
  readonly #leaves = new Map<string, Leave<M>>();

  add(diff: TopicDiff<M>): void {
    for (const leave of diff.leaves) this.#leave(leave);
    for (const update of diff.updates) this.#update(update);
    for (const join of diff.joins) this.#join(join);
  }

  /** What a reader of the state before the window has to hear. */
  toDiff(): TopicDiff<M> {
    const joins: Entry<M>[] = [];
    const updates = [...this.#updates.values()];
    const leaves = new Map(this.#leaves);
    const left = this.#joins.size > 0 ? bySessionAndKey(leaves.values()) : undefined;
    for (const join of this.#joins.values()) {
      const before = left?.get(join.session)?.get(join.key);
      // A session may be tracked by several nodes of one process.
      if (before?.node !== join.node || !leaves.delete(before.ref)) joins.push(join);
      else updates.push({ ...join, prevRef: before.ref, previous: before.meta });
    }
    return { joins, updates, leaves: [...leaves.values()] };
  }

  #leave(leave: Leave<M>): void {
    if (this.#joins.delete(leave.ref)) return;
    const update = this.#updates.get(leave.ref);
    if (update === undefined) {
      this.#leaves.set(leave.ref, leave);
      return;
    }
    this.#updates.delete(leave.ref);
    const { key, previous, prevRef, node, session } = update;
    this.#leaves.set(prevRef, { key, meta: previous, ref: prevRef, node, session, reason: leave.reason });
  }

  #update(update: Update<M>): void {
    const { key, meta, ref, prevRef, node, session } = update;
    const earlier = this.#updates.get(prevRef);
    if (this.#joins.delete(prevRef)) {
      // Without a prevRef: the reader never held the revision that it would name.
      this.#joins.set(ref, { key, meta, ref, node, session });
    } else if (earlier !== undefined) {
      this.#updates.delete(prevRef);
      const { prevRef: heldRef, previous } = earlier;
      this.#updates.set(ref, { key, meta, ref, prevRef: heldRef, previous, node, session });
    } else {
      this.#updates.set(ref, update);
    }
  }

  #join(join: Entry<M>): void {
    if (this.#leaves.delete(join.ref)) return;
    this.#joins.set(join.ref, join);
  }
}

function bySessionAndKey<E extends Entry<unknown>>(entries: Iterable<E>): Map<string, Map<string, E>> {
  const bySession = new Map<string, Map<string, E>>();
  for (const entry of entries) {
    const byKey = bySession.get(entry.session);
    if (byKey === undefined) bySession.set(entry.session, new Map([[entry.key, entry]]));
    else byKey.set(entry.key, entry);
  }
  return bySession;
}

/** Whether a diff says nothing. */
export function isEmpty(diff: TopicDiff<unknown>): boolean {
  return diff.joins.length === 0 && diff.updates.length === 0 && diff.leaves.length === 0;
}
