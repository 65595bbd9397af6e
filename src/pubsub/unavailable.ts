/** What every adapter says when it is asked to do what it cannot do now. */
import { TrackerError } from "../errors.js";

/** A `PUBSUB_UNAVAILABLE` error for a call on a pubsub that is `disconnected` or `closed`. */
export function unavailable(nodeName: string, state: "disconnected" | "closed"): TrackerError {
  return new TrackerError("PUBSUB_UNAVAILABLE", `The pubsub of ${nodeName} is ${state}`, { nodeName });
}
