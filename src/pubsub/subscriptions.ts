/** What the pubsub returned to end its subscriptions, and how they are ended, whatever it does. */
import { TrackerError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import type { PubSub } from "./pubsub.js";
import { promiseOf } from "./returned.js";
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

  /**
   * Resolves when all have ended, after `timeoutMs` at the latest. Never rejects. `toldMs` is the time that a report of
   * those that have not names.
   */
  async endAll(runtime: Pick<Runtime, "schedule">, timeoutMs: number, toldMs = timeoutMs): Promise<void> {
    const ends = this.#unsubscribes.splice(0).map((unsubscribe) => this.#end(unsubscribe));
    if (await settlesWithin(runtime, timeoutMs, Promise.all(ends))) return;
    this.#unavailable(`The pubsub has not ended all subscriptions within ${toldMs} ms`);
  }

  /** Never rejects. */
  async #end(unsubscribe: unknown): Promise<void> {
    try {
      await endSubscription(unsubscribe);
    } catch (cause) {
      this.#unavailable("Unsubscribing failed", cause);
    }
  }
}

/** Ends a subscription by what the pubsub returned for it; rejects with what went wrong. */
export async function endSubscription(unsubscribe: unknown): Promise<void> {
  // A promise of one is waited for.
  const end: unknown = typeof unsubscribe === "object" ? await unsubscribe : unsubscribe;
  if (typeof end !== "function") throw new TypeError(`${typeof end} is not a function`);
  await (end as () => unknown)();
}

const REFUSED_LISTENER = "The pubsub refused a listener";

/**
 * Listens to what the pubsub tells of itself, as far as it does and somebody is to be told.
 *
 * @throws TrackerError `PUBSUB_UNAVAILABLE`
 */
export function listenTo(
  pubsub: PubSub,
  told: {
    readonly status?: (status: unknown) => void;
    readonly nodeGone?: (nodeName: string) => void;
    readonly error?: (cause: unknown) => void;
  },
  subscriptions: Subscriptions,
): void {
  // Each is kept before the next is added: one that throws must not leave the others behind.
  const keep = (unsubscribe: unknown): void => subscriptions.addListener(unsubscribe, REFUSED_LISTENER);
  try {
    if (told.status && pubsub.onStatus !== undefined) keep(pubsub.onStatus(told.status));
    if (told.nodeGone && pubsub.onNodeGone !== undefined) keep(pubsub.onNodeGone(told.nodeGone));
    if (told.error && pubsub.onError !== undefined) keep(pubsub.onError(told.error));
  } catch (cause) {
    throw new TrackerError("PUBSUB_UNAVAILABLE", REFUSED_LISTENER, {}, { cause });
  }
}
