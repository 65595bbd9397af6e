/**
 * Messages as text: JSON of positional tuples, with strings and the shapes of metas stored once per message.
 * The whole wire format is in this file, in `bodies.ts`, in `births.ts` and in docs/protocol.md.
 *
 * Promises: decoding never throws, never loops longer than its text and does not even parse a text that is
 * longer than any frame; what it returns is fully checked; decoding what was encoded returns the same message.
 * Knows no replica, no clock of its own and no pubsub.
 *
 *     frame   = [version, kind, name, incarnation, to | 0, counter, ...body, ...further]
 *     births  = [strings, shapes, sessionPrefix, rows]
 *     row     = clock step, topic, key, session, shape, ...values        (all rows in one flat array)
 *
 * A topic, key or text value is the index of a string. A clock is the step from the row before. A session is
 * the step from the number before if its id is the prefix and a number, else the id itself. A shape names the
 * properties of a meta, each with a letter before it: `s` for a text (an index), `v` for any other value; with
 * -1 instead of a shape, the one value is the meta. A removal is the step of its clock, negative if a session
 * closed, and the step of the dot that it removed. What a later version appends is left alone, and told.
 */
import { printable } from "../../errors.js";
import { fitsJsonText, utf8Length } from "../bytes.js";
import {
  LIMITS,
  MAX_FRAME_BYTES,
  MAX_NAME_BYTES,
  MAX_NODE_NAME_BYTES,
  MAX_PROTOCOL_VERSION,
  MAX_SESSION_LENGTH,
} from "../limits.js";
import { INCARNATION_RANDOM_LENGTH, isIncarnation, makeIncarnation, type Life } from "../life.js";
import type { Frame, Message } from "../message.js";
import { PROTOCOL, type Protocol } from "../rules.js";
import type { BirthsForm } from "./births.js";
import { KINDS, decodeBody, encodeBody, hasFurther, type Kind } from "./bodies.js";
import { Refusal, check, integer, positive } from "./checks.js";
import { NOTICE } from "./notice.js";

/** Added to the kind of a frame whose sender only looks on; so it may say that it is there, and ask. */
const OBSERVES = 16;
const OBSERVER_KINDS: ReadonlySet<string> = new Set<Kind>(["heartbeat", "deltaRequest", "pageRequest"]);
const kindNumbers = new Map<Kind, number>(KINDS.map((kind, number) => [kind, number]));

/** What became of a text: a frame, or why nothing in it is read. */
export type Decoded =
  /** `further`: its sender has said more than this version reads. */
  | { readonly frame: Frame; readonly further: boolean }
  /**
   * Its head is read, as in every version; its body stands in another version, or is of a kind that is unknown, or it has
   * none, and tells that its sender holds otherwise.
   */
  | { readonly frame: undefined; readonly unread: "version" | "kind" | "holds"; readonly head: FrameHead }
  | { readonly frame: undefined; readonly refused: string };

/** What stands in front of every frame, in every version. */
export interface FrameHead {
  readonly from: Life;
  readonly to: string | undefined;
  readonly counter: number;
  readonly version: number;
}

/** A frame to be written: in the newest version, if it does not say in which. */
type Unwritten = Omit<Frame, "version"> & { readonly version?: number | undefined };

export function encodeFrame(frame: Unwritten, form: BirthsForm = "shared"): string {
  const { from, to, counter, message, observes, version = LIMITS.newestVersion } = frame;
  return JSON.stringify([
    version,
    (kindNumbers.get(message.type) ?? 0) + (observes === true ? OBSERVES : 0),
    from.name,
    from.incarnation,
    to ?? 0,
    counter,
    ...encodeBody(message, form),
  ]);
}

/**
 * The most bytes that a frame with one entry in plain form may need, whatever the entry's names, the node's name
 * and the numbers in the frame: where so many are allowed, an entry that was accepted can be sent.
 */
export function largestEntryFrameBytes(maxMetaBytes: number): number {
  const most = Number.MAX_SAFE_INTEGER;
  // Encoded as it would be, with the largest number in every place and one letter for each name.
  // No unit takes more bytes than a control character.
  const session = "\0".repeat(MAX_SESSION_LENGTH);
  const births = [{ clock: 2 * most, topic: "t", key: "k", session, meta: {} }];
  const common = { shard: most, upTo: most, births };
  const messages: Message[] = [
    { ...common, type: "delta", since: most, part: most, parts: most, removed: [] },
    { ...common, type: "page", rebuild: most, from: most, to: most, until: most, asOf: most, kept: [] },
  ];
  const incarnation = makeIncarnation(0, "0".repeat(INCARNATION_RANDOM_LENGTH));
  const frames = messages.map((message) =>
    encodeFrame(
      {
        from: { name: "n", incarnation },
        to: incarnation,
        counter: most,
        message,
        version: MAX_PROTOCOL_VERSION,
      },
      "plain",
    ),
  );
  const bytes = Math.max(...frames.map(utf8Length)) - "nkt{}".length;
  return bytes + MAX_NODE_NAME_BYTES + 2 * MAX_NAME_BYTES + maxMetaBytes;
}

/** Never throws: a text that no replica could have sent is refused, with the reason. */
export function decodeFrame(text: string, protocol: Protocol = PROTOCOL): Decoded {
  if (typeof text !== "string") return { frame: undefined, refused: "not a text" };
  // No unit of a text takes less than a byte.
  if (text.length > MAX_FRAME_BYTES) return { frame: undefined, refused: "too long" };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { frame: undefined, refused: "not JSON" };
  }
  if (!Array.isArray(parsed)) return { frame: undefined, refused: "not a frame" };
  try {
    return decodeParts(parsed as unknown[], protocol);
  } catch (problem) {
    if (problem instanceof Refusal) return { frame: undefined, refused: problem.message };
    throw problem;
  }
}

function decodeParts(
  [version, kind, name, incarnation, to, counter, ...body]: unknown[],
  protocol: Protocol,
): Decoded {
  check(isVersionNumber(version), "version");
  check(isNodeName(name), "name");
  check(isIncarnation(incarnation), "incarnation");
  check(to === 0 || isIncarnation(to), "addressee");
  const kindNumber = integer(kind, "kind");
  const observes = (kindNumber & OBSERVES) !== 0;
  const known = KINDS[observes ? kindNumber - OBSERVES : kindNumber];
  check(!observes || known === undefined || OBSERVER_KINDS.has(known), "kind");
  const from = { name, incarnation };
  const addressee = to === 0 ? undefined : to;
  const number = positive(counter, "counter");
  const unread = (what: "version" | "kind" | "holds"): Decoded => {
    return { frame: undefined, unread: what, head: { from, to: addressee, counter: number, version } };
  };
  const { rules, limits } = protocol;
  const isRead = rules.isRead(version, limits);
  if (kindNumber === NOTICE) return unread("holds");
  if (known === undefined || (!isRead && known !== "heartbeat")) {
    check(!isRead || rules.leavesFurther(), "kind");
    return unread(isRead ? "kind" : "version");
  }
  let message: Message;
  try {
    message = decodeBody(known, body);
  } catch (problem) {
    // A heartbeat reads the same in every version, unless a later one breaks that promise.
    if (problem instanceof Refusal && !isRead) return unread("version");
    throw problem;
  }
  const further = hasFurther(known, body);
  check(!further || rules.leavesFurther(), "fields");
  const frame = { from, to: addressee, counter: number, message, version, ...(observes && { observes }) };
  return { frame, further };
}

/** Whether a value can be the number of a version of the protocol. */
export function isVersionNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= MAX_PROTOCOL_VERSION;
}

/** Whether a value can be the name of a node: not empty, not too long, and one that a log can show. */
export function isNodeName(value: unknown): value is string {
  if (typeof value !== "string" || value === "" || printable(value) !== value) return false;
  return fitsJsonText(value, MAX_NODE_NAME_BYTES);
}
