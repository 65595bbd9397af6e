/**
 * Which counters of a life were passed over: frames that were lost, went elsewhere, or are late. A frame that was
 * heard before is never among them, so a repeated one is told from one that its life sends now, below a counter
 * that it never reached. Bounded: the shortest runs are forgotten first. Knows no time.
 */
import { MAX_UNHEARD_RUNS } from "../limits.js";

interface Run {
  first: number;
  readonly last: number;
}

export class UnheardCounters {
  readonly #runs: Run[] = [];

  /** A frame was heard, and the highest before it was `last`. */
  passOver(last: number, counter: number): void {
    if (counter - last < 2) return;
    this.#runs.push({ first: last + 1, last: counter - 1 });
    if (this.#runs.length <= MAX_UNHEARD_RUNS) return;
    let shortest = 0;
    for (const [i, run] of this.#runs.entries()) {
      if (lengthOf(run) < lengthOf(this.#runs[shortest]!)) shortest = i;
    }
    this.#runs.splice(shortest, 1);
  }

  /** Whether a frame of that counter may be one that was never heard. From then on it was. */
  take(counter: number): boolean {
    for (const run of this.#runs) {
      if (counter < run.first || counter > run.last) continue;
      run.first = counter + 1;
      return true;
    }
    return false;
  }

  clear(): void {
    this.#runs.length = 0;
  }
}

function lengthOf({ first, last }: Run): number {
  return last - first;
}
