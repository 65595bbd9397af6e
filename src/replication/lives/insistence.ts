/**
 * The lives whose frames are not listened to, and that go on sending: for how long each has been heard with ever
 * higher counters. What a life that has ended left on the network comes to an end, so a life that insists for long
 * enough is alive. Bounded; knows no replica, and time comes in as healthy time.
 */

/** One that is not listened to, and speaks. */
interface Insisting {
  readonly sinceMs: number;
  lastMs: number;
  /** The highest that was heard of it. */
  counter: number;
  /** How often a higher one was heard. */
  frames: number;
  /** How long it may be silent before it has stopped insisting. */
  patienceMs: number;
  reported: boolean;
}

/** No down period is shorter than three heartbeats: fewer frames are what a dead life left on the network. */
const FRAMES_NEEDED = 3;

export class Insistence {
  readonly #limit: number;
  readonly #speakers = new Map<string, Insisting>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#speakers.size;
  }

  /** A frame came. Returns for how long ever higher ones have come, 0 while they are too few. */
  insistedMs(who: string, counter: number, nowMs: number, patienceMs: number): number {
    const speaker = this.#speakers.get(who);
    if (speaker === undefined) {
      if (this.#speakers.size >= this.#limit) this.#forgetOnce();
      this.#speakers.set(who, {
        sinceMs: nowMs,
        lastMs: nowMs,
        counter,
        frames: 0,
        patienceMs,
        reported: false,
      });
      return 0;
    }
    if (counter <= speaker.counter) return 0;
    speaker.counter = counter;
    speaker.lastMs = nowMs;
    speaker.frames += 1;
    speaker.patienceMs = patienceMs;
    return speaker.frames < FRAMES_NEEDED ? 0 : nowMs - speaker.sinceMs;
  }

  /** Since when it insists. */
  since(who: string): number | undefined {
    return this.#speakers.get(who)?.sinceMs;
  }

  /** Whether this is to be told of it now: once. */
  report(who: string): boolean {
    const speaker = this.#speakers.get(who);
    if (speaker === undefined || speaker.reported) return false;
    speaker.reported = true;
    return true;
  }

  forget(who: string): void {
    this.#speakers.delete(who);
  }

  /** Forgets who has stopped. */
  pass(nowMs: number): void {
    for (const [who, { lastMs, patienceMs }] of this.#speakers) {
      if (nowMs - lastMs > patienceMs) this.#speakers.delete(who);
    }
  }

  /** Makes room: one that was heard a single time may never speak again. Else the one that began first goes. */
  #forgetOnce(): void {
    let [goes] = this.#speakers.keys();
    for (const [who, { frames }] of this.#speakers) {
      if (frames > 0) continue;
      goes = who;
      break;
    }
    if (goes !== undefined) this.#speakers.delete(goes);
  }
}
