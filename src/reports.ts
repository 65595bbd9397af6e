/**
 * Events and errors on their way to the user: an emitter that users can listen to but not emit on, and the
 * rule that an error nobody listens to becomes one rate-limited warning, never silence and never a crash.
 * Knows no event but `error`.
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
import type { Runtime } from "./runtime.js";

/** The payloads of events, by name. */
export interface Events {
  error: TrackerError;
}

/** One warning per code and minute: the first tells what is wrong, the rest would only fill the log. */
const WARNING_PERIOD_MS = 60_000;

export class Reporter<E extends Events = Events> {
  readonly #who: string;
  readonly #runtime: Runtime;
  readonly #known: Readonly<Record<string, true>>;
  readonly #emitter = new EventEmitter();
  readonly #warnedMs = new Map<TrackerErrorCode, number>();

  /** `who` begins every warning; `known` names the events that there are. */
  constructor(who: string, runtime: Runtime, known: Readonly<Record<keyof E, true>>) {
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

  /** Reports an error: to its listeners, or as a warning if there are none. */
  error(error: TrackerError): void {
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
    const lastMs = this.#warnedMs.get(error.code);
    if (lastMs !== undefined && nowMs - lastMs < WARNING_PERIOD_MS) return;
    this.#warnedMs.set(error.code, nowMs);
    try {
      const cause = messageOf(error.cause);
      const text = printable(`${this.#who}: ${error.message}${cause && `: ${cause}`}`);
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
