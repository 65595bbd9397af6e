/**
 * What a set holds of one replica: the elements born there that are alive, and what has to be known about
 * them. It does arithmetic on one replica and decides nothing about merging.
 */
import type { Range, Seen } from "./context.js";
import type { Birth } from "./delta.js";
import type { Dot } from "./dot.js";
import type { KeptRemovals } from "./removals.js";

export class Slice<V> {
  readonly replica: string;
  /** What the context of the set has of this replica: the very object. */
  readonly seen: Seen;
  /** Values by the clock of their birth; no wrapper around them, since there may be very many. */
  readonly live = new Map<number, V>();
  /** The 32-bit hash of the live clocks. */
  digest = 0;
  readonly removals: KeptRemovals;
  /** Where the chain of updates of an element began; only for those that were ever updated. */
  readonly #origins = new Map<number, Dot>();

  constructor(replica: string, seen: Seen, removals: KeptRemovals) {
    this.replica = replica;
    this.seen = seen;
    this.removals = removals;
  }

  insert(clock: number, value: V, origin?: Dot): void {
    this.live.set(clock, value);
    this.digest = (this.digest ^ scatter(clock)) >>> 0;
    if (origin !== undefined) this.#origins.set(clock, origin);
  }

  delete(clock: number): void {
    if (!this.live.delete(clock)) return;
    this.digest = (this.digest ^ scatter(clock)) >>> 0;
    if (this.#origins.size > 0) this.#origins.delete(clock);
  }

  /** The dot with which the element of this clock began: its own, or that of its first revision. */
  originOf(clock: number): Dot {
    return this.#origins.get(clock) ?? { replica: this.replica, clock };
  }

  /** The clocks of the live elements of a range. Walks the range or the slice, whichever is shorter. */
  liveWithin({ since, upTo }: Range): number[] {
    const found: number[] = [];
    if (upTo - since <= this.live.size) {
      for (let clock = since + 1; clock <= upTo; clock++) if (this.live.has(clock)) found.push(clock);
      return found;
    }
    let ascending = true;
    let previous = 0;
    for (const clock of this.live.keys()) {
      if (clock <= since || clock > upTo) continue;
      found.push(clock);
      ascending &&= clock > previous;
      previous = clock;
    }
    return ascending ? found : found.sort((one, other) => one - other);
  }

  /** The live elements of a range as births, by ascending clock. */
  birthsWithin(range: Range): Birth<V>[] {
    const births: Birth<V>[] = [];
    for (const clock of this.liveWithin(range)) {
      const value = this.live.get(clock);
      if (value === undefined) continue;
      const origin = this.#origins.get(clock);
      if (origin === undefined) births.push({ clock, value });
      else if (origin.replica === this.replica) births.push({ clock, value, origin: origin.clock });
      else births.push({ clock, value, origin: origin.clock, originReplica: origin.replica });
    }
    return births;
  }

  /** Takes over all that another slice holds; for one that is still empty. */
  assume(original: Slice<V>): void {
    this.seen.assume(original.seen);
    this.removals.assume(original.removals);
    for (const [clock, value] of original.live) this.live.set(clock, value);
    for (const [clock, origin] of original.#origins) this.#origins.set(clock, origin);
    this.digest = original.digest;
  }
}

/**
 * Spreads a clock over 32 bits, so that the exclusive or of many tells sets of clocks apart: the finishing
 * steps of MurmurHash3, which change every bit of the outcome with probability one half for each bit of the
 * input. Two different sets agree by chance once in 2^32.
 */
export function scatter(clock: number): number {
  let hash = clock ^ Math.imul((clock / 0x1_0000_0000) | 0, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
