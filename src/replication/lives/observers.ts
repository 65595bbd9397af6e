/**
 * Those who only look on, as far as they ask: they are nobody's replica, and have an account all the same. Few at a
 * time, and each until it has asked nothing for a while. Time comes in as an argument; knows no message.
 */
import { replicaOf, type Life } from "../life.js";
import { MAX_OBSERVERS, OBSERVER_MEMORY_MS } from "../limits.js";

export class Observers {
  readonly #forget: (life: Life) => void;
  /** The one that asked last is last. */
  readonly #askedMs = new Map<string, { readonly life: Life; readonly atMs: number }>();

  /** `forget` is told of whom nothing is remembered any more. */
  constructor(forget: (life: Life) => void) {
    this.#forget = forget;
  }

  /** Somebody asks. Returns whether there is room to answer. */
  admits(life: Life, nowMs: number): boolean {
    const id = replicaOf(life);
    if (!this.#askedMs.delete(id)) this.#makeRoom(nowMs);
    if (this.#askedMs.size >= MAX_OBSERVERS) return false;
    this.#askedMs.set(id, { life, atMs: nowMs });
    return true;
  }

  #makeRoom(nowMs: number): void {
    for (const [id, { life, atMs }] of this.#askedMs) {
      if (nowMs - atMs < OBSERVER_MEMORY_MS) return;
      this.#askedMs.delete(id);
      this.#forget(life);
    }
  }
}
