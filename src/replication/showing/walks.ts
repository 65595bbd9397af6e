/**
 * What has to be done with each entry of a life, so many entries in one step, that no number of them makes a long turn.
 * A life has one walk at a time; walks are taken in their order. What is done with an entry is its own affair: nothing
 * here depends on what was done with others. Knows no view, no time and no timer: who calls `advance` is told whether
 * anything is left.
 */
import type { ReplicatedEntry, EntryOwner } from "../entry.js";
import type { Allowance } from "../allowance.js";

export interface Walk {
  /** What is still to be visited: as it is when its turn comes. */
  readonly entries: Iterator<ReplicatedEntry>;
  visit(entry: ReplicatedEntry): void;
  /** Called once, after the last visit, or when another walk of that life takes its place. */
  done(): void;
}

export class Walks<Owner extends EntryOwner> {
  readonly #allowance: Allowance;
  readonly #walks = new Map<Owner, Walk>();

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  get isEmpty(): boolean {
    return this.#walks.size === 0;
  }

  /** Begins a walk of a life: at once, if no other is under way, and as far as this step goes. */
  begin(owner: Owner, walk: Walk): void {
    this.drop(owner);
    const isNext = this.isEmpty;
    this.#walks.set(owner, walk);
    if (isNext) this.advance();
  }

  /** Ends the walk of a life as it stands, if it has one: another takes its place, or none is wanted. */
  drop(owner: Owner): void {
    const walk = this.#walks.get(owner);
    if (walk === undefined) return;
    this.#walks.delete(owner);
    walk.done();
  }

  /** Goes on as far as this step goes. */
  advance(): void {
    for (const [owner, { entries, visit }] of this.#walks) {
      for (;;) {
        if (this.#allowance.isSpent) return;
        const next = entries.next();
        if (next.done === true) break;
        this.#allowance.spend(1);
        visit(next.value);
      }
      this.drop(owner);
    }
  }

  /** Does at once what is left of the walk of a life. */
  finish(owner: Owner): void {
    const walk = this.#walks.get(owner);
    if (walk === undefined) return;
    for (let next = walk.entries.next(); next.done !== true; next = walk.entries.next())
      walk.visit(next.value);
    this.drop(owner);
  }

  owners(): IterableIterator<Owner> {
    return this.#walks.keys();
  }

  has(owner: Owner): boolean {
    return this.#walks.has(owner);
  }
}
