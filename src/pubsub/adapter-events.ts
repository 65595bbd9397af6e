/**
 * What every adapter tells and none tells differently: its status, nodes that ended, and failures without a
 * caller. An adapter owns one and hands out its `on…` functions as its own.
 *
 * Promises that a status is told only when it changes, that `onStatus` never calls back before it has
 * returned, and that a listener that throws costs neither the others nor the caller anything.
 */
import type { PubSubStatus, Unsubscribe } from "./pubsub.js";

/** Of one subscription; an object of its own, because one function may be added twice. */
interface Held<T> {
  readonly listener: (value: T) => void;
}

export class AdapterEvents {
  readonly #statusListeners = new Set<Held<PubSubStatus>>();
  readonly #nodeGoneListeners = new Set<Held<string>>();
  readonly #errorListeners = new Set<Held<unknown>>();
  #status: PubSubStatus;
  #standingError: { readonly error: unknown } | undefined;

  constructor(status: PubSubStatus) {
    this.#status = status;
  }

  get status(): PubSubStatus {
    return this.#status;
  }

  setStatus(status: PubSubStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.#emit(this.#statusListeners, status);
  }

  reportNodeGone(nodeName: string): void {
    this.#emit(this.#nodeGoneListeners, nodeName);
  }

  readonly reportError = (error: unknown): void => {
    this.#emit(this.#errorListeners, error);
  };

  /**
   * Reports a failure that lasts: those who listen later are told too, because it usually happens before
   * anybody could listen.
   */
  setStandingError(error: unknown): void {
    this.#standingError = { error };
    this.reportError(error);
  }

  get standingError(): unknown {
    return this.#standingError?.error;
  }

  clearStandingError(): void {
    this.#standingError = undefined;
  }

  readonly onStatus = (listener: (status: PubSubStatus) => void): Unsubscribe => {
    const held = { listener };
    this.#statusListeners.add(held);
    if (this.#status === "disconnected") {
      queueMicrotask(() => {
        // A change meanwhile has reached the listener by itself.
        if (this.#status === "disconnected") this.#call(this.#statusListeners, held, "disconnected");
      });
    }
    return () => void this.#statusListeners.delete(held);
  };

  readonly onNodeGone = (listener: (nodeName: string) => void): Unsubscribe => {
    const held = { listener };
    this.#nodeGoneListeners.add(held);
    return () => void this.#nodeGoneListeners.delete(held);
  };

  readonly onError = (listener: (error: unknown) => void): Unsubscribe => {
    const held = { listener };
    this.#errorListeners.add(held);
    const standing = this.#standingError;
    if (standing !== undefined) {
      queueMicrotask(() => {
        if (this.#standingError === standing) this.#call(this.#errorListeners, held, standing.error);
      });
    }
    return () => void this.#errorListeners.delete(held);
  };

  /** Forgets all listeners: the adapter is closed. */
  clear(): void {
    this.#statusListeners.clear();
    this.#nodeGoneListeners.clear();
    this.#errorListeners.clear();
  }

  #emit<T>(listeners: Set<Held<T>>, value: T): void {
    for (const held of [...listeners]) this.#call(listeners, held, value);
  }

  #call<T>(listeners: ReadonlySet<Held<T>>, held: Held<T>, value: T): void {
    if (!listeners.has(held)) return;
    try {
      held.listener(value);
    } catch (error) {
      // An error listener that throws has nobody left to be reported to but the other error listeners.
      for (const other of [...this.#errorListeners]) {
        if (!Object.is(other, held)) callQuietly(other, error);
      }
    }
  }
}

/** The last resort: reporting that an error listener threw must not go round in circles. */
function callQuietly(held: Held<unknown>, error: unknown): void {
  try {
    held.listener(error);
  } catch {
    return;
  }
}
