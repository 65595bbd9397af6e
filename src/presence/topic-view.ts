/**
 * What has been told of one topic so far: the fold of its diffs, by key, in the order that all nodes share.
 *
 * It promises that applying a diff costs no more than what changed (and, within a key of many metas, a shift
 * of pointers), and that what {@link TopicView.snapshot} gives never changes afterwards. Pure: no tracker,
 * no time, no callback.
 */
import type { Entry, TopicDiff } from "../tracker/behaviour.js";
import { compareEntries, groupByKey, keysOf } from "./presences.js";
import { metaOf, toKeyPresence, withoutPrototype } from "./wire.js";
import type { KeyPresence, PresenceMeta, Presences } from "./wire.js";

/** The keys that a diff brought their first meta, and those whose last it took. */
export interface KeyChanges {
  readonly online: readonly string[];
  readonly offline: readonly string[];
}

export class TopicView<M> {
  /** The metas of each key: `#metas.get(key)[i]` is the meta of `#entries.get(key)[i]`. */
  readonly #metas = new Map<string, PresenceMeta<M>[]>();
  readonly #entries = new Map<string, Entry<M>[]>();

  constructor(entries: Iterable<Entry<M>> = []) {
    for (const [key, group] of groupByKey(entries)) {
      this.#entries.set(key, group);
      this.#metas.set(key, group.map(metaOf));
    }
  }

  /** The metas of every key, live: they change with the next diff. */
  get metas(): ReadonlyMap<string, readonly PresenceMeta<M>[]> {
    return this.#metas;
  }

  /** Folds a diff in. What leaves without being there is ignored. */
  apply(diff: TopicDiff<M>): KeyChanges {
    const keys = keysOf(diff);
    const present = new Set(keys.filter((key) => this.#metas.has(key)));
    for (const leave of diff.leaves) this.#remove(leave);
    for (const update of diff.updates) {
      const { key, meta, ref, prevRef, node, session } = update;
      this.#remove({ key, meta, ref: prevRef, node, session });
      // A copy, because the update itself would keep the previous meta in memory.
      this.#add({ key, meta, ref, prevRef, node, session });
    }
    for (const join of diff.joins) this.#add(join);
    return {
      online: keys.filter((key) => !present.has(key) && this.#metas.has(key)),
      offline: keys.filter((key) => present.has(key) && !this.#metas.has(key)),
    };
  }

  /** All presences as they are now, as a function of what is fetched for them later. */
  snapshot(): {
    keys: string[];
    presences<X extends object>(extras: ReadonlyMap<string, X>): Presences<M, X>;
  } {
    const keys = [...this.#metas.keys()];
    const metas = [...this.#metas.values()].map((group) => [...group]);
    return {
      keys,
      presences<X extends object>(extras: ReadonlyMap<string, X>) {
        const presences = withoutPrototype<KeyPresence<M, X>>();
        for (const [index, key] of keys.entries()) {
          presences[key] = toKeyPresence(metas[index] ?? [], extras.get(key));
        }
        return Object.freeze(presences);
      },
    };
  }

  #add(entry: Entry<M>): void {
    const { key } = entry;
    const entries = this.#entries.get(key);
    const metas = this.#metas.get(key);
    if (entries === undefined || metas === undefined) {
      this.#entries.set(key, [entry]);
      this.#metas.set(key, [metaOf(entry)]);
      return;
    }
    const place = placeOf(entry, entries);
    entries.splice(place, 0, entry);
    metas.splice(place, 0, metaOf(entry));
  }

  #remove(entry: Entry<M>): void {
    const { key } = entry;
    const entries = this.#entries.get(key);
    if (entries === undefined) return;
    const place = placeOf(entry, entries);
    if (entries[place]?.ref !== entry.ref) return;
    if (entries.length === 1) {
      this.#entries.delete(key);
      this.#metas.delete(key);
      return;
    }
    entries.splice(place, 1);
    this.#metas.get(key)?.splice(place, 1);
  }
}

/** Where an entry stands in a sorted group, or would stand: a binary search. */
function placeOf(entry: Entry<unknown>, sorted: readonly Entry<unknown>[]): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = sorted[middle];
    if (there !== undefined && compareEntries(there, entry) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
