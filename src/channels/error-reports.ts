/**
 * Where failures go that have no caller to throw to: the listeners of the `error` event. One that nobody
 * listens to becomes a process warning, at most one a minute, so that it is neither lost nor fatal.
 */
import { TrackerError, type TrackerErrorCode, type TrackerErrorDetails } from "../errors.js";
import type { Runtime } from "../runtime.js";

export type ErrorListener = (error: TrackerError) => void;

const WARNING_PERIOD_MS = 60_000;

export class ErrorReports {
  readonly #runtime: Runtime;
  readonly #listeners = new Set<ErrorListener>();
  #warnedAtMs = -Infinity;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Adds a listener; the returned function removes it. */
  listen(listener: ErrorListener): () => void {
    // Wrapped, so that a function added twice is called twice and removed once.
    const own: ErrorListener = (error) => listener(error);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  report(code: TrackerErrorCode, message: string, details: TrackerErrorDetails, cause: unknown): void {
    // A process warning shows nothing but the message.
    const text = cause instanceof Error ? `${message}: ${cause.message}` : message;
    const error = new TrackerError(code, text, details, { cause });
    if (this.#listeners.size === 0) return this.#warn(error);
    for (const listener of this.#listeners) {
      try {
        listener(error);
      } catch (failure) {
        this.#warn(failure);
      }
    }
  }

  #warn(error: unknown): void {
    const nowMs = this.#runtime.monotonicMs();
    if (nowMs - this.#warnedAtMs < WARNING_PERIOD_MS) return;
    this.#warnedAtMs = nowMs;
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}
