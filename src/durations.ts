/**
 * How long something took, each time: how often, how long in all, and how often it was within each of a few bounds.
 * What a histogram of a monitoring system needs, at the cost of a few additions. Pure.
 */

/** The upper bounds of what is counted apart, in ascending order: from a hop on a local network to a heartbeat. */
const DURATION_BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000] as const;

/** How long something took, since the start. */
export interface DurationCounts {
  readonly count: number;
  readonly totalMs: number;
  /** For each bound, how many took so long at the most; those above the last are only in `count`. */
  readonly within: readonly { readonly boundMs: number; readonly count: number }[];
}

export class Durations {
  #count = 0;
  #totalMs = 0;
  /** By the lowest bound that holds. */
  readonly #counts = DURATION_BOUNDS_MS.map(() => 0);

  add(durationMs: number): void {
    this.#count += 1;
    this.#totalMs += durationMs;
    const index = DURATION_BOUNDS_MS.findIndex((boundMs) => durationMs <= boundMs);
    if (index >= 0) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  counts(): DurationCounts {
    let count = 0;
    const within = DURATION_BOUNDS_MS.map((boundMs, index) => {
      count += this.#counts[index] ?? 0;
      return { boundMs, count };
    });
    return { count: this.#count, totalMs: this.#totalMs, within };
  }
}
