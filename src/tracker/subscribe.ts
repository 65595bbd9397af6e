/** Several subscriptions, all in force within a time, or none at all. */
import { isTrackerError, TrackerError } from "../errors.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import type { Runtime } from "../runtime.js";

/**
 * The process lives as long as this waits.
 *
 * @throws TrackerError `PUBSUB_UNAVAILABLE` if one fails, or does not come about within `timeoutMs`; `cause` is the
 *   last failure that the pubsub has told meanwhile. What came about, or does later, is undone.
 */
export async function subscribeAll(
  subscriptions: readonly (() => Unsubscribe | Promise<Unsubscribe>)[],
  pubsub: PubSub,
  runtime: Runtime,
  timeoutMs: number,
): Promise<Unsubscribe[]> {
  let lastFailure: unknown;
  const stopListening = hearFailures(pubsub, (error) => (lastFailure = error));
  const attempts = subscriptions.map(async (subscribe) => subscribe());
  let cancel: (() => void) | undefined;
  const patience = new Promise<never>((_resolve, reject) => {
    const giveUp = (): void => {
      const text = `The pubsub did not answer within ${timeoutMs} ms`;
      const because = lastFailure === undefined ? undefined : { cause: lastFailure };
      reject(new TrackerError("PUBSUB_UNAVAILABLE", text, { timeoutMs }, because));
    };
    cancel = runtime.schedule(timeoutMs, giveUp, { keepsAlive: true });
  });
  try {
    return await Promise.race([Promise.all(attempts), patience]);
  } catch (cause) {
    for (const attempt of attempts) {
      void attempt
        .then((unsubscribe) => unsubscribe())
        .catch(() => {
          // It never came about, or is gone with the pubsub: there is nothing to undo.
        });
    }
    if (isTrackerError(cause) && cause.code === "PUBSUB_UNAVAILABLE") throw cause;
    throw new TrackerError("PUBSUB_UNAVAILABLE", "The pubsub refused a subscription", {}, { cause });
  } finally {
    cancel?.();
    stopListening();
  }
}

/** Errors that are heard here explain a start that fails. A pubsub that refuses the listener is reported later. */
function hearFailures(pubsub: PubSub, listener: (error: unknown) => void): () => void {
  const listening = (async () => pubsub.onError?.(listener))().catch(() => undefined);
  return () => {
    void listening.then(async (stop) => stop?.()).catch(() => undefined);
  };
}
