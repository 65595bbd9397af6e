/**
 * What a slice that was built anew has changed, told in parts, as it may be many entries: the new one is held at once,
 * and what is shown follows. What went is indexed by its identity, so that what came is paired with it: then an entry of
 * the old slice is shown until the new one has told of it, and at any time each identity is shown once. Deltas that come
 * meanwhile wait. Knows no view and no time, and of the slice its entries.
 */
import { ReplicatedEntry } from "../entry.js";
import type { Rules } from "../rules.js";
import type { Allowance } from "../allowance.js";
import { WaitingDeltas } from "./delta.js";
import { GoneByIdentity, type Gone, type SliceChange } from "./identity.js";
import type { Rebuild } from "./rebuild.js";

/** Deltas that wait for the last part: those of some seconds; more than that are asked for again. */
const MAX_DELTAS_WAITING = 64;

type Entries = ReadonlyMap<number, ReplicatedEntry>;

export class Replacement {
  /** Where the old slice stood. */
  readonly clock: number;
  readonly waiting: WaitingDeltas;
  readonly #before: Entries;
  readonly #after: Entries;
  readonly #rebuild: Rebuild;
  /** What the old slice had and the new one has not, until it is told of. */
  readonly #gone = new GoneByIdentity();
  /** Further entries of one identity, which no author has. */
  readonly #beside = new Set<Gone>();
  readonly #walk: Generator<void, void>;
  #part: { [List in keyof SliceChange]: SliceChange[List][number][] } = noChange();
  #isIndexed = false;
  #isTold = false;

  constructor(before: Entries, clock: number, after: Entries, rebuild: Rebuild, rules: Rules) {
    this.#before = before;
    this.clock = clock;
    this.#after = after;
    this.#rebuild = rebuild;
    this.waiting = new WaitingDeltas(MAX_DELTAS_WAITING, rules);
    this.#walk = this.#entries();
  }

  /** Whether all was told. */
  get isTold(): boolean {
    return this.#isTold;
  }

  /** Whether what was held before may have been wrong. */
  get doubted(): boolean {
    return this.#rebuild.doubted;
  }

  /** Entries that are kept beside those of the new slice: as many as before the replacement, until its end. */
  get weight(): number {
    const beside = this.#before.size + this.#rebuild.weight - this.#after.size;
    return Math.max(0, beside) + this.waiting.weight;
  }

  /** Tells of as many entries as this step may touch. */
  tell(allowance: Allowance): SliceChange {
    while (!allowance.isSpent && !this.#isTold) {
      allowance.spend(1);
      this.#isTold = this.#walk.next().done === true;
    }
    const part = this.#part;
    this.#part = noChange();
    return part;
  }

  /** What the old slice had, as far as nothing else was told of it. */
  *untold(): Generator<ReplicatedEntry> {
    for (const entry of this.#before.values()) if (!this.#isIndexed || this.#isGone(entry)) yield entry;
  }

  /** All that it had. */
  get before(): Iterable<ReplicatedEntry> {
    return this.#before.values();
  }

  *#entries(): Generator<void, void> {
    for (const [clock, entry] of this.#before) {
      if (this.#after.get(clock) !== entry) {
        const gone = { entry, closed: this.#rebuild.hasClosed(clock, entry) };
        if (this.#gone.find(entry) === undefined) this.#gone.put(gone);
        else this.#beside.add(gone);
      }
      yield;
    }
    this.#isIndexed = true;
    for (const [clock, entry] of this.#after) {
      if (this.#before.get(clock) !== entry) this.#came(entry);
      yield;
    }
    for (const gone of this.#gone) {
      this.#part.removed.push(gone);
      this.#gone.delete(gone.entry);
      yield;
    }
    for (const gone of this.#beside) {
      this.#part.removed.push(gone);
      this.#beside.delete(gone);
      yield;
    }
  }

  #came(entry: ReplicatedEntry): void {
    const previous = this.#gone.find(entry)?.entry;
    ReplicatedEntry.seal(entry, previous);
    if (previous === undefined) {
      this.#part.added.push(entry);
      return;
    }
    this.#gone.delete(previous);
    this.#part.updated.push({ entry, previous });
  }

  #isGone(entry: ReplicatedEntry): boolean {
    if (this.#gone.find(entry)?.entry === entry) return true;
    for (const gone of this.#beside) if (gone.entry === entry) return true;
    return false;
  }
}

function noChange(): { [List in keyof SliceChange]: SliceChange[List][number][] } {
  return { added: [], updated: [], removed: [] };
}
