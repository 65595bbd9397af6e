/**
 * `rollcall/svelte`: what is here, as a store. Needs Svelte 4 or 5.
 *
 * ```svelte
 * <script>
 *   const people = presenceStore(client);                       // everybody: {#each Object.keys($people) as key}
 *   const ann = presenceStore(client, { select: (view) => view.get("ann") });
 * </script>
 * ```
 */
import { readable, type Readable } from "svelte/store";
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
 * What a component shows of a client, as a readable store that is set when, and only when, what is selected has changed.
 * Until the first state has come, and on a server whose client never has one, that is selected of `initial`. The client is
 * listened to while the store has subscribers.
 */
export function presenceStore<M = AnyMeta, X extends object = NoExtra>(
  client: PresenceStore<M, X>,
  selection?: Omit<PresenceSelection<M, X, unknown>, "select"> & { readonly select?: undefined },
): Readable<Presences<M, X>>;
export function presenceStore<M, X extends object, S>(
  client: PresenceStore<M, X>,
  selection: PresenceSelection<M, X, S>,
): Readable<S>;
export function presenceStore<M, X extends object, S>(
  client: PresenceStore<M, X>,
  selection: PresenceSelection<M, X, S> = {},
): Readable<S> {
  const { initial, select } = checked(client, selection);
  const selector = selectorOf(client, viewOf(initial), select);
  let value = selector.current();
  return readable(value, (set) => {
    // Stores of Svelte take any object for a new one.
    const look = (): void => {
      const next = selector.current();
      if (!Object.is(next, value)) set((value = next));
    };
    const end = client.subscribe(look);
    look();
    return end;
  });
}
