/**
 * Messages as text: JSON of positional tuples, with strings and the shapes of metas stored once per message.
 * The whole wire format is in this file and in docs/protocol.md.
 *
 * Promises: decoding never throws and never loops longer than its text; what it returns is fully checked;
 * decoding what was encoded gives the same message. Knows no replica, no clock of its own and no pubsub.
 *
 *     frame   = [version, kind, name, incarnation, to | 0, counter, ...body]
 *     births  = [strings, shapes, sessionPrefix, rows]
 *     row     = clock step, topic, key, session, shape, ...values        (all rows in one flat array)
 *
 * A topic, key or text value is the index of a string. A clock is the step from the row before. A session is
 * the step from the number before if its id is the prefix and a number, else the id itself. A shape names the
 * properties of a meta, each with a letter before it: `s` for a text (an index), `v` for any other value. A
 * removal is the step of its clock, negative if a session closed, and the step of the dot that it removed.
 */
import type { AnyMeta } from "../tracker/behaviour.js";
import { MAX_PAGE_KEPT, MAX_PARTS, MAX_POOL_SIZE, PROTOCOL_VERSION } from "./limits.js";
import { isIncarnation } from "./life.js";
import type { Frame, Interval, Message, ShardSummary, WireBirth, WireRemoval } from "./message.js";

const KINDS = ["heartbeat", "delta", "deltaRequest", "far", "pageRequest", "page", "goodbye"] as const;
type Kind = (typeof KINDS)[number];
const kindNumbers = new Map<Kind, number>(KINDS.map((kind, number) => [kind, number]));

/** What became of a text: a frame, or why it is none. `version` is set where another protocol was spoken. */
export type Decoded =
  | { readonly frame: Frame }
  | { readonly frame: undefined; readonly refused: string; readonly version?: unknown };

export function encodeFrame(frame: Frame): string {
  const { from, to, counter, message } = frame;
  return JSON.stringify([
    PROTOCOL_VERSION,
    kindNumbers.get(message.type),
    from.name,
    from.incarnation,
    to ?? 0,
    counter,
    ...encodeBody(message),
  ]);
}

function encodeBody(message: Message): unknown[] {
  switch (message.type) {
    case "heartbeat":
      return [message.poolSize, message.firstShard, encodeSummaries(message.shards)];
    case "delta":
      return [
        message.shard,
        message.since,
        message.upTo,
        message.part,
        message.parts,
        encodeRemovals(message.removed, message.since),
        encodeBirths(message.births, message.since),
        ...encodeClosed(message.closed, message.since),
      ];
    case "deltaRequest":
    case "far":
      return [message.shard, message.clock];
    case "pageRequest":
      return [
        message.shard,
        message.rebuild,
        message.base,
        message.from,
        message.until,
        ...(message.shown === undefined ? [] : [message.shown]),
      ];
    case "page":
      return [
        message.shard,
        message.rebuild,
        message.from,
        message.to,
        message.until,
        message.asOf,
        encodeIntervals(message.kept, message.from),
        encodeBirths(message.births, message.from),
        ...encodeClosed(message.closed, 0),
      ];
    case "goodbye":
      return [message.windowMs];
  }
}

/** Never throws: a text that no replica could have sent is refused, with the reason. */
export function decodeFrame(text: string): Decoded {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { frame: undefined, refused: "not JSON" };
  }
  if (!Array.isArray(parsed)) return { frame: undefined, refused: "not a frame" };
  const [version, kind, name, incarnation, to, counter, ...body] = parsed as unknown[];
  if (version !== PROTOCOL_VERSION) {
    return Number.isSafeInteger(version) && typeof name === "string"
      ? { frame: undefined, refused: "unknown protocol version", version }
      : { frame: undefined, refused: "not a frame" };
  }
  try {
    check(typeof name === "string" && name !== "" && name.length <= 256, "name");
    check(isIncarnation(incarnation), "incarnation");
    check(to === 0 || isIncarnation(to), "addressee");
    const message = decodeBody(KINDS[integer(kind, "kind")], body);
    return {
      frame: {
        from: { name, incarnation },
        to: to === 0 ? undefined : to,
        counter: positive(counter, "counter"),
        message,
      },
    };
  } catch (problem) {
    if (problem instanceof Refusal) return { frame: undefined, refused: problem.message };
    throw problem;
  }
}

function decodeBody(kind: Kind | undefined, body: readonly unknown[]): Message {
  switch (kind) {
    case "heartbeat": {
      const poolSize = positive(body[0], "pool size");
      check(poolSize <= MAX_POOL_SIZE, "pool size");
      const firstShard = integer(body[1], "shard");
      const shards = decodeSummaries(array(body[2], "summaries"));
      check(firstShard + shards.length <= poolSize, "shard");
      return { type: kind, poolSize, firstShard, shards };
    }
    case "delta": {
      const since = integer(body[1], "since");
      const upTo = integer(body[2], "upTo");
      check(since < upTo, "range");
      const part = positive(body[3], "part");
      const parts = positive(body[4], "parts");
      check(part <= parts && parts <= MAX_PARTS, "part");
      const removed = decodeRemovals(array(body[5], "removals"), since, upTo);
      const births = decodeBirths(array(body[6], "births"), since, upTo);
      const closed = decodeClosed(body[7], since, upTo);
      return {
        type: kind,
        shard: shardNumber(body[0]),
        since,
        upTo,
        part,
        parts,
        births,
        removed,
        ...closed,
      };
    }
    case "deltaRequest":
    case "far":
      return { type: kind, shard: shardNumber(body[0]), clock: integer(body[1], "clock") };
    case "pageRequest":
      return {
        type: kind,
        shard: shardNumber(body[0]),
        rebuild: positive(body[1], "rebuild"),
        base: integer(body[2], "base"),
        from: integer(body[3], "from"),
        until: integer(body[4], "until"),
        ...(body[5] !== undefined && { shown: integer(body[5], "shown") }),
      };
    case "page": {
      const from = integer(body[2], "from");
      const to = integer(body[3], "to");
      const until = integer(body[4], "until");
      const asOf = integer(body[5], "asOf");
      check(from <= to && to <= until && until <= asOf, "range");
      return {
        type: kind,
        shard: shardNumber(body[0]),
        rebuild: positive(body[1], "rebuild"),
        from,
        to,
        until,
        asOf,
        kept: decodeIntervals(array(body[6], "intervals"), from, to),
        births: decodeBirths(array(body[7], "births"), from, to),
        ...decodeClosed(body[8], 0, to),
      };
    }
    case "goodbye": {
      const [windowMs] = body;
      check(typeof windowMs === "number" && windowMs >= 0 && windowMs < 2 ** 31, "window");
      return { type: kind, windowMs };
    }
    case undefined:
      throw new Refusal("unknown kind");
  }
}

function encodeSummaries(shards: readonly ShardSummary[]): number[] {
  const flat: number[] = [];
  for (const { clock, count, digest } of shards) flat.push(clock, count, digest);
  return flat;
}

function decodeSummaries(flat: readonly unknown[]): ShardSummary[] {
  check(flat.length % 3 === 0, "summaries");
  const shards: ShardSummary[] = [];
  for (let i = 0; i < flat.length; i += 3) {
    const digest = flat[i + 2];
    check(typeof digest === "number" && Number.isInteger(digest), "digest");
    shards.push({ clock: integer(flat[i], "clock"), count: integer(flat[i + 1], "count"), digest });
  }
  return shards;
}

function encodeRemovals(removed: readonly WireRemoval[], since: number): number[] {
  const flat: number[] = [];
  let lastClock = since;
  let lastRemoved = 0;
  for (const { clock, removed: dot, closed } of removed) {
    flat.push(closed ? lastClock - clock : clock - lastClock, dot - lastRemoved);
    lastClock = clock;
    lastRemoved = dot;
  }
  return flat;
}

function decodeRemovals(flat: readonly unknown[], since: number, upTo: number): WireRemoval[] {
  check(flat.length % 2 === 0, "removals");
  const removals: WireRemoval[] = [];
  let clock = since;
  let removed = 0;
  for (let i = 0; i < flat.length; i += 2) {
    const clockStep = step(flat[i], "removal");
    clock += Math.abs(clockStep);
    removed += step(flat[i + 1], "removal");
    check(clockStep !== 0 && clock <= upTo && removed >= 1 && removed <= since, "removal");
    removals.push({ clock, removed, closed: clockStep < 0 });
  }
  return removals;
}

/** The last field of a delta and a page, left away if it is empty. */
function encodeClosed(closed: readonly number[] | undefined, since: number): number[][] {
  if (closed === undefined || closed.length === 0) return [];
  return [closed.map((clock, i) => clock - (closed[i - 1] ?? since))];
}

function decodeClosed(steps: unknown, since: number, upTo: number): { closed?: readonly number[] } {
  if (steps === undefined) return {};
  let clock = since;
  const closed = array(steps, "closed").map((each) => (clock += positive(each, "closed")));
  check(clock <= upTo, "closed");
  return { closed };
}

function encodeIntervals(intervals: readonly Interval[], from: number): number[] {
  const flat: number[] = [];
  let last = from;
  for (const interval of intervals) {
    flat.push(interval.first - last, interval.last - interval.first);
    last = interval.last;
  }
  return flat;
}

function decodeIntervals(flat: readonly unknown[], from: number, to: number): Interval[] {
  check(flat.length % 2 === 0, "intervals");
  const intervals: Interval[] = [];
  let last = from;
  let dots = 0;
  for (let i = 0; i < flat.length; i += 2) {
    const first = last + positive(flat[i], "interval");
    last = first + integer(flat[i + 1], "interval");
    dots += last - first + 1;
    check(last <= to && dots <= MAX_PAGE_KEPT, "interval");
    intervals.push({ first, last });
  }
  return intervals;
}

function encodeBirths(births: readonly WireBirth[], since: number): unknown[] {
  if (births.length === 0) return [];
  const strings = new Numbering();
  const shapes = new Map<string, { number: number; names: string[]; kinds: string[] }>();
  const prefix = splitSession(births[0]!.session)?.prefix ?? "";
  const rows: unknown[] = [];
  let lastClock = since;
  let lastNumber = 0;
  for (const { clock, topic, key, session, meta } of births) {
    rows.push(clock - lastClock, strings.numberOf(topic), strings.numberOf(key));
    lastClock = clock;
    const split = splitSession(session);
    if (split !== undefined && split.prefix === prefix) {
      rows.push(split.number - lastNumber);
      lastNumber = split.number;
    } else rows.push(session);
    let signature = "";
    // With the length before each name, no two shapes have one signature.
    for (const name in meta)
      signature += `${typeof meta[name] === "string" ? "s" : "v"}${name.length}:${name}`;
    let shape = shapes.get(signature);
    if (shape === undefined) {
      const names = Object.keys(meta);
      const kinds = names.map((name) => (typeof meta[name] === "string" ? "s" : "v"));
      shape = { number: shapes.size, names, kinds };
      shapes.set(signature, shape);
    }
    rows.push(shape.number);
    for (let i = 0; i < shape.names.length; i++) {
      const value: unknown = meta[shape.names[i]!];
      rows.push(shape.kinds[i] === "s" ? strings.numberOf(value as string) : value);
    }
  }
  const listed = [...shapes.values()].map(({ names, kinds }) => names.map((name, i) => kinds[i]! + name));
  return [strings.list, listed, prefix, rows];
}

function decodeBirths(block: readonly unknown[], since: number, upTo: number): WireBirth[] {
  if (block.length === 0) return [];
  const strings = array(block[0], "strings");
  for (const text of strings) check(typeof text === "string", "strings");
  const shapes = array(block[1], "shapes").map((shape) => array(shape, "shape").map(decodeProperty));
  for (const shape of shapes) check(new Set(shape.map(({ name }) => name)).size === shape.length, "shape");
  const prefix = block[2];
  check(typeof prefix === "string", "session");
  const rows = array(block[3], "rows");
  const births: WireBirth[] = [];
  const text = (index: unknown): string => {
    const found = strings[integer(index, "string")];
    check(typeof found === "string", "string");
    return found;
  };
  let clock = since;
  let number = 0;
  for (let i = 0; i < rows.length;) {
    clock += positive(rows[i], "birth");
    check(clock <= upTo, "birth");
    const topic = text(rows[i + 1]);
    const key = text(rows[i + 2]);
    const sessionPart = rows[i + 3];
    let session: string;
    if (typeof sessionPart === "string") session = sessionPart;
    else {
      number += step(sessionPart, "session");
      session = prefix + number;
    }
    const shape = shapes[integer(rows[i + 4], "shape")];
    check(shape !== undefined && i + 5 + shape.length <= rows.length, "shape");
    i += 5;
    const meta: AnyMeta = {};
    for (const { name, isText } of shape) {
      const value = isText ? text(rows[i]) : deepFreeze(rows[i], 0);
      i += 1;
      // Assigning to `__proto__` would set the prototype instead of a property.
      if (name === "__proto__") Object.defineProperty(meta, name, { value, enumerable: true });
      else meta[name] = value;
    }
    births.push({ clock, topic, key, session, meta: Object.freeze(meta) });
  }
  return births;
}

function decodeProperty(property: unknown): { name: string; isText: boolean } {
  check(typeof property === "string" && (property[0] === "s" || property[0] === "v"), "shape");
  return { name: property.slice(1), isText: property[0] === "s" };
}

/** Deeper than any meta that `track` accepts: what is below was not sent by a tracker. */
const MAX_DEPTH = 256;

function deepFreeze(value: unknown, depth: number): unknown {
  // 1e999 is JSON, and infinite.
  if (typeof value === "number") check(Number.isFinite(value), "number");
  if (typeof value !== "object" || value === null) return value;
  check(depth < MAX_DEPTH, "depth");
  for (const name of Object.keys(value)) deepFreeze((value as AnyMeta)[name], depth + 1);
  return Object.freeze(value);
}

/** The end of a session id that can travel as a number: decimal, and the same text again when printed. */
function splitSession(session: string): { prefix: string; number: number } | undefined {
  const at = session.lastIndexOf("-") + 1;
  const digits = session.slice(at);
  const number = Number(digits);
  if (digits === "" || !Number.isSafeInteger(number) || String(number) !== digits) return undefined;
  return { prefix: session.slice(0, at), number };
}

/** Strings in the order of their first use. */
class Numbering {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.list.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }
}

class Refusal extends Error {}

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Refusal(`bad ${what}`);
}

function integer(value: unknown, what: string): number {
  check(typeof value === "number" && Number.isSafeInteger(value) && value >= 0, what);
  return value;
}

function positive(value: unknown, what: string): number {
  const number = integer(value, what);
  check(number >= 1, what);
  return number;
}

function step(value: unknown, what: string): number {
  check(typeof value === "number" && Number.isSafeInteger(value), what);
  return value;
}

function shardNumber(value: unknown): number {
  const shard = integer(value, "shard");
  check(shard < MAX_POOL_SIZE, "shard");
  return shard;
}

function array(value: unknown, what: string): readonly unknown[] {
  check(Array.isArray(value), what);
  return value;
}
