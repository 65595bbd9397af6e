/** What can befall a process of the chaos, how often, and for how long. Pure: draws from the source it is given. */
import type { SeededRandom } from "../../src/testing/random.js";
import type { Periods } from "./messages.js";

export type FaultKind = "kill" | "killAndRename" | "freeze" | "longFreeze" | "leave" | "leaveAtOnce";

export interface Fault {
  readonly kind: FaultKind;
  /** Until the process goes on, or is started again. */
  readonly durationMs: number;
}

interface Odds {
  readonly kind: FaultKind;
  readonly weight: number;
  /** In down periods. */
  readonly low: number;
  readonly high: number;
}

const odds: readonly Odds[] = [
  { kind: "kill", weight: 6, low: 0, high: 2.5 },
  { kind: "killAndRename", weight: 2, low: 0, high: 1.5 },
  // Half a down period and the time between two heartbeats are less than a whole one.
  { kind: "freeze", weight: 4, low: 0.1, high: 0.5 },
  { kind: "longFreeze", weight: 4, low: 1.2, high: 3 },
  { kind: "leave", weight: 3, low: 0, high: 2 },
  { kind: "leaveAtOnce", weight: 2, low: 0, high: 1 },
];
const totalWeight = odds.reduce((sum, { weight }) => sum + weight, 0);
/** Once in a while a node is away for so long that it is forgotten. */
const forgottenChance = 0.1;

export function drawFault(random: SeededRandom, { downPeriodMs, permdownPeriodMs }: Periods): Fault {
  let dice = random.next() * totalWeight;
  const { kind, low, high } = odds.find(({ weight }) => (dice -= weight) < 0) ?? (odds[0] as Odds);
  const durationMs = random.between(low, high) * downPeriodMs;
  const isForgotten = random.chance(forgottenChance) && permdownPeriodMs < 10 * downPeriodMs;
  if (isForgotten && kind === "longFreeze") return { kind, durationMs: permdownPeriodMs + 2 * downPeriodMs };
  return { kind, durationMs };
}

/** For how long a broker is away: longer than a down period. */
export function drawOutageMs(random: SeededRandom, { downPeriodMs }: Periods): number {
  return random.between(1.2, 2.5) * downPeriodMs;
}
