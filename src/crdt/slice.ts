/**
 * What a set holds of one replica: the elements born there that are alive, and what has to be known about
 * them. It does arithmetic on one replica and decides nothing about merging.
 */
import type { Range, Seen } from "./context.js";
import type { Birth } from "./delta.js";
import { Digest, type ValueHash } from "./digest.js";
import type { Dot } from "./dot.js";
import type { KeptRemovals } from "./removals.js";

export class Slice<V> {
  readonly replica: string;
  /** What the context of the set has of this replica: the very object. */
  readonly seen: Seen;
  /** Values by the clock of their birth; no wrapper around them, since there may be very many. */
  readonly live = new Map<number, V>();
  readonly removals: KeptRemovals;
  readonly #digest = new Digest();
  /** Absent: the digest is of the clocks alone. */
  readonly #hash: ValueHash<V> | undefined;
  /** Where the chain of updates of an element began; only for those that were ever updated. */
  readonly #origins = new Map<number, Dot>();

  constructor(replica: string, seen: Seen, removals: KeptRemovals, hash?: ValueHash<V>) {
    this.replica = replica;
    this.seen = seen;
    this.removals = removals;
    this.#hash = hash;
  }

  /** The sum of the live elements. */
  get digest(): number {
    return this.#digest.value;
  }

  insert(clock: number, value: V, origin?: Dot): void {
    this.#digest.add(clock, this.#hash?.(value) ?? 0);
    this.live.set(clock, value);
    if (origin !== undefined) this.#origins.set(clock, origin);
  }

  delete(clock: number): void {
    const value = this.live.get(clock);
    if (value === undefined) return;
    // Hashed again, not remembered: a number beside each of very many elements would cost more.
    this.#digest.subtract(clock, this.#hash?.(value) ?? 0);
    this.live.delete(clock);
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
    this.#digest.assume(original.#digest);
  }
}
