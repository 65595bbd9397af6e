/**
 * Who receives what on this side of an adapter: any number of receivers per channel. Knows no connection.
 *
 * Promises that one receiver never costs another its payload, and that a receiver is not called any more once
 * it was removed, not even for the payload that is just being delivered.
 */

type Receive = (payload: string) => void;

/** Of one subscription; an object of its own, because one function may be subscribed twice. */
interface Receiver {
  readonly receive: Receive;
}

export class Receivers {
  readonly #channels = new Map<string, Set<Receiver>>();
  readonly #reportError: (error: unknown) => void;

  /** @param reportError is told what a receiver threw; receivers should not, but they are the user's code. */
  constructor(reportError: (error: unknown) => void) {
    this.#reportError = reportError;
  }

  /** Adds a receiver. What is returned removes it and is harmless when called again. */
  add(channel: string, receive: Receive): () => void {
    const receiver: Receiver = { receive };
    const receivers = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, receivers.add(receiver));
    return () => {
      receivers.delete(receiver);
      if (receivers.size === 0 && this.#channels.get(channel) === receivers) this.#channels.delete(channel);
    };
  }

  has(channel: string): boolean {
    return this.#channels.has(channel);
  }

  deliver(channel: string, payload: string): void {
    const receivers = this.#channels.get(channel);
    if (receivers === undefined) return;
    for (const receiver of [...receivers]) {
      if (!receivers.has(receiver)) continue;
      try {
        receiver.receive(payload);
      } catch (error) {
        this.#reportError(error);
      }
    }
  }

  clear(): void {
    for (const receivers of this.#channels.values()) receivers.clear();
    this.#channels.clear();
  }
}
