/** What every adapter says when it is asked to do what it cannot do now. */
import { TrackerError } from "../errors.js";

/**
 * A `PUBSUB_UNAVAILABLE` error for a call on a pubsub that is `disconnected` or `closed`.
 *
 * @param cause What the client has said of it, if it has said anything.
 */
export function unavailable(
  nodeName: string,
  state: "disconnected" | "closed",
  cause?: unknown,
): TrackerError {
  const because = cause === undefined ? undefined : { cause };
  return new TrackerError(
    "PUBSUB_UNAVAILABLE",
    `The pubsub of ${nodeName} is ${state}`,
    { nodeName },
    because,
  );
}
