/**
 * The diffs of a tracker as an iterator. Promises that folding what is read comes to the list, as folding the diffs of
 * a handler does: a state is taken when no handler runs and nothing waits to be delivered.
 */
import type { Life } from "../replication/life.js";
import type { Eviction } from "../replication/message.js";
import type { View } from "../replication/showing/view.js";
import type { Diff, Meta, AnyMeta, TopicDiff } from "../words.js";
import { ChangeIterator, type ChangesOptions } from "./change-iterator.js";

/**
 * What is read of a tracker. A `state` comes first, and again when changes were dropped: forget what you have, and take
 * its joins, which are all entries of all topics. A `diff` is what changed since.
 */
export type TrackerChange<M extends Meta<M> = AnyMeta> =
  | {
      readonly event: "state";
      readonly payload: Diff<M>;
      /** Whether changes were dropped before this state, because too many waited to be read. */
      readonly restarted: boolean;
    }
  | { readonly event: "diff"; readonly payload: Diff<M> };

/** Who is told of every diff after the handler, and that none comes any more. Does not throw. */
export interface DiffFollower {
  changed(diff: Diff): void;
  ended(): void;
}

/**
 * Who is told of each change when it is committed, before and apart from those to whom diffs are delivered. Does not
 * throw.
 */
export interface ChangeObserver {
  isWanted(): boolean;
  change(diff: Diff): void;
  /** Told before what has changed is delivered: the last time to change something in the same diff. */
  settle(): void;
  /** Told once in a turn: goes on with what is left to do. Returns whether anything is left after that. */
  advance(): boolean;
  /** What is known of how many entries a topic has is another number. */
  counted(topic: string): void;
  /** Another node wants entries to end. Returns false if it wants too much. */
  evict(by: Life, eviction: Eviction): boolean;
}

/** What tells diffs. */
export interface DiffSource {
  readonly view: View;
  /** Returns what ends the following. A source that has ended says so, and nothing else. */
  follow(follower: DiffFollower): () => void;
}

export function diffsOf(
  { view, follow }: DiffSource,
  options: ChangesOptions,
): AsyncIterableIterator<TrackerChange, undefined> {
  return new ChangeIterator<TrackerChange>(options, (receiver, restarted) => {
    let isOver = false;
    let unfollow: (() => void) | undefined;
    // Changes are committed and delivered in one go, so that a microtask never comes between the two.
    queueMicrotask(() => {
      if (isOver) return;
      let hasEnded = false;
      unfollow = follow({
        changed: (diff) => receiver.next({ event: "diff", payload: diff }),
        ended: () => {
          hasEnded = true;
          receiver.end();
        },
      });
      if (!hasEnded) receiver.next({ event: "state", payload: stateOf(view), restarted });
    });
    return () => {
      isOver = true;
      unfollow?.();
    };
  });
}

function stateOf(view: View): Diff {
  const state = new Map<string, TopicDiff>();
  for (const topic of view.topics()) state.set(topic, { joins: view.list(topic), updates: [], leaves: [] });
  return state;
}
