/**
 * How many slices are known only by the claims of their authors, at six bytes of a heartbeat each. Anybody who can
 * publish may send any number. Counts them, over all lives and for each. Knows no slice and no time.
 */
import { PROTOCOL, type Protocol } from "../rules.js";

export class Claims<Author extends object> {
  readonly #protocol: Protocol;
  readonly #of = new Map<Author, number>();
  #size = 0;

  constructor(protocol: Protocol = PROTOCOL) {
    this.#protocol = protocol;
  }

  get size(): number {
    return this.#size;
  }

  /** Whether there is room for one more of a life. */
  admits(author: Author): boolean {
    const { rules, limits } = this.#protocol;
    return rules.isClaimKept(this.#size, this.#of.get(author) ?? 0, limits);
  }

  add(author: Author): void {
    this.#size += 1;
    this.#of.set(author, (this.#of.get(author) ?? 0) + 1);
  }

  /** Something of a slice came. */
  settle(author: Author): void {
    this.#remove(author, 1);
  }

  /** A life is forgotten, with all that it claimed. */
  forget(author: Author): void {
    this.#remove(author, Infinity);
  }

  #remove(author: Author, most: number): void {
    const count = this.#of.get(author) ?? 0;
    const removed = Math.min(most, count);
    this.#size -= removed;
    if (removed === count) this.#of.delete(author);
    else this.#of.set(author, count - removed);
  }
}
