/**
 * A session: an identity and a lifetime, in the place of a process id of Erlang. Its entries live as long as
 * it does. One session serves any number of trackers, and knows none of them by type: a tracker attaches
 * itself as an owner and is told once, when the session closes.
 */
import { durationOption, isPlain } from "./checks.js";
import { isTrackerError, TrackerError } from "./errors.js";
import { readNames, requireKnownOptions } from "./known-names.js";
import { randomText } from "./runtime.js";
import { hasFunction, onEnd, type EndSource } from "./on-end.js";

/** An owner of entries that is told when a session closes. */
export interface SessionOwner {
  /** Whether it wants nothing any more: what it keeps with sessions may go. */
  readonly ended: boolean;
  /** Its entries are to stay for that long; 0 also if it closes at once while they do. */
  sessionClosed(session: Session, graceMs: number): void;
}

/** What an owner keeps with a session, and the place of the session in the owner's list. */
interface Holding {
  held: unknown;
  place: number;
}

/** How a session closes. */
export interface CloseOptions {
  /**
   * For how long its entries stay, in case the user comes back: a page that is loaded anew, a tunnel. Each of them ends
   * as soon as its topic and key are tracked anew, on any node: in the same diff on this one, so that nobody is seen to
   * go. Otherwise all leave when the time is up. Default 0: they leave at once.
   */
  readonly graceMs?: number | undefined;
}

const closeOptionNames: Readonly<Record<keyof CloseOptions, true>> = { graceMs: true };

/** Anything that emits: a Node emitter or a DOM event target. */
export type SessionSource = EndSource;

/** Distinguishes the sessions of one process from those of all others; 36^8 possibilities. */
const processPrefix = `${randomText(8)}-`;
let sessionCount = 0;

// What is disposable says so by interfaces that a project lacks which has neither the types of Node nor a `lib` that knows
// `using`, such as a browser's with `es2022`. As the types of Node declare them, with which these merge.
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
    readonly asyncDispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
  interface AsyncDisposable {
    [Symbol.asyncDispose](): PromiseLike<void>;
  }
}

/**
 * A copy of this module may exist twice in one process (ESM and CommonJS), so a session is recognised by this
 * mark and not by `instanceof`.
 */
const sessionMark: unique symbol = Symbol.for("rollcall.session") as never;

export class Session implements Disposable {
  /** Unique over all processes. */
  readonly id: string;
  #closed = false;
  /**
   * The tracker that holds entries of this session, and what it keeps about them here: a map of its own for
   * each session would cost more. Nearly every session serves one tracker: a map is made only for the second.
   */
  #owner: SessionOwner | undefined;
  #held: unknown;
  #place = -1;
  #others: Map<SessionOwner, Holding> | undefined;
  /** Takes the listener off the source that the session ends with. */
  #forgetSource: (() => void) | undefined;
  /** Made when somebody asks for the signal. */
  #controller: AbortController | undefined;

  constructor() {
    // In one piece: `+` keeps two, and the whole beside them as soon as it is hashed.
    this.id = [processPrefix, ++sessionCount].join("");
  }

  /**
   * A session that ends with something else: when an `AbortSignal` aborts, or when `source` emits `event`.
   * The event has no default, because the right one differs: `close` for a `net.Socket`, a `ws` socket or a
   * `ServerResponse`, `disconnect` for a Socket.IO socket (which never emits `close`). A source that has ended
   * already makes a closed session.
   *
   * All sessions of one source and event share one listener, which is taken off when the last of them closes.
   * With `graceMs` its entries stay for a while then, as `close` says. A source whose `once` returns a promise that rejects
   * has ended with that: it will tell of nothing.
   *
   * @throws TrackerError `INVALID_OPTION` for another option and a grace that is no time;
   *   TrackerError `INVALID_ARGUMENT` without an event, for a source that emits nothing or throws, for an event of an
   *   `AbortSignal` other than `abort`, and for an `IncomingMessage`: it closes while its response is still open;
   *   pass the `ServerResponse`.
   */
  static from(signal: AbortSignal, options?: CloseOptions): Session;
  static from(source: SessionSource, event: string, options?: CloseOptions): Session;
  static from(
    source: AbortSignal | SessionSource,
    eventOrOptions?: string | CloseOptions,
    third?: CloseOptions,
  ): Session {
    try {
      const isSignal = isObject(eventOrOptions) && isObject(source) && isAbortSignal(source);
      const options = (isSignal ? (eventOrOptions as CloseOptions) : third) ?? {};
      const ending = endingEvent(source, isSignal ? undefined : eventOrOptions);
      requireKnownOptions(options, closeOptionNames);
      const graceMs = graceOf(options);
      const session = new Session();
      if (hasEnded(source)) session.close();
      else session.#forgetSource = onEnd(source, ending, () => session.close({ graceMs }));
      return session;
    } catch (cause) {
      if (isTrackerError(cause)) throw cause;
      throw wrong("source", source, "Session.from got a source that throws when it is listened to", cause);
    }
  }

  /** Whether {@link close} was called, or the source has ended. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Aborts when the session closes, after its entries have left, or begun to leave or to wait for the end of their grace;
   * has aborted already if it is closed.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#closed) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /**
   * Ends the session: all its entries leave, once, in one diff per tracker; more than 1,024 in several diffs, in the next
   * turns of the event loop or where a topic is read. With `graceMs` they leave when that time is up, unless they were
   * replaced. It is closed from now on, whatever the grace. Closing twice does nothing, but that a close
   * without a grace ends one that lasts.
   *
   * Anything but a plain object counts as no options, so that `close` can be a listener.
   *
   * @throws TrackerError `INVALID_OPTION` for another option and a grace that is no time; nothing is closed then.
   */
  close(options?: CloseOptions): void {
    if (isPlain(options)) requireKnownOptions(options, closeOptionNames);
    const graceMs = isObject(options) ? graceOf(options) : 0;
    if (this.#closed && graceMs > 0) return;
    this.#forgetSource?.();
    this.#forgetSource = undefined;
    this.#closed = true;
    const others = [...(this.#others?.keys() ?? [])];
    this.#owner?.sessionClosed(this, graceMs);
    for (const owner of others) owner.sessionClosed(this, graceMs);
    // Until they have ended, those that wait hold on to what they have here.
    if (graceMs === 0) this.#owner = this.#held = this.#others = undefined;
    this.#controller?.abort();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Marks a session, whichever copy of the library made it. */
  get [sessionMark](): true {
    return true;
  }

  /** @internal An entry of it was evicted: what the session stands for may end with it. */
  evicted(): void {
    // Nobody is told but the listeners of the tracker.
  }

  /** @internal What an owner keeps here. */
  heldBy(owner: SessionOwner): unknown {
    return this.#owner === owner ? this.#held : this.#others?.get(owner)?.held;
  }

  /** @internal An owner keeps something here, and is told when the session closes. It has one place. */
  hold(owner: SessionOwner, held: unknown): void {
    this.#forgetEnded();
    const present = this.#others?.get(owner);
    if (this.#owner === owner) this.#held = held;
    else if (present !== undefined) present.held = held;
    else if (this.#owner === undefined) {
      this.#owner = owner;
      this.#held = held;
      this.#place = -1;
    } else (this.#others ??= new Map<SessionOwner, Holding>()).set(owner, { held, place: -1 });
  }

  /** @internal Where the session stands in the list of an owner that keeps something here; -1 if it was not told. */
  placeWith(owner: SessionOwner): number {
    return this.#owner === owner ? this.#place : (this.#others?.get(owner)?.place ?? -1);
  }

  /** @internal An owner that keeps something here has put the session in this place of its list. */
  stand(owner: SessionOwner, place: number): void {
    const other = this.#others?.get(owner);
    if (this.#owner === owner) this.#place = place;
    else if (other !== undefined) other.place = place;
  }

  /** @internal An owner keeps nothing here any more. */
  release(owner: SessionOwner): void {
    if (this.#owner === owner) this.#owner = this.#held = undefined;
    else this.#others?.delete(owner);
  }

  /** A session may outlive any number of owners, which do not tell it when they end. */
  #forgetEnded(): void {
    if (this.#owner?.ended === true) this.#owner = this.#held = undefined;
    if (this.#others === undefined) return;
    for (const owner of this.#others.keys()) if (owner.ended) this.#others.delete(owner);
    if (this.#others.size === 0) this.#others = undefined;
  }
}

/** Whether a value is a session, of this copy of the library or of another in the same process. */
export function isSession(value: unknown): value is Session {
  try {
    return typeof value === "object" && value !== null && sessionMark in value;
  } catch {
    return false; // Of a proxy that was revoked.
  }
}

/**
 * The event that ends a source.
 *
 * @throws TrackerError `INVALID_ARGUMENT`
 */
function endingEvent(source: unknown, event: unknown): string {
  if ((typeof source !== "object" && typeof source !== "function") || source === null) {
    throw wrong("source", source, "Session.from needs an AbortSignal, an event emitter or an event target");
  }
  if (isAbortSignal(source)) {
    if (event === undefined || event === "abort") return "abort";
    throw wrong("event", event, "An AbortSignal ends with `abort` and emits nothing else");
  }
  if (typeof event !== "string" || event === "") {
    throw wrong(
      "event",
      event,
      'Session.from(source, event) needs the name of the event that ends the source, such as "close" for a socket or "disconnect" for Socket.IO',
    );
  }
  if (isIncomingMessage(source)) {
    throw wrong(
      "source",
      source,
      "Session.from got an IncomingMessage, which closes as soon as the request is read; pass its ServerResponse or socket",
    );
  }
  if (hasFunction(source, "once") || hasFunction(source, "addEventListener")) return event;
  throw wrong("source", source, "Session.from needs an event emitter or an event target");
}

function wrong(argument: string, value: unknown, message: string, cause?: unknown): TrackerError {
  const because = cause === undefined ? undefined : { cause };
  return new TrackerError("INVALID_ARGUMENT", message, { argument, value }, because);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** @throws TrackerError `INVALID_OPTION` */
function graceOf(options: CloseOptions): number {
  return durationOption("graceMs", readNames(options, closeOptionNames).graceMs ?? 0, 0);
}

function isAbortSignal(value: object): value is AbortSignal {
  return "aborted" in value && hasFunction(value, "addEventListener");
}

function isIncomingMessage(value: object): boolean {
  return "httpVersion" in value && "headers" in value && "complete" in value;
}

/**
 * Whether a source has ended before it was handed over: a destroyed stream or socket, a response whose
 * connection is gone, a WebSocket that is closing or closed (`readyState` 2 and 3), a Socket.IO socket that is
 * disconnected, a signal that has aborted.
 */
function hasEnded(source: object): boolean {
  const { destroyed, closed, disconnected, aborted, readyState } = source as Record<string, unknown>;
  return (
    destroyed === true ||
    closed === true ||
    disconnected === true ||
    aborted === true ||
    readyState === 2 ||
    readyState === 3
  );
}
