/**
 * A session: an identity and a lifetime, what stands for a process id of Erlang. Its entries live as long as
 * it does. One session serves any number of trackers, and knows none of them by type: a tracker attaches
 * itself as an owner and is told once, when the session closes.
 */
import { TrackerError } from "../errors.js";
import { randomText } from "../runtime.js";

/** What is told when a session closes. */
export interface SessionOwner {
  sessionClosed(session: Session): void;
}

/** Anything that emits: a Node emitter or a DOM event target. */
export type SessionSource =
  | { once(event: string, listener: () => void): unknown }
  | { addEventListener(event: string, listener: () => void, options: { once: boolean }): unknown };

/** Distinguishes the sessions of one process from those of all others; 36^8 possibilities. */
const processPrefix = `${randomText(8)}-`;
let sessionCount = 0;

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
  #others: Map<SessionOwner, unknown> | undefined;

  constructor() {
    // In one piece: `+` keeps two, and the whole beside them as soon as it is hashed.
    this.id = [processPrefix, ++sessionCount].join("");
  }

  /**
   * A session that ends with something else: when an `AbortSignal` aborts, or when `source` emits `event`.
   * The event has no default, because the right one differs: `close` for a `net.Socket`, a `ws` socket or a
   * `ServerResponse`, `disconnect` for a Socket.IO socket (which never emits `close`). A source that has ended
   * already gives a closed session.
   *
   * @throws TrackerError `INVALID_ARGUMENT` without an event, for what emits nothing, and for an
   *   `IncomingMessage`: it closes while its response is still open; pass the `ServerResponse`.
   */
  static from(signal: AbortSignal): Session;
  static from(source: SessionSource, event: string): Session;
  static from(source: AbortSignal | SessionSource, event?: string): Session {
    const session = new Session();
    const close = (): void => session.close();
    if (event === undefined && isAbortSignal(source)) {
      if (source.aborted) close();
      else source.addEventListener("abort", close, { once: true });
      return session;
    }
    if (typeof event !== "string" || event === "") {
      throw new TrackerError(
        "INVALID_ARGUMENT",
        'Session.from(source, event) needs the name of the event that ends the source, such as "close" for a socket or "disconnect" for Socket.IO',
        { argument: "event", value: event },
      );
    }
    if (isIncomingMessage(source)) {
      throw new TrackerError(
        "INVALID_ARGUMENT",
        "Session.from got an IncomingMessage, which closes as soon as the request is read; pass its ServerResponse or socket",
        { argument: "source" },
      );
    }
    if (hasEnded(source)) close();
    else if (hasFunction(source, "once")) source.once(event, close);
    else if (hasFunction(source, "addEventListener")) source.addEventListener(event, close, { once: true });
    else {
      throw new TrackerError("INVALID_ARGUMENT", "Session.from needs an event emitter or an event target", {
        argument: "source",
      });
    }
    return session;
  }

  /** Whether {@link close} was called, or the source has ended. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Ends the session: all its entries leave, once, in one diff per tracker. Closing twice does nothing.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const others = [...(this.#others?.keys() ?? [])];
    this.#owner?.sessionClosed(this);
    for (const owner of others) owner.sessionClosed(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Marks a session, whichever copy of the library made it. */
  get [sessionMark](): true {
    return true;
  }

  /** @internal What an owner keeps here. */
  heldBy(owner: SessionOwner): unknown {
    return this.#owner === owner ? this.#held : this.#others?.get(owner);
  }

  /** @internal An owner keeps something here, and is told when the session closes. */
  hold(owner: SessionOwner, held: unknown): void {
    if (this.#owner === undefined || this.#owner === owner) {
      this.#owner = owner;
      this.#held = held;
    } else {
      this.#others ??= new Map();
      this.#others.set(owner, held);
    }
  }

  /** @internal An owner keeps nothing here any more. */
  release(owner: SessionOwner): void {
    if (this.#owner === owner) {
      this.#owner = undefined;
      this.#held = undefined;
    } else this.#others?.delete(owner);
  }
}

/** Whether a value is a session, of this copy of the library or of another in the same process. */
export function isSession(value: unknown): value is Session {
  return typeof value === "object" && value !== null && sessionMark in value;
}

function hasFunction<Name extends string>(
  value: object,
  name: Name,
): value is Record<Name, (...input: unknown[]) => unknown> {
  return typeof (value as Record<string, unknown>)[name] === "function";
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
 * disconnected.
 */
function hasEnded(source: object): boolean {
  const { destroyed, closed, disconnected, readyState } = source as Record<string, unknown>;
  return (
    destroyed === true || closed === true || disconnected === true || readyState === 2 || readyState === 3
  );
}
