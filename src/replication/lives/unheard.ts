/**
 * Which counters of a life were passed over: frames that were lost, went elsewhere, or are late. So a repeated frame is
 * told from one that its life sends now, below a counter that it never reached. Bounded, and none that was passed over is
 * ever left out: a forger of a few counters, each farther ahead, could else silence the life for good. Where runs are
 * too many, two become one with the few frames between them, which count as never heard again. Knows no time.
 */
import { MAX_UNHEARD_RUNS } from "../limits.js";

/** The first was not heard, nor were those behind it up to the last. */
interface Run {
  first: number;
  readonly last: number;
}

export class UnheardCounters {
  readonly #runs: Run[] = [];

  /** A frame was heard, and the highest before it was `last`. */
  passOver(last: number, counter: number): void {
    if (counter - last < 2) return;
    const runs = this.#runs;
    runs.push({ first: last + 1, last: counter - 1 });
    if (runs.length <= MAX_UNHEARD_RUNS) return;
    let nearest = 1;
    for (let i = 2; i < runs.length; i++) if (this.#heardBefore(i) < this.#heardBefore(nearest)) nearest = i;
    const [one, other] = runs.splice(nearest - 1, 2) as [Run, Run];
    const isEmpty = one.first > one.last;
    runs.splice(nearest - 1, 0, { first: isEmpty ? other.first : one.first, last: other.last });
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

  /** How many counters that were heard lie between a run and the one before it; none, if nothing is left of that. */
  #heardBefore(i: number): number {
    const [before, run] = [this.#runs[i - 1]!, this.#runs[i]!];
    return before.first > before.last ? 0 : run.first - before.last - 1;
  }
}
