/**
 * The latest removals of one replica: which removal removed which birth. A set needs none of them to be right;
 * they only make small deltas possible. So their number is bounded, and it is known how far back they reach.
 */
import type { Range } from "./context.js";
import type { Removal } from "./delta.js";
import type { Dot } from "./dot.js";
import { LatestNumbers } from "./latest.js";

/** Keeps the last `limit` removals at least, and 1,000 more at most, or as many more as the limit if that is less. */
export class KeptRemovals {
  readonly #replica: string;
  /** The clock of the birth that was removed, by the clock of its removal. */
  readonly #births: LatestNumbers;
  /** Whose birth it was, where it was not the replica's own: nearly always it is. */
  readonly #foreign = new Map<number, string>();
  #missed = 0;

  /** @param replica is the one whose removals are kept. */
  constructor(limit: number, replica: string) {
    this.#births = new LatestNumbers(limit);
    this.#replica = replica;
  }

  /** Every removal above this clock that was seen is kept; one at or below it may be unknown. */
  get reach(): number {
    return Math.max(this.#missed, this.#births.dropped);
  }

  keep(clock: number, dot: Dot): void {
    if (clock <= this.#missed) return;
    const { dropped } = this.#births;
    this.#births.set(clock, dot.clock);
    if (this.#births.dropped > dropped) this.#forgetForeign();
    if (dot.replica !== this.#replica && clock > this.#births.dropped) this.#foreign.set(clock, dot.replica);
  }

  /** There may have been removals up to this clock that nobody told of. */
  missUpTo(clock: number): void {
    this.#missed = Math.max(this.#missed, clock);
  }

  /** The birth that was removed at a clock, if that is kept. */
  at(clock: number): Dot | undefined {
    const birth = this.#births.get(clock);
    return birth === undefined
      ? undefined
      : { replica: this.#foreign.get(clock) ?? this.#replica, clock: birth };
  }

  /** The kept removals of a range, by ascending clock. Costs as many as there are, and the search for the first. */
  within({ since, upTo }: Range): Removal[] {
    const found: Removal[] = [];
    for (const clock of this.#births.clocksWithin(since, upTo)) {
      const dot = this.at(clock);
      if (dot !== undefined) found.push({ clock, dot });
    }
    return found;
  }

  /** Takes over all that another of the same replica keeps; for one that is still empty. */
  assume(original: KeptRemovals): void {
    this.#births.assume(original.#births);
    for (const [clock, replica] of original.#foreign) this.#foreign.set(clock, replica);
    this.#missed = original.#missed;
  }

  #forgetForeign(): void {
    for (const clock of this.#foreign.keys()) if (clock <= this.#births.dropped) this.#foreign.delete(clock);
  }
}
