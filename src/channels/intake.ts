/**
 * How fast one socket is read: by the rate of its messages and their bytes, and by what waits for its handlers.
 * Above either it is not read on, so that TCP passes the wait on to the sender and nothing is lost. Knows no frame.
 */
import type { CancelTimer, Runtime } from "../runtime.js";
import type { SocketRates } from "./admission.js";
import type { ChannelLimits } from "./options.js";

/** A message of up to so many bytes counts as one, of twice as many as two: parsing costs by the byte. */
const BYTES_PER_MESSAGE = 4_096;

/** What can be read or left unread. */
export interface Readable {
  pause(): void;
  resume(): void;
}

/** What an intake needs from its connection. */
export interface IntakeOwner {
  /** The socket is read no faster because of this limit. */
  slowed(limit: "messagesPerSecond" | "maxQueuedBytes"): void;
}

export class Intake {
  readonly #readable: Readable;
  readonly #owner: IntakeOwner;
  readonly #runtime: Runtime;
  readonly #maxQueuedBytes: number;
  readonly #rates: SocketRates;
  readonly #sharedRates: SocketRates | undefined;
  #queuedBytes = 0;
  #sentBytes = 0;
  #isFull = false;
  /** While the rate is exceeded. */
  #cancelWait: CancelTimer | undefined;
  #waitedUntilMs = -Infinity;
  #stopped = false;

  constructor(
    readable: Readable,
    owner: IntakeOwner,
    settings: { readonly runtime: Runtime; readonly limits: ChannelLimits },
    rates: SocketRates,
    sharedRates: SocketRates | undefined,
  ) {
    this.#readable = readable;
    this.#owner = owner;
    this.#runtime = settings.runtime;
    this.#maxQueuedBytes = settings.limits.maxQueuedBytes;
    this.#rates = rates;
    this.#sharedRates = sharedRates;
  }

  /** What waits for handlers, or was given to those that run. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** When the last wait for the rate ends or ended, in monotonic milliseconds: until then nobody can be heard. */
  get waitedUntilMs(): number {
    return this.#waitedUntilMs;
  }

  /** Charges a frame of any kind. Returns whether that was within the rate. */
  spend(bytes: number, nowMs: number): boolean {
    const messages = Math.max(1, bytes / BYTES_PER_MESSAGE);
    const owedMs = Math.max(
      this.#rates.messages.spend(nowMs, messages),
      this.#sharedRates?.messages.spend(nowMs, messages) ?? 0,
    );
    if (owedMs === 0) return true;
    if (this.#cancelWait === undefined && !this.#stopped) this.#waitFor(owedMs);
    return false;
  }

  /** Takes down that so many bytes more wait; fewer, where negative. */
  hold(change: number): void {
    this.#queuedBytes += change;
    this.#look();
  }

  /** Takes down that so many bytes more of what was sent wait with others: they are kept there, but slow this one down. */
  holdSent(change: number): void {
    this.#sentBytes += change;
    this.#look();
  }

  /** The socket has ended: it is read on, so that its end can be seen, and nothing waits for time any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelWait?.();
    this.#cancelWait = undefined;
    this.#readable.resume();
  }

  #look(): void {
    const bytes = this.#queuedBytes + this.#sentBytes;
    if (!this.#isFull && bytes > this.#maxQueuedBytes) {
      this.#pause("maxQueuedBytes");
      this.#isFull = true;
    } else if (this.#isFull && bytes <= this.#maxQueuedBytes / 2) {
      this.#isFull = false;
      this.#resume();
    }
  }

  #waitFor(owedMs: number): void {
    this.#pause("messagesPerSecond");
    this.#waitOn(owedMs);
  }

  #waitOn(owedMs: number): void {
    this.#waitedUntilMs = this.#runtime.monotonicMs() + owedMs;
    this.#cancelWait = this.#runtime.schedule(owedMs, () => {
      this.#cancelWait = undefined;
      // The read that owed this brought more, which was charged meanwhile.
      const stillOwedMs = this.#rates.messages.owedMs(this.#runtime.monotonicMs());
      if (stillOwedMs >= 1) this.#waitOn(stillOwedMs);
      else this.#resume();
    });
  }

  #pause(limit: "messagesPerSecond" | "maxQueuedBytes"): void {
    if (this.#stopped) return;
    const isPaused = this.#isFull || this.#cancelWait !== undefined;
    if (isPaused) return;
    this.#readable.pause();
    this.#owner.slowed(limit);
  }

  #resume(): void {
    if (!this.#isFull && this.#cancelWait === undefined && !this.#stopped) this.#readable.resume();
  }
}
