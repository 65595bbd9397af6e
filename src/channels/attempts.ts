/**
 * Something that is tried until it succeeds, less and less often. Promises that a process in which somebody waits for it
 * lives until the next attempt, and that nothing is tried again once it was stopped. Knows not what it tries.
 */
import type { CancelTimer, Runtime } from "../runtime.js";

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

export class Attempts {
  readonly #runtime: Runtime;
  readonly #attempt: () => Promise<void>;
  readonly #failed: (error: unknown, retryMs: number) => void;
  #cancelRetry: CancelTimer | undefined;
  #retryMs = FIRST_RETRY_MS;
  #isAwaited = false;
  #stopped = false;
  #onDone: (() => void) | undefined;
  readonly #done = new Promise<void>((resolve) => (this.#onDone = resolve));

  constructor(
    runtime: Runtime,
    attempt: () => Promise<void>,
    failed: (error: unknown, retryMs: number) => void,
  ) {
    this.#runtime = runtime;
    this.#attempt = attempt;
    this.#failed = failed;
  }

  /** Tries. Never rejects: a failure is told, and when it is tried again. */
  async begin(): Promise<void> {
    try {
      await this.#attempt();
      this.#onDone?.();
    } catch (error) {
      this.#failed(error, this.#retryMs);
      if (!this.#stopped) this.#scheduleRetry();
    }
  }

  /** Resolves when an attempt has succeeded. */
  whenDone(): Promise<void> {
    const isFirst = !this.#isAwaited;
    this.#isAwaited = true;
    if (isFirst && this.#cancelRetry !== undefined) {
      this.#cancelRetry();
      this.#scheduleRetry();
    }
    return this.#done;
  }

  /** Leaves no timer. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  #scheduleRetry(): void {
    const retry = (): void => {
      this.#cancelRetry = undefined;
      this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
      void this.begin();
    };
    this.#cancelRetry = this.#runtime.schedule(this.#retryMs, retry, { keepsAlive: this.#isAwaited });
  }
}
