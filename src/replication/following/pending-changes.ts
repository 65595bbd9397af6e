/**
 * What has changed in the open topics of a share since its last frame, in the order in which it did; and the portion of it that
 * a frame tells, where all of it is too much for one. Knows no topic and no follower.
 */
import { ReplicatedEntry } from "../entry.js";
import type { OwnRemoval } from "./own-entries.js";

/** All that changed up to a clock. */
export interface Portion {
  readonly upTo: number;
  /** Of these some may be gone at that clock: they are among the removals. */
  readonly births: readonly ReplicatedEntry[];
  readonly removals: readonly OwnRemoval[];
  /** The hashes of the entries that were removed, in the order of the removals. */
  readonly hashes: readonly number[];
}

export class PendingChanges {
  readonly #births = new Set<ReplicatedEntry>();
  #removals: OwnRemoval[] = [];
  #hashes: number[] = [];

  get size(): number {
    return this.#births.size + this.#removals.length;
  }

  get births(): Iterable<ReplicatedEntry> {
    return this.#births;
  }

  get removals(): readonly OwnRemoval[] {
    return this.#removals;
  }

  born(entry: ReplicatedEntry): void {
    this.#births.add(entry);
  }

  /** @param hash is that of the entry's value. */
  removed(removal: OwnRemoval, hash: number): void {
    this.#removals.push(removal);
    this.#hashes.push(hash);
  }

  /** All of it is told. */
  clear(): void {
    this.#births.clear();
    this.#removals = [];
    this.#hashes = [];
  }

  /** Takes so many changes, from the first on. */
  take(most: number): Portion {
    const births: ReplicatedEntry[] = [];
    let removed = 0;
    let upTo = 0;
    const upcoming = this.#births.values();
    let next = upcoming.next();
    while (births.length + removed < most) {
      const bornAt = next.done === true ? Infinity : ReplicatedEntry.clockOf(next.value);
      const removedAt = this.#removals[removed]?.clock ?? Infinity;
      upTo = Math.min(bornAt, removedAt);
      if (upTo === Infinity) break;
      if (removedAt < bornAt) removed += 1;
      else if (next.done !== true) {
        births.push(next.value);
        this.#births.delete(next.value);
        next = upcoming.next();
      }
    }
    return {
      upTo,
      births,
      removals: this.#removals.splice(0, removed),
      hashes: this.#hashes.splice(0, removed),
    };
  }
}
