/**
 * An oracle for goals that stand still: a node that is heard again is shown soon after everything has come that it
 * was known to have when it had summed up itself, whatever it has done since. It looks inside.
 */
import type { Replica } from "../../src/replication/replica.js";
import type { Replicator } from "../../src/replication/replicator.js";
import type { Situation, Watched } from "./situation.js";

/** Heartbeats within which a goal that is reached has to be noticed: the next frame would be enough. */
const heartbeatsToShow = 3;

/** A return that is under way. */
interface Return {
  /** By shard the clock that was known when all shards had been summed up. */
  goal: ReadonlyMap<number, number> | undefined;
  reachedMs: number | undefined;
}

export class GoalOracles {
  readonly #situation: Situation;
  readonly #returns = new WeakMap<Replica, Return>();

  constructor(situation: Situation) {
    this.#situation = situation;
  }

  /** Looks at whom a node waits for after one of its tasks. */
  look(node: Watched, { membership }: Replicator, isDoubted: (replica: Replica) => boolean): string[] {
    const wrong: string[] = [];
    for (const replica of membership.replicas()) {
      if (replica.status !== "returning" || isDoubted(replica)) {
        this.#returns.delete(replica);
        continue;
      }
      const waitedMs = this.#waitedMs(node, replica);
      if (waitedMs > heartbeatsToShow * this.#situation.heartbeatPeriodMs) {
        wrong.push(
          `${replica.id} is still hidden ${waitedMs.toFixed(0)} ms after all it returned with was here`,
        );
      }
    }
    return wrong;
  }

  /** How long the goal of a return has been reached, in healthy time. */
  #waitedMs(node: Watched, replica: Replica): number {
    const back = this.#returns.get(replica) ?? { goal: undefined, reachedMs: undefined };
    this.#returns.set(replica, back);
    const isSummedUp =
      replica.held.poolSize !== undefined && replica.held.summedUp.size >= replica.held.poolSize;
    // A reconnection forgets the sums: what is to be caught up with is known anew.
    if (!isSummedUp) back.goal = undefined;
    else
      back.goal ??= new Map(
        Array.from(replica.held.slices, ([shard, { clock, lag }]) => [shard, clock + lag]),
      );
    if (back.goal === undefined || !isReached(replica, back.goal)) back.reachedMs = undefined;
    else back.reachedMs ??= this.#situation.nowMs;
    return back.reachedMs === undefined ? 0 : this.#situation.healthyMsSince(node, back.reachedMs);
  }
}

function isReached(replica: Replica, goal: ReadonlyMap<number, number>): boolean {
  for (const [shard, clock] of goal) {
    const slice = replica.held.slices.get(shard);
    if (slice === undefined || slice.clock < clock) return false;
    // What is being fetched as pages stands at no clock yet.
    if (slice.nextRequest()?.type === "pageRequest") return false;
  }
  return true;
}
