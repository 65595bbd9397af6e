/**
 * How long frames of this node take until it hears them itself: others hear them about then, and theirs take about as
 * long. Only what it has said to hear itself is timed, and each frame once: who repeats them makes nobody slow. Where nothing
 * comes back nothing is known, and nothing takes long.
 */
import { REQUEST_PATIENCE_MAX_MS } from "../limits.js";

/** Times of speaking that are remembered, and delays. */
const MOST_SPOKEN = 64;
const MOST_DELAYS = 8;

/** Frames that were sent at one time. */
interface Spoken {
  readonly first: number;
  readonly last: number;
  readonly atMs: number;
  readonly heard: Set<number>;
}

export class OwnDelay {
  #spoken: Spoken[] = [];
  #delaysMs: number[] = [];
  #isKnown = false;

  /** Whether something has come back that was said since this node could hear. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** What is under way through an outage is not timed: it says nothing of what comes after it. */
  forgetUnderWay(): void {
    this.#spoken = [];
    this.#isKnown = false;
  }

  /** The longest of the last ones. */
  get longestMs(): number {
    return Math.max(0, ...this.#delaysMs);
  }

  /** It has sent frames of these counters. */
  spoke(first: number, last: number, atMs: number): void {
    if (this.#spoken.length >= MOST_SPOKEN) this.#spoken = this.#spoken.slice(MOST_SPOKEN / 2);
    this.#spoken.push({ first, last, atMs, heard: new Set() });
  }

  /** It hears one of its frames. */
  heard(counter: number, nowMs: number): void {
    const spoken = this.#spoken.find(({ first, last }) => first <= counter && counter <= last);
    if (spoken === undefined || spoken.heard.has(counter)) return;
    spoken.heard.add(counter);
    this.#isKnown = true;
    if (this.#delaysMs.length >= MOST_DELAYS) this.#delaysMs = this.#delaysMs.slice(1);
    // What takes longer is lost.
    this.#delaysMs.push(Math.min(nowMs - spoken.atMs, REQUEST_PATIENCE_MAX_MS));
  }
}
