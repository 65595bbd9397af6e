/**
 * Work that is too long for one turn of the event loop. Promises that no turn takes many more steps than its limit, also
 * where the work comes bit by bit in one turn, and that no timer is left once it is stopped. Knows nothing of what is done.
 */
import type { CancelTimer, Runtime } from "../runtime.js";

export class Turns {
  readonly #runtime: Runtime;
  readonly #maxSteps: number;
  /** Since a turn was waited for last: whether one has begun by itself meanwhile cannot be seen. */
  #steps = 0;
  #cancel: CancelTimer | undefined;

  constructor(runtime: Runtime, maxSteps: number) {
    this.#runtime = runtime;
    this.#maxSteps = maxSteps;
  }

  took(steps: number): void {
    this.#steps += steps;
  }

  get isOver(): boolean {
    return this.#steps >= this.#maxSteps;
  }

  /** Resolves in the next turn, or never if it is stopped before. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#cancel = this.#runtime.schedule(0, () => {
        this.#steps = 0;
        resolve();
      });
    });
  }

  stop(): void {
    this.#cancel?.();
  }
}
