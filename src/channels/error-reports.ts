/**
 * Where failures go that have no caller to throw to: the listeners of the `error` event. One that nobody
 * listens to becomes a process warning, at most one per code and minute, so that it is neither lost nor fatal.
 */
import { TrackerError, printable, type TrackerErrorCode, type TrackerErrorDetails } from "../errors.js";
import type { Runtime } from "../runtime.js";

export type ErrorListener = (error: TrackerError) => void;

const WARNING_PERIOD_MS = 60_000;

export class ErrorReports {
  readonly #runtime: Runtime;
  readonly #listeners = new Set<ErrorListener>();
  readonly #warnedAtMs = new Map<TrackerErrorCode, number>();

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
    const error = new TrackerError(code, message, details, { cause });
    if (this.#listeners.size === 0) return this.#warn(error);
    for (const listener of this.#listeners) {
      try {
        listener(error);
      } catch (failure) {
        this.#warn(new TrackerError("HANDLER_FAILED", "a listener of error failed", {}, { cause: failure }));
      }
    }
  }

  #warn(error: TrackerError): void {
    const nowMs = this.#runtime.monotonicMs();
    const lastMs = this.#warnedAtMs.get(error.code);
    if (lastMs !== undefined && nowMs - lastMs < WARNING_PERIOD_MS) return;
    this.#warnedAtMs.set(error.code, nowMs);
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    this.#runtime.warn?.(printable(`rollcall channels: ${error.message}${cause}`), error.code);
  }
}
