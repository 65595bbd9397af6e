/**
 * What has been told of one topic so far: the fold of its diffs, by key, in the order that all nodes share.
 *
 * It promises that applying a diff costs no more than what changed (and, within a key of many metas, a few shifts
 * of pointers), and that what {@link TopicView.snapshot} returns never changes afterwards. Pure: no tracker,
 * no time, no callback.
 */
import type { Entry, TopicDiff } from "../words.js";
import { compareEntries, groupByKey, keysOf } from "./presences.js";
import {
  metaOf,
  toKeyPresence,
  withoutPrototype,
  type KeyPresence,
  type Places,
  type PresenceMeta,
  type Presences,
} from "./wire.js";

/** The keys that a diff brought their first meta, and those whose last it took. */
export interface KeyChanges {
  readonly online: readonly string[];
  readonly offline: readonly string[];
}

/** What applying a diff came to: also where what joined stands, if for any key that is not at its end. */
export interface Applied extends KeyChanges {
  readonly places: Places | undefined;
}

/** What one diff does to one key: the entries that went, and those that came; an update is both. */
interface KeyChange<M> {
  readonly gone: Entry<M>[];
  readonly come: Entry<M>[];
}

/** So many changes of one key are made one by one; more of them at once, in one walk over its metas. */
const MAX_SINGLE_CHANGES = 8;

export class TopicView<M> {
  /** The metas of each key: `#metas.get(key)[i]` is the meta of `#entries.get(key)[i]`. */
  readonly #metas = new Map<string, PresenceMeta<M>[]>();
  readonly #entries = new Map<string, Entry<M>[]>();
  /** The presences of keys that have not changed since a snapshot was taken: the next one shares them. */
  readonly #presences = new Map<string, KeyPresence<M>>();

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
  apply(diff: TopicDiff<M>): Applied {
    const keys = keysOf(diff);
    const present = new Set(keys.filter((key) => this.#metas.has(key)));
    for (const [key, change] of changesByKey(diff)) {
      this.#presences.delete(key);
      if (change.gone.length + change.come.length > MAX_SINGLE_CHANGES) this.#merge(key, change);
      else {
        for (const entry of change.gone) this.#remove(entry);
        for (const entry of change.come) this.#add(entry);
      }
    }
    return {
      online: keys.filter((key) => !present.has(key) && this.#metas.has(key)),
      offline: keys.filter((key) => present.has(key) && !this.#metas.has(key)),
      places: this.#placesOf(diff.joins),
    };
  }

  /**
   * All presences as they are now, as a function of what is fetched for them later. Those of keys that have not changed
   * since the last snapshot are the same objects: what a snapshot costs for each key is to be put in its place.
   */
  snapshot(): {
    keys: string[];
    presences<X extends object>(extras: ReadonlyMap<string, X>): Presences<M, X>;
  } {
    const keys = [...this.#metas.keys()];
    const plain = Array.from(this.#metas, ([key, metas]) => this.#presenceOf(key, metas));
    return {
      keys,
      presences<X extends object>(extras: ReadonlyMap<string, X>) {
        const presences = withoutPrototype<KeyPresence<M, X>>();
        for (let index = 0; index < keys.length; index++) {
          const [key, presence] = [keys[index], plain[index]];
          if (key === undefined || presence === undefined) continue;
          const extra = extras.get(key);
          presences[key] =
            extra === undefined ? (presence as KeyPresence<M, X>) : toKeyPresence(presence.metas, extra);
        }
        return Object.freeze(presences);
      },
    };
  }

  #presenceOf(key: string, metas: readonly PresenceMeta<M>[]): KeyPresence<M> {
    let presence = this.#presences.get(key);
    if (presence === undefined) this.#presences.set(key, (presence = toKeyPresence([...metas], undefined)));
    return presence;
  }

  /** Where entries that have been added stand; only of keys in which they are not the last. */
  #placesOf(joins: readonly Entry<M>[]): Places | undefined {
    const beside = joins.filter(({ key }) => (this.#entries.get(key)?.length ?? 0) > 1);
    let places: Record<string, readonly number[]> | undefined;
    for (const [key, group] of groupByKey(beside)) {
      const entries = this.#entries.get(key) ?? [];
      const [first] = group;
      if (first === undefined || placeOf(first, entries) === entries.length - group.length) continue;
      places ??= withoutPrototype<readonly number[]>();
      places[key] = Object.freeze(group.map((entry) => placeOf(entry, entries)));
    }
    return places && Object.freeze(places);
  }

  #merge(key: string, { gone, come }: KeyChange<M>): void {
    const refs = new Set(gone.map(({ ref }) => ref));
    const stay = (this.#entries.get(key) ?? []).filter(({ ref }) => !refs.has(ref));
    // Two sorted runs: what the sort of the engine is made for.
    const entries = [...stay, ...come.sort(compareEntries)].sort(compareEntries);
    if (entries.length === 0) {
      this.#entries.delete(key);
      this.#metas.delete(key);
      return;
    }
    const known = new Map((this.#metas.get(key) ?? []).map((meta) => [meta.phx_ref, meta]));
    this.#entries.set(key, entries);
    this.#metas.set(
      key,
      entries.map((entry) => known.get(entry.ref) ?? metaOf(entry)),
    );
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

export function changesByKey<M>(diff: TopicDiff<M>): Map<string, KeyChange<M>> {
  const changes = new Map<string, KeyChange<M>>();
  const of = (key: string): KeyChange<M> => {
    let change = changes.get(key);
    if (change === undefined) changes.set(key, (change = { gone: [], come: [] }));
    return change;
  };
  for (const leave of diff.leaves) of(leave.key).gone.push(leave);
  for (const { key, meta, ref, prevRef, node, session } of diff.updates) {
    of(key).gone.push({ key, meta, ref: prevRef, node, session });
    // A copy, because the update itself would keep the previous meta in memory.
    of(key).come.push({ key, meta, ref, prevRef, node, session });
  }
  for (const join of diff.joins) of(join.key).come.push(join);
  return changes;
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
