/**
 * Frames of nodes that follow as text: JSON of positional values, as those of `src/replication/wire`, whose promises hold
 * here: decoding never throws, never loops longer than its text and does not even parse one that is longer than any frame;
 * what it returns is fully checked; decoding what was encoded returns the same frame. Trailing fields, and letters
 * and kinds that this version does not know, are passed over and counted.
 *
 *     frame   = [2, kind, name, incarnation, to | 0, counter, ...body]             `to` is the end of an incarnation
 *     beat    = periodMs, lateMs, version | 0
 *     pair    = [ letter, part ]*                                  `letters.ts`
 *     part    = part, parts, [ letter, part ]*                     of a pair that would be too long
 *     roll    = late, calls                                        `roll-text.ts`
 *     who     = hashes
 *     names   = [ [ name, incarnation, counter ]* ]
 *     goodbye, evict                                               as in `src/replication/wire`
 *
 * A frame whose kind is 16 higher comes from a node that holds everything.
 */
import { MAX_FRAME_BYTES, MAX_PARTS } from "../limits.js";
import { isIncarnation, type Life } from "../life.js";
import type { BirthsForm } from "../wire/births.js";
import { decodeBody, decodeTime, encodeBody, isVersion } from "../wire/bodies.js";
import { Refusal, array, check, integer, positive } from "../wire/checks.js";
import { isNodeName, isVersionNumber } from "../wire/codec.js";
import { decodeLetters, encodeLetters } from "./letters.js";
import { FOLLOWING_VERSION, MAX_FRAME_ITEMS, MAX_FRAME_NAMES } from "./limits.js";
import type { FollowingFrame, FollowingMessage, Names } from "./message.js";
import { packCalls, packHashes, unpackCalls, unpackHashes } from "./roll-text.js";

/** By their numbers in a frame. Those between are kept for pages and counts. */
const BEAT = 0;
const PAIR = 1;
const GOODBYE = 5;
const ROLL = 6;
const WHO = 7;
const EVICT = 8;
const PART = 9;
const NAMES = 10;
/** Of the incarnation that a frame is for, its end is enough: the random part, and so much of the time that no other life of that name has it. */
const TO_LENGTH = 7;
const ADDRESSEE = /^[0-9a-z]{7}$/;
/** Added to the kind by who holds everything. */
const OF_EVERYTHING = 16;

/** What became of a text: a frame, or why it is none. `version` is set where another protocol was spoken. */
export type DecodedFollowing =
  | { readonly frame: FollowingFrame }
  | { readonly frame: undefined; readonly from: undefined; readonly refused: string }
  | { readonly frame: undefined; readonly from: Life; readonly version: number };

export function encodeFollowing(frame: FollowingFrame, form: BirthsForm = "shared"): string {
  const { from, to, counter, message, holdsEverything = false } = frame;
  const [kindNumber, ...body] = encodeMessage(message, form);
  const kind = kindNumber + (holdsEverything ? OF_EVERYTHING : 0);
  return JSON.stringify([
    FOLLOWING_VERSION,
    kind,
    from.name,
    from.incarnation,
    to?.slice(-TO_LENGTH) ?? 0,
    counter,
    ...body,
  ]);
}

function encodeMessage(message: FollowingMessage, form: BirthsForm): [kind: number, ...body: unknown[]] {
  switch (message.type) {
    case "beat":
      return [BEAT, message.periodMs, message.lateMs, message.version ?? 0];
    case "pair": {
      const letters = encodeLetters(message.letters, form);
      return message.parts === 1 ? [PAIR, ...letters] : [PART, message.part, message.parts, ...letters];
    }
    case "goodbye":
      return [GOODBYE, ...encodeBody(message, form)];
    case "evict":
      return [EVICT, ...encodeBody(message, form)];
    case "roll":
      return [ROLL, message.isLate ? 1 : 0, packCalls(message.calls)];
    case "who":
      return [WHO, packHashes(message.hashes)];
    case "names":
      return [NAMES, message.lives.map(([{ name, incarnation }, counter]) => [name, incarnation, counter])];
    case "unknown":
      throw new Error("A fault of rollcall: a message of no kind is sent");
  }
}

/** Never throws: a text that no node could have sent is refused, with the reason. */
export function decodeFollowing(text: string): DecodedFollowing {
  if (typeof text !== "string") return refused("not a text");
  // No unit of a text takes less than a byte.
  if (text.length > MAX_FRAME_BYTES) return refused("too long");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return refused("not JSON");
  }
  if (!Array.isArray(parsed)) return refused("not a frame");
  const [version, kind, name, incarnation, to, counter, ...body] = parsed as unknown[];
  try {
    check(isVersionNumber(version), "version");
    check(isNodeName(name), "name");
    check(isIncarnation(incarnation), "incarnation");
    if (version !== FOLLOWING_VERSION) return { frame: undefined, from: { name, incarnation }, version };
    check(to === 0 || (typeof to === "string" && ADDRESSEE.test(to)), "addressee");
    const head = { from: { name, incarnation }, to: to === 0 ? undefined : to };
    const kindNumber = integer(kind, "kind");
    const holdsEverything = kindNumber >= OF_EVERYTHING && kindNumber < 2 * OF_EVERYTHING;
    const { message, unknown } = decodeMessage(kindNumber - (holdsEverything ? OF_EVERYTHING : 0), body);
    const frame: FollowingFrame = {
      ...{ ...head, counter: positive(counter, "counter"), message },
      ...(holdsEverything && { holdsEverything }),
    };
    return { frame: unknown > 0 ? { ...frame, unknown } : frame };
  } catch (problem) {
    if (problem instanceof Refusal) return refused(problem.message);
    throw problem;
  }
}

function refused(why: string): DecodedFollowing {
  return { frame: undefined, from: undefined, refused: why };
}

interface DecodedMessage {
  readonly message: FollowingMessage;
  readonly unknown: number;
}

function decodeMessage(kind: number, body: readonly unknown[]): DecodedMessage {
  switch (kind) {
    case BEAT:
      return { message: decodeBeat(body), unknown: 0 };
    case PAIR:
      return decodePair(1, 1, body);
    case PART: {
      const part = positive(body[0], "part");
      const parts = positive(body[1], "parts");
      check(parts > 1 && part <= parts && parts <= MAX_PARTS, "part");
      return decodePair(part, parts, body.slice(2));
    }
    case GOODBYE:
      return { message: decodeBody("goodbye", body) as FollowingMessage, unknown: 0 };
    case EVICT:
      return { message: decodeBody("evict", body) as FollowingMessage, unknown: 0 };
    case ROLL:
      return { message: decodeRoll(body), unknown: 0 };
    case WHO:
      return { message: { type: "who", hashes: decodeText(body[0], unpackHashes, "hashes") }, unknown: 0 };
    case NAMES:
      return { message: { type: "names", lives: decodeNames(body[0]) }, unknown: 0 };
    default:
      return { message: { type: "unknown" }, unknown: 1 };
  }
}

function decodePair(part: number, parts: number, body: readonly unknown[]): DecodedMessage {
  const { letters, unknown } = decodeLetters(body);
  return { message: { type: "pair", letters, part, parts }, unknown };
}

function decodeBeat(body: readonly unknown[]): FollowingMessage {
  const [periodMs, late, version] = body;
  check(typeof periodMs === "number" && periodMs >= 1 && periodMs < 2 ** 31, "period");
  const lateMs = decodeTime(late, "lateness") ?? 0;
  check(version === 0 || version === undefined || isVersion(version), "version");
  return { type: "beat", periodMs, lateMs, ...(typeof version === "string" && { version }) };
}

function decodeRoll([late, calls]: readonly unknown[]): FollowingMessage {
  check(late === 0 || late === 1, "lateness");
  return { type: "roll", isLate: late === 1, calls: decodeText(calls, unpackCalls, "calls") };
}

function decodeText<T>(
  text: unknown,
  unpack: (text: string) => readonly T[] | undefined,
  what: string,
): readonly T[] {
  check(typeof text === "string", what);
  const items = unpack(text);
  check(items !== undefined && items.length <= MAX_FRAME_ITEMS, what);
  return items;
}

function decodeNames(lives: unknown): Names["lives"] {
  const listed = array(lives, "lives");
  check(listed.length <= MAX_FRAME_NAMES, "lives");
  return listed.map((item) => {
    const [name, incarnation, counter] = array(item, "life");
    check(isNodeName(name), "name");
    check(isIncarnation(incarnation), "incarnation");
    return [{ name, incarnation }, positive(counter, "counter")];
  });
}
