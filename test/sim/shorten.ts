/**
 * Shortens a schedule that fails: tries it without stretches of its steps, long ones first, and keeps what still
 * fails. The network draws other numbers once a step is missing, so another failure may be found on the way:
 * any failure counts.
 */
import type { Schedule, Step } from "../../src/testing/steps.js";

/** The shortest failing schedule that was found within so many tries. */
export async function shorten(
  schedule: Schedule,
  fails: (candidate: Schedule) => Promise<boolean>,
  tries = 2_000,
): Promise<Schedule> {
  let best = schedule;
  let left = tries;
  const attempt = async (candidate: Schedule): Promise<boolean> => {
    left -= 1;
    if (!(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  const without = (steps: readonly Step[], from: number, count: number): Step[] => [
    ...steps.slice(0, from),
    ...steps.slice(from + count),
  ];
  let improved = true;
  while (improved && left > 0) {
    improved = false;
    for (let size = Math.ceil(best.steps.length / 2); size >= 1 && left > 0; size = Math.floor(size / 2)) {
      for (let from = 0; from < best.steps.length && left > 0;) {
        if (await attempt({ ...best, steps: without(best.steps, from, size) })) improved = true;
        else from += size;
      }
    }
    for (const [index, step] of best.steps.entries()) {
      if (step.do !== "advance" || step.ms < 2 || left <= 0) continue;
      const steps = [...best.steps];
      steps[index] = { do: "advance", ms: Math.floor(step.ms / 2) };
      if (await attempt({ ...best, steps })) improved = true;
    }
    for (const name of best.nodes) {
      const nodes = best.nodes.filter((other) => other !== name);
      if (nodes.length > 1 && left > 0 && (await attempt({ ...best, nodes }))) improved = true;
    }
    for (const fault of Object.keys(best.network)) {
      const network = Object.fromEntries(Object.entries(best.network).filter(([name]) => name !== fault));
      if (left > 0 && (await attempt({ ...best, network }))) improved = true;
    }
  }
  return best;
}
