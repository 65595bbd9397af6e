/**
 * Healthy time: time in which this node could hear. It stands still while this node knows that it cannot, and of a turn
 * of its own that was long only the beginning counts, as what came meanwhile is heard after it. The silence of others is
 * measured in it, so that a node that stalls or loses its connection blames itself; how often, and for how long, is
 * counted. The time by the clock comes in as an argument; knows no other life.
 */
import type { Rules } from "../rules.js";

/** What this node has left out of the silence of others. */
export interface SelfBlame {
  readonly times: number;
  readonly durationMs: number;
}

export class HealthyTime {
  readonly #rules: Rules;
  readonly #tickPeriodMs: number;
  #runs = true;
  /** When it passed last, by the clock, and how much of it had passed then. */
  #lastPassMs: number;
  #passedMs = 0;
  #times = 0;
  #blamedMs = 0;
  /** Until it passes for the first time there is nobody whose silence it measures. */
  #blames = false;

  constructor(rules: Rules, tickPeriodMs: number, nowMs: number) {
    this.#rules = rules;
    this.#tickPeriodMs = tickPeriodMs;
    this.#lastPassMs = nowMs;
  }

  /** When it passed last, by the clock. */
  get lastPassMs(): number {
    return this.#lastPassMs;
  }

  /** How much of it had passed then. */
  get passedMs(): number {
    return this.#passedMs;
  }

  /** How much of it has passed until now. */
  at(nowMs: number): number {
    return this.#passedMs + this.#countedMs(nowMs);
  }

  /** What it has left out until now. A stretch in which it stood still counts once, from its beginning. */
  blamed(nowMs: number): SelfBlame {
    const leftOutMs = this.#blames ? nowMs - this.#lastPassMs - this.#countedMs(nowMs) : 0;
    const isLong = this.#runs && leftOutMs > 0;
    return { times: this.#times + (isLong ? 1 : 0), durationMs: this.#blamedMs + leftOutMs };
  }

  /** It passes: once a tick, and before anything changes by which it runs. Returns how much since the last time. */
  pass(nowMs: number): number {
    const { times, durationMs } = this.blamed(nowMs);
    const countedMs = this.#countedMs(nowMs);
    this.#times = times;
    this.#blamedMs = durationMs;
    this.#blames = true;
    this.#passedMs += countedMs;
    this.#lastPassMs = nowMs;
    return countedMs;
  }

  /** From its last pass on it runs, or stands still. */
  run(runs: boolean): void {
    if (this.#runs && !runs) this.#times += 1;
    this.#runs = runs;
  }

  #countedMs(nowMs: number): number {
    return this.#rules.healthyMs(nowMs - this.#lastPassMs, this.#tickPeriodMs, this.#runs);
  }
}
