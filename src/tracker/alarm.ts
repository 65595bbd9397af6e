/** The one timer of a tracker: rings at the earliest time that anything asked for. */
import type { CancelTimer, Runtime } from "../runtime.js";

/** A timer that has not rung so long after its time is held back, as those of a hidden page are. */
const HELD_BACK_MS = 50;

export class Alarm {
  readonly #runtime: Runtime;
  readonly #ring: () => void;
  #dueMs = Infinity;
  #cancel: CancelTimer | undefined;
  /** Whether it rings in a next macrotask, so that no timer can hold it back. */
  #isNext = false;
  #hasStopped = false;

  constructor(runtime: Runtime, ring: () => void) {
    this.#runtime = runtime;
    this.#ring = ring;
  }

  /** Rings at that time, or before if it was to ring sooner. At a time that has passed: in the next macrotask. */
  wakeAt(timeMs: number): void {
    if (this.#hasStopped || timeMs >= this.#dueMs) return this.heard();
    this.#set(timeMs);
  }

  /** Something else has woken the machine: what a timer should have brought about by now comes in the next macrotask. */
  heard(): void {
    const isHeldBack = !this.#isNext && this.#runtime.monotonicMs() - this.#dueMs > HELD_BACK_MS;
    if (isHeldBack && !this.#hasStopped) this.#set(this.#dueMs);
  }

  /** Rings no more, whatever asks. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#hasStopped = true;
  }

  #set(timeMs: number): void {
    this.#cancel?.();
    this.#cancel = undefined;
    // Until the timer is set there is none: should that fail, the next who asks tries again.
    this.#dueMs = Infinity;
    const delayMs = timeMs - this.#runtime.monotonicMs();
    this.#cancel = this.#runtime.schedule(delayMs, () => {
      this.#dueMs = Infinity;
      this.#cancel = undefined;
      this.#ring();
    });
    this.#dueMs = timeMs;
    this.#isNext = delayMs <= 0;
  }
}
