/**
 * The one error class of the library, and the closed list of its codes. Misuse throws it; faults that the network
 * does wrong is reported through the `error` event with the same class.
 */

/**
 * What went wrong. Test for codes, never for message texts.
 *
 * - `ALREADY_TRACKED`: this session is tracked under this topic and key; use `set` or `update`.
 * - `NOT_TRACKED`: `update` of an entry that is not there.
 * - `TOO_MANY_CHANGES`: a handler answers each change with another one; the change at the end of the chain is refused.
 * - `NOT_FOLLOWED`: a topic was read that this node does not follow, where nodes hold what they follow.
 * - `TRACKER_STOPPED`: a change after `stop` began.
 * - `OBSERVER`: a change on a node that only looks on.
 * - `INVALID_OPTION`, `INVALID_ARGUMENT`: the named option or argument is of the wrong type or range, or there is none of
 *   that name.
 * - `INVALID_META`: a meta that is not a JSON object, or does not pass the schema; `path` says where. Reported: one of
 *   another node.
 * - `META_TOO_LARGE`: a meta above `maxMetaBytes`.
 * - `PUBSUB_UNAVAILABLE`: the pubsub did not answer in time, or refused.
 * - `DEAF`: this node does not hear itself any more, though the pubsub says that it is connected; `unheard` says how.
 * - `NAME_IN_USE`: a tracker of this name runs on this pubsub already.
 * - `NAME_CONFLICT`: two lives of one node name are alive at once.
 * - `NO_RELAY`: the cluster adapter runs where no primary relays.
 * - `PUBLISH_FAILED`: the pubsub refused a payload; the next heartbeat repairs the loss.
 * - `INVALID_FRAME`: something on the channel that no rollcall node has sent.
 * - `UNKNOWN_PROTOCOL`: a node, a server or a client speaks no version of the protocol in common with this one.
 * - `HOLDS_DIFFER`: a node of the same tracker holds what it follows, and this one is an observer.
 * - `SHARDS_DIFFER`: another node lists other Redis servers as its `shards`, or in another order: they hear each other in part.
 * - `DIVERGENCE`: a slice differed from its author's at an equal clock; it is being rebuilt.
 * - `CLOCK_AHEAD`: a node's clock was ahead in an earlier life; its next start is heard late, this once.
 * - `COUNTER_AHEAD`: what was heard in the name of a life was ahead of all it sends since; it is heard again.
 * - `CROWDED`: more nodes are known, or more shards only claimed, than can be remembered, or others have more entries than
 *   `maxEntries`, and no room can be made; further ones are not heard or held, or later.
 * - `LINK_BROKEN`: a node is heard in part only, or does not hear this one; `link` says which. Of a channel
 *   server, with `option: "route"`: it hears a node that the tracker of `route` does not hear.
 * - `PERIODS_DIFFER`: a node sends its heartbeats in another period than this one, and is judged by its own.
 * - `HANDLER_FAILED`: a behaviour, listener or fetch threw or rejected; `cause` has what.
 * - `NOT_EVICTED`: a node that was asked five times to end entries has not; they are still listed.
 * - `TIMEOUT`: a wait did not reach its goal in time.
 * - `LIMIT_REACHED`: a limit was reached; `details.limit` names the option, and the docs say what happens then.
 * - `ORIGIN_REFUSED`: a web page of an origin that `checkOrigin` does not allow tried to connect.
 * - `CONNECTION_REFUSED`: a connection was refused for a reason that the application should know of.
 * - `SEAL_REFUSED`: a payload that this node's keys did not seal, for that place, or that came before; `details.reason`.
 * - `UNSUPPORTED_DEPENDENCY`: an installed package is older than this version of rollcall relies on.
 */
export type TrackerErrorCode =
  | "ALREADY_TRACKED"
  | "NOT_TRACKED"
  | "TOO_MANY_CHANGES"
  | "NOT_FOLLOWED"
  | "TRACKER_STOPPED"
  | "OBSERVER"
  | "INVALID_OPTION"
  | "INVALID_ARGUMENT"
  | "INVALID_META"
  | "META_TOO_LARGE"
  | "PUBSUB_UNAVAILABLE"
  | "DEAF"
  | "NAME_IN_USE"
  | "NAME_CONFLICT"
  | "NO_RELAY"
  | "PUBLISH_FAILED"
  | "INVALID_FRAME"
  | "UNKNOWN_PROTOCOL"
  | "HOLDS_DIFFER"
  | "SHARDS_DIFFER"
  | "DIVERGENCE"
  | "CLOCK_AHEAD"
  | "COUNTER_AHEAD"
  | "CROWDED"
  | "LINK_BROKEN"
  | "PERIODS_DIFFER"
  | "HANDLER_FAILED"
  | "NOT_EVICTED"
  | "TIMEOUT"
  | "LIMIT_REACHED"
  | "ORIGIN_REFUSED"
  | "CONNECTION_REFUSED"
  | "SEAL_REFUSED"
  | "UNSUPPORTED_DEPENDENCY";

/** The values an error speaks of, such as `{ topic, key }` or `{ option, value }`. */
export type TrackerErrorDetails = Readonly<Record<string, unknown>>;

const UNPRINTABLE = /[\p{Cc}\u2028\u2029]/gu;

/** A text with its control characters and line separators escaped: nobody's name makes a line of a log. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * An error of rollcall. `code` says which, `details` holds the values involved, `cause` what led to it. The
 * message is one line, whatever the names in it.
 */
export class TrackerError extends Error {
  override readonly name = "TrackerError";
  readonly code: TrackerErrorCode;
  readonly details: TrackerErrorDetails;

  constructor(
    code: TrackerErrorCode,
    message: string,
    details: TrackerErrorDetails = {},
    options?: { cause?: unknown },
  ) {
    super(printable(message), options);
    this.code = code;
    this.details = details;
  }
}

/** Whether something that was thrown is one of these. It may be anything, also an object that throws when it is looked at. */
export function isTrackerError(thrown: unknown): thrown is TrackerError {
  try {
    return thrown instanceof TrackerError;
  } catch {
    return false;
  }
}

/** The message of what was thrown; empty if it is no error, or cannot be looked at. */
export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : "";
  } catch {
    return "";
  }
}
