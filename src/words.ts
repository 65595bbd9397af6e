/**
 * The words that everybody speaks: metas, entries and diffs, as users see them. Types only; knows nothing.
 */

/**
 * A JSON value of the given type, or `never`. Written so that an `interface` is accepted as a meta, which a
 * type with an index signature would refuse.
 */
export type JsonValueOf<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends (...input: never[]) => unknown
    ? never
    : T extends object
      ? { [K in keyof T]: JsonValueOf<T[K]> }
      : never;

/** The type of any meta: an object whose properties are JSON values. */
export type Meta<M> = { [K in keyof M]: JsonValueOf<M[K]> };

/** Any meta; the default where no type is given. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the one place: a meta of a type not stated
export type AnyMeta = Record<string, any>;

/** One entry of the presence list: who (`key`) is here, with what meta, through which session of which node. */
export interface Entry<M = AnyMeta> {
  readonly key: string;
  /** A frozen copy of the meta that was tracked. */
  readonly meta: Readonly<M>;
  /** Identifies this revision of the entry's meta, on all nodes alike. Opaque. */
  readonly ref: string;
  /** The ref of the revision that this one replaced on this node; absent if none was seen. */
  readonly prevRef?: string | undefined;
  /** The name of the node that owns the entry. */
  readonly node: string;
  /** The id of the session that the entry lives as long as. */
  readonly session: string;
  /**
   * Whether its session has closed with a grace period, which lasts. Only the node that owns the entry knows, and
   * nobody is told of it by a diff.
   */
  readonly leaving?: boolean | undefined;
}

/** An entry whose meta changed: as it is now, and with the meta before (`previous`, whose ref is `prevRef`). */
export interface Update<M = AnyMeta> extends Entry<M> {
  readonly prevRef: string;
  readonly previous: Readonly<M>;
}

/**
 * Why an entry left this node's list.
 *
 * - `untracked`: its owner untracked it; or it left more than 10,000 removals ago, while this node did not hear its
 *   owner, so that nobody knows the reason any more; or its meta passes the schema no more, where such are hidden.
 * - `closed`: its session closed.
 * - `down`: its node fell silent, or the pubsub knows that it ended. It may come back.
 * - `replaced`: its node was restarted.
 * - `departed`: its node said goodbye.
 * - `evicted`: somebody wanted it to end (`evict`). `closed` where that was not heard.
 * - `limited`: it may be there still. This node follows the topic with a limit, and holds others now.
 */
export type LeaveReason = "untracked" | "closed" | "down" | "replaced" | "departed" | "evicted" | "limited";

/** An entry that left, as it was last, and why. */
export interface Leave<M = AnyMeta> extends Entry<M> {
  readonly reason: LeaveReason;
}

/**
 * The changes of one topic. An entry is in at most one of the three; a key may be in several, because a user who
 * reconnects within `broadcastPeriodMs` leaves with one session and joins with another. Fold `leaves` first, then
 * `updates`, then `joins`. Whether a key is here at all, `tracker.has` tells.
 */
export interface TopicDiff<M = AnyMeta> {
  /**
   * This node follows the topic no longer, and nobody has left because of that: drop what you have of it, before all
   * else. Only with `holds: "followed"`.
   */
  readonly ended?: boolean | undefined;
  /** This node follows the topic from now on: `joins` are those whom it has itself, and the others come. */
  readonly began?: boolean | undefined;
  readonly joins: readonly Entry<M>[];
  readonly updates: readonly Update<M>[];
  readonly leaves: readonly Leave<M>[];
}

/** The changes of each topic; only topics with a change are in it. */
export type Diff<M = AnyMeta> = ReadonlyMap<string, TopicDiff<M>>;
