/**
 * How the entries of an author ended: untracked, or closed with their session. Others may hold any earlier revision
 * of what has ended, so the removals of all its revisions are marked, as far as they are kept.
 *
 * Every removal is marked once at most. As many marks are kept as removals may be, in two generations, so that
 * forgetting the oldest costs nothing. Knows no entry.
 */
export class Endings {
  readonly #limit: number;
  /**
   * By the clock of a removal: the clock at which a session closed, 0 if it was untracked. What an update removed is
   * here only once that is known.
   */
  #younger = new Map<number, number>();
  #older = new Map<number, number>();

  constructor(removalsKept: number) {
    // Twice as many removals may be kept, and the marks of the younger generation alone have to reach as far.
    this.#limit = 2 * removalsKept;
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
    this.#mark(clock, closed ? clock : 0);
    // Only of what was closed anything has to be told: unmarked is untracked.
    if (!closed) return;
    let removal = born - 1;
    let previous = removedAt(removal);
    while (previous !== undefined && !this.#younger.has(removal) && !this.#older.has(removal)) {
      this.#mark(removal, clock);
      removal = previous - 1;
      previous = removedAt(removal);
    }
  }

  /** Whether what was removed at this clock, or what came of it, went with its session. */
  isClosed(clock: number): boolean {
    return (this.#younger.get(clock) ?? this.#older.get(clock) ?? 0) > 0;
  }

  /** The removals of a range after which nothing was left because a session closed. Walks the range or the marks. */
  closedWithin(since: number, upTo: number): number[] {
    const found: number[] = [];
    if (upTo - since > this.#younger.size + this.#older.size) {
      for (const clock of this.closed()) if (clock > since && clock <= upTo) found.push(clock);
    } else {
      for (let clock = since + 1; clock <= upTo; clock++) if (this.isClosed(clock)) found.push(clock);
    }
    return found;
  }

  /** All of them; or those of revisions that were updated up to a clock, and closed after it. */
  *closed(updatedUpTo?: number): Generator<number> {
    for (const marks of [this.#older, this.#younger]) {
      for (const [clock, closedAt] of marks) {
        if (closedAt === 0) continue;
        if (updatedUpTo === undefined || (clock <= updatedUpTo && closedAt > updatedUpTo)) yield clock;
      }
    }
  }

  #mark(clock: number, closedAt: number): void {
    if (this.#younger.size >= this.#limit) {
      this.#older = this.#younger;
      this.#younger = new Map();
    }
    this.#younger.set(clock, closedAt);
  }
}
