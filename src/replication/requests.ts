/**
 * What is missing, and when to ask for it: after a short random delay, again with growing patience while no
 * answer comes, and for a few slices at a time. Knows no message's content; time comes in as an argument.
 */
import {
  MAX_REQUESTS_IN_FLIGHT,
  REQUEST_DELAY_MAX_MS,
  REQUEST_DELAY_MIN_MS,
  REQUEST_RETRY_MAX_MS,
  REQUEST_RETRY_MS,
} from "./limits.js";
import type { Replica } from "./replica.js";
import type { RemoteSlice } from "./slice.js";

interface Missing {
  readonly replica: Replica;
  /** When to ask, or to ask again. */
  dueMs: number;
  /** Requests since the last answer. */
  attempts: number;
  inFlight: boolean;
}

export class Requests {
  readonly #random: () => number;
  readonly #missing = new Map<RemoteSlice, Missing>();
  #inFlight = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  get size(): number {
    return this.#missing.size;
  }

  /** Whether as many slices are asked for as may be at a time. */
  get isBusy(): boolean {
    return this.#inFlight >= MAX_REQUESTS_IN_FLIGHT;
  }

  /** Something is missing; asks for it soon, if it does not do so already. Gives when. */
  want(replica: Replica, slice: RemoteSlice, nowMs: number): number {
    let missing = this.#missing.get(slice);
    if (missing === undefined) {
      const delayMs = REQUEST_DELAY_MIN_MS + this.#random() * (REQUEST_DELAY_MAX_MS - REQUEST_DELAY_MIN_MS);
      missing = { replica, dueMs: nowMs + delayMs, attempts: 0, inFlight: false };
      this.#missing.set(slice, missing);
    }
    return missing.dueMs;
  }

  /** An answer came. If it was not the last one that is needed, the next request is due at once. */
  answered(slice: RemoteSlice, nowMs: number): void {
    const missing = this.#missing.get(slice);
    if (missing === undefined) return;
    if (slice.nextRequest() === undefined) return this.drop(slice);
    // What answers an earlier request does not end the wait before the first.
    if (missing.attempts === 0) return;
    this.#land(missing);
    missing.attempts = 0;
    missing.dueMs = nowMs;
  }

  drop(slice: RemoteSlice): void {
    const missing = this.#missing.get(slice);
    if (missing === undefined) return;
    this.#land(missing);
    this.#missing.delete(slice);
  }

  dropAllOf(replica: Replica): void {
    for (const slice of replica.slices.values()) this.drop(slice);
  }

  /** Sends what is due, as far as not too much is in flight; gives when to call again, if ever. */
  advance(nowMs: number, send: (replica: Replica, slice: RemoteSlice) => void): number | undefined {
    // All patience that has run out frees its place before any place is taken again, and whoever asked goes to the
    // end of the line: those who never answer cost nobody else his turn.
    for (const missing of this.#missing.values()) if (missing.dueMs <= nowMs) this.#land(missing);
    let nextMs: number | undefined;
    for (const [slice, missing] of this.#missing) {
      if (missing.dueMs <= nowMs) {
        // What has to wait for another's answer needs no timer: the answer or its absence will call.
        if (this.isBusy) continue;
        missing.inFlight = true;
        this.#inFlight += 1;
        const patienceMs = Math.min(REQUEST_RETRY_MAX_MS, REQUEST_RETRY_MS * 2 ** missing.attempts);
        missing.attempts += 1;
        missing.dueMs = nowMs + patienceMs * (1 + this.#random() / 2);
        this.#missing.delete(slice);
        this.#missing.set(slice, missing);
        send(missing.replica, slice);
      }
      if (nextMs === undefined || missing.dueMs < nextMs) nextMs = missing.dueMs;
    }
    return nextMs;
  }

  #land(missing: Missing): void {
    if (!missing.inFlight) return;
    missing.inFlight = false;
    this.#inFlight -= 1;
  }
}
