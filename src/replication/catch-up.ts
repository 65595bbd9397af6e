/**
 * A goal that stands still: what was known when a wait began. For every life that was known then, and has not gone
 * silent or ended since, the clocks that its slices have to reach. Whatever comes later is not waited for, so on a
 * network that always has something under way the wait ends too; and what was told once is not asked for again, so it
 * ends where the connection comes and goes. Knows no time.
 */
import type { Replica } from "./replica.js";
import type { RemoteSlice } from "./holding/remote-slice.js";

/** What is waited for of one life. */
interface Goal {
  /** The clocks that were known when the wait began. */
  readonly known: Map<RemoteSlice, number>;
  /** Those that it has told since, by shard; undefined until it is heard out. */
  told: ReadonlyMap<number, number> | undefined;
}

export class CatchUp {
  readonly #pending = new Map<Replica, Goal>();
  readonly #since: number;

  /**
   * Begins to wait for these lives: for what they had when they were heard out since a connection, counted in connections,
   * and, if `asOfNow`, for what is known of them now.
   */
  constructor(replicas: Iterable<Replica>, asOfNow: boolean, since: number) {
    this.#since = since;
    for (const replica of replicas) {
      const known = new Map<RemoteSlice, number>();
      if (asOfNow) for (const slice of replica.held.slices.values()) known.set(slice, slice.target);
      this.#pending.set(replica, { known, told: undefined });
    }
  }

  /** Whether it has been reached. What was reached once is not looked at again. */
  get isReached(): boolean {
    for (const [replica, goal] of this.#pending) {
      if (isAwaited(replica)) {
        const { held } = replica;
        for (const [slice, clock] of goal.known) {
          if (!slice.hasReached(clock)) return false;
          goal.known.delete(slice);
        }
        goal.told ??= held.heardOutSince(this.#since);
        const isToldAll = goal.told !== undefined && held.hasReached(goal.told);
        if (!isToldAll || replica.isShownInPart) return false;
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
