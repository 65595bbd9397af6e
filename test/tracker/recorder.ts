/** What the tests of the tracker share: a tracker alone on a memory pubsub, and its diffs in plain form. */
import { memoryPubSub } from "../../src/adapters/memory.js";
import type { AnyMeta, Diff, Meta } from "../../src/words.js";
import type { TrackerBehaviour } from "../../src/tracker/behaviour.js";
import type { TrackerOptions } from "../../src/tracker/options.js";
import { Tracker } from "../../src/tracker/tracker.js";

/** A diff as literals: `join key`, `update key`, `leave key reason`, per topic. */
export function plainDiff(diff: Diff): Record<string, string[]> {
  const plain: Record<string, string[]> = {};
  for (const [topic, { joins, updates, leaves }] of diff) {
    plain[topic] = [
      ...joins.map(({ key }) => `join ${key}`),
      ...updates.map(({ key }) => `update ${key}`),
      ...leaves.map(({ key, reason }) => `leave ${key} ${reason}`),
    ];
  }
  return plain;
}

/** Starts a tracker with nobody else on its pubsub. */
export function startAlone<M extends Meta<M> = AnyMeta>(
  behaviour: TrackerBehaviour<M> = {},
  options: Partial<TrackerOptions> = {},
): Promise<Tracker<M>> {
  return Tracker.start<M>(behaviour, {
    name: "test",
    pubsub: memoryPubSub({ nodeName: "alone" }),
    ...options,
  });
}

/** Runs a function and returns the code of the error that it throws, or `undefined`. */
export function codeOf(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}
