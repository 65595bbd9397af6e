/**
 * Ids whose sockets this server has ended, for as long as a node may have been cut off and not have heard of it.
 * Promises to stay within its bounds. Time comes in as an argument; knows no socket and no pubsub.
 */

/** A node that was cut off for longer has to be told anew by the application. */
const REMEMBERED_MS = 600_000;
/** More ids than this are not remembered: those ended first are forgotten first. */
const MAX_IDS = 10_000;

/** An id, and how long ago its sockets were ended, in milliseconds. */
export type EndedId = readonly [id: string, agoMs: number];

export class EndedIds {
  readonly #atMs = new Map<string, number>();

  /** Returns whether another one that may still be needed was forgotten for it. */
  add(id: string, nowMs: number): boolean {
    this.#forgetBefore(nowMs - REMEMBERED_MS);
    // Deleted first, so that the oldest stay in front.
    this.#atMs.delete(id);
    this.#atMs.set(id, nowMs);
    if (this.#atMs.size <= MAX_IDS) return false;
    const [oldest] = this.#atMs.keys();
    if (oldest !== undefined) this.#atMs.delete(oldest);
    return true;
  }

  /** In the order in which they were ended. */
  list(nowMs: number): EndedId[] {
    this.#forgetBefore(nowMs - REMEMBERED_MS);
    return Array.from(this.#atMs, ([id, atMs]): EndedId => [id, Math.ceil(nowMs - atMs)]);
  }

  #forgetBefore(limitMs: number): void {
    for (const [id, atMs] of this.#atMs) {
      if (atMs >= limitMs) return;
      this.#atMs.delete(id);
    }
  }
}

/**
 * What another server has sent; `undefined` for what is no list. A row that names no id costs only itself: the list of a
 * node is as good as what it was once told.
 */
export function readEndedIds(value: unknown): EndedId[] | undefined {
  return Array.isArray(value) ? value.filter(isEndedId) : undefined;
}

function isEndedId(row: unknown): row is EndedId {
  if (!Array.isArray(row) || row.length !== 2) return false;
  const [id, agoMs] = row as readonly unknown[];
  return typeof id === "string" && Number.isFinite(agoMs) && (agoMs as number) >= 0;
}
