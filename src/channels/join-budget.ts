/**
 * What the joins of one socket may cost: so many a second, and so many bytes that they cause to be sent. A join that is
 * not paid for is refused; a presence state waits until those before it are, however many joins came at once. Promises
 * that states are let through in their order. Knows no socket and no channel.
 */
import type { CancelTimer, Runtime } from "../runtime.js";
import type { SocketRates } from "./admission.js";

/** What a join and its states are charged to. */
export interface JoinCharges {
  /** Charges what a join causes to be sent. */
  charge(bytes: number): void;
  /** Calls back when nothing is owed: at once, or after those that wait already. What it charges delays the next. */
  whenPaid(callback: () => void): void;
}

export class JoinBudget implements JoinCharges {
  readonly #runtime: Runtime;
  readonly #rates: readonly SocketRates[];
  /** Made by the first state that has to wait: most sockets never need it. */
  #waiting: (() => void)[] | undefined;
  #cancel: CancelTimer | undefined;

  /** `sharedRates` are those that the socket shares with others of its key. */
  constructor(runtime: Runtime, rates: SocketRates, sharedRates: SocketRates | undefined) {
    this.#runtime = runtime;
    this.#rates = sharedRates ? [rates, sharedRates] : [rates];
  }

  /** Takes a join, or returns the limit that it would exceed. */
  take(): "joinBytesPerSecond" | "joinsPerSecond" | undefined {
    const nowMs = this.#runtime.monotonicMs();
    for (const { joinBytes, joins } of this.#rates) {
      if (joinBytes.isSpent(nowMs)) return "joinBytesPerSecond";
      if (!joins.take(nowMs)) return "joinsPerSecond";
    }
    return undefined;
  }

  charge(bytes: number): void {
    const nowMs = this.#runtime.monotonicMs();
    for (const { joinBytes } of this.#rates) joinBytes.spend(nowMs, bytes);
  }

  whenPaid(callback: () => void): void {
    (this.#waiting ??= []).push(callback);
    if (this.#waiting.length === 1 && this.#cancel === undefined) this.#callNext();
  }

  /** Forgets those that wait. Leaves no timer. */
  stop(): void {
    this.#waiting = undefined;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #callNext(): void {
    while (this.#waiting?.[0] !== undefined) {
      const owedMs = this.#owedMs();
      if (owedMs > 0) {
        // In whole milliseconds: a part of one that is lost to rounding would be waited for without end.
        this.#cancel = this.#runtime.schedule(Math.ceil(owedMs) + 1, () => {
          this.#cancel = undefined;
          this.#callNext();
        });
        return;
      }
      const [callback] = this.#waiting;
      callback();
      // Not before: one that is added meanwhile must not be called within this one.
      this.#waiting?.shift();
    }
  }

  #owedMs(): number {
    const nowMs = this.#runtime.monotonicMs();
    return Math.max(...this.#rates.map(({ joinBytes }) => joinBytes.spend(nowMs, 0)));
  }
}
