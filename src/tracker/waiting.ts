/**
 * What the pubsub told before the tracker could take it: before the start was through, or while the pubsub was being
 * called. Bounded, in frames and in their length. Knows no frame.
 */
import { MAX_FRAME_BYTES } from "../replication/limits.js";

/** Frames that wait until they can be taken: those of one turn of the event loop. */
const MAX_WAITING_FRAMES = 1_000;
/** And so many UTF-16 units in all. */
const MAX_WAITING_LENGTH = 16 * MAX_FRAME_BYTES;

export const MOST_WAITING = `${MAX_WAITING_FRAMES} frames or ${MAX_WAITING_LENGTH} characters`;

export class Waiting {
  #waiting: (() => void)[] = [];
  #length = 0;
  #overflows = false;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(take: () => void): void {
    this.#waiting.push(take);
  }

  /** Returns whether a frame of so many UTF-16 units fits; if not, whether it is the first that does not. */
  addFrame(take: () => void, length: number): "waits" | "overflows" | "overflows again" {
    if (this.#length + length > MAX_WAITING_LENGTH || this.#waiting.length >= MAX_WAITING_FRAMES) {
      const isAgain = this.#overflows;
      this.#overflows = true;
      return isAgain ? "overflows again" : "overflows";
    }
    this.#length += length;
    this.add(take);
    return "waits";
  }

  /** Everything that waits, in its order; from then on nothing does. */
  takeAll(): readonly (() => void)[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#length = 0;
    this.#overflows = false;
    return waiting;
  }
}
