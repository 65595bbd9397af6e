/** The changes of one topic as an iterator, in the events that clients understand. Knows no tracker and no feed. */
import type { AnyMeta } from "../words.js";
import { ChangeIterator, type ChangesOptions } from "../tracker/change-iterator.js";
import type { PresenceSubscriber } from "./follower.js";
import { DIFF_EVENT, STATE_EVENT, toWireDiff, type NoExtra, type Presences, type WireDiff } from "./wire.js";

/**
 * What is read of a topic. A state comes first, and again when changes were dropped: it takes the place of all that
 * was read before.
 */
export type PresenceChange<M = AnyMeta, X extends object = NoExtra> =
  | {
      readonly event: typeof STATE_EVENT;
      readonly payload: Presences<M, X>;
      /** Whether changes were dropped before this state, because too many waited to be read. */
      readonly restarted: boolean;
    }
  | { readonly event: typeof DIFF_EVENT; readonly payload: WireDiff<M, X> };

export function changesOf<M, X extends object>(
  options: ChangesOptions,
  subscribe: (subscriber: PresenceSubscriber<M, X>) => () => void,
): AsyncIterableIterator<PresenceChange<M, X>, undefined> {
  return new ChangeIterator<PresenceChange<M, X>>(options, (receiver, restarted) =>
    subscribe({
      state: (presences) => receiver.next({ event: STATE_EVENT, payload: presences, restarted }),
      diff: (diff) => receiver.next({ event: DIFF_EVENT, payload: toWireDiff(diff) }),
      ended: () => receiver.end(),
    }),
  );
}
