/**
 * Where failures go that have no caller to throw to: the listeners of the `error` event. One that nobody
 * listens to becomes a process warning, at most one per code and minute, so that it is neither lost nor fatal.
 * What clients cause is told at a bounded rate, or whoever logs it would have a second flood.
 */
import { TrackerError, printable, type TrackerErrorCode, type TrackerErrorDetails } from "../errors.js";
import type { Runtime } from "../runtime.js";
import { RateLimit } from "./rate-limit.js";

export type ErrorListener = (error: TrackerError) => void;

const WARNING_PERIOD_MS = 60_000;

/** Of what clients cause, ten of a kind are told at once, and one more every six seconds. */
const REMARK_BURST = 10;
const REMARKS_PER_SECOND = 1 / 6;

/** How often something of one kind may be told, and how often it was not since it last was. */
interface RemarkKind {
  readonly rate: RateLimit;
  untold: number;
}

export class ErrorReports {
  readonly #runtime: Runtime;
  readonly #listeners = new Set<ErrorListener>();
  readonly #warnedAtMs = new Map<TrackerErrorCode, number>();
  readonly #remarks = new Map<string, RemarkKind>();

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

  /**
   * Reports what a client caused, unless ten of its kind were reported lately: one more is every six seconds, with
   * `details.unreported`, how many were left out before it. Kinds are told apart by the code and `details.limit`.
   */
  remark(code: TrackerErrorCode, message: string, details: TrackerErrorDetails & { limit?: string }): void {
    const nowMs = this.#runtime.monotonicMs();
    const name = `${code} ${details.limit ?? ""}`;
    let kind = this.#remarks.get(name);
    if (!kind) {
      kind = { rate: new RateLimit(REMARKS_PER_SECOND, REMARK_BURST, nowMs), untold: 0 };
      this.#remarks.set(name, kind);
    }
    if (!kind.rate.take(nowMs)) return void kind.untold++;
    const { untold } = kind;
    kind.untold = 0;
    this.report(code, message, untold > 0 ? { ...details, unreported: untold } : details, undefined);
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
