/**
 * Where failures go that have no caller to throw to: the listeners of the `error` event. One that nobody
 * listens to becomes a process warning, at most one per code and minute, so that it is neither lost nor fatal.
 * Errors that clients cause come as often as clients like, and are told apart by their limit.
 */
import { TrackerError, type TrackerErrorCode, type TrackerErrorDetails } from "../errors.js";
import { Reporter } from "../reports.js";
import type { Runtime } from "../runtime.js";

export type ErrorListener = (error: TrackerError) => void;

export class ErrorReports extends Reporter {
  constructor(runtime: Runtime) {
    super("rollcall channels", runtime, { error: true });
  }

  /** Adds a listener; the returned function removes it. */
  listen(listener: ErrorListener): () => void {
    return this.on("error", listener);
  }

  /**
   * Reports what a client caused, or may cause: it is one kind with all of its code and `details.limit`; `kind` stands for
   * that where there is none.
   */
  remark(
    code: TrackerErrorCode,
    message: string,
    details: TrackerErrorDetails & { limit?: string },
    { cause, kind = "" }: { readonly cause?: unknown; readonly kind?: string } = {},
  ): void {
    this.error(new TrackerError(code, message, details, { cause }), details.limit ?? kind);
  }
}
