/**
 * Commit, then deliver: what has changed is delivered in order, one at a time, before the outermost call that
 * changed something returns. What a handler changes meanwhile waits for its turn. Knows no entry and no node.
 */
import type { Diff } from "./behaviour.js";

export class Delivery {
  readonly #takeDiff: () => Diff | undefined;
  readonly #handleDiff: (diff: Diff) => void;
  readonly #waiting: (Diff | (() => void))[] = [];
  #delivering = false;

  /** Neither function throws: who handles guards what the user wrote. */
  constructor(takeDiff: () => Diff | undefined, handleDiff: (diff: Diff) => void) {
    this.#takeDiff = takeDiff;
    this.#handleDiff = handleDiff;
  }

  /** Something to tell beside diffs: after what waits, with the next delivery. */
  add(tell: () => void): void {
    this.#waiting.push(tell);
  }

  /** Delivers all that has changed; inside a handler, leaves it to the delivery that is under way. */
  deliver(): void {
    const diff = this.#takeDiff();
    if (this.#delivering || this.#waiting.length > 0) {
      if (diff !== undefined) this.#waiting.push(diff);
      if (this.#delivering) return;
    } else if (diff === undefined) return;
    this.#delivering = true;
    // Mostly nothing waits, and the diff need not queue.
    if (diff !== undefined && this.#waiting.length === 0) this.#handleDiff(diff);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (typeof next === "function") next();
      else this.#handleDiff(next);
    }
    this.#delivering = false;
  }
}
