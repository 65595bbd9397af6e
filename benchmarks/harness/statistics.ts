/**
 * Statistics of repeated runs: the median and the spread, and the ratio to a floor that was measured in turn
 * with the subject. Pure; knows neither a clock nor what was measured.
 */

/** What several runs of one measurement gave: the middle one, the best and the worst. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** @throws Error on no values at all: a measurement that did not run has no median. */
export function spread(values: Iterable<number>): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    min: quantile(sorted, 0),
    max: quantile(sorted, 1),
    runs: sorted.length,
  };
}

/** The value below which the given share of a sorted list lies; the nearest rank, never interpolated. */
export function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error("a quantile of no values");
  return value;
}

/**
 * How many times the floor the subject takes. Run by run, because neighbouring runs share the machine's mood
 * of the moment, and the median of those.
 */
export function pairedRatio(subject: readonly number[], floor: readonly number[]): number {
  const ratios: number[] = [];
  for (const [index, value] of subject.entries()) {
    const beside = floor[index];
    if (beside !== undefined && beside > 0) ratios.push(value / beside);
  }
  return spread(ratios).median;
}
