/**
 * `rollcall/react`: what is here, as a hook. Needs React 18 or 19.
 *
 * ```tsx
 * const client = new PresenceClient<Meta>();                  // once, beside the socket that feeds it
 * const people = usePresence(client);                         // everybody
 * const ann = usePresence(client, { select: (view) => view.get("ann") });
 * ```
 */
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import {
  checked,
  selectorOf,
  viewOf,
  type PresenceSelection,
  type PresenceStore,
  type PresenceView,
} from "../client/selection.js";
import type { AnyMeta, NoExtra, Presences } from "../presence/wire.js";

export type { PresenceSelection, PresenceStore, PresenceView };

/**
 * What a component shows of a client: rendered again when, and only when, what it selects has changed. A server renders
 * `initial`, and so does the first render of a page that takes over what a server rendered, whatever has come until then.
 */
export function usePresence<M = AnyMeta, X extends object = NoExtra>(
  client: PresenceStore<M, X>,
  selection?: Omit<PresenceSelection<M, X, unknown>, "select"> & { readonly select?: undefined },
): Presences<M, X>;
export function usePresence<M, X extends object, S>(
  client: PresenceStore<M, X>,
  selection: PresenceSelection<M, X, S>,
): S;
export function usePresence<M, X extends object, S>(
  client: PresenceStore<M, X>,
  selection: PresenceSelection<M, X, S> = {},
): S {
  const { initial, select } = checked(client, selection);
  const [view] = useState(() => viewOf(initial));
  const selector = useMemo(() => selectorOf(client, view, select), [client, view, select]);
  // A `select` that is written anew for each render may well select what is shown already.
  const shown = useRef<{ readonly value: S }>(undefined);
  const value = useSyncExternalStore(client.subscribe, () => selector.current(shown.current), selector.first);
  useEffect(() => {
    shown.current = { value };
  }, [value]);
  return value;
}
