/**
 * Sessions that close with a grace and users who are evicted, woven into a schedule of any kind. What the schedule was
 * made for stays in it; what is added comes of a seed of its own. It only makes data.
 */
import { SeededRandom } from "./random.js";
import type { ApplicationStep, Schedule, Step } from "./steps.js";

const gracesMs = [200, 1_000, 5_000, 15_000];
/** How many of the last users may be evicted: somebody who is there, mostly. */
const usersKept = 6;

type Tracking = Extract<ApplicationStep, { readonly letters?: number }>;

export function withLeaving(schedule: Schedule, seed: number): Schedule {
  const random = new SeededRandom(`leaving ${seed}`);
  const { nodes } = schedule;
  const hasGraces = random.chance(0.8);
  const hasEvictions = !hasGraces || random.chance(0.7);
  const users: Tracking[] = [];
  const steps: Step[] = [];
  const pause = (longMs: number): Step => ({ do: "advance", ms: random.integer(0, longMs) });
  for (const step of schedule.steps) {
    if (step.do === "close" && hasGraces && random.chance(0.7)) {
      steps.push({ ...step, graceMs: random.pick(gracesMs) });
    } else steps.push(step);
    if (step.do !== "set" && step.do !== "track") continue;
    users.push(step);
    if (users.length > usersKept) users.shift();
    if (hasGraces && random.chance(0.1)) {
      // A page is loaded anew: the session closes, and the user comes back, on whatever node.
      const { node, session } = step;
      const again = { ...step, node: random.pick(nodes), session: random.integer(1, 3) };
      steps.push({ do: "close", node, session, graceMs: random.pick(gracesMs) });
      if (random.chance(0.8)) steps.push(pause(1_500), again);
      if (random.chance(0.3)) steps.push(pause(500), again);
    }
    if (hasEvictions && random.chance(0.1)) {
      const { topic, key, tracker } = random.pick(users);
      const where = tracker === undefined ? { topic, key } : { topic, key, tracker };
      if (random.chance(0.5)) steps.push(pause(2_000));
      steps.push({ do: "evict", node: random.pick(nodes), ...where });
      if (random.chance(0.4)) steps.push(pause(500), { ...random.pick(users), node: random.pick(nodes) });
    }
  }
  return { ...schedule, seed, steps };
}
