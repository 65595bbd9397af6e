/**
 * How long changes of this node take until they are seen: from the first change of a flush until its delta is heard
 * again through the pubsub. Others hear it about then, and only this node's clock is asked. One delta at a time is
 * timed: a sample, at the cost of two numbers. Where nothing comes back, nothing is timed.
 */
import { Durations } from "../../durations.js";

export class SeenTimes {
  readonly durations = new Durations();
  #counter: number | undefined;
  #changedMs = 0;

  /** The frame of this counter has told all what was changed then. */
  sent(counter: number, changedMs: number): void {
    if (this.#counter !== undefined) return;
    this.#counter = counter;
    this.#changedMs = changedMs;
  }

  /** A broadcast of this node has come back. */
  heard(counter: number, nowMs: number): void {
    if (this.#counter === undefined || counter < this.#counter) return;
    // One that was sent later came first: this one was lost, or is too late to tell anything.
    if (counter === this.#counter) this.durations.add(Math.max(0, nowMs - this.#changedMs));
    this.#counter = undefined;
  }
}
