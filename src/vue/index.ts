/**
 * `rollcall/vue`: what is here, as a composable. Needs Vue 3.4 or later.
 *
 * ```ts
 * const client = new PresenceClient<Meta>();                  // once, beside the socket that feeds it
 * const people = usePresence(client);                         // everybody, as a computed ref
 * const shown = usePresence(client, { select: (view) => view.get(props.userId) });
 * ```
 */
import {
  computed,
  getCurrentInstance,
  getCurrentScope,
  onMounted,
  onScopeDispose,
  shallowRef,
  toRaw,
  type ComputedRef,
} from "vue";
import {
  checked,
  isSame,
  viewOf,
  type PresenceSelection,
  type PresenceStore,
  type PresenceView,
} from "../client/selection.js";
import type { AnyMeta, NoExtra, Presences } from "../presence/wire.js";

export type { PresenceSelection, PresenceStore, PresenceView };

/**
 * What a component shows of a client, as a computed ref that changes when, and only when, what is selected has changed.
 * `select` may read props and refs, and is then called again when they change. A server renders `initial`, and so does a
 * page that takes over what a server rendered, until it is mounted. The client is listened to from then on (outside of a
 * component at once) and until the component or its effect scope ends.
 */
export function usePresence<M = AnyMeta, X extends object = NoExtra>(
  client: PresenceStore<M, X>,
  selection?: Omit<PresenceSelection<M, X, unknown>, "select"> & { readonly select?: undefined },
): ComputedRef<Presences<M, X>>;
export function usePresence<M, X extends object, S>(
  client: PresenceStore<M, X>,
  selection: PresenceSelection<M, X, S>,
): ComputedRef<S>;
export function usePresence<M, X extends object, S>(
  client: PresenceStore<M, X>,
  selection: PresenceSelection<M, X, S> = {},
): ComputedRef<S> {
  const { initial, select = (view: PresenceView<M, X>) => view.list() as S } = checked(client, selection);
  // A proxy of the client, as `reactive` makes it, could not read what is private to it.
  const raw = toRaw(client);
  const view = viewOf(initial);
  const revision = shallowRef(initial === undefined ? raw.revision : 0);
  const look = (): void => void (revision.value = raw.revision);
  let end: (() => void) | undefined;
  const listen = (): void => {
    end = raw.subscribe(look);
    look();
  };
  if (getCurrentInstance() === null) listen();
  else onMounted(listen);
  if (getCurrentScope() !== undefined) onScopeDispose(() => end?.());
  return computed<S>((before) => {
    const value = select(revision.value === 0 ? view : raw);
    return before !== undefined && isSame(before, value) ? before : value;
  });
}
