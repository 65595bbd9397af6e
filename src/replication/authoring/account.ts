/** What somebody who asks may still be told. Time comes in as an argument. */
import { ITEMS_OF_ANY_ANSWER } from "../limits.js";
import type { Protocol } from "../rules.js";

/** What there is to tell: the entries, and the dots that this life has spent so far. */
export interface Content {
  readonly entries: number;
  readonly dots: number;
}

export class Account {
  /** When it allows the next answer. */
  restsUntilMs = 0;
  /** Items that may still be told. As of a time, and of the dots spent until then. */
  #credit = Infinity;
  #asOfMs = -Infinity;
  #dots = 0;

  /** An answer of so many items was sent. Returns whether the account allows another one now. */
  charge(items: number, { entries, dots }: Content, nowMs: number, { rules, limits }: Protocol): boolean {
    const itemsPerMs = rules.answerRefillPerMs(entries, limits);
    // What has changed since may be asked for on top, twice as well.
    const earned = itemsPerMs * (nowMs - this.#asOfMs) + 2 * (dots - this.#dots);
    const most = rules.answerCredit(entries, limits);
    this.#credit = Math.min(most, this.#credit + earned) - items - ITEMS_OF_ANY_ANSWER;
    this.#asOfMs = nowMs;
    this.#dots = dots;
    if (this.#credit > 0) return true;
    this.restsUntilMs = nowMs - this.#credit / itemsPerMs;
    return false;
  }
}
