/**
 * When what the pubsub tells is taken: now, or, where that would come in the middle of something, before what waits already,
 * or in a turn of the event loop that has taken as much as a turn should, in the next one. Promises the order in which it
 * was told, and that a turn that is too long loses nothing. Knows no frame.
 */
import { MAX_TAKEN, MOST_WAITING, Waiting } from "./waiting.js";

export interface IntakePort {
  now(): number;
  isListening(): boolean;
  /** Whether the pubsub is being called. */
  isPublishing(): boolean;
  /** Asks for a next turn. */
  goOn(): void;
  /** A frame is not taken at all; `isFirst`: of many. */
  refuse(reason: string, isFirst: boolean): void;
}

export class Intake {
  readonly #port: IntakePort;
  readonly #waiting = new Waiting();

  constructor(port: IntakePort) {
    this.#port = port;
  }

  get isEmpty(): boolean {
    return this.#waiting.isEmpty;
  }

  /** Whether a frame that comes now may be taken now. */
  mayTakeNow(): boolean {
    const { isListening, now } = this.#port;
    return isListening() && !this.#isBusy && !this.#waiting.isTurnOver(now());
  }

  /** A frame was taken, since then. */
  took(sinceMs: number): void {
    this.#waiting.took(sinceMs, this.#port.now());
  }

  /** A frame of so many UTF-16 units that may not be taken now. */
  addFrame(take: () => void, length: number): void {
    const { isListening, isPublishing, goOn, refuse } = this.#port;
    const added = this.#waiting.addFrame(take, length);
    if (added === "waits") return goOn();
    if (!isListening() || isPublishing())
      return refuse(`more than ${MOST_WAITING} came at once`, added === "overflows");
    this.#takeWhile(() => true);
    if (isListening()) take();
  }

  /** Something else that the pubsub tells. */
  inTurn(take: () => void): void {
    if (!this.#isBusy) return take();
    this.#waiting.add(take);
    this.#port.goOn();
  }

  /** A turn begins: takes what has waited, as much as a turn should. */
  beginTurn(): void {
    this.#waiting.beginTurn();
    let left = MAX_TAKEN;
    this.#takeWhile(() => left-- > 0 && !this.#waiting.isTurnOver(this.#port.now()));
  }

  drop(): void {
    this.#waiting.drop();
  }

  #takeWhile(isOn: () => boolean): void {
    while (this.#port.isListening() && isOn()) {
      const take = this.#waiting.next();
      if (take === undefined) return;
      take();
    }
  }

  get #isBusy(): boolean {
    return this.#port.isPublishing() || (this.#port.isListening() && !this.#waiting.isEmpty);
  }
}
