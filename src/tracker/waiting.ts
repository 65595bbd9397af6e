/**
 * What the pubsub told before the tracker could take it: before the start was through, while the pubsub was being called,
 * or after this turn of the event loop had taken as much as a turn should. Bounded, in frames and in their length. Time
 * comes in as an argument; knows no frame.
 */
import { MAX_FRAME_BYTES } from "../replication/limits.js";

/** Frames that wait until they can be taken have so many UTF-16 units in all. */
const MAX_WAITING_LENGTH = 16 * MAX_FRAME_BYTES;
/** And are so many, as each is kept with some words of its own: of all of them, a few megabytes. */
const MAX_WAITING_FRAMES = 16_384;
/**
 * So much is taken in one turn of the event loop: whatever else is due then does not wait for all of it. A socket is read up
 * to 32 times in one turn, and a page of a newcomer's takes some milliseconds.
 */
const MAX_TAKEN_MS = 5;
/** And of what has waited no more than so many, however fast the clock says that they are. */
export const MAX_TAKEN = 1_000;
/** When nothing was taken for so long, another turn has begun, or there was time for one. */
const BETWEEN_TURNS_MS = 2;

export const MOST_WAITING = `${MAX_WAITING_FRAMES} frames or ${MAX_WAITING_LENGTH} characters`;

export class Waiting {
  #waiting: { readonly take: () => void; readonly length: number }[] = [];
  /** Where the first stands that waits. */
  #first = 0;
  #length = 0;
  #overflows = false;
  /** How long this turn has taken frames, and until when. */
  #takenMs = 0;
  #untilMs = -Infinity;

  get isEmpty(): boolean {
    return this.#first === this.#waiting.length;
  }

  /** Whether this turn has taken as much as a turn should. */
  isTurnOver(nowMs: number): boolean {
    if (nowMs - this.#untilMs > BETWEEN_TURNS_MS) this.beginTurn();
    return this.#takenMs >= MAX_TAKEN_MS;
  }

  beginTurn(): void {
    this.#takenMs = 0;
  }

  /** One was taken, between these times. */
  took(sinceMs: number, untilMs: number): void {
    this.#takenMs += untilMs - sinceMs;
    this.#untilMs = untilMs;
  }

  add(take: () => void, length = 0): void {
    this.#waiting.push({ take, length });
    this.#length += length;
  }

  /** Returns whether a frame of so many UTF-16 units fits; if not, whether it is the first that does not. */
  addFrame(take: () => void, length: number): "waits" | "overflows" | "overflows again" {
    const count = this.#waiting.length - this.#first;
    if (this.#length + length > MAX_WAITING_LENGTH || count >= MAX_WAITING_FRAMES) {
      const isAgain = this.#overflows;
      this.#overflows = true;
      return isAgain ? "overflows again" : "overflows";
    }
    this.add(take, length);
    return "waits";
  }

  /** What has waited for the longest, if anything has; from then on it does not wait. */
  next(): (() => void) | undefined {
    const next = this.#waiting[this.#first];
    if (next === undefined) return undefined;
    this.#first += 1;
    this.#length -= next.length;
    if (this.isEmpty) this.drop();
    return next.take;
  }

  drop(): void {
    this.#waiting = [];
    this.#first = 0;
    this.#length = 0;
    this.#overflows = false;
  }
}
