/** The user's side of a tracker: the handlers that are told of every change. Types only. */
import type { AnyMeta, Diff, Meta } from "../words.js";
import type { Tracker } from "./tracker.js";

/** A plain object or a class, whose state is its own. */
export interface TrackerBehaviour<M extends Meta<M> = AnyMeta> {
  /**
   * Called after a change is committed, for local and remote changes alike, in order and never twice at a
   * time: the changes that a handler makes are delivered after it has returned. Synchronous: a returned promise is not
   * awaited, but its rejection is reported. A handler that throws is reported through the `error` event and
   * costs nothing else.
   */
  handleDiff?: ((diff: Diff<M>, tracker: Tracker<M>) => void) | undefined;
}
