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

export function isSameTally(one: Tally, other: Tally): boolean {
  const { want, ask, answers, entries, tells, sum, isSettled } = one;
  const isSameByAuthor = answers === other.answers && entries === other.entries;
  const isSameSum = tells === other.tells && sum === other.sum && isSettled === other.isSettled;
  return want === other.want && ask === other.ask && isSameByAuthor && isSameSum;
}
