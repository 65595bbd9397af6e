/**
 * Messages as text: JSON of positional tuples, with strings and the shapes of metas stored once per message.
 * The whole wire format is in this file, in `bodies.ts`, in `births.ts` and in docs/protocol.md.
 *
 * Promises: decoding never throws, never loops longer than its text and does not even parse a text that is
 * longer than any frame; what it returns is fully checked; decoding what was encoded returns the same message.
 * Knows no replica, no clock of its own and no pubsub.
 *
 *     frame   = [version, kind, name, incarnation, to | 0, counter, ...body]
 *     births  = [strings, shapes, sessionPrefix, rows]
 *     row     = clock step, topic, key, session, shape, ...values        (all rows in one flat array)
 *
 * A topic, key or text value is the index of a string. A clock is the step from the row before. A session is
 * the step from the number before if its id is the prefix and a number, else the id itself. A shape names the
 * properties of a meta, each with a letter before it: `s` for a text (an index), `v` for any other value; with
 * -1 instead of a shape, the one value is the meta. A removal is the step of its clock, negative if a session
 * closed, and the step of the dot that it removed.
 */
import { printable } from "../../errors.js";
import { fitsJsonText, utf8Length } from "../bytes.js";
import {
  MAX_FRAME_BYTES,
  MAX_NAME_BYTES,
  MAX_NODE_NAME_BYTES,
  MAX_SESSION_LENGTH,
  PROTOCOL_VERSION,
} from "../limits.js";
import { INCARNATION_RANDOM_LENGTH, isIncarnation, makeIncarnation } from "../life.js";
import type { Frame, Message } from "../message.js";
import { RULES, type Rules } from "../rules.js";
import type { BirthsForm } from "./births.js";
import { KINDS, decodeBody, encodeBody, type Kind } from "./bodies.js";
import { Refusal, check, integer, positive } from "./checks.js";

/** Added to the kind of a frame whose sender only looks on; so it may say that it is there, and ask. */
const OBSERVES = 16;
const OBSERVER_KINDS: ReadonlySet<string> = new Set<Kind>(["heartbeat", "deltaRequest", "pageRequest"]);
const kindNumbers = new Map<Kind, number>(KINDS.map((kind, number) => [kind, number]));

/** What became of a text: a frame, or why it is none. `version` is set where another protocol was spoken. */
export type Decoded =
  | { readonly frame: Frame }
  | { readonly frame: undefined; readonly refused: string; readonly version?: unknown };

export function encodeFrame(frame: Frame, form: BirthsForm = "shared"): string {
  const { from, to, counter, message, observes } = frame;
  return JSON.stringify([
    PROTOCOL_VERSION,
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
    encodeFrame({ from: { name: "n", incarnation }, to: incarnation, counter: most, message }, "plain"),
  );
  const bytes = Math.max(...frames.map(utf8Length)) - "nkt{}".length;
  return bytes + MAX_NODE_NAME_BYTES + 2 * MAX_NAME_BYTES + maxMetaBytes;
}

/** Never throws: a text that no replica could have sent is refused, with the reason. */
export function decodeFrame(text: string, rules: Rules = RULES): Decoded {
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
  const [version, kind, name, incarnation, to, counter, ...body] = parsed as unknown[];
  if (!rules.isSpoken(version)) {
    return Number.isSafeInteger(version) && typeof name === "string"
      ? { frame: undefined, refused: "unknown protocol version", version }
      : { frame: undefined, refused: "not a frame" };
  }
  try {
    check(isNodeName(name), "name");
    check(isIncarnation(incarnation), "incarnation");
    check(to === 0 || isIncarnation(to), "addressee");
    const kindNumber = integer(kind, "kind");
    const observes = kindNumber >= OBSERVES;
    const message = decodeBody(KINDS[observes ? kindNumber - OBSERVES : kindNumber], body);
    check(!observes || OBSERVER_KINDS.has(message.type), "kind");
    return {
      frame: {
        from: { name, incarnation },
        to: to === 0 ? undefined : to,
        counter: positive(counter, "counter"),
        message,
        ...(observes && { observes }),
      },
    };
  } catch (problem) {
    if (problem instanceof Refusal) return { frame: undefined, refused: problem.message };
    throw problem;
  }
}

/** Whether a value can be the name of a node: not empty, not too long, and one that a log can show. */
export function isNodeName(value: unknown): value is string {
  if (typeof value !== "string" || value === "" || printable(value) !== value) return false;
  return fitsJsonText(value, MAX_NODE_NAME_BYTES);
}
