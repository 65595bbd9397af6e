/**
 * How late the heartbeats of this node come. Timers may be held back: those of a hidden page ring once a minute. Others
 * judge the silence of this node by what it says of that. Knows no message and no other life.
 */
import { HEARTBEATS_REMEMBERED } from "../limits.js";
import type { Rules } from "../rules.js";

export class Rhythm {
  readonly #periodMs: number;
  readonly #permdownPeriodMs: number;
  readonly #rules: Rules;
  /** What passed before each of the last heartbeats. */
  #tookMs: number[] = [];
  #lateMs: number | undefined;

  constructor(periodMs: number, permdownPeriodMs: number, rules: Rules) {
    this.#periodMs = periodMs;
    this.#permdownPeriodMs = permdownPeriodMs;
    this.#rules = rules;
  }

  /** By how much the next heartbeat may come later than after its period, if that is to be expected. */
  get lateMs(): number | undefined {
    return this.#lateMs;
  }

  /** A heartbeat is sent, so long after it was due. */
  beat(lateMs: number): void {
    this.#tookMs = [...this.#tookMs.slice(1 - HEARTBEATS_REMEMBERED), this.#periodMs + lateMs];
    const saidMs = this.#rules.saidPeriodMs(this.#periodMs, this.#tookMs, this.#permdownPeriodMs);
    this.#lateMs = saidMs > this.#periodMs ? saidMs - this.#periodMs : undefined;
  }
}
