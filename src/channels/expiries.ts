/**
 * Sockets that may stay only until some time, and one timer for all of them. Promises that a socket is told within
 * a second after its time, whatever the number of sockets. Time is the wall clock's: tokens are dated by it.
 */
import type { CancelTimer, Runtime } from "../runtime.js";

/** Something that is told when its time is over. Must not throw. */
export interface Expiring {
  expire(): void;
}

/** All are looked at no more often than this. */
const PERIOD_MS = 1_000;
/** Timers of Node count to 24 days; a clock that was set meanwhile is noticed within an hour. */
const MAX_WAIT_MS = 3_600_000;

export class Expiries {
  readonly #runtime: Runtime;
  readonly #atMs = new Map<Expiring, number>();
  #cancel: CancelTimer | undefined;
  #wakesAtMs = Infinity;
  #lookedAtMs = -Infinity;
  #stopped = false;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Sets until when a socket may stay, in wall-clock milliseconds; `undefined` for as long as it likes. */
  set(socket: Expiring, expiresAtMs: number | undefined): void {
    if (expiresAtMs === undefined) return void this.#atMs.delete(socket);
    this.#atMs.set(socket, expiresAtMs);
    this.#wakeAt(expiresAtMs);
  }

  forget(socket: Expiring): void {
    this.#atMs.delete(socket);
  }

  /** Leaves no timer. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wakeAt(atMs: number): void {
    if (this.#stopped || atMs >= this.#wakesAtMs) return;
    this.#cancel?.();
    this.#wakesAtMs = atMs;
    const sinceLastMs = this.#runtime.wallClockMs() - this.#lookedAtMs;
    const soonestMs = Math.max(0, PERIOD_MS - Math.max(0, sinceLastMs));
    const dueMs = atMs - this.#runtime.wallClockMs();
    const waitMs = Math.min(Math.max(dueMs, soonestMs), MAX_WAIT_MS);
    this.#cancel = this.#runtime.schedule(waitMs, () => this.#expire());
  }

  #expire(): void {
    this.#cancel = undefined;
    this.#wakesAtMs = Infinity;
    const nowMs = this.#runtime.wallClockMs();
    this.#lookedAtMs = nowMs;
    let nextMs = Infinity;
    for (const [socket, atMs] of this.#atMs) {
      if (atMs > nowMs) {
        nextMs = Math.min(nextMs, atMs);
        continue;
      }
      this.#atMs.delete(socket);
      socket.expire();
    }
    if (nextMs < Infinity) this.#wakeAt(nextMs);
  }
}
