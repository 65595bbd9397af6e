/**
 * How many slices are known by nothing but what their authors claim: with six bytes of a heartbeat each, of which
 * whoever can publish may send any number. Counts them, over all lives and for each. Knows no slice and no time.
 */
import type { Replica } from "./replica.js";
import { PROTOCOL } from "./rules.js";
import type { Protocol } from "./rules.js";

export class Claims {
  readonly #protocol: Protocol;
  readonly #of = new Map<Replica, number>();
  #size = 0;

  constructor(protocol: Protocol = PROTOCOL) {
    this.#protocol = protocol;
  }

  get size(): number {
    return this.#size;
  }

  /** Whether there is room for one more of a life. */
  admits(replica: Replica): boolean {
    const { rules, limits } = this.#protocol;
    return rules.isClaimKept(this.#size, this.#of.get(replica) ?? 0, limits);
  }

  add(replica: Replica): void {
    this.#size += 1;
    this.#of.set(replica, (this.#of.get(replica) ?? 0) + 1);
  }

  /** Something of a slice came. */
  settle(replica: Replica): void {
    this.#remove(replica, 1);
  }

  /** A life is forgotten, with all that it claimed. */
  forget(replica: Replica): void {
    this.#remove(replica, Infinity);
  }

  #remove(replica: Replica, most: number): void {
    const count = this.#of.get(replica) ?? 0;
    const removed = Math.min(most, count);
    this.#size -= removed;
    if (removed === count) this.#of.delete(replica);
    else this.#of.set(replica, count - removed);
  }
}
