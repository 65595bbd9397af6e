/**
 * How long frames of this node take until it hears them itself: others hear them about then, and theirs take about as
 * long. Only what it has said to hear itself is timed. Where nothing comes back nothing is known, and nothing takes long.
 */

/** Times of speaking that are remembered, and delays. */
const MOST_SPOKEN = 64;
const MOST_DELAYS = 8;

/** Frames that were sent at one time. */
interface Spoken {
  readonly first: number;
  readonly last: number;
  readonly atMs: number;
}

export class OwnDelay {
  #spoken: Spoken[] = [];
  #delaysMs: number[] = [];

  /** The longest of the last ones. */
  get longestMs(): number {
    return Math.max(0, ...this.#delaysMs);
  }

  /** It has sent frames of these counters. */
  spoke(first: number, last: number, atMs: number): void {
    if (this.#spoken.length >= MOST_SPOKEN) this.#spoken = this.#spoken.slice(MOST_SPOKEN / 2);
    this.#spoken.push({ first, last, atMs });
  }

  /** It hears one of its frames. */
  heard(counter: number, nowMs: number): void {
    const spoken = this.#spoken.find(({ first, last }) => first <= counter && counter <= last);
    if (spoken === undefined) return;
    if (this.#delaysMs.length >= MOST_DELAYS) this.#delaysMs = this.#delaysMs.slice(1);
    this.#delaysMs.push(nowMs - spoken.atMs);
  }
}
