/**
 * A bucket of tokens: so many at once, so many a second after that. Time comes in as an argument; knows no
 * timer and nothing of what it limits.
 */
export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number;

  readonly #maxDebt: number;

  /** Of what is spent where there is nothing, no more than `maxDebt` is owed, or what was spent last if that is more. */
  constructor(perSecond: number, burst: number, nowMs: number, maxDebt = Infinity) {
    this.#maxDebt = maxDebt;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes a token if there is one: for what is refused above the rate. */
  take(nowMs: number): boolean {
    if (this.isSpent(nowMs)) return false;
    this.#tokens -= 1;
    return true;
  }

  /**
   * Takes tokens even where there are none: for what cannot be refused any more. Returns how long to wait, in
   * milliseconds, until nothing is owed; 0 within the rate.
   */
  spend(nowMs: number, tokens = 1): number {
    this.#fill(nowMs);
    this.#tokens = Math.max(this.#tokens - tokens, -Math.max(this.#maxDebt, tokens));
    return this.#owedMs;
  }

  /** How long to wait, in milliseconds, until nothing is owed; 0 within the rate. */
  owedMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#owedMs;
  }

  get #owedMs(): number {
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1000;
  }

  /** Whether there is not one token left. */
  isSpent(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens < 1;
  }

  /** Whether nothing was taken that has not come back: then a new limit is as good as this one. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens >= this.#burst;
  }

  #fill(nowMs: number): void {
    const earned = ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#burst, this.#tokens + earned);
    this.#filledAtMs = nowMs;
  }
}
