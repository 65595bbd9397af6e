/**
 * What the pubsub told before the tracker could take it: before the start was through, or while the pubsub was being
 * called. Bounded, in frames and in their length. Knows no frame.
 */
import { MAX_FRAME_BYTES } from "../replication/limits.js";

/** Frames that wait until they can be taken have so many UTF-16 units in all. */
const MAX_WAITING_LENGTH = 16 * MAX_FRAME_BYTES;
/** And are so many, as each is kept with some words of its own: of all of them, a few megabytes. */
const MAX_WAITING_FRAMES = 16_384;
/** So much is taken in one turn of the event loop: whatever else is due then does not wait for all of it. */
const MAX_TAKEN = 1_000;

export const MOST_WAITING = `${MAX_WAITING_FRAMES} frames or ${MAX_WAITING_LENGTH} characters`;

export class Waiting {
  readonly #waiting: { readonly take: () => void; readonly length: number }[] = [];
  #length = 0;
  #overflows = false;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(take: () => void, length = 0): void {
    this.#waiting.push({ take, length });
    this.#length += length;
  }

  /** Returns whether a frame of so many UTF-16 units fits; if not, whether it is the first that does not. */
  addFrame(take: () => void, length: number): "waits" | "overflows" | "overflows again" {
    if (this.#length + length > MAX_WAITING_LENGTH || this.#waiting.length >= MAX_WAITING_FRAMES) {
      const isAgain = this.#overflows;
      this.#overflows = true;
      return isAgain ? "overflows again" : "overflows";
    }
    this.add(take, length);
    return "waits";
  }

  /** What has waited for the longest, in its order, as much as one turn takes; from then on it does not wait. */
  takeSome(): readonly (() => void)[] {
    const taken = this.#waiting.splice(0, MAX_TAKEN);
    for (const { length } of taken) this.#length -= length;
    this.#overflows &&= !this.isEmpty;
    return taken.map(({ take }) => take);
  }

  drop(): void {
    this.#waiting.length = 0;
    this.#length = 0;
  }
}
