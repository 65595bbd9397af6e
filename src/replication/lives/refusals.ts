/**
 * What is not listened to, counted by its reason, and reported now and then: who sends one such frame may send many.
 * Time comes in as an argument; knows no life.
 */
import type { Counters } from "../counters.js";
import type { Life } from "../life.js";
import { REFUSAL_REPORT_MS } from "../limits.js";
import type { Effects, Trouble } from "../step.js";
import type { Refusal } from "./membership.js";

export class Refusals {
  readonly #effects: Effects;
  readonly #counters: Counters;
  /** When which kind of refusal was reported last. */
  readonly #reportedMs = new Map<string, number>();

  constructor(effects: Effects, counters: Counters) {
    this.#effects = effects;
    this.#counters = counters;
  }

  /** A frame was not listened to. */
  refused(why: Refusal, life: Life, nowMs: number): void {
    const counters = this.#counters;
    if (why === "late") counters.framesLate += 1;
    else if (why === "over") counters.framesOver += 1;
    else if (why === "superseded") counters.framesSuperseded += 1;
    else if (why === "crowded") counters.framesCrowded += 1;
    else if (why === "implausible") {
      counters.framesImplausible += 1;
      this.report({ kind: "implausible", life }, nowMs);
    }
  }

  /** Reports one of its kind now and then. */
  report(trouble: Trouble, nowMs: number): void {
    const lastMs = this.#reportedMs.get(trouble.kind) ?? -Infinity;
    if (nowMs - lastMs < REFUSAL_REPORT_MS) return;
    this.#reportedMs.set(trouble.kind, nowMs);
    this.#effects.add({ type: "trouble", trouble });
  }
}
