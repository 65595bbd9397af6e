/** Several subscriptions, all in force within a time, or none at all. */
import { TrackerError } from "../errors.js";
import type { Unsubscribe } from "../pubsub/pubsub.js";
import type { Runtime } from "../runtime.js";

/**
 * @throws TrackerError `PUBSUB_UNAVAILABLE` if one fails, or does not come about within `timeoutMs`. What came
 *   about, or does later, is undone.
 */
export async function subscribeAll(
  subscriptions: readonly (() => Unsubscribe | Promise<Unsubscribe>)[],
  runtime: Runtime,
  timeoutMs: number,
): Promise<Unsubscribe[]> {
  const attempts = subscriptions.map(async (subscribe) => subscribe());
  let cancel: (() => void) | undefined;
  const patience = new Promise<never>((_resolve, reject) => {
    cancel = runtime.schedule(timeoutMs, () => {
      reject(
        new TrackerError("PUBSUB_UNAVAILABLE", `The pubsub did not answer within ${timeoutMs} ms`, {
          timeoutMs,
        }),
      );
    });
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
    if (cause instanceof TrackerError && cause.code === "PUBSUB_UNAVAILABLE") throw cause;
    throw new TrackerError("PUBSUB_UNAVAILABLE", "The pubsub refused a subscription", {}, { cause });
  } finally {
    cancel?.();
  }
}
