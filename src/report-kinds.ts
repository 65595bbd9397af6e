/**
 * How often an error of one kind is told: ten at once, and one more every six seconds, which tells how many were left out.
 * So what fails with each frame or entry fills neither a log nor the event loop, and nothing is left out without a
 * number. Kinds are told apart by the code, and by what failed, which limit or which reason. Knows no listener; time
 * comes in as an argument.
 */
import { TrackerError, isTrackerError } from "./errors.js";

const AT_ONCE = 10;
const PERIOD_MS = 6_000;
/**
 * A handler that is refused with `TOO_MANY_CHANGES` fails as often as it was told before: that is one failure, told at
 * once, and a number as soon as it is done.
 */
const ENDLESS = { most: 2, atOnce: 1 };
/** So many kinds are told apart: beyond them, those of one code are one. */
const MAX_KINDS = 256;
/** Which details make a kind. */
const KIND_DETAILS = ["what", "reason", "limit", "table"];

export class ReportKind {
  readonly #most: number;
  readonly #atOnce: number;
  #left: number;
  #filledMs: number;
  /** How many were left out since one was told, and the last of them. */
  #untold = 0;
  #last: TrackerError | undefined;

  constructor(nowMs: number, { most, atOnce } = { most: AT_ONCE, atOnce: AT_ONCE }) {
    this.#most = most;
    this.#atOnce = atOnce;
    this.#left = most;
    this.#filledMs = nowMs;
  }

  /** Returns the error to be told now, with how many were left out before it; undefined if it waits. */
  take(error: TrackerError, nowMs: number): TrackerError | undefined {
    this.#fill(nowMs);
    if (this.#left >= 1 + this.#most - this.#atOnce) return this.#tell(error, this.#untold);
    this.#untold += 1;
    this.#last = error;
    return undefined;
  }

  /** How long until what was left out is to be told; undefined if nothing was. */
  waitsMs(nowMs: number): number | undefined {
    this.#fill(nowMs);
    return this.#untold === 0 ? undefined : Math.ceil(Math.max(0, 1 - this.#left) * PERIOD_MS);
  }

  /** Returns the last one that was left out, with how many were before it; undefined if none was. */
  takeLast(): TrackerError | undefined {
    return this.#last === undefined ? undefined : this.#tell(this.#last, this.#untold - 1);
  }

  #tell(error: TrackerError, unreported: number): TrackerError {
    this.#left -= 1;
    this.#untold = 0;
    this.#last = undefined;
    if (unreported === 0) return error;
    const { code, message, details, cause } = error;
    return new TrackerError(code, message, { ...details, unreported }, { cause });
  }

  #fill(nowMs: number): void {
    this.#left = Math.min(this.#most, this.#left + (nowMs - this.#filledMs) / PERIOD_MS);
    this.#filledMs = nowMs;
  }
}

export class ReportKinds {
  readonly #kinds = new Map<string, ReportKind>();

  of({ code, details, cause }: TrackerError, nowMs: number, of?: string): ReportKind {
    const isEndless = isTrackerError(cause) && cause.code === "TOO_MANY_CHANGES";
    let name = isEndless ? `${code} without an end` : code;
    if (of !== undefined) name += ` of ${of}`;
    else if (this.#kinds.size < MAX_KINDS)
      for (const detail of KIND_DETAILS) if (detail in details) name += ` ${String(details[detail])}`;
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      kind = new ReportKind(nowMs, isEndless ? ENDLESS : undefined);
      this.#kinds.set(name, kind);
    }
    return kind;
  }

  [Symbol.iterator](): IterableIterator<ReportKind> {
    return this.#kinds.values();
  }
}
