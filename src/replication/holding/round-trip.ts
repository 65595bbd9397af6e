/**
 * How long an answer takes, as measured: the smoothed round trip and its variation, as TCP keeps them (RFC 6298,
 * section 2). Only measurements by Karn's rule belong here: an answer to a question that was asked more than once says
 * nothing, as nobody knows which of the questions it answers. Knows no request.
 */
import { RULES, type Rules } from "../rules.js";

export class RoundTrip {
  readonly #rules: Rules;
  #smoothedMs: number | undefined;
  #variationMs = 0;

  constructor(rules: Rules = RULES) {
    this.#rules = rules;
  }

  measured(roundTripMs: number): void {
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = roundTripMs;
      this.#variationMs = roundTripMs / 2;
      return;
    }
    this.#variationMs = (3 * this.#variationMs + Math.abs(this.#smoothedMs - roundTripMs)) / 4;
    this.#smoothedMs = (7 * this.#smoothedMs + roundTripMs) / 8;
  }

  /** How long to wait for an answer before it counts as lost; unknown before the first was measured. */
  get patienceMs(): number | undefined {
    if (this.#smoothedMs === undefined) return undefined;
    return this.#rules.likelyAnswerMs(this.#smoothedMs, this.#variationMs);
  }
}
