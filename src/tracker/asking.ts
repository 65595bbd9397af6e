/** What a tracker asks of its pubsub, beside carrying payloads: another connection. */
import { promiseOf } from "../pubsub/returned.js";
import type { PubSub } from "../pubsub/pubsub.js";

/** Asks for another connection, as nothing is heard by the present one; `failed` hears if that is refused. */
export function askToReconnect(pubsub: PubSub, failed: (cause: unknown) => void): void {
  try {
    promiseOf(pubsub.reconnect?.())?.catch(failed);
  } catch (cause) {
    failed(cause);
  }
}
