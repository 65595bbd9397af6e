/**
 * The one place that maps rollcall's words to Phoenix's: `phx_ref` and `phx_ref_prev` inside a meta, `metas`
 * under a key, the events `presence_state` and `presence_diff`, and an update as a join with a leave.
 *
 * It promises that what it makes is what Phoenix.Presence would send, so that every Phoenix client
 * understands it, and that no key or property, `__proto__` included, reaches a prototype. Pure: it knows no
 * tracker, no subscriber, no time. The types are shared with the client.
 */
import type { AnyMeta, Entry, TopicDiff } from "../words.js";
import { groupByKey } from "./presences.js";

export type { AnyMeta };

/** The event whose payload is all presences of a topic. */
export const STATE_EVENT = "presence_state";
/** The event whose payload is what changed in a topic. */
export const DIFF_EVENT = "presence_diff";
/** The event whose payload is how many are under a topic beside those that the client is told of. */
export const REST_EVENT = "presence_rest";
/** The two events a client of presences hears. */
export type PresenceEvent = typeof STATE_EVENT | typeof DIFF_EVENT;

/** What a presence has beside its metas when there is no `fetch`: nothing. */
export type NoExtra = Record<never, never>;

/**
 * A meta as it goes to clients. `phx_ref` identifies this revision, `phx_ref_prev` the one it replaced, if
 * that one was seen; properties of these names in the tracked meta are overwritten.
 */
export type PresenceMeta<M = AnyMeta> = Readonly<M> & {
  readonly phx_ref: string;
  readonly phx_ref_prev?: string;
};

/**
 * The presence of one key: a meta for every session it is tracked with, and what `fetch` added. The latter
 * is partial, because a presence goes out plain when its fetch had nothing, failed, or took too long.
 */
export type KeyPresence<M = AnyMeta, X extends object = NoExtra> = Readonly<Partial<X>> & {
  readonly metas: readonly PresenceMeta<M>[];
};

/** Presences by key: the payload of `presence_state`. The object has no prototype, so any key is safe. */
export interface Presences<M = AnyMeta, X extends object = NoExtra> {
  readonly [key: string]: KeyPresence<M, X>;
}

/** The presence of one key of which metas were updated: `metas[i]` is now what `previous[i]` was. */
export type UpdatedPresence<M = AnyMeta, X extends object = NoExtra> = KeyPresence<M, X> & {
  readonly previous: readonly PresenceMeta<M>[];
};

/** Where metas that joined stand among those of their key, by key: `places[key][i]` is that of `metas[i]`. */
export interface Places {
  readonly [key: string]: readonly number[];
}

/**
 * What changed in a topic. Each part holds only the metas that joined, were updated, or left, by key; a meta
 * is in one part only, a key may be in all three. To fold it into a list: drop the metas whose `phx_ref` is in
 * `leaves`, put those of `updates` in the place of their `previous`, then add those of `joins`.
 */
export interface PresenceDiff<M = AnyMeta, X extends object = NoExtra> {
  readonly joins: Presences<M, X>;
  readonly updates: { readonly [key: string]: UpdatedPresence<M, X> };
  readonly leaves: Presences<M, X>;
  /** Where the metas of `joins` stand after the diff; only for keys in which that is not at the end. */
  readonly places?: Places;
}

/**
 * What changed, as Phoenix says it, the payload of `presence_diff`: an update is the new meta in `joins` and
 * the old one in `leaves`. A client applies `joins` first. `places` is no part of Phoenix, whose clients do not
 * look at it: it is that of {@link PresenceDiff}, and speaks of the first metas of a key, before its updates.
 */
export interface WireDiff<M = AnyMeta, X extends object = NoExtra> {
  readonly joins: Presences<M, X>;
  readonly leaves: Presences<M, X>;
  readonly places?: Places;
}

/** An event with its payload, ready to push: the one tells the type of the other. */
export type PresenceMessage<M = AnyMeta, X extends object = NoExtra> =
  [event: typeof STATE_EVENT, payload: Presences<M, X>] | [event: typeof DIFF_EVENT, payload: WireDiff<M, X>];

/** How many there are: metas, one for each session, and keys. */
export interface PresenceCount {
  readonly metas: number;
  readonly keys: number;
}

/** The same of the first keys of a topic, and how many there are of the rest. */
export type PresencePartMessage<M = AnyMeta, X extends object = NoExtra> =
  PresenceMessage<M, X> | [event: typeof REST_EVENT, payload: PresenceCount];

/** An object without a prototype, so that `__proto__` is a key like any other. */
export function withoutPrototype<V>(): Record<string, V> {
  return Object.create(null) as Record<string, V>;
}

/** One revision of a meta, with the refs that clients tell revisions apart by. Frozen. */
function toPresenceMeta<M>(meta: Readonly<M>, ref: string, prevRef?: string): PresenceMeta<M> {
  const presenceMeta: { phx_ref: string; phx_ref_prev?: string } = { ...meta, phx_ref: ref };
  if (prevRef !== undefined) presenceMeta.phx_ref_prev = prevRef;
  else if ("phx_ref_prev" in presenceMeta) delete presenceMeta.phx_ref_prev;
  return Object.freeze(presenceMeta) as PresenceMeta<M>;
}

/** The presence of one key. Its metas are its own: an extra property named `metas` gives way. Frozen. */
export function toKeyPresence<M, X extends object>(
  metas: readonly PresenceMeta<M>[],
  extra: X | undefined,
): KeyPresence<M, X> {
  return Object.freeze({ ...extra, metas: Object.freeze(metas) }) as KeyPresence<M, X>;
}

/** Entries of one topic as `presence_state` has them, with what was fetched for their keys. Frozen. */
export function toPresences<M, X extends object>(
  entries: readonly Entry<M>[],
  extras: ReadonlyMap<string, X>,
): Presences<M, X> {
  const presences = withoutPrototype<KeyPresence<M, X>>();
  // Most keys have one entry, so only the others are worth grouping and sorting: half the time of a long list.
  const crowded = new Set<string>();
  for (const entry of entries) {
    if (entry.key in presences) crowded.add(entry.key);
    else presences[entry.key] = toKeyPresence([metaOf(entry)], extras.get(entry.key));
  }
  if (crowded.size > 0) {
    for (const [key, group] of groupByKey(entries.filter((entry) => crowded.has(entry.key)))) {
      presences[key] = toKeyPresence(group.map(metaOf), extras.get(key));
    }
  }
  return Object.freeze(presences);
}

/** The meta of an entry as it goes to clients. */
export function metaOf<M>(entry: Entry<M>): PresenceMeta<M> {
  return toPresenceMeta(entry.meta, entry.ref, entry.prevRef);
}

/**
 * A tracker's diff of one topic with what was fetched for its keys, and where what joined stands. Frozen, as many
 * subscribers share it.
 */
export function toPresenceDiff<M, X extends object>(
  diff: TopicDiff<M>,
  extras: ReadonlyMap<string, X>,
  places?: Places,
): PresenceDiff<M, X> {
  const updates = withoutPrototype<UpdatedPresence<M, X>>();
  for (const [key, group] of groupByKey(diff.updates)) {
    const previous = group.map((update) => toPresenceMeta(update.previous, update.prevRef));
    const presence = toKeyPresence(group.map(metaOf), extras.get(key));
    updates[key] = Object.freeze({ ...presence, previous: Object.freeze(previous) });
  }
  return Object.freeze({
    joins: toPresences(diff.joins, extras),
    updates: Object.freeze(updates),
    leaves: toPresences(diff.leaves, extras),
    ...(places && { places }),
  });
}

/** What Phoenix sends for a diff. Frozen; asked twice for one diff, it returns the same object. */
export function toWireDiff<M, X extends object>(diff: PresenceDiff<M, X>): WireDiff<M, X> {
  const known = wireDiffs.get(diff);
  // The key is the very diff that the value was made of, so the types agree.
  if (known !== undefined) return known as WireDiff<M, X>;
  const joins = Object.assign(withoutPrototype<KeyPresence<M, X>>(), diff.joins);
  const leaves = Object.assign(withoutPrototype<KeyPresence<M, X>>(), diff.leaves);
  for (const [key, { previous, ...presence }] of Object.entries(diff.updates)) {
    joins[key] = withMetas(presence, joins[key], presence.metas);
    leaves[key] = withMetas(presence, leaves[key], previous);
  }
  for (const [key, joined] of Object.entries(joins)) if (key in leaves) takeBack(leaves, key, joined);
  const { places } = diff;
  const wireDiff = Object.freeze({
    joins: Object.freeze(joins),
    leaves: Object.freeze(leaves),
    ...(places && { places }),
  });
  wireDiffs.set(diff, wireDiff);
  return wireDiff;
}

/**
 * Takes from what leaves a key what joins it by the same ref: a value that was put right after damage. A client
 * that applies `joins` first has replaced it by then, and would take it away.
 */
function takeBack<M, X extends object>(
  leaves: Record<string, KeyPresence<M, X>>,
  key: string,
  joined: KeyPresence<M, X>,
): void {
  const left = leaves[key];
  const refs = new Set(joined.metas.map(({ phx_ref }) => phx_ref));
  const metas = left?.metas.filter(({ phx_ref }) => !refs.has(phx_ref)) ?? [];
  if (left === undefined || metas.length === left.metas.length) return;
  if (metas.length === 0) delete leaves[key];
  else leaves[key] = Object.freeze({ ...left, metas: Object.freeze(metas) }) as KeyPresence<M, X>;
}

/** What was made of a diff, so that all who forward it share one payload. */
const wireDiffs = new WeakMap<object, WireDiff<unknown, object>>();

function withMetas<M, X extends object>(
  presence: Omit<UpdatedPresence<M, X>, "previous">,
  there: KeyPresence<M, X> | undefined,
  metas: readonly PresenceMeta<M>[],
): KeyPresence<M, X> {
  const all = there === undefined ? metas : [...there.metas, ...metas];
  return Object.freeze({ ...presence, metas: Object.freeze(all) }) as KeyPresence<M, X>;
}
