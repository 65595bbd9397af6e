/**
 * Who has come on this node in the place of an entry that waited to leave: a node that wants that entry to end, and has
 * not heard of it yet, means the one that has come. Kept for a time, and for the last of many. Knows no entry.
 */

/** The last so many are kept. */
const MOST_KEPT = 10_000;

interface Successor {
  readonly session: string;
  readonly untilMs: number;
}

export class Successors {
  readonly #keptMs: number;
  /** By session, topic and key, the oldest first. */
  readonly #of = new Map<string, Successor>();

  /** Others hear within that time who has come, or are taken for down. */
  constructor(keptMs: number) {
    this.#keptMs = keptMs;
  }

  note(replaced: string, topic: string, key: string, session: string, nowMs: number): void {
    for (const [oldest, { untilMs }] of this.#of) {
      if (untilMs > nowMs && this.#of.size < MOST_KEPT) break;
      this.#of.delete(oldest);
    }
    this.#of.set(nameOf(replaced, topic, key), { session, untilMs: nowMs + this.#keptMs });
  }

  /** The session that has come in the place of this one, once. */
  take(replaced: string, topic: string, key: string, nowMs: number): string | undefined {
    if (this.#of.size === 0) return undefined;
    const name = nameOf(replaced, topic, key);
    const found = this.#of.get(name);
    this.#of.delete(name);
    return found !== undefined && found.untilMs > nowMs ? found.session : undefined;
  }
}

function nameOf(session: string, topic: string, key: string): string {
  return JSON.stringify([session, topic, key]);
}
