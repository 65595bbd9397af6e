/**
 * What one node tells another of a topic's count: values of four parts, each of which is absent most of the time. Pure; knows
 * no pair and no time.
 */
import type { Tally } from "./message.js";

export const NO_TALLY: Tally = {
  want: 0,
  ask: 0,
  answers: 0,
  entries: 0,
  tells: 0,
  sum: 0,
  isSettled: false,
};

/** Whether a tally says nothing any more. */
export function isNoTally({ want, ask, answers, tells }: Tally): boolean {
  return want === 0 && ask === 0 && answers === 0 && tells === 0;
}

/** The parts of a tally, in the order in which they travel. */
export const PARTS_OF_A_TALLY = Object.keys(NO_TALLY) as readonly (keyof Tally)[];

export function isSameTally(one: Tally, other: Tally): boolean {
  return PARTS_OF_A_TALLY.every((part) => one[part] === other[part]);
}
