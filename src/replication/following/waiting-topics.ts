/**
 * Followed topics that may not be complete, each with the round since which it waits: a round is a heartbeat. A node on
 * which topics are followed all the time always has one that waits, so most waits are too young to count. Knows no time.
 */
export class WaitingTopics {
  /** For so many rounds a wait is of no account. */
  readonly #patience: number;
  /** In the order in which they began. */
  readonly #since = new Map<string, number>();
  #round = 0;
  /** The round in which it was asked first whether all is complete; what began until then counts until that was so. */
  #asked: number | undefined;
  #wereOver = false;

  constructor(patience: number) {
    this.#patience = patience;
  }

  get size(): number {
    return this.#since.size;
  }

  add(topic: string): void {
    if (!this.#since.has(topic)) this.#since.set(topic, this.#round);
  }

  delete(topic: string): void {
    this.#since.delete(topic);
  }

  /** Begins a round, and returns all that wait. */
  nextRound(): readonly string[] {
    this.#round += 1;
    return [...this.#since.keys()];
  }

  /**
   * Whether all is complete, as far as waits count: at first those that there are when it is asked for the first time, and
   * once these are over, those that have lasted for long.
   */
  areOver(isComplete: (topic: string) => boolean): boolean {
    const last = this.#wereOver ? this.#round - this.#patience : (this.#asked ??= this.#round);
    for (const [topic, since] of this.#since) {
      if (since > last) break;
      if (!isComplete(topic)) return false;
    }
    this.#wereOver = true;
    return true;
  }
}
