/**
 * Which counters of a life were passed over: frames that were lost, went elsewhere, or are late. So a repeated frame is
 * told from one that its life sends now, below a counter that it never reached. Bounded, and none that was passed over is
 * ever left out: a forger of a few counters, each farther ahead, could else silence the life for good. Where runs are
 * too many, two become one with the few frames between them, which count as never heard again. Knows no time.
 */
import { MAX_UNHEARD_RUNS } from "../limits.js";

/** None was heard, from the first to the last. */
interface Run {
  readonly first: number;
  readonly last: number;
}

export class UnheardCounters {
  /** Ascending. */
  readonly #runs: Run[] = [];

  /** A frame was heard, and the highest before it was `last`. */
  passOver(last: number, counter: number): void {
    if (counter - last < 2) return;
    this.#runs.push({ first: last + 1, last: counter - 1 });
    this.#keepFew();
  }

  /** Whether a frame of that counter may be one that was never heard. From then on it was. */
  take(counter: number): boolean {
    const at = this.#runs.findIndex(({ first, last }) => first <= counter && counter <= last);
    const run = this.#runs[at];
    if (run === undefined) return false;
    const below = { first: run.first, last: counter - 1 };
    const above = { first: counter + 1, last: run.last };
    this.#runs.splice(at, 1, ...[below, above].filter(({ first, last }) => first <= last));
    this.#keepFew();
    return true;
  }

  /**
   * The life goes on from a counter, whatever the highest was before it: above there is none of its own. What was passed over below
   * may be late still, as that counter, too, may be one that somebody has made up.
   */
  goOn(last: number, counter: number): void {
    const above = this.#runs.findIndex(({ first }) => first > counter);
    if (above >= 0) this.#runs.length = above;
    this.passOver(last, counter);
  }

  #keepFew(): void {
    const runs = this.#runs;
    if (runs.length <= MAX_UNHEARD_RUNS) return;
    let nearest = 1;
    for (let i = 2; i < runs.length; i++) if (this.#heardBefore(i) < this.#heardBefore(nearest)) nearest = i;
    const [one, other] = [runs[nearest - 1]!, runs[nearest]!];
    runs.splice(nearest - 1, 2, { first: one.first, last: other.last });
  }

  /** How many counters that were heard lie between a run and the one before it. */
  #heardBefore(i: number): number {
    return this.#runs[i]!.first - this.#runs[i - 1]!.last;
  }
}
