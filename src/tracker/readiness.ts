/** Who waits for the tracker to be complete. */
import { TrackerError } from "../errors.js";
import type { Runtime } from "../runtime.js";

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: TrackerError) => void;
}

export class Readiness {
  readonly #runtime: Runtime;
  readonly #waiters = new Set<Waiter>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /** Resolves with the next {@link reached}; rejects with `TIMEOUT` and what `details` then gives. */
  async wait(timeoutMs: number | undefined, details: () => Record<string, unknown>): Promise<void> {
    let waiter: Waiter | undefined;
    let cancel: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        waiter = { resolve, reject };
        this.#waiters.add(waiter);
        if (timeoutMs === undefined) return;
        cancel = this.#runtime.schedule(timeoutMs, () => {
          reject(
            new TrackerError("TIMEOUT", `Not complete within ${timeoutMs} ms`, { timeoutMs, ...details() }),
          );
        });
      });
    } finally {
      cancel?.();
      if (waiter !== undefined) this.#waiters.delete(waiter);
    }
  }

  reached(): void {
    for (const { resolve } of this.#waiters) resolve();
  }

  stop(): void {
    for (const { reject } of this.#waiters) {
      reject(new TrackerError("TRACKER_STOPPED", "The tracker was stopped"));
    }
  }
}
