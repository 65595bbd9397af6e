/**
 * Notices callbacks that change what they are told of, each time. Every such round takes nothing but promises, and
 * promises alone would never let the event loop turn: after so many rounds the next waits for a turn, and it is
 * reported. Knows no topic and no diff.
 */
import { TrackerError } from "../errors.js";
import type { CancelTimer, Runtime } from "../runtime.js";
import type { Reporter } from "../reports.js";

/** How many changes may each follow on the release of another within one turn of the event loop. */
const MAX_ROUNDS_PER_TURN = 1_000;

/** From here on it is asked whether the event loop turns: no timer is set for what ends soon. */
const ROUNDS_BEFORE_ASKING = 100;

export class Rounds {
  readonly #runtime: Runtime;
  readonly #reporter: Reporter;
  readonly #waiting = new Set<() => void>();
  #count = 0;
  #wasReleased = false;
  #cancelTurn: CancelTimer | undefined;
  #isReported = false;

  constructor(runtime: Runtime, reporter: Reporter) {
    this.#runtime = runtime;
    this.#reporter = reporter;
  }

  /** A change was released to those who follow. */
  released(): void {
    this.#wasReleased = true;
  }

  /** Something changed. */
  changed(): void {
    if (!this.#wasReleased) return;
    this.#wasReleased = false;
    this.#count += 1;
    if (this.#count >= ROUNDS_BEFORE_ASKING) {
      this.#cancelTurn ??= this.#runtime.schedule(0, () => this.#turned());
    }
    if (this.#count !== MAX_ROUNDS_PER_TURN || this.#isReported) return;
    this.#isReported = true;
    const text = `Callbacks change what they are told of, again and again: ${MAX_ROUNDS_PER_TURN} times in one turn of the event loop`;
    this.#reporter.error(
      new TrackerError("TOO_MANY_CHANGES", text, { maxRoundsPerTurn: MAX_ROUNDS_PER_TURN }),
    );
  }

  /** Whether what is to be released has to wait; if so, `release` is called after the event loop has turned. */
  mustWait(release: () => void): boolean {
    if (this.#count < MAX_ROUNDS_PER_TURN) return false;
    this.#waiting.add(release);
    return true;
  }

  /** No timer is left. */
  close(): void {
    this.#cancelTurn?.();
    this.#waiting.clear();
  }

  #turned(): void {
    this.#cancelTurn = undefined;
    // One that goes on is reported once.
    if (this.#count < MAX_ROUNDS_PER_TURN) this.#isReported = false;
    this.#count = 0;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const release of waiting) release();
  }
}
