/**
 * Effects are carried out in the order in which they came. The pubsub is the user's own code and may call back before it
 * returns: what comes of that is carried out behind what is left, so that frames go out in the order of their counters,
 * and before the call that caused it returns. Knows no kind of effect.
 */
import type { Effect } from "../replication/step.js";

export class CarryingOut {
  readonly #carry: (effect: Effect) => void;
  /** What has come and is not carried out yet, from `#next` on. */
  readonly #effects: Effect[] = [];
  #next = 0;

  constructor(carry: (effect: Effect) => void) {
    this.#carry = carry;
  }

  /** Should one fail, it throws that, and those behind it are carried out with the next that come. */
  carryOut(effects: readonly Effect[]): void {
    if (effects.length === 0) return;
    for (const effect of effects) this.#effects.push(effect);
    for (let effect = this.#effects[this.#next]; effect !== undefined; effect = this.#effects[this.#next]) {
      this.#next += 1;
      this.#carry(effect);
    }
    this.#effects.length = 0;
    this.#next = 0;
  }
}
