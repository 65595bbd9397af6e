/**
 * Which of its shards a life has summed up since it appeared, came back or could be heard again, and where it stood
 * then. Little is kept of a shard, however many a frame names. Knows no slice.
 */

/** What is known of a shard, in one byte. */
const SUMMED_UP = 1;
const UNSURE = 2;
const SURE = 4;

export class Summaries {
  #shards = new Uint8Array(0);
  /** The clock that the first summary told, of those shards that were ever used. */
  #goals = new Map<number, number>();
  #size = 0;
  #sure = 0;

  /** How many shards have been summed up. */
  get size(): number {
    return this.#size;
  }

  /** How many have been summed up for certain: once, or twice. */
  get sure(): number {
    return this.#sure;
  }

  /** Clocks to be reached; 0 for a shard that is not among them. */
  get goals(): ReadonlyMap<number, number> {
    return this.#goals;
  }

  /** A summary that is sure by itself, or counts for a half. */
  add(shard: number, clock: number, isCertain: boolean, countsTwice = true): void {
    if (shard >= this.#shards.length) this.#grow(shard + 1);
    const known = this.#shards[shard] ?? 0;
    const isSecond = countsTwice && (known & UNSURE) !== 0;
    const becomesSure = (known & SURE) === 0 && (isCertain || isSecond);
    // What replaces the goal is what it had when it spoke to this life for certain.
    if (becomesSure || (known & SUMMED_UP) === 0) {
      if (clock > 0) this.#goals.set(shard, clock);
      else this.#goals.delete(shard);
    }
    if ((known & SUMMED_UP) === 0) this.#size += 1;
    if (becomesSure) this.#sure += 1;
    const isSure = becomesSure || (known & SURE) !== 0;
    const unsure = countsTwice ? UNSURE : known & UNSURE;
    this.#shards[shard] = SUMMED_UP | (isSure ? SURE : unsure);
  }

  /** By a frame that was overtaken: it replaces no goal, and makes none sure. */
  addLate(shard: number, clock: number): void {
    if (shard >= this.#shards.length) this.#grow(shard + 1);
    const known = this.#shards[shard] ?? 0;
    if ((known & SUMMED_UP) !== 0) return;
    if (clock > 0) this.#goals.set(shard, clock);
    this.#size += 1;
    this.#shards[shard] = known | SUMMED_UP;
  }

  /** Nothing that it has summed up counts any more; who keeps the goals keeps them. */
  forget(): void {
    this.#shards.fill(0);
    this.#goals = new Map();
    this.#size = 0;
    this.#sure = 0;
  }

  /** It has no more shards than these, whatever it was heard to say of others. */
  shorten(poolSize: number): void {
    for (let shard = poolSize; shard < this.#shards.length; shard++) {
      const known = this.#shards[shard]!;
      if ((known & SUMMED_UP) !== 0) this.#size -= 1;
      if ((known & SURE) !== 0) this.#sure -= 1;
      this.#goals.delete(shard);
    }
    if (poolSize < this.#shards.length) this.#shards = this.#shards.slice(0, poolSize);
  }

  /** It is to sum up its shards anew; of which it has done so surely is remembered. Who keeps the goals keeps them. */
  clear(): void {
    for (let shard = 0; shard < this.#shards.length; shard++) this.#shards[shard]! &= ~SUMMED_UP;
    this.#goals = new Map();
    this.#size = 0;
  }

  #grow(length: number): void {
    const grown = new Uint8Array(length);
    grown.set(this.#shards);
    this.#shards = grown;
  }
}
