/**
 * Changes as an async iterator, bounded: what a reader who is slow has not read yet waits, up to so many changes; then
 * all of it is dropped, nothing more is taken, and the next read starts over with a state. It follows its source from
 * the first read on. Knows neither what a change is nor where it comes from.
 */
import { isSession, type Session } from "../session.js";
import { wholeOption, wrongOption } from "../checks.js";
import { readOptions } from "../known-names.js";
import { onAbort } from "../on-end.js";

/** How changes are read as an iterator. */
export interface ChangesOptions {
  /** Ends the iteration when it aborts: at once, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** In place of a signal: ends the iteration when it closes. */
  readonly session?: Session | undefined;
  /**
   * How many changes may wait to be read. Default 1,000. With one more all are dropped, and the iterator starts over:
   * the next change is a state, whose `restarted` is true.
   */
  readonly maxBuffered?: number | undefined;
}

const changesOptionNames: Readonly<Record<keyof ChangesOptions, true>> = {
  signal: true,
  session: true,
  maxBuffered: true,
};

const DEFAULT_MAX_BUFFERED = 1_000;

/** Where a source tells its changes. */
interface ChangeReceiver<C> {
  next(change: C): void;
  /** Nothing comes any more. */
  end(): void;
}

/**
 * Follows a source: a state first, then every change. `restarted` says that this reader had a state before. Returns the
 * function that ends it.
 */
export type FollowChanges<C> = (receiver: ChangeReceiver<C>, restarted: boolean) => () => void;

type Read<C> = (result: IteratorResult<C, undefined>) => void;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

export class ChangeIterator<C> implements AsyncIterableIterator<C, undefined> {
  readonly #follow: FollowChanges<C>;
  readonly #signals: readonly AbortSignal[];
  readonly #maxBuffered: number;
  #buffer: C[] = [];
  /** Reads that wait for a change: there are none while changes wait. */
  #reads: Read<C>[] = [];
  #status: "new" | "following" | "dropped" | "ending" | "ended" = "new";
  #unfollow: (() => void) | undefined;
  readonly #forgetSignals: (() => void)[] = [];

  /** @throws TrackerError `INVALID_OPTION` */
  constructor(options: ChangesOptions, follow: FollowChanges<C>) {
    const { signal, session, maxBuffered = DEFAULT_MAX_BUFFERED } = readOptions(options, changesOptionNames);
    this.#signals = endSignals({ signal, session });
    this.#maxBuffered = wholeOption("maxBuffered", maxBuffered, 1, Infinity);
    this.#follow = follow;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<C, undefined>> {
    if (this.#status === "new") this.#begin();
    else if (this.#status === "dropped") this.#start(true);
    const change = this.#buffer.shift();
    if (change !== undefined) return Promise.resolve({ done: false, value: change });
    if (this.#status === "ending") this.#end();
    if (this.#status === "ended") return Promise.resolve(DONE);
    return new Promise((resolve) => this.#reads.push(resolve));
  }

  /** Ends the iteration: what waits is dropped. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#end();
    return Promise.resolve(DONE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #begin(): void {
    for (const signal of this.#signals) {
      if (signal.aborted) return this.#end();
    }
    for (const signal of this.#signals) this.#forgetSignals.push(onAbort(signal, () => this.#end()));
    this.#start(false);
  }

  #start(restarted: boolean): void {
    this.#status = "following";
    const receiver: ChangeReceiver<C> = {
      next: (change) => this.#take(change),
      end: () => this.#sourceEnded(),
    };
    this.#unfollow = this.#follow(receiver, restarted);
  }

  #take(change: C): void {
    if (this.#status !== "following") return;
    const read = this.#reads.shift();
    if (read !== undefined) return read({ done: false, value: change });
    if (this.#buffer.length < this.#maxBuffered) {
      this.#buffer.push(change);
      return;
    }
    this.#buffer = [];
    this.#status = "dropped";
    this.#stopFollowing();
  }

  /** What waits may still be read. */
  #sourceEnded(): void {
    if (this.#status !== "following") return;
    if (this.#buffer.length === 0) this.#end();
    else this.#status = "ending";
  }

  #end(): void {
    if (this.#status === "ended") return;
    this.#status = "ended";
    this.#buffer = [];
    this.#stopFollowing();
    for (const forget of this.#forgetSignals.splice(0)) forget();
    for (const read of this.#reads.splice(0)) read(DONE);
  }

  #stopFollowing(): void {
    const unfollow = this.#unfollow;
    this.#unfollow = undefined;
    unfollow?.();
  }
}

/**
 * The signals by which something that follows is to end.
 *
 * @throws TrackerError `INVALID_OPTION` for what is no signal, and no session.
 */
export function endSignals(options: Pick<ChangesOptions, "signal" | "session">): AbortSignal[] {
  const { signal, session } = options;
  const signals: AbortSignal[] = [];
  if (signal !== undefined) {
    if (!isSignal(signal)) throw wrongOption("signal", signal, "an AbortSignal");
    signals.push(signal);
  }
  if (session !== undefined) {
    if (!isSession(session)) throw wrongOption("session", session, "a Session");
    signals.push(session.signal);
  }
  return signals;
}

function isSignal(value: unknown): boolean {
  try {
    return typeof value === "object" && value !== null && "aborted" in value && "addEventListener" in value;
  } catch {
    return false; // Of a proxy that was revoked.
  }
}
