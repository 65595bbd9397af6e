/**
 * Where failures go that have no caller to throw to: the listeners of the `error` event. One that nobody
 * listens to becomes a process warning, at most one per code and minute, so that it is neither lost nor fatal.
 * Errors that clients cause are reported at a bounded rate, or a flood of frames would become a flood in the log.
 */
import { TrackerError, type TrackerErrorCode, type TrackerErrorDetails } from "../errors.js";
import { Reporter } from "../reports.js";
import type { Runtime } from "../runtime.js";
import { RateLimit } from "./rate-limit.js";

export type ErrorListener = (error: TrackerError) => void;

/** Of what clients cause, ten of a kind are told at once, and one more every six seconds. */
const REMARK_BURST = 10;
const REMARKS_PER_SECOND = 1 / 6;

/** How often something of one kind may be told, and how often it was not since it last was. */
interface RemarkKind {
  readonly rate: RateLimit;
  untold: number;
}

export class ErrorReports extends Reporter {
  readonly #runtime: Runtime;
  readonly #remarks = new Map<string, RemarkKind>();

  constructor(runtime: Runtime) {
    super("rollcall channels", runtime, { error: true });
    this.#runtime = runtime;
  }

  /** Adds a listener; the returned function removes it. */
  listen(listener: ErrorListener): () => void {
    return this.on("error", listener);
  }

  /**
   * Reports what a client caused, or may cause, unless ten of its kind were reported lately: one more is every six
   * seconds, with `details.unreported`, how many were left out before it. Kinds are told apart by the code and
   * `details.limit`; `kind` stands for that where there is none.
   */
  remark(
    code: TrackerErrorCode,
    message: string,
    details: TrackerErrorDetails & { limit?: string },
    { cause, kind: ownKind = "" }: { readonly cause?: unknown; readonly kind?: string } = {},
  ): void {
    const nowMs = this.#runtime.monotonicMs();
    const name = `${code} ${details.limit ?? ownKind}`;
    let kind = this.#remarks.get(name);
    if (!kind) {
      kind = { rate: new RateLimit(REMARKS_PER_SECOND, REMARK_BURST, nowMs), untold: 0 };
      this.#remarks.set(name, kind);
    }
    if (!kind.rate.take(nowMs)) return void kind.untold++;
    const { untold } = kind;
    kind.untold = 0;
    const told = untold > 0 ? { ...details, unreported: untold } : details;
    this.tell(new TrackerError(code, message, told, { cause }));
  }
}
