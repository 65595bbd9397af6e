/**
 * Replicators that do something else in a step than those of the release: what they are given, or what comes of it, is
 * changed, or what they hold is damaged.
 */
import { Replicator } from "../../src/replication/replicator.js";
import type { Replica } from "../../src/replication/replica.js";
import type { Effect, ReplicationEvent, Step } from "../../src/replication/step.js";

type Class = typeof Replicator;

/** A step that has done nothing. */
export const NO_STEP: Step = { made: undefined, effects: [] };

/** What is done in the place of each step; `step` is that of the release. */
type Instead = (replicator: Replicator, step: () => Step, event: ReplicationEvent, nowMs: number) => Step;

export function stepping(instead: Instead): Class {
  return class extends Replicator {
    override step(event: ReplicationEvent, nowMs: number): Step {
      return instead(this, () => super.step(event, nowMs), event, nowMs);
    }
  };
}

/** Changes what comes of each step; what nothing is returned of does not come. */
export function editEffects(
  edit: (effect: Effect, replicator: Replicator) => Effect | readonly Effect[] | undefined,
): Class {
  return stepping((replicator, step) => {
    const { made, effects } = step();
    return { made, effects: effects.flatMap((effect) => edit(effect, replicator) ?? []) };
  });
}

/** Does something to each other life that is known, after each step or, if so said, only after some. */
export function afterSteps(damage: (replica: Replica, event: ReplicationEvent) => void): Class {
  return stepping((replicator, step, event) => {
    const done = step();
    for (const replica of replicator.membership.replicas()) damage(replica, event);
    return done;
  });
}
