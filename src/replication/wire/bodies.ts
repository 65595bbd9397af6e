/**
 * The bodies of messages as positional values, by kind: what stands behind the head of a frame. Promises and knows what
 * `codec.ts` does; the births of deltas and pages are those of `births.ts`.
 */
import { printable } from "../../errors.js";
import { fitsJsonText } from "../bytes.js";
import {
  MAX_EVICTED,
  MAX_NAME_BYTES,
  MAX_PAGE_KEPT,
  MAX_PARTS,
  MAX_POOL_SIZE,
  MAX_PROTOCOL_VERSION,
  MAX_REASON_BYTES,
  MAX_SESSION_LENGTH,
  MAX_VERSION_LENGTH,
} from "../limits.js";
import type {
  DeltaMessage,
  Eviction,
  Heartbeat,
  Interval,
  Message,
  Page,
  ShardSummary,
  VersionRange,
  WireRemoval,
} from "../message.js";
import { decodeBirths, encodeBirths, type BirthsForm } from "./births.js";
import { array, check, integer, positive, step } from "./checks.js";

/** By their numbers in a frame. */
export const KINDS = [
  "heartbeat",
  "delta",
  "deltaRequest",
  "far",
  "pageRequest",
  "page",
  "goodbye",
  "evict",
] as const;
export type Kind = (typeof KINDS)[number];

/** How many fields the body of a kind has, those included that may be empty. */
const FIELDS: Readonly<Record<Kind, number>> = {
  heartbeat: 10,
  delta: 8,
  deltaRequest: 3,
  far: 2,
  pageRequest: 7,
  page: 9,
  goodbye: 1,
  evict: 4,
};
/** Where the births of a body stand, and how many parts they have. */
const BIRTHS_AT: Readonly<Partial<Record<Kind, number>>> = { delta: 6, page: 7 };
const BIRTHS_PARTS = 4;

/** Whether more stands in a body than this version reads. */
export function hasFurther(kind: Kind, body: readonly unknown[]): boolean {
  if (body.length > FIELDS[kind]) return true;
  const at = BIRTHS_AT[kind];
  const births = at === undefined ? undefined : body[at];
  return Array.isArray(births) && births.length > BIRTHS_PARTS;
}

/** All fields of a kind, also the empty ones: what a later version appends must not stand in the place of one. */
export function encodeBody(message: Message, form: BirthsForm): unknown[] {
  switch (message.type) {
    case "heartbeat":
      return [message.poolSize, message.firstShard, encodeSummaries(message.shards), ...encodeSelf(message)];
    case "delta":
      return [
        message.shard,
        message.since,
        message.upTo,
        message.part,
        message.parts,
        encodeRemovals(message.removed, message.since),
        encodeBirths(message.births, message.since, form),
        encodeClosed(message.closed, message.since),
      ];
    case "deltaRequest":
      return [message.shard, message.clock, message.aloud === true ? 1 : 0];
    case "far":
      return [message.shard, message.clock];
    case "pageRequest":
      return [
        ...[message.shard, message.rebuild, message.base, message.from, message.until],
        ...[message.shown ?? -1, message.aloud === true ? 1 : 0],
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
        encodeBirths(message.births, message.from, form),
        encodeClosed(message.closed, 0),
      ];
    case "goodbye":
      return [message.windowMs];
    case "evict":
      return [message.topic, message.key, message.reason, message.sessions];
  }
}

export function decodeBody(kind: Kind, body: readonly unknown[]): Message {
  switch (kind) {
    case "heartbeat":
      return decodeHeartbeat(body);
    case "delta":
      return decodeDelta(body);
    case "deltaRequest":
      return {
        type: kind,
        shard: shardNumber(body[0]),
        clock: integer(body[1], "clock"),
        ...(body[2] === 1 && { aloud: true }),
      };
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
        ...(body[5] !== undefined && body[5] !== -1 && { shown: integer(body[5], "shown") }),
        ...(body[6] === 1 && { aloud: true }),
      };
    case "page":
      return decodePage(body);
    case "goodbye": {
      const [windowMs] = body;
      check(typeof windowMs === "number" && windowMs >= 0 && windowMs < 2 ** 31, "window");
      return { type: kind, windowMs };
    }
    case "evict":
      return decodeEviction(body);
  }
}

function decodeHeartbeat(body: readonly unknown[]): Heartbeat {
  const poolSize = positive(body[0], "pool size");
  check(poolSize <= MAX_POOL_SIZE, "pool size");
  const firstShard = integer(body[1], "shard");
  const shards = decodeSummaries(array(body[2], "summaries"));
  check(firstShard + shards.length <= poolSize, "shard");
  const periodMs = body[3];
  if (periodMs === undefined) return { type: "heartbeat", poolSize, firstShard, shards };
  check(typeof periodMs === "number" && periodMs >= 1 && periodMs < 2 ** 31, "period");
  const waitsMs = decodeTime(body[4], "window");
  const lateMs = decodeTime(body[5], "lateness");
  const version = body[6] === "" || body[6] === 0 ? undefined : body[6];
  check(version === undefined || isVersion(version), "version");
  const speaks = decodeRange(body[7], body[8]);
  // Behind the versions a later one may have something else in its place.
  const answers = Number.isSafeInteger(body[9]) && (body[9] as number) > 0 ? (body[9] as number) : undefined;
  return {
    type: "heartbeat",
    poolSize,
    firstShard,
    shards,
    periodMs,
    ...(waitsMs === undefined ? {} : { waitsMs }),
    ...(lateMs === undefined ? {} : { lateMs }),
    ...(version === undefined ? {} : { version }),
    ...(speaks === undefined ? {} : { speaks }),
    ...(answers === undefined ? {} : { answers }),
  };
}

function decodeRange(oldest: unknown, newest: unknown): VersionRange | undefined {
  if (oldest === undefined || oldest === 0) return undefined;
  const range = { oldest: positive(oldest, "versions"), newest: positive(newest, "versions") };
  check(range.oldest <= range.newest && range.newest <= MAX_PROTOCOL_VERSION, "versions");
  return range;
}

function decodeDelta(body: readonly unknown[]): DeltaMessage {
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
    type: "delta",
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

function decodePage(body: readonly unknown[]): Page {
  const from = integer(body[2], "from");
  const to = integer(body[3], "to");
  const until = integer(body[4], "until");
  const asOf = integer(body[5], "asOf");
  check(from <= to && to <= until && until <= asOf, "range");
  return {
    type: "page",
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

function decodeEviction(body: readonly unknown[]): Eviction {
  const sessions = array(body[3], "sessions").map((session) => boundedText(session, MAX_SESSION_LENGTH * 6));
  check(sessions.length > 0 && sessions.length <= MAX_EVICTED, "sessions");
  for (const session of sessions) check(session.length <= MAX_SESSION_LENGTH, "session");
  return {
    type: "evict",
    topic: boundedText(body[0], MAX_NAME_BYTES),
    key: boundedText(body[1], MAX_NAME_BYTES),
    reason: boundedText(body[2], MAX_REASON_BYTES),
    sessions,
  };
}

export function isVersion(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_VERSION_LENGTH && printable(value) === value;
}

function boundedText(value: unknown, maxBytes: number): string {
  check(typeof value === "string" && fitsJsonText(value, maxBytes), "text");
  return value;
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
    shards.push({
      clock: integer(flat[i], "clock"),
      count: integer(flat[i + 1], "count"),
      digest: step(flat[i + 2], "digest"),
    });
  }
  return shards;
}

export function encodeRemovals(removed: readonly WireRemoval[], since: number): number[] {
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

/** What a heartbeat says of its sender: 0 and the empty text stand for what it does not say. */
function encodeSelf(heartbeat: Heartbeat): (number | string)[] {
  const { periodMs, waitsMs = 0, lateMs = 0, version = "", speaks, answers } = heartbeat;
  if (periodMs === undefined) return [];
  const self = [periodMs, waitsMs, lateMs, version];
  if (speaks === undefined && answers === undefined) return self;
  return [...self, speaks?.oldest ?? 0, speaks?.newest ?? 0, answers ?? 0];
}

export function decodeTime(value: unknown, what: string): number | undefined {
  if (value === undefined || value === 0) return undefined;
  check(typeof value === "number" && value > 0 && value < 2 ** 31, what);
  return value;
}

export function decodeRemovals(flat: readonly unknown[], since: number, upTo: number): WireRemoval[] {
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

/** The last field of a delta and a page. */
function encodeClosed(closed: readonly number[] = [], since: number): number[] {
  return closed.map((clock, i) => clock - (closed[i - 1] ?? since));
}

function decodeClosed(steps: unknown, since: number, upTo: number): { closed?: readonly number[] } {
  const listed = array(steps === undefined ? [] : steps, "closed");
  if (listed.length === 0) return {};
  let clock = since;
  const closed = listed.map((each) => (clock += positive(each, "closed")));
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

function shardNumber(value: unknown): number {
  const shard = integer(value, "shard");
  check(shard < MAX_POOL_SIZE, "shard");
  return shard;
}
