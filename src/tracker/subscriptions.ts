/** What the pubsub returned to end its subscriptions, and how they are ended, whatever it does. */
import { TrackerError } from "../errors.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { promiseOf } from "../pubsub/returned.js";
import type { Runtime } from "../runtime.js";
import { settlesWithin } from "./within.js";

export class Subscriptions {
  readonly #unavailable: (text: string, cause?: unknown) => void;
  /** Functions, if it keeps its word. */
  readonly #unsubscribes: unknown[] = [];

  /** Tells what goes wrong by `unavailable`. */
  constructor(unavailable: (text: string, cause?: unknown) => void) {
    this.#unavailable = unavailable;
  }

  add(...unsubscribes: readonly unknown[]): void {
    this.#unsubscribes.push(...unsubscribes);
  }

  /** Of a listener, which the pubsub may also refuse later: then tells `refused`. */
  addListener(unsubscribe: unknown, refused: string): void {
    this.add(unsubscribe);
    promiseOf(unsubscribe)?.catch((cause: unknown) => this.#unavailable(refused, cause));
  }

  /** Resolves when all have ended, after `timeoutMs` at the latest. Never rejects. */
  async endAll(runtime: Runtime, timeoutMs: number, toldMs: number): Promise<void> {
    const ends = this.#unsubscribes.splice(0).map((unsubscribe) => this.#end(unsubscribe));
    if (await settlesWithin(runtime, timeoutMs, Promise.all(ends))) return;
    this.#unavailable(`The pubsub has not ended all subscriptions within ${toldMs} ms`);
  }

  /** Never rejects. */
  async #end(unsubscribe: unknown): Promise<void> {
    try {
      // A promise of one is waited for.
      const end: unknown = typeof unsubscribe === "object" ? await unsubscribe : unsubscribe;
      if (typeof end !== "function") throw new TypeError(`${typeof end} is not a function`);
      await (end as () => unknown)();
    } catch (cause) {
      this.#unavailable("Unsubscribing failed", cause);
    }
  }
}

const REFUSED_LISTENER = "The pubsub refused a listener";

/**
 * Listens to what the pubsub tells of itself, as far as it does.
 *
 * @throws TrackerError `PUBSUB_UNAVAILABLE`
 */
export function listenTo(
  pubsub: PubSub,
  told: {
    readonly status: (status: unknown) => void;
    readonly nodeGone: (nodeName: string) => void;
    readonly error: (cause: unknown) => void;
  },
  subscriptions: Subscriptions,
): void {
  // Each is kept before the next is added: one that throws must not leave the others behind.
  const keep = (unsubscribe: unknown): void => subscriptions.addListener(unsubscribe, REFUSED_LISTENER);
  try {
    if (pubsub.onStatus !== undefined) keep(pubsub.onStatus(told.status));
    if (pubsub.onNodeGone !== undefined) keep(pubsub.onNodeGone(told.nodeGone));
    if (pubsub.onError !== undefined) keep(pubsub.onError(told.error));
  } catch (cause) {
    throw new TrackerError("PUBSUB_UNAVAILABLE", REFUSED_LISTENER, {}, { cause });
  }
}
