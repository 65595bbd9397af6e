/**
 * Keeps a client's copy of a topic's presences from `presence_state` and `presence_diff`, whatever carries
 * them: a WebSocket, server-sent events, a message port.
 *
 * It promises that after a state and the diffs that follow it the copy lists what the server does, with the
 * callbacks of Phoenix's own client; that junk changes nothing; and that a key such as `__proto__` is a key
 * like any other. It knows no transport and no Node, and depends on nothing.
 */
import type { AnyMeta, KeyPresence, NoExtra, PresenceMeta, Presences } from "../presence/wire.js";

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

export class PresenceClient<M = AnyMeta, X extends object = NoExtra> {
  readonly #presences: Changes<M, X> = new Map();
  readonly #maxPendingDiffs: number;
  readonly #joinListeners = new Set<KeyListener<M, X, KeyPresence<M, X> | undefined>>();
  readonly #leaveListeners = new Set<KeyListener<M, X, KeyPresence<M, X>>>();
  readonly #updateListeners = new Set<
    (key: string, previous: PresenceMeta<M>, current: PresenceMeta<M>) => void
  >();
  readonly #syncListeners = new Set<() => void>();
  #pendingDiffs: [Changes<M, X>, Changes<M, X>][] = [];
  #failures: unknown[] = [];
  #synced = false;
  #ignored = 0;

  constructor({ maxPendingDiffs = 1_000 }: PresenceClientOptions = {}) {
    this.#maxPendingDiffs = maxPendingDiffs;
  }

  /** Whether a state has come since the start or the last {@link reset}. */
  get synced(): boolean {
    return this.#synced;
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
  receive(event: string, payload: unknown): void {
    if (event === "presence_state") this.#receiveState(readPresences(payload));
    if (event === "presence_diff") this.#receiveDiff(readDiff(payload));
    const failures = this.#failures;
    this.#failures = [];
    if (failures.length > 0) throw failures[0];
  }

  /**
   * To be called when the connection has been made again (a channel: has joined again), before its state comes.
   * Not when the connection is lost: what the old one still delivers would be taken for later than that state.
   * The list stays as it is; diffs wait for the next state, and what that brings or lacks is told as joins and
   * leaves.
   */
  reset(): void {
    this.#synced = false;
    this.#pendingDiffs = [];
  }

  /** Everybody who is here: from key to `{ metas }`, in an object without a prototype. A copy. */
  list(): Presences<M, X> {
    const presences = Object.create(null) as Record<string, KeyPresence<M, X>>;
    for (const [key, presence] of this.#presences) presences[key] = presence;
    return presences;
  }

  /** The presence of a key, or `undefined` if it is not here. */
  get(key: string): KeyPresence<M, X> | undefined {
    return this.#presences.get(key);
  }

  /**
   * Hears of metas that joined: `current` is what was here of the key before (`undefined`: it came online),
   * `joined` has only the new ones. As in Phoenix an update is a join, followed by a leave.
   */
  onJoin(listener: KeyListener<M, X, KeyPresence<M, X> | undefined>): Unsubscribe {
    return listen(this.#joinListeners, listener);
  }

  /**
   * Hears of metas that left: `current` is what is still here of the key (no metas: it went offline), `left`
   * has only those that are gone.
   */
  onLeave(listener: KeyListener<M, X, KeyPresence<M, X>>): Unsubscribe {
    return listen(this.#leaveListeners, listener);
  }

  /** Hears, after the join and the leave that stand for it, that a meta was updated. */
  onUpdate(
    listener: (key: string, previous: PresenceMeta<M>, current: PresenceMeta<M>) => void,
  ): Unsubscribe {
    return listen(this.#updateListeners, listener);
  }

  /** Hears that a state or a diff has been applied: the time to show {@link list} anew. */
  onSync(listener: () => void): Unsubscribe {
    return listen(this.#syncListeners, listener);
  }

  #receiveState(state: Changes<M, X> | undefined): void {
    if (state === undefined) {
      this.#ignored++;
      return;
    }
    const joins: Changes<M, X> = new Map();
    const leaves: Changes<M, X> = new Map();
    for (const [key, presence] of this.#presences) {
      const left = without(presence, state.get(key));
      if (left.metas.length > 0) leaves.set(key, left);
    }
    for (const [key, presence] of state) {
      const current = this.#presences.get(key);
      const joined = without(presence, current);
      if (joined.metas.length > 0) joins.set(key, joined);
      // Nobody joined, but what was fetched for the key may be newer.
      else if (current !== undefined) this.#presences.set(key, { ...presence, metas: current.metas });
    }
    this.#synced = true;
    this.#apply(joins, leaves);
    const pendingDiffs = this.#pendingDiffs;
    this.#pendingDiffs = [];
    for (const [joins, leaves] of pendingDiffs) this.#apply(joins, leaves);
    this.#tell(this.#syncListeners);
  }

  #receiveDiff(diff: [Changes<M, X>, Changes<M, X>] | undefined): void {
    if (diff === undefined) {
      this.#ignored++;
    } else if (this.#synced) {
      this.#apply(...diff);
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
  #apply(joins: Changes<M, X>, leaves: Changes<M, X>): void {
    const updates: [string, PresenceMeta<M>, PresenceMeta<M>][] = [];
    for (const [key, joined] of joins) {
      const current = this.#presences.get(key);
      const others = current === undefined ? [] : without(current, joined).metas;
      this.#presences.set(key, { ...joined, metas: [...others, ...joined.metas] });
      this.#tell(this.#joinListeners, key, current, joined);
    }
    for (const [key, left] of leaves) {
      const before = this.#presences.get(key);
      if (before === undefined) continue;
      const current = without(before, left);
      if (current.metas.length > 0) this.#presences.set(key, current);
      else this.#presences.delete(key);
      this.#tell(this.#leaveListeners, key, current, left);
      for (const previous of left.metas) {
        const next = joins.get(key)?.metas.find((meta) => meta.phx_ref_prev === previous.phx_ref);
        if (next !== undefined) updates.push([key, previous, next]);
      }
    }
    for (const update of updates) this.#tell(this.#updateListeners, ...update);
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

/** A presence without the metas that another has of it. */
function without<M, X extends object>(
  presence: KeyPresence<M, X>,
  other: KeyPresence<M, X> | undefined,
): KeyPresence<M, X> {
  const refs = new Set(other?.metas.map((meta) => meta.phx_ref));
  return { ...presence, metas: presence.metas.filter((meta) => !refs.has(meta.phx_ref)) };
}

function readDiff<M, X extends object>(payload: unknown): [Changes<M, X>, Changes<M, X>] | undefined {
  if (!isObject(payload)) return undefined;
  const joins = readPresences<M, X>(payload["joins"]);
  const leaves = readPresences<M, X>(payload["leaves"]);
  return joins && leaves && [joins, leaves];
}

function readPresences<M, X extends object>(payload: unknown): Changes<M, X> | undefined {
  if (!isObject(payload)) return undefined;
  const presences: Changes<M, X> = new Map();
  for (const [key, presence] of Object.entries(payload)) {
    if (!isPresence<M, X>(presence)) return undefined;
    if (presence.metas.length > 0) presences.set(key, presence);
  }
  return presences;
}

/** What else a meta holds is between the server's application and the client's. */
function isPresence<M, X extends object>(value: unknown): value is KeyPresence<M, X> {
  return (
    isObject(value) &&
    Array.isArray(value["metas"]) &&
    value["metas"].every((meta: unknown) => isObject(meta) && typeof meta["phx_ref"] === "string")
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
