/**
 * Keeps a client's copy of a topic's presences from `presence_state` and `presence_diff`, whatever carries
 * them: a WebSocket, server-sent events, a message port.
 *
 * It promises that after a state and the diffs that follow it the copy lists what the server does, in its order,
 * with the callbacks of Phoenix's own client; that what it lists is frozen and stays the same object until it
 * changes; that a diff costs what it changes; that junk changes nothing; and that a key such as `__proto__` is a
 * key like any other. Its methods are bound. It knows no transport and no Node, and depends on nothing.
 */
import { requireNames } from "./names.js";
import type { AnyMeta, KeyPresence, NoExtra, Places, PresenceMeta, Presences } from "../presence/wire.js";

/** Hears that metas of a key came or went. */
export type KeyListener<M, X extends object, Current> = (
  key: string,
  current: Current,
  changed: KeyPresence<M, X>,
) => void;

export interface PresenceClientOptions {
  /**
   * How many diffs are kept until the first state, from 0. Above that the oldest is dropped and counted as
   * ignored: it is the one that the state most likely includes. Default 1,000.
   */
  maxPendingDiffs?: number | undefined;
}

type Unsubscribe = () => void;
type Changes<M, X extends object> = Map<string, KeyPresence<M, X>>;
type Metas<M> = readonly PresenceMeta<M>[];
/** A table of one ref would cost more than that one. */
type Refs = string | ReadonlySet<string> | undefined;

interface Diff<M, X extends object> {
  readonly joins: Changes<M, X>;
  readonly leaves: Changes<M, X>;
  /** Where the joins of a key stand in the server's list. Not checked: whatever it holds, it only places. */
  readonly places?: Places | undefined;
}

export class PresenceClient<M = AnyMeta, X extends object = NoExtra> {
  readonly #presences: Changes<M, X> = new Map();
  readonly #maxPendingDiffs: number;
  readonly #joinListeners = new Set<KeyListener<M, X, KeyPresence<M, X> | undefined>>();
  readonly #leaveListeners = new Set<KeyListener<M, X, KeyPresence<M, X>>>();
  readonly #updateListeners = new Set<
    (key: string, previous: PresenceMeta<M>, current: PresenceMeta<M>) => void
  >();
  readonly #syncListeners = new Set<() => void>();
  readonly #subscribers = new Set<() => void>();
  #pendingDiffs: Diff<M, X>[] = [];
  /** The list as it is, once somebody has asked for it. */
  #snapshot: Presences<M, X> | undefined;
  #revision = 0;
  /** The revision that subscribers have been told of. */
  #told = 0;
  #failures: unknown[] = [];
  #synced = false;
  #ignored = 0;

  /** @throws TypeError, of code `INVALID_OPTION`, for another option. */
  constructor(options: PresenceClientOptions = {}) {
    requireNames(options, ["maxPendingDiffs"]);
    this.#maxPendingDiffs = options.maxPendingDiffs ?? 1_000;
  }

  /** Whether a state has come since the start or the last {@link reset}. */
  get synced(): boolean {
    return this.#synced;
  }

  /**
   * How often {@link list} or {@link synced} has changed, from 0: what was made of them is up to date for as long as
   * this stays the same.
   */
  get revision(): number {
    return this.#revision;
  }

  /** How many keys are here, as in {@link list}: at no cost, where that makes an object of all keys after each change. */
  get count(): number {
    return this.#presences.size;
  }

  /** How many payloads were ignored: junk, and diffs beyond `maxPendingDiffs`. */
  get ignored(): number {
    return this.#ignored;
  }

  /**
   * Takes a message from the server. Events other than `presence_state` and `presence_diff` are none of its
   * business; a payload that is not of their shape is ignored whole, and counted. If a listener throws, the
   * others are still called, and then what it threw is thrown.
   */
  readonly receive = (event: string, payload: unknown): void => {
    if (event === "presence_state") this.#receiveState(readPresences(payload));
    if (event === "presence_diff") this.#receiveDiff(readDiff(payload));
    this.#finish();
  };

  /**
   * To be called when the connection has been made again (a channel: has joined again), before its state comes.
   * Not when the connection is lost: what the old one still delivers would be taken for later than that state.
   * The list stays as it is; diffs wait for the next state, and what that brings or lacks is told as joins and
   * leaves.
   */
  readonly reset = (): void => {
    this.#setSynced(false);
    this.#pendingDiffs = [];
    this.#finish();
  };

  /**
   * Everybody who is here: from key to `{ metas }`, in an object without a prototype. The metas of a key stand in the
   * order of the server's list. Frozen, down to the lists of metas, and the same object until something changes: the
   * first call after a change makes an object of all keys, in which those that did not change have the same presence.
   */
  readonly list = (): Presences<M, X> => {
    if (this.#snapshot === undefined) {
      // An engine copies the one before name by name: by spread or Object.assign that takes four times as long.
      const presences = Object.create(null) as Record<string, KeyPresence<M, X>>;
      for (const [key, presence] of this.#presences) presences[key] = presence;
      this.#snapshot = Object.freeze(presences);
    }
    return this.#snapshot;
  };

  /**
   * The presence of a key, or `undefined` if it is not here. Frozen, and the same object until the key changes, so
   * that watching one key of many costs nothing when others change.
   */
  readonly get = (key: string): KeyPresence<M, X> | undefined => this.#presences.get(key);

  /** The same as {@link list}, under the name that `useSyncExternalStore` of React has for it. */
  readonly getSnapshot = (): Presences<M, X> => this.list();

  /**
   * Hears, without being told what, that {@link list} or {@link synced} has changed: once for each message that
   * changed anything. For React: `useSyncExternalStore(client.subscribe, client.getSnapshot)`, or for one key
   * `useSyncExternalStore(client.subscribe, () => client.get(key))`.
   */
  readonly subscribe = (listener: () => void): Unsubscribe => listen(this.#subscribers, listener);

  /**
   * Hears of metas that joined: `current` is what was here of the key before (`undefined`: it came online),
   * `joined` has only the new ones. As in Phoenix an update is a join, followed by a leave.
   */
  readonly onJoin = (listener: KeyListener<M, X, KeyPresence<M, X> | undefined>): Unsubscribe =>
    listen(this.#joinListeners, listener);

  /**
   * Hears of metas that left: `current` is what is still here of the key (no metas: it went offline), `left`
   * has only those that are gone.
   */
  readonly onLeave = (listener: KeyListener<M, X, KeyPresence<M, X>>): Unsubscribe =>
    listen(this.#leaveListeners, listener);

  /** Hears, after the join and the leave that stand for it, that a meta was updated. */
  readonly onUpdate = (
    listener: (key: string, previous: PresenceMeta<M>, current: PresenceMeta<M>) => void,
  ): Unsubscribe => listen(this.#updateListeners, listener);

  /** Hears that a state or a diff has been applied, whether or not it changed anything. */
  readonly onSync = (listener: () => void): Unsubscribe => listen(this.#syncListeners, listener);

  #receiveState(state: Changes<M, X> | undefined): void {
    if (state === undefined) {
      this.#ignored++;
      return;
    }
    const joins: Changes<M, X> = new Map();
    const leaves: Changes<M, X> = new Map();
    for (const [key, presence] of this.#presences) {
      const metas = without(presence.metas, state.get(key)?.metas);
      if (metas.length > 0) leaves.set(key, { ...presence, metas });
    }
    for (const [key, presence] of state) {
      const current = this.#presences.get(key);
      const joined = current ? { ...presence, metas: without(presence.metas, current.metas) } : presence;
      if (joined.metas.length > 0) joins.set(key, joined);
    }
    this.#setSynced(true);
    this.#apply({ joins, leaves });
    // The order of its metas is the server's; and what was fetched for a key may be newer, though nobody joined.
    for (const [key, presence] of state) {
      const held = this.#presences.get(key);
      // One that came as a whole, as most do, is the server's.
      const isWhole = joins.get(key) === presence && held?.metas.length === presence.metas.length;
      if (!isWhole && !isSame(presence, held)) this.#put(key, presence, [...presence.metas]);
    }
    const pendingDiffs = this.#pendingDiffs;
    this.#pendingDiffs = [];
    for (const diff of pendingDiffs) this.#apply(diff);
    this.#tell(this.#syncListeners);
  }

  #receiveDiff(diff: Diff<M, X> | undefined): void {
    if (diff === undefined) {
      this.#ignored++;
    } else if (this.#synced) {
      this.#apply(diff);
      this.#tell(this.#syncListeners);
    } else {
      this.#pendingDiffs.push(diff);
      if (this.#pendingDiffs.length > this.#maxPendingDiffs) {
        this.#pendingDiffs.shift();
        this.#ignored++;
      }
    }
  }

  /** Joins first, so that a key whose only meta is updated does not go offline in between. */
  #apply({ joins, leaves, places }: Diff<M, X>): void {
    for (const [key, joined] of joins) {
      const current = this.#presences.get(key);
      this.#put(
        key,
        joined,
        merge(current?.metas ?? [], joined.metas, leaves.get(key)?.metas, places?.[key]),
      );
      this.#tell(this.#joinListeners, key, current, joined);
    }
    for (const [key, left] of leaves) {
      const before = this.#presences.get(key);
      if (before === undefined) continue;
      const metas = without(before.metas, left.metas);
      const current = metas.length < before.metas.length ? this.#put(key, before, metas) : before;
      this.#tell(this.#leaveListeners, key, current, left);
    }
    if (this.#updateListeners.size === 0) return;
    for (const [key, left] of leaves) {
      const next = byPrevious(joins.get(key)?.metas);
      for (const previous of left.metas) {
        const meta = next.get(previous.phx_ref);
        if (meta !== undefined) this.#tell(this.#updateListeners, key, previous, meta);
      }
    }
  }

  /** Lists a key with these metas, which become its own; without any it is not here. Returns it as it is now. */
  #put(key: string, presence: KeyPresence<M, X>, metas: PresenceMeta<M>[]): KeyPresence<M, X> {
    this.#snapshot = undefined;
    this.#revision++;
    const current = Object.freeze({ ...presence, metas: Object.freeze(metas) });
    if (metas.length === 0) this.#presences.delete(key);
    else this.#presences.set(key, current);
    return current;
  }

  #setSynced(synced: boolean): void {
    if (this.#synced !== synced) this.#revision++;
    this.#synced = synced;
  }

  /** Tells subscribers, if anything changed; then throws what a listener threw first. */
  #finish(): void {
    if (this.#told !== this.#revision) {
      this.#told = this.#revision;
      this.#tell(this.#subscribers);
    }
    const failures = this.#failures;
    this.#failures = [];
    if (failures.length > 0) throw failures[0];
  }

  #tell<Input extends unknown[]>(listeners: Set<(...input: Input) => void>, ...input: Input): void {
    for (const listener of listeners) {
      try {
        listener(...input);
      } catch (failure) {
        this.#failures.push(failure);
      }
    }
  }
}

/** The listener is wrapped, so that adding one twice makes two that end apart. */
function listen<Input extends unknown[]>(
  listeners: Set<(...input: Input) => void>,
  listener: (...input: Input) => void,
): Unsubscribe {
  const added = (...input: Input): void => listener(...input);
  listeners.add(added);
  return () => void listeners.delete(added);
}

/** The metas that are not among others. */
function without<M>(metas: Metas<M>, others: Metas<M> | undefined): PresenceMeta<M>[] {
  const refs = refsOf(others);
  const rest: PresenceMeta<M>[] = [];
  for (const meta of metas) if (!has(refs, meta.phx_ref)) rest.push(meta);
  return rest;
}

/** New revisions by the ref of the one that they replace. */
function byPrevious<M>(metas: Metas<M> = []): ReadonlyMap<string | undefined, PresenceMeta<M>> {
  return new Map(metas.map((meta) => [meta.phx_ref_prev, meta]));
}

/**
 * The metas of a key while a diff is applied: what stays, with updates in the place of what they replace and what
 * joined at its place, or else at the end; behind them what is about to leave.
 */
function merge<M>(
  held: Metas<M>,
  joined: Metas<M>,
  left: Metas<M> | undefined,
  places: unknown,
): PresenceMeta<M>[] {
  const gone = refsOf(left);
  // Most keys have one meta: nothing is to be placed where it comes, or is replaced.
  const [only, more] = joined;
  if (only !== undefined && more === undefined && held.length < 2) {
    const [before] = held;
    if (before === undefined) return [only];
    if (has(gone, before.phx_ref) && before.phx_ref !== only.phx_ref) return [only, before];
  }
  const next = byPrevious(joined);
  const fresh = new Map(joined.map((meta) => [meta.phx_ref, meta]));
  const renewed = refsOf(held.filter((meta) => fresh.has(meta.phx_ref)));
  const stay: PresenceMeta<M>[] = [];
  const leaving: PresenceMeta<M>[] = [];
  for (const meta of held) {
    const isGone = has(gone, meta.phx_ref);
    const newer = isGone ? next.get(meta.phx_ref) : fresh.get(meta.phx_ref);
    if (isGone) leaving.push(meta);
    else if (newer === undefined) stay.push(meta);
    // A successor that is held has its place already.
    if (newer === undefined || (isGone && has(renewed, newer.phx_ref))) continue;
    if (fresh.delete(newer.phx_ref)) stay.push(newer);
  }
  const metas: PresenceMeta<M>[] = [];
  let taken = 0;
  for (const [i, meta] of joined.entries()) {
    if (!fresh.delete(meta.phx_ref)) continue;
    const place: unknown = Array.isArray(places) ? places[i] : undefined;
    const end = typeof place === "number" ? place : Infinity;
    for (; metas.length < end && taken < stay.length; taken++) metas.push(stay[taken]!);
    metas.push(meta);
  }
  return [...metas, ...stay.slice(taken), ...leaving];
}

function refsOf(metas: readonly { readonly phx_ref: string }[] = []): Refs {
  return metas.length < 2 ? metas[0]?.phx_ref : new Set(metas.map((meta) => meta.phx_ref));
}

function has(refs: Refs, ref: string): boolean {
  return typeof refs === "object" ? refs.has(ref) : refs === ref;
}

/** Values that have no JSON count as different. */
function isSame(a: unknown, b: unknown): boolean {
  try {
    return JSON.stringify(a) === JSON.stringify(b);
  } catch {
    return false;
  }
}

function readDiff<M, X extends object>(payload: unknown): Diff<M, X> | undefined {
  if (!isObject(payload)) return undefined;
  const joins = readPresences<M, X>(payload["joins"]);
  const leaves = readPresences<M, X>(payload["leaves"]);
  const places = payload["places"];
  return joins && leaves && { joins, leaves, places: isObject(places) ? (places as Places) : undefined };
}

function readPresences<M, X extends object>(payload: unknown): Changes<M, X> | undefined {
  if (!isObject(payload)) return undefined;
  const presences: Changes<M, X> = new Map();
  for (const key of Object.keys(payload)) {
    const presence = payload[key];
    if (!isPresence<M, X>(presence)) return undefined;
    if (presence.metas.length > 0) presences.set(key, presence);
  }
  return presences;
}

/** What else a meta holds is between the server's application and the client's. */
function isPresence<M, X extends object>(value: unknown): value is KeyPresence<M, X> {
  return isObject(value) && Array.isArray(value["metas"]) && value["metas"].every(isMeta);
}

function isMeta(value: unknown): boolean {
  return isObject(value) && typeof value["phx_ref"] === "string";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
