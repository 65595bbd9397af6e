/**
 * A bounded table: one number for each of the latest clocks. It promises 16 bytes an entry, growth included 24 at
 * most, and a cost that does not depend on its size for all that comes in ascending order. It does not know what the
 * numbers stand for.
 */

/** As many of the oldest are dropped at once, so that moving the others costs each new one next to nothing. */
const droppedAtOnce = 1_000;

/**
 * Keeps the numbers of the `limit` highest clocks at least, and of 1,000 more at most, or of twice as many if the
 * limit is below 1,000.
 */
export class LatestNumbers {
  readonly #limit: number;
  readonly #spare: number;
  /** Ascending. Two arrays of numbers side by side: a Map needs twice as many bytes, and cannot be searched by range. */
  #clocks: number[] = [];
  #numbers: number[] = [];
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#spare = Math.min(limit, droppedAtOnce);
  }

  get size(): number {
    return this.#clocks.length;
  }

  /** The clocks that have a number, ascending. The list follows the table. */
  get clocks(): readonly number[] {
    return this.#clocks;
  }

  /** The highest clock whose number was dropped: above it, every number that was set is still here. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Sets the number of a clock, unless it is so old that the table has dropped its place. */
  set(clock: number, number: number): void {
    if (clock <= this.#dropped) return;
    if (this.#limit === 0) {
      this.#dropped = clock;
      return;
    }
    let place = this.#placeOf(clock);
    if (this.#clocks[place] === clock) {
      this.#numbers[place] = number;
      return;
    }
    if (this.#clocks.length === this.#limit + this.#spare) {
      this.#dropOldest();
      if (clock <= this.#dropped) return;
      place -= this.#spare;
    }
    if (place === this.#clocks.length) {
      this.#clocks.push(clock);
      this.#numbers.push(number);
    } else {
      this.#clocks.splice(place, 0, clock);
      this.#numbers.splice(place, 0, number);
    }
  }

  get(clock: number): number | undefined {
    const place = this.#placeOf(clock);
    return this.#clocks[place] === clock ? this.#numbers[place] : undefined;
  }

  /** The clocks of a range that have a number, ascending. */
  clocksWithin(since: number, upTo: number): number[] {
    return this.#clocks.slice(this.#placeOf(since + 1), this.#placeOf(upTo + 1));
  }

  /** Takes over all that another table of the same limit holds. */
  assume(original: LatestNumbers): void {
    this.#clocks = [...original.#clocks];
    this.#numbers = [...original.#numbers];
    this.#dropped = original.#dropped;
  }

  #dropOldest(): void {
    this.#dropped = this.#clocks[this.#spare - 1] ?? this.#dropped;
    this.#clocks.splice(0, this.#spare);
    this.#numbers.splice(0, this.#spare);
  }

  /** The index of the first clock at or above one; the end, without a search, for a new highest one. */
  #placeOf(clock: number): number {
    const clocks = this.#clocks;
    let high = clocks.length;
    if (high === 0 || clock > (clocks[high - 1] ?? 0)) return high;
    let low = 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((clocks[middle] ?? 0) < clock) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
