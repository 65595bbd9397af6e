/**
 * What the bindings for user interfaces have in common: what a component selects from a client, and whether a change of
 * the client has changed that. Promises that a selection is made once for each change that is looked at, and stays the
 * same object as long as it says the same. Knows no framework.
 */
import { invalid, requireNames } from "./names.js";
import type { AnyMeta, KeyPresence, NoExtra, Presences } from "../presence/wire.js";

/** What can be selected from. To look at one key costs the same however many there are. */
export interface PresenceView<M = AnyMeta, X extends object = NoExtra> {
  /** Everybody who is here; see `PresenceClient.list`. The first call after a change costs as much as there are keys. */
  list(): Presences<M, X>;
  /** The presence of a key, or `undefined` if it is not here. */
  get(key: string): KeyPresence<M, X> | undefined;
}

/** What is used of a `PresenceClient`. */
export interface PresenceStore<M = AnyMeta, X extends object = NoExtra> extends PresenceView<M, X> {
  readonly revision: number;
  subscribe(listener: () => void): () => void;
}

/** What a component shows. */
export interface PresenceSelection<M, X extends object, S> {
  /**
   * What is shown until the first state has come, and first of all where a page that was rendered on a server is taken
   * over: `await presence.fetchList(topic)` of that server, as JSON. Default: nobody. Later values are not looked at.
   */
  readonly initial?: Presences<M, X> | undefined;
  /**
   * What of it is shown. Pure: called again when the client has changed. Results that are equal, as lists and plain
   * objects to a depth of 4, count as the same. Default: everybody, `(view) => view.list()`.
   */
  readonly select?: ((view: PresenceView<M, X>) => S) | undefined;
}

export interface Selector<S> {
  /** What is selected of `initial`. */
  first(): S;
  /** What is selected now; `before`, where it is equal. */
  current(before?: { readonly value: S }): S;
}

/** @throws TypeError, of code `INVALID_OPTION`, for what is no client, and a selection that means nothing. */
export function checked<S extends { readonly select?: unknown }>(client: unknown, selection: S): S {
  if (typeof (client as { readonly subscribe?: unknown } | undefined)?.subscribe !== "function") {
    throw invalid("Expected a PresenceClient");
  }
  requireNames(selection, ["initial", "select"]);
  const { select } = selection;
  if (select !== undefined && typeof select !== "function") throw invalid("Expected select to be a function");
  return selection;
}

export function viewOf<M, X extends object>(presences: Presences<M, X> = {}): PresenceView<M, X> {
  return {
    list: () => presences,
    get: (key) => (Object.hasOwn(presences, key) ? presences[key] : undefined),
  };
}

export function selectorOf<M, X extends object, S>(
  client: PresenceStore<M, X>,
  initial: PresenceView<M, X>,
  // Without a select nothing else than the list can have been asked for.
  select: (view: PresenceView<M, X>) => S = (view) => view.list() as S,
): Selector<S> {
  let made: { readonly value: S; readonly revision: number } | undefined;
  let firstMade: { readonly value: S } | undefined;
  const first = (): S => (firstMade ??= { value: select(initial) }).value;
  return {
    first,
    current(before = made) {
      const { revision } = client;
      if (made?.revision !== revision) {
        const value = revision === 0 ? first() : select(client);
        made = {
          value: before !== undefined && isSame(before.value, value) ? before.value : value,
          revision,
        };
      }
      return made.value;
    },
  };
}

/** Whether two selections say the same. Other objects than lists and plain ones are the same only if they are one. */
export function isSame(a: unknown, b: unknown, depth = 4): boolean {
  if (Object.is(a, b)) return true;
  if (depth === 0 || !isPlain(a) || !isPlain(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key], depth - 1));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Array.isArray(value);
}
