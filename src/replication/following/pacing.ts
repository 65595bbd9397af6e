/**
 * When a peer is sent its next frame. What a node says to its peers and hears of them is paid with time, as what all say to
 * all is where nodes hold everything (R89): the windows within which it collects news follow its load.
 *
 * Time comes in as an argument; sends nothing.
 */
import type { Rules } from "../rules.js";
import type { FollowingLimits } from "./limits.js";
import type { Pair } from "./pair.js";

export class Pacing {
  readonly #windowMs: number;
  readonly #awaitedWindowMs: number;
  readonly #rules: Rules;
  /** Until when what was said and heard lately is paid. */
  #paidUntilMs = -Infinity;

  /** @param windowMs is how long news wait at the most after a frame to their peer. */
  constructor(windowMs: number, rules: Rules, { awaitedWindowMs }: FollowingLimits) {
    this.#windowMs = windowMs;
    this.#awaitedWindowMs = Math.min(windowMs, awaitedWindowMs);
    this.#rules = rules;
  }

  /** A frame of so many units was sent to a peer, or came from one. */
  said(units: number, nowMs: number): void {
    this.#paidUntilMs = this.#rules.paidUntilMs(this.#paidUntilMs, nowMs, units, this.#windowMs);
  }

  /** For how long what was said lately is not paid, at the most: so long news wait here, and about so long elsewhere. */
  loadMs(nowMs: number): number {
    return Math.min(this.#windowMs, Math.max(0, this.#paidUntilMs - nowMs));
  }

  /** When the next frame to a peer is due, of all that is known now; `isAlive`: it may answer. */
  dueMs(pair: Pair, isAlive: boolean, nowMs: number): number {
    const { quietUntilMs } = this.#rules;
    const soonMs = quietUntilMs(pair.saidMs, this.#awaitedWindowMs, this.#paidUntilMs);
    const laterMs = quietUntilMs(pair.saidMs, this.#windowMs, this.#paidUntilMs);
    return pair.dueMs(nowMs, isAlive, soonMs, laterMs);
  }
}
