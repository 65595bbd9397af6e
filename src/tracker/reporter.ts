/**
 * Events and errors on their way to the user: an emitter that users can listen to but not emit on, and the
 * rule that an error nobody listens to becomes one rate-limited warning, never silence and never a crash.
 */
import { EventEmitter } from "eventemitter3";
import { TrackerError, printable } from "../errors.js";
import { requireKnownEvent } from "../known-names.js";
import { promiseOf } from "../pubsub/returned.js";
import type { ReplicaLink } from "../replication/link.js";
import type { Runtime } from "../runtime.js";

/** What a tracker tells besides diffs. */
export interface TrackerEvents {
  /** A node is heard for the first time, or shown again after it was down. */
  replicaUp: { readonly name: string; readonly incarnation: string };
  /** A node fell silent, or is known to have ended: its entries are hidden. */
  replicaDown: { readonly name: string; readonly incarnation: string };
  /** A life is forgotten: after `permdownPeriodMs`, or when it departed. */
  replicaGone: { readonly name: string; readonly incarnation: string };
  /** How frames get through between a node and this one has changed; `replicaDown` and `replicaGone` end it too. */
  replicaLink: { readonly name: string; readonly incarnation: string; readonly link: ReplicaLink };
  /** A slice differed from its author's at an equal clock. Should never happen; it is rebuilt. */
  divergence: { readonly name: string; readonly incarnation: string; readonly shard: number };
  /** Two nodes of one name are alive. */
  nameConflict: { readonly name: string; readonly incarnations: readonly [string, string] };
  /** Whatever went wrong where nobody could be told by a throw. */
  error: TrackerError;
}

const knownEvents: Readonly<Record<keyof TrackerEvents, true>> = {
  replicaUp: true,
  replicaDown: true,
  replicaGone: true,
  replicaLink: true,
  divergence: true,
  nameConflict: true,
  error: true,
};

type Listener<Event extends keyof TrackerEvents> = (payload: TrackerEvents[Event]) => void;

/** One warning per code and minute: the first tells what is wrong, the rest would only fill the log. */
const WARNING_PERIOD_MS = 60_000;

export class Reporter {
  readonly #emitter = new EventEmitter();
  readonly #runtime: Runtime;
  readonly #who: string;
  readonly #warnedMs = new Map<string, number>();

  constructor(who: string, runtime: Runtime) {
    this.#who = who;
    this.#runtime = runtime;
  }

  /** @throws TrackerError `INVALID_ARGUMENT` for an event that there is not. */
  on<Event extends keyof TrackerEvents>(event: Event, listener: Listener<Event>): () => void {
    requireKnownEvent(event, knownEvents);
    const guarded = (payload: TrackerEvents[Event]): void => this.#call(event, listener, payload);
    this.#emitter.on(event, guarded);
    return () => {
      this.#emitter.off(event, guarded);
    };
  }

  emit<Event extends keyof TrackerEvents>(event: Event, payload: TrackerEvents[Event]): void {
    this.#emitter.emit(event, payload);
  }

  /** Reports an error: to whoever listens, else as a warning. */
  error(error: TrackerError): void {
    if (this.#emitter.listenerCount("error") > 0) this.emit("error", error);
    else this.#warn(error);
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

  #call<Event extends keyof TrackerEvents>(
    event: Event,
    listener: Listener<Event>,
    payload: TrackerEvents[Event],
  ): void {
    if (event !== "error") return this.guard(`a listener of ${event}`, listener, payload);
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
      const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
      const text = printable(`${this.#who}: ${error.message}${cause}`);
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
