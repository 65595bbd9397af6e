/**
 * Commit, then deliver: what has changed is delivered in order, one at a time, before the outermost call that
 * changed something returns. What a handler changes meanwhile waits for its turn. Knows no entry and no node.
 *
 * A handler that changes what it is told of, each time, would never be done: each diff has a place in the chain of
 * changes that led to it, and at the end of the chain no handler may change anything more. To refuse the change is
 * the only end that keeps the diffs true.
 */
import type { Diff } from "../words.js";

/** How many diffs in a row may each come from a change that the handler of the one before has made. */
export const MAX_CHAINED_DIFFS = 1_000;

/** How many diffs handlers may cause before the outermost change returns: about two seconds' work. */
export const MAX_NESTED_DIFFS = 100_000;

interface Waiting {
  readonly what: Diff | (() => void);
  /** 0: came from outside. Otherwise one more than what was being delivered when it came. */
  readonly link: number;
}

export class Delivery {
  readonly #takeDiff: () => Diff | undefined;
  readonly #handleDiff: (diff: Diff) => void;
  readonly #reportEndless: () => void;
  #waiting: Waiting[] = [];
  #delivering = false;
  /** The place in its chain of what is being delivered. */
  #link = 0;
  /** How many came of what was delivered, since the outermost change. */
  #nested = 0;
  #isReported = false;

  /** None of the functions throws: who handles guards what the user wrote. */
  constructor(takeDiff: () => Diff | undefined, handleDiff: (diff: Diff) => void, reportEndless: () => void) {
    this.#takeDiff = takeDiff;
    this.#handleDiff = handleDiff;
    this.#reportEndless = reportEndless;
  }

  /**
   * Something to tell beside diffs: after what waits, with the next delivery. At the end of a chain of those that
   * came of each other it is told no more.
   */
  add(tell: () => void): void {
    if (this.mayContinue()) this.#wait(tell);
  }

  /**
   * Whether what is being delivered may lead to more: nothing is, or the end of its chain is not reached. The first
   * no of a delivery is reported.
   */
  mayContinue(): boolean {
    if (!this.#delivering || (this.#link < MAX_CHAINED_DIFFS && this.#nested < MAX_NESTED_DIFFS)) return true;
    if (!this.#isReported) {
      this.#isReported = true;
      this.#reportEndless();
    }
    return false;
  }

  /** Whether a diff is being handled. */
  get isDelivering(): boolean {
    return this.#delivering;
  }

  /** Takes the changes into the queue, and delivers nothing: the caller that made them is about to. */
  collect(): void {
    const diff = this.#takeDiff();
    if (diff !== undefined) this.#wait(diff);
  }

  /** Delivers all that has changed; inside a handler, leaves it to the delivery that is under way. */
  deliver(): void {
    const diff = this.#takeDiff();
    if (this.#delivering || this.#waiting.length > 0) {
      if (diff !== undefined) this.#wait(diff);
      if (this.#delivering) return;
    } else if (diff === undefined) return;
    this.#delivering = true;
    try {
      // Mostly nothing waits, and the diff need not queue.
      if (diff !== undefined && this.#waiting.length === 0) this.#handleDiff(diff);
      this.#deliverWaiting();
    } finally {
      this.#delivering = false;
      this.#link = 0;
      this.#nested = 0;
      this.#isReported = false;
    }
  }

  #wait(what: Diff | (() => void)): void {
    if (this.#delivering) this.#nested += 1;
    this.#waiting.push({ what, link: this.#delivering ? this.#link + 1 : 0 });
  }

  /** In batches: to shift from a long queue costs its length. */
  #deliverWaiting(): void {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      for (const { what, link } of batch) {
        this.#link = link;
        if (typeof what === "function") what();
        else this.#handleDiff(what);
      }
    }
  }
}
