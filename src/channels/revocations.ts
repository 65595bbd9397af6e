/**
 * Ids that were disconnected while a handshake was under way. A connect hook may have read who is allowed before
 * that changed, so that a handshake begun before a disconnect of its id must not succeed after it. Time comes in
 * as an argument; knows no socket.
 */

/** More ids than this are not told apart: every handshake under way is refused then, and begun anew. */
const MAX_IDS = 10_000;

export class Revocations {
  readonly #rememberedMs: number;
  readonly #numbers = new Map<string, { readonly number: number; readonly atMs: number }>();
  #latest = 0;
  /** Handshakes begun up to this one are refused whatever their id. */
  #all = 0;

  /** Handshakes take no longer than `rememberedMs`, so that nothing needs to be remembered for longer. */
  constructor(rememberedMs: number) {
    this.#rememberedMs = rememberedMs;
  }

  /** What a handshake that begins now asks with when it is through. */
  get latest(): number {
    return this.#latest;
  }

  revoke(id: string, nowMs: number): void {
    for (const [old, { atMs }] of this.#numbers) {
      if (nowMs - atMs <= this.#rememberedMs) break;
      this.#numbers.delete(old);
    }
    this.#latest++;
    if (this.#numbers.size >= MAX_IDS) {
      this.#all = this.#latest;
      this.#numbers.clear();
      return;
    }
    // Deleted first, so that the oldest stay in front.
    this.#numbers.delete(id);
    this.#numbers.set(id, { number: this.#latest, atMs: nowMs });
  }

  /** Whether an id was revoked after a handshake began, by what {@link latest} was then. */
  isRevoked(id: string, begunAt: number): boolean {
    return this.#all > begunAt || (this.#numbers.get(id)?.number ?? 0) > begunAt;
  }
}
