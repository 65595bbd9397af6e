/**
 * Healthy time: what passes while this node runs and is connected. What it slept through, or could not hear, is held
 * against nobody. Time comes in as an argument; knows no life.
 */
import type { Rules } from "../rules.js";

export class HealthyClock {
  readonly #tickPeriodMs: number;
  readonly #rules: Rules;
  #lastTickMs: number;
  /** Healthy time since a tick came late. */
  #sinceLateMs = Infinity;

  constructor(tickPeriodMs: number, nowMs: number, rules: Rules) {
    this.#tickPeriodMs = tickPeriodMs;
    this.#lastTickMs = nowMs;
    this.#rules = rules;
  }

  get nextTickMs(): number {
    return this.#lastTickMs + this.#tickPeriodMs;
  }

  /** The healthy time since the last tick. */
  sinceTickMs(nowMs: number, isConnected: boolean): number {
    return this.#rules.healthyMs(nowMs - this.#lastTickMs, this.#tickPeriodMs, isConnected);
  }

  /** A tick: returns the healthy time since the last one, and whether silence may hide somebody now. */
  tick(nowMs: number, isConnected: boolean): { readonly healthyMs: number; readonly hides: boolean } {
    const isLate = nowMs - this.#lastTickMs > 2 * this.#tickPeriodMs;
    const healthyMs = this.sinceTickMs(nowMs, isConnected);
    const sinceLateMs = this.#sinceLateMs + (isLate ? 0 : healthyMs);
    const hides = this.#rules.hides(isLate, sinceLateMs, this.#tickPeriodMs, isConnected);
    if (isConnected) this.#sinceLateMs = isLate ? 0 : sinceLateMs;
    this.#lastTickMs = nowMs;
    return { healthyMs, hides };
  }
}
