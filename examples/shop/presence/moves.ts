/**
 * Follows the shoppers of a node that has ended, until all of them are listed again: the proof of what the
 * dashboard says about it. Knows who was served by which life, also of those who left the list a moment ago.
 */
import { homeOf, type OpenPage } from "./totals.ts";

/** When nobody has come back for so long, the rest has left. */
const nobodyComesMs = 6_000;
/** A death is told a moment before or after its shoppers leave the list. */
const rememberedMs = 3_000;

interface Known {
  readonly homes: readonly string[];
  /** When the key left the list. */
  leftMs?: number;
}

interface Move {
  readonly home: string;
  readonly startedMs: number;
  readonly moved: number;
  readonly missing: Set<string>;
  /** When the last of them came back. */
  lastMs: number;
}

export interface Outcome {
  readonly moved: number;
  readonly missing: number;
  readonly tookMs: number;
}

export class Moves {
  readonly #known = new Map<string, Known>();
  readonly #moves = new Map<number, Move>();
  readonly #ended: (id: number, outcome: Outcome) => void;

  constructor(ended: (id: number, outcome: Outcome) => void) {
    this.#ended = ended;
  }

  /** What a shopper has open now. */
  set(key: string, open: readonly OpenPage[], nowMs: number): void {
    const homes = open.map(({ node, run }) => homeOf(node, run));
    const known = this.#known.get(key);
    if (homes.length > 0) this.#known.set(key, { homes });
    else if (known !== undefined) known.leftMs ??= nowMs;
    for (const [id, move] of this.#moves) {
      if (homes.every((home) => home === move.home) || !move.missing.delete(key)) continue;
      move.lastMs = nowMs;
      if (move.missing.size === 0) this.#end(id, move);
    }
  }

  /** A life has ended, by an event of that id. */
  begin(id: number, home: string, nowMs: number): void {
    const served = [...this.#known].filter(([, { homes }]) => homes.includes(home));
    // Who has another page elsewhere was listed all the time.
    const missing = new Set(
      served.filter(([, { homes }]) => homes.every((each) => each === home)).map(([key]) => key),
    );
    const move: Move = { home, startedMs: nowMs, moved: served.length, missing, lastMs: nowMs };
    this.#moves.set(id, move);
    if (missing.size === 0) this.#end(id, move);
  }

  /** Once a second or so. */
  tick(nowMs: number): void {
    for (const [key, { leftMs }] of this.#known) {
      if (leftMs !== undefined && nowMs - leftMs > rememberedMs) this.#known.delete(key);
    }
    for (const [id, move] of this.#moves) {
      if (nowMs - move.lastMs > nobodyComesMs) this.#end(id, move);
    }
  }

  #end(id: number, { moved, missing, startedMs, lastMs }: Move): void {
    this.#moves.delete(id);
    this.#ended(id, { moved, missing: missing.size, tookMs: lastMs - startedMs });
  }
}
