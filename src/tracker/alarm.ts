/** The one timer of a tracker: rings at the earliest time that anything asked for. */
import type { CancelTimer, Runtime } from "../runtime.js";

export class Alarm {
  readonly #runtime: Runtime;
  readonly #ring: () => void;
  #dueMs = Infinity;
  #cancel: CancelTimer | undefined;

  constructor(runtime: Runtime, ring: () => void) {
    this.#runtime = runtime;
    this.#ring = ring;
  }

  /** Rings at that time, or before if it was to ring sooner. At a time that has passed: in the next macrotask. */
  wakeAt(timeMs: number): void {
    if (timeMs >= this.#dueMs) return;
    this.#cancel?.();
    this.#cancel = undefined;
    // Until the timer is set there is none: should that fail, the next who asks tries again.
    this.#dueMs = Infinity;
    this.#cancel = this.#runtime.schedule(timeMs - this.#runtime.monotonicMs(), () => {
      this.#dueMs = Infinity;
      this.#cancel = undefined;
      this.#ring();
    });
    this.#dueMs = timeMs;
  }

  /** Rings no more, whatever asks. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#dueMs = -Infinity;
  }
}
