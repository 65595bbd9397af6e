/**
 * How the entries of an author ended: untracked, or closed with their session. Others may hold any earlier revision
 * of an entry that ended, so the removals of all its revisions are marked, as far as they are kept.
 *
 * Every removal has one mark, kept for exactly as long as the removal. Knows no entry.
 */
import { LatestNumbers } from "../../crdt/latest.js";

/** The mark of a removal that belongs to an update: the entry went on, and so far it is unknown how it ends. */
const UPDATED = 0;
/** The mark of a removal after which nothing was left because the entry was untracked. */
const UNTRACKED = -1;

export class Endings {
  /** By the clock of a removal: `UPDATED`, `UNTRACKED`, or the clock at which the session closed. */
  readonly #marks: LatestNumbers;

  constructor(removalsKept: number) {
    this.#marks = new LatestNumbers(removalsKept);
  }

  /** The removal at `clock` belongs to an update: another revision followed it. */
  updated(clock: number): void {
    this.#marks.set(clock, UPDATED);
  }

  /**
   * An entry ended with the removal at `clock` of the revision born at `born`. An update spends two dots, the removal
   * of the old revision and the next one for the birth: so the revisions before are found.
   */
  ended(
    clock: number,
    born: number,
    closed: boolean,
    removedAt: (clock: number) => number | undefined,
  ): void {
    this.#marks.set(clock, closed ? clock : UNTRACKED);
    // Only of what was closed anything has to be told: an update that nothing more is known of counts as untracked.
    if (!closed) return;
    let removal = born - 1;
    let previous = removedAt(removal);
    while (previous !== undefined && this.#marks.get(removal) === UPDATED) {
      this.#marks.set(removal, clock);
      removal = previous - 1;
      previous = removedAt(removal);
    }
  }

  /** Whether the entry whose revision was removed at this clock went with its session, then or later. */
  isClosed(clock: number): boolean {
    return (this.#marks.get(clock) ?? UNTRACKED) > 0;
  }

  /** The removals of a range after which nothing was left because a session closed. Costs the removals of the range. */
  closedWithin(since: number, upTo: number): number[] {
    return this.#marks.clocksWithin(since, upTo).filter((clock) => this.isClosed(clock));
  }

  /** All of them; or those of revisions that were updated up to a clock, and closed after it. */
  *closed(updatedUpTo?: number): Generator<number> {
    for (const clock of this.#marks.clocks) {
      if (updatedUpTo !== undefined && clock > updatedUpTo) return;
      const closedAt = this.#marks.get(clock) ?? UNTRACKED;
      if (closedAt > (updatedUpTo ?? 0)) yield clock;
    }
  }
}
