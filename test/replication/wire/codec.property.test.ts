/** The wire format: what was encoded is decoded the same, fits its limits, and is as small as promised. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitsJsonText, utf8Length } from "../../../src/replication/bytes.js";
import { decodeFrame, encodeFrame, largestEntryFrameBytes } from "../../../src/replication/wire/codec.js";
import { MAX_NAME_BYTES, MAX_NODE_NAME_BYTES } from "../../../src/replication/limits.js";
import type { Frame, Message, WireBirth, WireRemoval } from "../../../src/replication/message.js";
import { Outbox } from "../../../src/replication/wire/outbox.js";

const clock = fc.nat({ max: 2 ** 40 });
const shard = fc.nat({ max: 1_023 });
const incarnation = fc.stringMatching(/^[0-9a-z]{14}$/);
const text = fc.string({ minLength: 1, maxLength: 30, unit: "grapheme" });
/** Topics and keys, node names: what the border of a tracker lets in. */
const name = text.filter((each) => fitsJsonText(each, MAX_NAME_BYTES));
const nodeName = text.filter(
  (each) => fitsJsonText(each, MAX_NODE_NAME_BYTES) && !/[\p{Cc}\u2028\u2029]/u.test(each),
);
const meta = fc.dictionary(
  fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("__proto__", "constructor", "a", "sa", "0")),
  fc.jsonValue({ maxDepth: 3 }),
  { maxKeys: 5, noNullPrototype: true },
);
const session = fc.oneof(
  fc.nat({ max: 9_999 }).map((number) => `abcdefgh-${number}`),
  fc.constantFrom("other-1", "x-01", "no number", "-", "a--5", "-0", "e-1e3"),
  fc.string({ maxLength: 10 }),
);

function ascending(maximum: number): fc.Arbitrary<number[]> {
  return fc
    .uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: maximum })
    .map((steps) => steps.sort((a, b) => a - b));
}

function birthsAfter(since: number): fc.Arbitrary<WireBirth[]> {
  const value = fc.record({ topic: name, key: name, session, meta });
  return ascending(12).chain((steps) =>
    fc
      .array(value, { minLength: steps.length, maxLength: steps.length })
      .map((values) => values.map((each, i) => ({ ...each, clock: since + steps[i]! }))),
  );
}

const delta: fc.Arbitrary<Message> = clock
  .map((since) => since + 1)
  .chain((since) =>
    fc.record({
      type: fc.constant("delta" as const),
      shard,
      since: fc.constant(since),
      upTo: fc.constant(since + 200),
      part: fc.constant(1),
      parts: fc.integer({ min: 1, max: 5 }),
      births: birthsAfter(since),
      removed: ascending(12).chain((steps) =>
        fc
          .array(fc.tuple(fc.integer({ min: 1, max: since }), fc.boolean()), {
            minLength: steps.length,
            maxLength: steps.length,
          })
          .map((pairs): WireRemoval[] =>
            pairs.map(([removed, closed], i) => ({ clock: since + steps[i]!, removed, closed })),
          ),
      ),
    }),
  );

const page: fc.Arbitrary<Message> = clock.chain((from) =>
  fc.record({
    type: fc.constant("page" as const),
    shard,
    rebuild: fc.integer({ min: 1, max: 1_000 }),
    from: fc.constant(from),
    to: fc.constant(from + 500),
    until: fc.constant(from + 600),
    asOf: fc.constant(from + 700),
    births: birthsAfter(from),
    kept: ascending(10).map((steps) =>
      steps.map((step) => ({ first: from + 2 * step, last: from + 2 * step })),
    ),
  }),
);

/** As a release says it that knows nothing of it, and as one that does. */
const aloudOrNot = fc.constantFrom(undefined, true);
const summary = fc.record({ clock, count: fc.nat(), digest: fc.integer() });
const duration = fc.double({ min: 1, max: 2 ** 31 - 1, noNaN: true });
const message: fc.Arbitrary<Message> = fc.oneof(
  delta,
  page,
  fc.record({
    type: fc.constant("heartbeat" as const),
    poolSize: fc.constant(1_024),
    firstShard: fc.nat({ max: 1_000 }),
    shards: fc.array(summary, { maxLength: 24 }),
    periodMs: fc.constantFrom(undefined, 2_000),
  }),
  fc.record({
    type: fc.constant("heartbeat" as const),
    poolSize: fc.constant(8),
    firstShard: fc.nat({ max: 7 }),
    shards: fc.array(summary, { maxLength: 1 }),
    periodMs: duration,
    waitsMs: fc.option(duration, { nil: undefined }),
    lateMs: fc.option(duration, { nil: undefined }),
    version: fc.constantFrom(undefined, "1.0.0"),
    speaks: fc.constantFrom(undefined, { oldest: 1, newest: 2 }, { oldest: 3, newest: 65_535 }),
    answers: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
  }),
  fc.record({ type: fc.constant("deltaRequest" as const), shard, clock, aloud: aloudOrNot }),
  fc.record({ type: fc.constant("far" as const), shard, clock }),
  fc.record({
    type: fc.constant("pageRequest" as const),
    shard,
    rebuild: fc.integer({ min: 1 }),
    base: clock,
    from: clock,
    until: clock,
    aloud: aloudOrNot,
  }),
  fc.record({ type: fc.constant("goodbye" as const), windowMs: fc.nat() }),
  fc.record({
    type: fc.constant("evict" as const),
    topic: fc.string({ maxLength: 80 }),
    key: fc.string({ maxLength: 80 }),
    reason: fc.string({ maxLength: 20 }),
    sessions: fc.array(fc.string({ maxLength: 64 }), { minLength: 1, maxLength: 64 }),
  }),
);

const frame: fc.Arbitrary<Frame> = fc.record({
  from: fc.record({ name: nodeName, incarnation }),
  to: fc.option(incarnation, { nil: undefined }),
  counter: fc.integer({ min: 1, max: 2 ** 45 }),
  message,
  version: fc.constantFrom(1, 2),
});

/** A value with its objects as sorted lists of properties, among which `__proto__` is like any other. */
function canonical(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? 0 : value;
  if (Array.isArray(value)) return value.map(canonical);
  const properties = Object.entries(value).filter(([, each]) => each !== undefined);
  return { properties: properties.map(([key, each]) => [key, canonical(each)]).sort() };
}

describe("the codec", () => {
  it("decodes what it has encoded", () => {
    fc.assert(
      fc.property(frame, (each) => {
        const decoded = decodeFrame(encodeFrame(each));
        expect(canonical(decoded.frame)).toEqual(canonical(each));
      }),
      { numRuns: 500 },
    );
  });

  it("returns metas that are frozen and have the usual prototype", () => {
    fc.assert(
      fc.property(delta, (message) => {
        const text = encodeFrame({
          from: { name: "a", incarnation: "0".repeat(14) },
          to: undefined,
          counter: 1,
          message,
        });
        const decoded = decodeFrame(text).frame?.message;
        if (decoded?.type !== "delta") throw new Error("not a delta");
        for (const birth of decoded.births) {
          expect(Object.isFrozen(birth.meta)).toBe(true);
          expect(Object.getPrototypeOf(birth.meta)).toBe(Object.prototype);
        }
      }),
    );
  });

  it("decodes plain rows like shared ones", () => {
    fc.assert(
      fc.property(frame, (each) => {
        const decoded = decodeFrame(encodeFrame(each, "plain"));
        expect(canonical(decoded.frame)).toEqual(canonical(each));
      }),
      { numRuns: 300 },
    );
  });

  it("needs no more for an entry than start counts on, whatever the numbers", () => {
    const most = Number.MAX_SAFE_INTEGER;
    const large = fc.oneof(fc.constant(most), fc.maxSafeNat());
    const births = fc
      .record({
        clock: large,
        topic: name,
        key: name,
        session: fc.string({ maxLength: 64, unit: "binary" }),
        meta,
      })
      .map((birth) => [birth]);
    const messages = fc.oneof(
      fc.record({ since: large, upTo: large, part: large, parts: large, births }).map((numbers): Message => {
        return { type: "delta", shard: 1_023, removed: [], ...numbers };
      }),
      fc
        .record({ rebuild: large, from: large, to: large, until: large, asOf: large, births })
        .map((numbers): Message => ({ type: "page", shard: 1_023, kept: [], ...numbers })),
    );
    const frames = fc.record({
      from: fc.record({ name: nodeName, incarnation }),
      to: fc.option(incarnation, { nil: undefined }),
      counter: large,
      message: messages,
    });
    fc.assert(
      fc.property(frames, (each) => {
        if (!("births" in each.message)) throw new Error("no births");
        const metaBytes = Buffer.byteLength(JSON.stringify(each.message.births[0]?.meta));
        const bytes = Buffer.byteLength(encodeFrame(each, "plain"));
        expect(bytes).toBeLessThanOrEqual(largestEntryFrameBytes(metaBytes));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["no array", "{}"],
    ["an empty array", "[]"],
    ["another's message", '{"type":"message","data":[1,2]}'],
    ["a version of 0", '[0,6,"a","00000000000000",0,1,0]'],
    ["versions that go back", '[2,0,"a","00000000000000",0,1,1,0,[],2000,0,0,"",2,1]'],
    ["half of the versions", '[2,0,"a","00000000000000",0,1,1,0,[],2000,0,0,"",2]'],
    ["no incarnation", '[1,6,"a","x",0,1,0]'],
    ["a counter of 0", '[1,6,"a","00000000000000",0,0,0]'],
    ["a negative window", '[1,6,"a","00000000000000",0,1,-1]'],
    ["a range that goes back", '[1,1,"a","00000000000000",0,1,0,5,4,1,1,[],[]]'],
    [
      "a birth outside its range",
      '[1,1,"a","00000000000000",0,1,0,0,1,1,1,[],[["t"],[[]],"",[2,0,0,"s",0]]]',
    ],
    [
      "a string that is not there",
      '[1,1,"a","00000000000000",0,1,0,0,1,1,1,[],[["t"],[[]],"",[1,0,7,"s",0]]]',
    ],
    ["a removal of what was born later", '[1,1,"a","00000000000000",0,1,0,3,4,1,1,[1,4],[]]'],
    ["a shard too large", '[1,2,"a","00000000000000",0,1,1024,0]'],
    [
      "intervals without end",
      '[1,5,"a","00000000000000",0,1,0,1,0,9007199254740991,9007199254740991,9007199254740991,[1,9007199254740980],[]]',
    ],
  ])("refuses %s without throwing", (_, text) => {
    expect(decodeFrame(text)).toMatchObject({ frame: undefined, refused: expect.any(String) as string });
  });

  it("R86: leaves alone what stands behind all that it knows, and tells that there is more", () => {
    fc.assert(
      fc.property(frame, fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 3 }), (each, further) => {
        const parts = JSON.parse(encodeFrame(each)) as unknown[];
        const decoded = decodeFrame(JSON.stringify([...parts, ...further]));
        // Heartbeats of before said nothing of the versions: what is appended to them is no further field.
        fc.pre(each.message.type !== "heartbeat" || each.message.speaks !== undefined);
        expect(canonical(decoded.frame)).toEqual(canonical(each));
        expect("further" in decoded && decoded.further).toBe(further.length > 0);
      }),
      { numRuns: 500 },
    );
  });

  it("R86: leaves alone what stands behind the births of a delta and of a page", () => {
    fc.assert(
      fc.property(fc.oneof(delta, page), (message) => {
        fc.pre("births" in message && message.births.length > 0);
        const each: Frame = {
          from: { name: "a", incarnation: "0".repeat(14) },
          to: undefined,
          counter: 1,
          message,
          version: 2,
        };
        const parts = JSON.parse(encodeFrame(each)) as unknown[];
        const births = parts.find((part) => Array.isArray(part) && typeof part[2] === "string") as unknown[];
        births.push([1, 2, 3]);
        const decoded = decodeFrame(JSON.stringify(parts));
        expect(canonical(decoded.frame)).toEqual(canonical(each));
        expect(decoded).toMatchObject({ further: true });
      }),
    );
  });

  it("reads the head of any version, and heartbeats", () => {
    const head = { from: { name: "a", incarnation: "0".repeat(14) }, to: undefined, counter: 7 };
    const started = '"a","00000000000000",0,7';
    expect(decodeFrame(`[3,1,${started},{}]`)).toMatchObject({
      unread: "version",
      head: { ...head, version: 3 },
    });
    expect(decodeFrame(`[2,99,${started},{}]`)).toMatchObject({
      unread: "kind",
      head: { ...head, version: 2 },
    });
    expect(decodeFrame(`[3,0,${started},1,0,[0,0,0],2000,0,0,"9.0.0",2,3,0,"more"]`)).toMatchObject({
      frame: { ...head, version: 3, message: { poolSize: 1, speaks: { oldest: 2, newest: 3 } } },
      further: true,
    });
    expect(decodeFrame(`[3,0,${started},"none that this version reads"]`)).toMatchObject({
      unread: "version",
    });
    expect(decodeFrame('["x",0]')).toMatchObject({ refused: "bad version" });
  });
});

describe("the outbox", () => {
  const life = { name: "node", incarnation: "0".repeat(14) };

  function sent(maxBytes: number, message: Message): string[] {
    const payloads: string[] = [];
    const outbox = new Outbox(life, maxBytes, (payload) => void payloads.push(payload));
    if (message.type === "delta") outbox.sendDelta(message);
    else if (message.type === "heartbeat") outbox.sendHeartbeat(message);
    return payloads;
  }

  it("cuts a delta into parts that fit to the byte, and that make it whole again", () => {
    fc.assert(
      fc.property(delta, fc.integer({ min: 2_000, max: 8_000 }), (message, maxBytes) => {
        if (message.type !== "delta") return;
        const payloads = sent(maxBytes, { ...message, parts: 1 });
        const births: WireBirth[] = [];
        const removed: WireRemoval[] = [];
        for (const [i, payload] of payloads.entries()) {
          expect(utf8Length(payload)).toBe(Buffer.byteLength(payload));
          expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(maxBytes);
          const part = decodeFrame(payload).frame?.message;
          if (part?.type !== "delta") throw new Error("not a delta");
          expect([part.part, part.parts]).toEqual([i + 1, payloads.length]);
          births.push(...part.births);
          removed.push(...part.removed);
        }
        expect(canonical([births, removed])).toEqual(canonical([message.births, message.removed]));
      }),
    );
  });

  it("cuts a delta that would expand further than a receiver takes it", () => {
    const page = "x".repeat(4_000);
    const births = Array.from({ length: 3_000 }, (_, i): WireBirth => {
      return { clock: i + 1, topic: "t", key: "k", session: `s-${i}`, meta: { page } };
    });
    const delta = {
      type: "delta" as const,
      shard: 0,
      since: 0,
      upTo: 3_000,
      part: 1,
      parts: 1,
      births,
      removed: [],
    };
    const payloads = sent(262_144, delta);
    expect(payloads.length).toBeGreaterThan(2);
    const received = payloads.flatMap((payload) => {
      const message = decodeFrame(payload).frame?.message;
      return message?.type === "delta" ? message.births : [];
    });
    expect(received).toEqual(births);
  });

  it("sends a meta that is too long in shared form as a plain row, and no other", () => {
    const meta: Record<string, string> = {};
    for (let i = 0; i < 360; i++) meta[i.toString(36)] = "x" + i.toString(36);
    const birth = { clock: 1, topic: "t", key: "k", session: "s-1", meta };
    const small = { ...birth, clock: 2, key: "small", meta: { a: "b" } };
    const births = [birth, small];
    const delta = {
      type: "delta" as const,
      shard: 0,
      since: 0,
      upTo: 2,
      part: 1,
      parts: 1,
      births,
      removed: [],
    };
    const frame = { from: life, to: undefined, counter: 1, message: { ...delta, births: [birth] } };
    const [plain, shared] = [encodeFrame(frame, "plain"), encodeFrame(frame)];
    expect(plain.length + 500).toBeLessThan(shared.length);
    const forms = (maxBytes: number): boolean[] =>
      sent(maxBytes, delta).map((payload) => {
        expect(payload.length).toBeLessThanOrEqual(maxBytes);
        return payload.includes(",-1,{");
      });
    expect(forms(plain.length + 100)).toEqual([true, false]);
    expect(forms(shared.length + 100)).toEqual([false]);
  });

  it("splits a heartbeat of many shards, each frame whole by itself", () => {
    const shards = Array.from({ length: 1_024 }, (_, i) => ({
      clock: 2 ** 40 + i,
      count: 10 ** 6,
      digest: 2 ** 31,
    }));
    const payloads = sent(7_999, { type: "heartbeat", poolSize: 1_024, firstShard: 0, shards });
    expect(payloads.length).toBeGreaterThan(1);
    let next = 0;
    for (const payload of payloads) {
      expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(7_999);
      const part = decodeFrame(payload).frame?.message;
      if (part?.type !== "heartbeat") throw new Error("not a heartbeat");
      expect(part.firstShard).toBe(next);
      next += part.shards.length;
    }
    expect(next).toBe(1_024);
  });

  it("spends under 60 bytes a join, 70 an update and 6 a leave on the baseline workload", () => {
    const births = Array.from({ length: 1_000 }, (_, i): WireBirth => {
      const key = `user:${i + 1}`;
      const meta = { online_at: 1_700_000_001 + i, user_id: key, page: `/page/${(i + 1) % 50}` };
      return { clock: i + 1, topic: `topic:${(i + 1) % 100}`, key, session: `abcdefgh-${i + 1}`, meta };
    });
    const base = { type: "delta" as const, shard: 0, part: 1, parts: 1, removed: [] };
    const bytes = (message: Message): number => sent(262_144, message)[0]!.length / 1_000;
    expect(bytes({ ...base, since: 0, upTo: 1_000, births })).toBeLessThan(60);
    const updates = births.map((birth, i) => ({ ...birth, clock: 1_000 + 2 * i + 2 }));
    const replaced = births.map(({ clock }, i) => ({
      clock: 1_000 + 2 * i + 1,
      removed: clock,
      closed: false,
    }));
    expect(bytes({ ...base, since: 1_000, upTo: 3_000, births: updates, removed: replaced })).toBeLessThan(
      70,
    );
    const removed = births.map(({ clock }, i) => ({ clock: 1_000 + i + 1, removed: clock, closed: true }));
    expect(bytes({ ...base, since: 1_000, upTo: 2_000, births: [], removed })).toBeLessThan(6);
  });
});
