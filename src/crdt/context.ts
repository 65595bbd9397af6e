/**
 * The context: which dots have been seen. Per replica it is a clock (every dot up to it was seen) and a cloud
 * (dots ahead of the clock, seen before some that come earlier).
 *
 * The cloud holds ranges, not single clocks, so that the context is as large as its gaps, and a message that
 * claims 2^53 dots costs no more than one that claims two. It knows nothing of values.
 */
import type { Dot } from "./dot.js";

/** The dots above `since`, up to and including `upTo`, of one replica. */
export interface Range {
  readonly since: number;
  readonly upTo: number;
}

/** The dots that a set has seen, to be read. */
export interface ContextView {
  /** The clock of a replica: every dot of it up to this one was seen. 0 for one that was never heard of. */
  clock(replica: string): number;
  /** Whether a dot was seen, ahead of the clock or not. */
  includes(dot: Dot): boolean;
  /** The replicas of which any dot was seen. */
  replicas(): IterableIterator<string>;
  /** A copy that stays as it is. Costs the number of replicas and gaps, not of dots. */
  clone(): ContextView;
}

/** What was seen of one replica. */
export class Seen {
  clock = 0;
  /** Ascending, with at least one unseen dot before each range. */
  readonly #cloud: Range[] = [];

  /** The highest dot seen. */
  get highest(): number {
    return this.#cloud.at(-1)?.upTo ?? this.clock;
  }

  includes(clock: number): boolean {
    if (clock <= this.clock) return clock > 0;
    const range = this.#cloud[this.#firstReaching(clock)];
    return range !== undefined && range.since < clock;
  }

  /**
   * Marks the dot after the highest as seen. One's own next dot comes after the cloud too: what is in there
   * was spent already, by a copy.
   */
  advance(): void {
    if (this.#cloud.length === 0) this.clock++;
    else this.take(this.highest, this.highest + 1);
  }

  /** Marks the dots above `since` up to `upTo` as seen. */
  take(since: number, upTo: number): void {
    if (since >= upTo || upTo <= this.clock) return;
    const cloud = this.#cloud;
    if (since > this.clock) {
      const first = this.#firstReaching(since);
      let behind = first;
      let merged: Range = { since, upTo };
      for (let range = cloud[behind]; range !== undefined && range.since <= upTo; range = cloud[++behind]) {
        merged = { since: Math.min(merged.since, range.since), upTo: Math.max(merged.upTo, range.upTo) };
      }
      cloud.splice(first, behind - first, merged);
      return;
    }
    this.clock = upTo;
    let absorbed = 0;
    for (let range = cloud[0]; range !== undefined && range.since <= this.clock; range = cloud[++absorbed]) {
      this.clock = Math.max(this.clock, range.upTo);
    }
    if (absorbed > 0) cloud.splice(0, absorbed);
  }

  /** What was seen above `since` up to `upTo`: ascending ranges, none empty. */
  within(since: number, upTo: number): Range[] {
    const found: Range[] = [];
    if (since >= upTo) return found;
    if (since < this.clock) found.push({ since, upTo: Math.min(upTo, this.clock) });
    const cloud = this.#cloud;
    for (let index = this.#firstReaching(since + 1); index < cloud.length; index++) {
      const range = cloud[index];
      if (range === undefined || range.since >= upTo) break;
      found.push({ since: Math.max(since, range.since), upTo: Math.min(upTo, range.upTo) });
    }
    return found;
  }

  clone(): Seen {
    const copy = new Seen();
    copy.assume(this);
    return copy;
  }

  /** Takes over all that another has seen; for one that has seen nothing. */
  assume(original: Seen): void {
    this.clock = original.clock;
    for (const range of original.#cloud) this.#cloud.push(range);
  }

  equals(other: Seen): boolean {
    if (this.clock !== other.clock || this.#cloud.length !== other.#cloud.length) return false;
    return this.#cloud.every((range, index) => {
      const another = other.#cloud[index];
      return another !== undefined && range.since === another.since && range.upTo === another.upTo;
    });
  }

  /** The index of the first range of the cloud that ends at or above a clock. */
  #firstReaching(clock: number): number {
    let low = 0;
    let high = this.#cloud.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.#cloud[middle];
      if (range !== undefined && range.upTo < clock) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A context that can grow. It never shrinks. */
export class Context implements ContextView {
  readonly #replicas = new Map<string, Seen>();

  clock(replica: string): number {
    return this.#replicas.get(replica)?.clock ?? 0;
  }

  includes({ replica, clock }: Dot): boolean {
    return this.#replicas.get(replica)?.includes(clock) === true;
  }

  *replicas(): IterableIterator<string> {
    for (const [replica, seen] of this.#replicas) if (seen.highest > 0) yield replica;
  }

  /** What was seen of a replica; the same object for as long as the context exists. */
  of(replica: string): Seen {
    let seen = this.#replicas.get(replica);
    if (seen === undefined) {
      seen = new Seen();
      this.#replicas.set(replica, seen);
    }
    return seen;
  }

  clone(): Context {
    const copy = new Context();
    for (const [replica, seen] of this.#replicas) copy.#replicas.set(replica, seen.clone());
    return copy;
  }

  equals(other: Context): boolean {
    const nothing = new Seen();
    for (const [replica, seen] of this.#replicas) {
      if (!seen.equals(other.#replicas.get(replica) ?? nothing)) return false;
    }
    for (const replica of other.replicas()) if (!this.#replicas.has(replica)) return false;
    return true;
  }
}
