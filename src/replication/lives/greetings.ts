/**
 * Who is to be told soon that this node is there, or asked whether it is there itself: a life that was unknown,
 * comes back, or is missed, after a short random delay. Knows no message; time comes in as an argument.
 */
import type { Peer } from "./peer.js";
import type { Rules } from "../rules.js";

export class Greetings {
  readonly #random: () => number;
  readonly #rules: Rules;
  readonly #dueMs = new Map<Peer, number>();

  constructor(random: () => number, rules: Rules) {
    this.#random = random;
    this.#rules = rules;
  }

  /** Gives when a replica is to be greeted: soon, or when it already was to be. */
  want(replica: Peer, nowMs: number): number {
    let dueMs = this.#dueMs.get(replica);
    if (dueMs === undefined) {
      dueMs = nowMs + this.#rules.greetingDelayMs(this.#random());
      this.#dueMs.set(replica, dueMs);
    }
    return dueMs;
  }

  drop(replica: Peer): void {
    this.#dueMs.delete(replica);
  }

  /** Greets those that are due; returns when to call again, `Infinity` if never. */
  advance(nowMs: number, greet: (replica: Peer) => void): number {
    let nextMs = Infinity;
    for (const [replica, dueMs] of this.#dueMs) {
      if (dueMs > nowMs) nextMs = Math.min(nextMs, dueMs);
      else {
        this.#dueMs.delete(replica);
        greet(replica);
      }
    }
    return nextMs;
  }
}
