/**
 * Events and errors on their way to the user: an emitter that users can listen to but not emit on, the rule that an error
 * nobody listens to becomes one rate-limited warning, never silence and never a crash, and a bound of how often errors of
 * a kind are told. Knows no event but `error`, and those that tell of an error by a name of their own.
 */
import { EventEmitter } from "eventemitter3";
import {
  TrackerError,
  messageOf,
  printable,
  type TrackerErrorCode,
  type TrackerErrorDetails,
} from "./errors.js";
import { requireKnownEvent } from "./known-names.js";
import { promiseOf } from "./pubsub/returned.js";
import { ReportKinds } from "./report-kinds.js";
import type { CancelTimer, Runtime } from "./runtime.js";

/** The payloads of events, by name. */
export interface Events {
  error: TrackerError;
}

/** The events that tell of errors of these codes. */
type Twins = { readonly [Code in TrackerErrorCode]?: string };

/** One warning per code and minute: the first tells what is wrong, the rest would only fill the log. */
const WARNING_PERIOD_MS = 60_000;

export class Reporter<E extends Events = Events> {
  readonly #who: string;
  readonly #runtime: Runtime;
  readonly #known: Readonly<Record<string, true>>;
  readonly #emitter = new EventEmitter();
  /** When a warning of a code was given last, and how many were not since. */
  readonly #warned = new Map<TrackerErrorCode, { atMs: number; left: number }>();
  readonly #twins: Twins;
  readonly #kinds = new ReportKinds();
  #cancel: CancelTimer | undefined;

  /**
   * `who` begins every warning; `known` names the events that there are. An error of a code of the `twins` is told by that
   * event, too, with its details.
   */
  constructor(who: string, runtime: Runtime, known: Readonly<Record<keyof E, true>>, twins: Twins = {}) {
    this.#twins = twins;
    this.#who = who;
    this.#runtime = runtime;
    this.#known = known;
  }

  /**
   * Adds a listener. Returns what removes it; a function that is added twice is called twice.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for an event that there is not.
   */
  on<Event extends keyof E>(event: Event, listener: (payload: E[Event]) => unknown): () => void {
    requireKnownEvent(event, this.#known);
    const own = (payload: E[Event]): void => this.#call(event, listener, payload);
    this.#emitter.on(String(event), own);
    return () => void this.#emitter.off(String(event), own);
  }

  /** Tells the listeners that there are now. */
  emit<Event extends keyof E>(event: Event, payload: E[Event]): void {
    this.#emitter.emit(String(event), payload);
  }

  /**
   * Reports an error, unless many of its kind were reported lately: then it is counted, and told of later. What makes the
   * kind beside the code is `kind`, or some of the details.
   */
  error(error: TrackerError, kind?: string): void {
    const nowMs = this.#runtime.monotonicMs();
    const told = this.#kinds.of(error, nowMs, kind).take(error, nowMs);
    if (told === undefined) this.#wake();
    else this.#tell(told);
  }

  /** Tells at once what was only counted until now; of kinds that may be told again, if not of `all`. */
  tellRest(all = true): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const nowMs = this.#runtime.monotonicMs();
    for (const kind of this.#kinds) {
      const error = all || kind.waitsMs(nowMs) === 0 ? kind.takeLast() : undefined;
      if (error !== undefined) this.#tell(error);
    }
    this.#wake();
  }

  /** Tells of an error, however many there were: its listeners, or as a warning if there are none. */
  #tell(error: TrackerError): void {
    const twin = this.#twins[error.code];
    if (twin !== undefined) this.#emitter.emit(twin, error.details);
    if (this.#emitter.listenerCount("error") === 0) this.#warn(error);
    else this.emit("error", error as E["error"]);
  }

  /** Reports that something failed. */
  report(code: TrackerErrorCode, message: string, details: TrackerErrorDetails, cause?: unknown): void {
    this.error(new TrackerError(code, message, details, { cause }));
  }

  /** Runs a callback of the user's. What it throws, or rejects with, is reported. */
  guard(what: string, callback: () => unknown): void;
  guard<Argument>(what: string, callback: (argument: Argument) => unknown, argument: Argument): void;
  guard<Argument>(what: string, callback: (argument?: Argument) => unknown, argument?: Argument): void {
    try {
      promiseOf(callback(argument))?.catch((cause: unknown) => this.error(failed(what, cause)));
    } catch (cause) {
      this.error(failed(what, cause));
    }
  }

  /** For the first that may be told again. */
  #wake(): void {
    if (this.#cancel !== undefined) return;
    const nowMs = this.#runtime.monotonicMs();
    let delayMs = Infinity;
    for (const kind of this.#kinds) delayMs = Math.min(delayMs, kind.waitsMs(nowMs) ?? Infinity);
    if (delayMs < Infinity) this.#cancel = this.#runtime.schedule(delayMs, () => this.tellRest(false));
  }

  #call<Event extends keyof E>(
    event: Event,
    listener: (payload: E[Event]) => unknown,
    payload: E[Event],
  ): void {
    if (event !== "error") return this.guard(`a listener of ${String(event)}`, listener, payload);
    // A listener of errors that fails is not told of its own failure.
    const warn = (cause: unknown): void => this.#warn(failed("a listener of error", cause));
    try {
      promiseOf(listener(payload))?.catch(warn);
    } catch (cause) {
      warn(cause);
    }
  }

  #warn(error: TrackerError): void {
    const nowMs = this.#runtime.monotonicMs();
    const last = this.#warned.get(error.code);
    const { unreported = 0 } = error.details;
    const more = (last?.left ?? 0) + Number(unreported);
    if (last !== undefined && nowMs - last.atMs < WARNING_PERIOD_MS) return void (last.left = more + 1);
    this.#warned.set(error.code, { atMs: nowMs, left: 0 });
    try {
      const cause = messageOf(error.cause);
      const others = more > 0 ? ` (and ${more} more ${error.code} since the last one)` : "";
      const text = printable(`${this.#who}: ${error.message}${cause && `: ${cause}`}${others}`);
      const returned: unknown = this.#runtime.warn?.(text, error.code);
      promiseOf(returned)?.catch(() => undefined);
    } catch {
      // Nobody is left who could be told.
    }
  }
}

function failed(what: string, cause: unknown): TrackerError {
  return new TrackerError("HANDLER_FAILED", `${what} failed`, { what }, { cause });
}
