/**
 * A goal that stands still: what was known when a wait began. For every life that was known then, and has not gone
 * silent or ended since, the clocks that its slices have to reach. Whatever comes later is not waited for, so on a
 * network that always has something under way the wait ends too. Knows no time.
 */
import type { Replica } from "./replica.js";
import type { RemoteSlice } from "./holding/remote-slice.js";

export class CatchUp {
  readonly #pending = new Map<Replica, Map<RemoteSlice, number>>();

  /**
   * Begins to wait for these lives: for what they had when they appeared or came back and, if `asOfNow`, for what is
   * known of them now.
   */
  constructor(replicas: Iterable<Replica>, asOfNow: boolean) {
    for (const replica of replicas) {
      const goals = new Map<RemoteSlice, number>();
      if (asOfNow) for (const slice of replica.held.slices.values()) goals.set(slice, slice.target);
      this.#pending.set(replica, goals);
    }
  }

  /** Whether it has been reached. What was reached once is not looked at again. */
  get isReached(): boolean {
    for (const [replica, goals] of this.#pending) {
      if (isAwaited(replica)) {
        for (const [slice, goal] of goals) {
          if (!slice.hasReached(goal)) return false;
          goals.delete(slice);
        }
        const { held, isShownInPart } = replica;
        if (!held.hasBeenHeardOut || !held.hasCaughtUp || isShownInPart) return false;
      }
      this.#pending.delete(replica);
    }
    return true;
  }
}

/** Whether everybody who is awaited was heard out, and all is here that they had then. */
export function areCaughtUpWith(replicas: Iterable<Replica>): boolean {
  for (const replica of replicas) {
    if (!isAwaited(replica)) continue;
    const { hasBeenHeardOut, hasCaughtUp, isCrowded } = replica.held;
    if (!hasBeenHeardOut || !hasCaughtUp || isCrowded || replica.isShownInPart) return false;
  }
  return true;
}

/** Whether a life is expected to answer: it has neither ended nor gone silent. */
export function isAwaited({ status, departure }: Replica): boolean {
  return departure === undefined && (status === "up" || status === "returning");
}
