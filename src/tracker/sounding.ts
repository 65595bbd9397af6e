/** The start of a tracker, as far as it waits until this node hears itself. */
import { TrackerError } from "../errors.js";
import type { PubSub } from "../pubsub/pubsub.js";
import type { VoiceWay } from "../replication/step.js";
import type { Runtime } from "../runtime.js";

/** What was lost is said again after this long, and then after twice as long each time, up to the second. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 250;

const DOES_NOT_ARRIVE: Readonly<Record<VoiceWay, string>> = {
  broadcasts: "what it broadcasts",
  inbox: "what it sends to its own inbox",
};

/** Says that this node is there, again and again, until it has heard itself on both ways, or time is up. */
export class Sounding {
  readonly #runtime: Runtime;
  readonly #speak: (ways: readonly VoiceWay[]) => void;
  readonly #unheard: () => readonly VoiceWay[];
  #resolve: (() => void) | undefined;
  hasBegun = false;
  /** What the pubsub has told of it meanwhile. */
  failure: unknown;

  constructor(
    runtime: Runtime,
    speak: (ways: readonly VoiceWay[]) => void,
    unheard: () => readonly VoiceWay[],
  ) {
    this.#runtime = runtime;
    this.#speak = speak;
    this.#unheard = unheard;
  }

  /**
   * Resolves when this node has heard itself. The process lives as long as this waits.
   *
   * @throws TrackerError `PUBSUB_UNAVAILABLE` after `waitMs`; it says what was not heard, and that `timeoutMs` were to
   *   be enough.
   */
  async run(waitMs: number, timeoutMs: number): Promise<void> {
    // Where a node does not hear itself by the nature of its pubsub, nothing is waited for.
    if (this.#unheard().length === 0) return;
    this.hasBegun = true;
    let cancelPause: (() => void) | undefined;
    let cancelEnd: (() => void) | undefined;
    const sound = (pauseMs: number): void => {
      this.#speak(this.#unheard());
      if (this.#unheard().length === 0) return;
      const again = (): void => sound(Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
      cancelPause = this.#runtime.schedule(pauseMs, again, { keepsAlive: true });
    };
    try {
      await new Promise<void>((resolve, reject) => {
        this.#resolve = resolve;
        const giveUp = (): void => reject(this.#error(timeoutMs));
        cancelEnd = this.#runtime.schedule(waitMs, giveUp, { keepsAlive: true });
        sound(FIRST_PAUSE_MS);
        this.look();
      });
    } finally {
      cancelPause?.();
      cancelEnd?.();
    }
  }

  /** Ends the wait, if there is nothing more to wait for. */
  look(): void {
    if (this.#unheard().length === 0) this.#resolve?.();
  }

  #error(timeoutMs: number): TrackerError {
    const unheard = this.#unheard();
    const what = unheard.map((way) => DOES_NOT_ARRIVE[way]).join(" and ");
    const text = `This node has subscribed, but ${what} does not come back within ${timeoutMs} ms: another server, a transaction pooler, a refused permission?`;
    const because = this.failure === undefined ? undefined : { cause: this.failure };
    return new TrackerError("PUBSUB_UNAVAILABLE", text, { timeoutMs, unheard }, because);
  }
}

/** What is told once when this node does not hear itself any more, until it does. */
export function deaf(unheard: readonly VoiceWay[], pubsub: PubSub): TrackerError {
  const { nodeName } = pubsub;
  const what = unheard.map((way) => DOES_NOT_ARRIVE[way]).join(" and ");
  const cure =
    pubsub.reconnect === undefined
      ? "nothing can be done from here, as the pubsub has no reconnect"
      : "the pubsub is asked to reconnect";
  const text = `${nodeName} does not hear itself: ${what} does not come back; ${cure}`;
  return new TrackerError("DEAF", text, { nodeName, unheard });
}
