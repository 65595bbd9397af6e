/**
 * The latest removals of one replica: which removal removed which birth. A set needs none of them to be right;
 * they only make small deltas possible. So their number is bounded, and it is known how far back they reach.
 */
import type { Range } from "./context.js";
import type { Removal } from "./delta.js";
import type { Dot } from "./dot.js";

/** The birth that was removed: its clock alone if its replica is the one that removed it, as nearly always. */
type Removed = number | Dot;

/** Removals of about one age, dropped together. */
class Generation {
  readonly removals = new Map<number, Removed>();
  highest = 0;

  clone(): Generation {
    const copy = new Generation();
    for (const [clock, removed] of this.removals) copy.removals.set(clock, removed);
    copy.highest = this.highest;
    return copy;
  }
}

/**
 * Keeps the last `limit` removals at least, and twice as many at most: when the younger of two generations is
 * full, the older is dropped. A map from which the oldest is taken one by one would be searched for it longer
 * each time, because deleted places stay in it for a while.
 */
export class KeptRemovals {
  readonly #limit: number;
  readonly #replica: string;
  #younger = new Generation();
  #older = new Generation();
  #reach = 0;

  /** @param replica is the one whose removals are kept. */
  constructor(limit: number, replica: string) {
    this.#limit = limit;
    this.#replica = replica;
  }

  /** Every removal above this clock that was seen is kept; one at or below it may be unknown. */
  get reach(): number {
    return this.#reach;
  }

  keep(clock: number, dot: Dot): void {
    if (clock <= this.#reach) return;
    if (this.#limit === 0) {
      this.#reach = clock;
      return;
    }
    if (this.#younger.removals.size >= this.#limit) {
      this.#reach = Math.max(this.#reach, this.#older.highest);
      this.#older = this.#younger;
      this.#younger = new Generation();
    }
    this.#younger.removals.set(clock, dot.replica === this.#replica ? dot.clock : dot);
    this.#younger.highest = Math.max(this.#younger.highest, clock);
  }

  /** There may have been removals up to this clock that nobody told of. */
  missUpTo(clock: number): void {
    this.#reach = Math.max(this.#reach, clock);
  }

  /** The birth that was removed at a clock, if that is kept. */
  at(clock: number): Dot | undefined {
    const removed = this.#younger.removals.get(clock) ?? this.#older.removals.get(clock);
    return removed === undefined ? undefined : this.#dotOf(removed);
  }

  /** The kept removals of a range, by ascending clock. Walks the range or what is kept, whichever is shorter. */
  within({ since, upTo }: Range): Removal[] {
    const found: Removal[] = [];
    const generations = [this.#older.removals, this.#younger.removals];
    if (upTo - since <= this.#older.removals.size + this.#younger.removals.size) {
      for (let clock = since + 1; clock <= upTo; clock++) {
        const dot = this.at(clock);
        if (dot !== undefined) found.push({ clock, dot });
      }
      return found;
    }
    for (const removals of generations) {
      for (const [clock, removed] of removals) {
        if (clock > since && clock <= upTo) found.push({ clock, dot: this.#dotOf(removed) });
      }
    }
    return found.sort((one, other) => one.clock - other.clock);
  }

  #dotOf(removed: Removed): Dot {
    return typeof removed === "number" ? { replica: this.#replica, clock: removed } : removed;
  }

  /** Takes over all that another of the same replica keeps; for one that is still empty. */
  assume(original: KeptRemovals): void {
    this.#younger = original.#younger.clone();
    this.#older = original.#older.clone();
    this.#reach = original.#reach;
  }
}
