/** The wire format of nodes that follow: what was encoded is decoded the same, fits its limits, and has room to grow. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitsJsonText, utf8Length } from "../../../src/replication/bytes.js";
import { decodeFollowing, encodeFollowing } from "../../../src/replication/following/codec.js";
import type {
  FollowingFrame,
  FollowingMessage,
  Letters,
  Members,
  ShareFrame,
} from "../../../src/replication/following/message.js";
import { FollowingOutbox, largestShareFrameBytes } from "../../../src/replication/following/outbox.js";
import { COUNTER_SPAN } from "../../../src/replication/following/roll-text.js";
import { Assembly } from "../../../src/replication/following/pieces.js";
import {
  MAX_AUTHOR_ENTRIES,
  MAX_FOLLOW_LIMIT,
  MAX_SAMPLE,
} from "../../../src/replication/following/limits.js";
import { NO_LIMIT } from "../../../src/replication/following/message.js";
import { NO_TALLY } from "../../../src/replication/following/tally.js";
import type { Life } from "../../../src/replication/life.js";
import { LIMITS, MAX_NAME_BYTES, MAX_NODE_NAME_BYTES } from "../../../src/replication/limits.js";
import { RULES } from "../../../src/replication/rules.js";

const number = fc.nat({ max: 2 ** 40 });
const hash = fc.nat(2 ** 32 - 1);
const positive = fc.integer({ min: 1, max: 2 ** 40 });
const incarnation = fc.stringMatching(/^[0-9a-z]{14}$/);
/** The end of an incarnation. */
const address = fc.stringMatching(/^[0-9a-z]{7}$/);
const text = fc.string({ minLength: 1, maxLength: 30, unit: "grapheme" });
const topic = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "room:1", "room:2", "room:3"),
  text.filter((each) => fitsJsonText(each, MAX_NAME_BYTES)),
);
const nodeName = text.filter(
  (each) => fitsJsonText(each, MAX_NODE_NAME_BYTES) && !/[\p{Cc}\u2028\u2029]/u.test(each),
);
const life = fc.record({ name: nodeName, incarnation });
const heard = fc.record({ stream: number, number });
const place = fc.record({ stream: number, clock: number, version: number });
/** A limit, or that offers are enough. */
const limit = fc.integer({ min: -1, max: MAX_FOLLOW_LIMIT }).filter((each) => each !== NO_LIMIT);
const stake = fc
  .record(
    { roles: fc.integer({ min: 0, max: 3 }), generation: number, limit },
    { requiredKeys: ["roles", "generation"] },
  )
  .filter(({ roles, generation }) => roles < 2 || generation > 0);
const wish = fc.record({
  generation: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).filter((each) => each !== 0),
  limit: fc.oneof(fc.constant(NO_LIMIT), limit),
});
const cut = fc.record({ limit, sample: fc.integer({ min: 0, max: MAX_SAMPLE }), entries: number });
const tally = fc.record({
  ...{ want: number, ask: number, answers: number, entries: number, tells: number },
  sum: fc.nat({ max: 2 ** 52 }),
  isSettled: fc.boolean(),
});
const meta = fc
  .dictionary(
    fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("__proto__", "a")),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 4, noNullPrototype: true },
  )
  // JSON has no negative zero.
  .map((each) => JSON.parse(JSON.stringify(each)) as Record<string, unknown>);

function said<V>(value: fc.Arbitrary<V>) {
  return fc
    .record({
      stream: positive,
      since: number,
      more: fc.nat(99),
      items: fc.array(fc.tuple(topic, value), { maxLength: 8 }),
    })
    .map(({ stream, since, more, items }) => ({ stream, since, upTo: since + more, items }));
}

const view = fc.nat({ max: 2 ** 48 - 1 });

function membersOf(named: fc.Arbitrary<Life | number>) {
  return fc.record({
    stream: number,
    number,
    lists: fc.uniqueArray(
      fc.record({
        topic,
        isSettled: fc.boolean(),
        members: fc.array(fc.record({ life: named, stake }), { maxLength: 4 }),
      }),
      { maxLength: 5, selector: (list) => list.topic },
    ),
  });
}

/** By a view some lives are named by their places in it. */
const members: fc.Arbitrary<Members> = fc.oneof(
  membersOf(life),
  fc.tuple(membersOf(fc.oneof(life, fc.nat(999))), view).map(([each, of]) => ({ ...each, view: of })),
);

const share: fc.Arbitrary<ShareFrame> = fc
  .record({
    stream: positive,
    isWhole: fc.boolean(),
    since: fc.integer({ min: 1, max: 2 ** 40 }),
    from: number,
    to: fc.nat(20),
    opens: fc.array(fc.oneof(fc.tuple(topic, positive), fc.tuple(topic, positive, cut)), { maxLength: 5 }),
    floors: fc.array(fc.record({ topic, floor: fc.nat(40), below: fc.nat(40) }), { maxLength: 4 }),
    closes: fc.array(topic, { maxLength: 4 }),
    closed: fc.uniqueArray(fc.integer({ min: 1, max: 40 })).map((births) => births.sort((a, b) => a - b)),
    removed: fc.array(fc.tuple(fc.nat(2 ** 20), fc.boolean()), { maxLength: 6 }),
    births: fc.array(
      fc.record({ topic, key: topic, session: fc.constantFrom("abc-1", "abc-7", "odd", ""), meta }),
      { maxLength: 8 },
    ),
  })
  .map(({ since, from, to, removed, births, ...rest }) => ({
    ...rest,
    since,
    from,
    upTo: since + 40,
    to: from + to,
    removals: removed.map(([of, closed], i) => ({
      clock: since + 1 + i,
      removed: 1 + (of % since),
      closed,
    })),
    births: births.map((each, i) => ({ clock: Math.floor((since * i) / 8) + i + 1, ...each })),
  }));

const letters: fc.Arbitrary<Letters> = fc.record(
  {
    greeting: fc.record({ stakes: heard, wishes: heard, counts: heard }),
    stakes: fc.oneof(
      said(stake),
      fc.tuple(said(stake), view).map(([each, of]) => ({ ...each, view: of })),
    ),
    members,
    wishes: said(wish),
    wishesHeard: fc.record({ stream: number, number, share: number, version: number }),
    share,
    summary: fc.record(
      {
        ...{ stream: number, clock: number, version: number, count: number },
        digest: fc.maxSafeInteger(),
        isAsking: fc.constant(true),
      },
      { requiredKeys: ["stream", "clock", "version", "count", "digest"] },
    ),
    counts: said(tally),
    countsHeard: heard,
    stands: place,
    question: place,
  },
  { requiredKeys: [] },
);

const message: fc.Arbitrary<FollowingMessage> = fc.oneof(
  fc.record(
    {
      type: fc.constant("beat" as const),
      periodMs: fc.integer({ min: 1, max: 2 ** 30 }),
      lateMs: fc.nat(9_999),
      version: fc.constantFrom("0.1.0", "1.2.3-next.4"),
    },
    { requiredKeys: ["type", "periodMs", "lateMs"] },
  ),
  letters.map((each) => ({ type: "pair" as const, letters: each, part: 1, parts: 1 })),
  letters.map((each) => ({ type: "pair" as const, letters: each, part: 2, parts: 3 })),
  fc.record({
    type: fc.constant("roll" as const),
    isLate: fc.boolean(),
    calls: fc.array(fc.record({ hash, end: fc.nat(COUNTER_SPAN - 1) }), { maxLength: 5 }),
  }),
  fc.record({ type: fc.constant("who" as const), hashes: fc.array(hash, { maxLength: 5 }) }),
  fc.record({
    type: fc.constant("names" as const),
    lives: fc.array(fc.tuple(life, positive), { maxLength: 3 }),
  }),
  fc.record({ type: fc.constant("goodbye" as const), windowMs: fc.nat(2 ** 30) }),
  fc.record({
    type: fc.constant("evict" as const),
    ...{ topic, key: topic, reason: fc.constantFrom("", "banned") },
    sessions: fc.array(fc.constantFrom("a-1", "b-2"), { minLength: 1, maxLength: 3 }),
  }),
);

const frame: fc.Arbitrary<FollowingFrame> = fc
  .record({ from: life, to: fc.oneof(address, fc.constant(undefined)), counter: positive, message })
  .chain((each) => fc.constantFrom(each, { ...each, holdsEverything: true }));

const from = { name: "a", incarnation: "0mb4k2xyz01abc" };
const to = { name: "b", incarnation: "0mb4k2xyz01xyz" };

describe("frames of nodes that follow", () => {
  it("are decoded as they were encoded, in both forms", () => {
    fc.assert(
      fc.property(frame, fc.constantFrom("shared" as const, "plain" as const), (each, form) => {
        expect(decodeFollowing(encodeFollowing(each, form))).toEqual({ frame: each });
      }),
      { numRuns: 600 },
    );
  });

  it("R29: are cut where they do not fit, and come together again whole", () => {
    fc.assert(
      fc.property(letters, fc.integer({ min: 400, max: 2_000 }), (each, maxBytes) => {
        const sent: string[] = [];
        const outbox = new FollowingOutbox(from, maxBytes, (payload) => sent.push(payload), RULES);
        outbox.sendLetters(each, to);
        const assembly = new Assembly(RULES);
        let whole: Letters | undefined;
        for (const [i, payload] of sent.entries()) {
          const decoded = decodeFollowing(payload).frame;
          if (decoded?.message.type !== "pair") throw new Error(`no letters: ${payload}`);
          whole = assembly.add(decoded.message, decoded.counter);
          expect(whole !== undefined, "whole with the last").toBe(i === sent.length - 1);
          const { births = [], opens = [], floors = [] } = decoded.message.letters.share ?? {};
          // What cannot be cut is one item with names as long as they may be.
          if (births.length + opens.length + floors.length > 1)
            expect(utf8Length(payload)).toBeLessThanOrEqual(maxBytes);
        }
        expect(whole).toEqual(each);
      }),
      { numRuns: 300 },
    );
  });

  it("R7: come together whole or not at all", () => {
    const sent: string[] = [];
    const outbox = new FollowingOutbox(from, 400, (payload) => sent.push(payload), RULES);
    const items = Array.from(
      { length: 60 },
      (_, i) => [`room:${i}`, { generation: 1, limit: NO_LIMIT }] as const,
    );
    outbox.sendLetters({ wishes: { stream: 1, since: 0, upTo: 60, items } }, to);
    expect(sent.length).toBeGreaterThan(3);
    for (let lost = 0; lost < sent.length; lost++) {
      const assembly = new Assembly(RULES);
      for (const [i, payload] of sent.entries()) {
        const decoded = decodeFollowing(payload).frame;
        if (i === lost || decoded?.message.type !== "pair") continue;
        expect(assembly.add(decoded.message, decoded.counter)).toBeUndefined();
      }
    }
  });

  it("with one entry are no longer than the options allow for", () => {
    const session = "\0".repeat(64);
    const most = Number.MAX_SAFE_INTEGER - 1;
    // No two names are the same, so that nothing is stored once for both.
    const name = (letters: string): string => letters + "\0".repeat(85);
    const births = ["1", "2"].map((each, i) => ({
      ...{ clock: most - 1 + i, topic: name(`t${each}`), key: name(`k${each}`), session },
      meta: { a: each.repeat(1_000) },
    }));
    const half = (most - 1) / 2;
    const whole = { isWhole: true, since: half, upTo: most, from: half, to: most };
    const single = {
      stream: most,
      ...whole,
      opens: [],
      floors: [],
      closes: [],
      removals: [],
      births,
      closed: [],
    };
    const nodeName = "n".repeat(MAX_NODE_NAME_BYTES);
    const maxBytes = largestShareFrameBytes(1_010);
    const sent: string[] = [];
    const outbox = new FollowingOutbox(
      { ...from, name: nodeName },
      maxBytes,
      (text) => sent.push(text),
      RULES,
    );
    outbox.sendLetters({ share: single, question: { stream: most, clock: most, version: most } }, to);
    for (const payload of sent) expect(utf8Length(payload)).toBeLessThanOrEqual(maxBytes);
    expect(sent.length).toBe(3);
  });
});

describe("counts of nodes that follow", () => {
  const head = [2, 1, from.name, from.incarnation, to.incarnation.slice(-7), 1];
  const decode = (...item: unknown[]) => decodeFollowing(JSON.stringify([...head, "c", [1, 0, 1, item]]));

  it("are refused where they say what no node can have counted", () => {
    const most = MAX_AUTHOR_ENTRIES * LIMITS.knownLives;
    expect(decode("t", [0, 0, 1, MAX_AUTHOR_ENTRIES]).frame).toBeDefined();
    expect(decode("t", [0, 0, 0, 0, 1, most, 1]).frame).toBeDefined();
    expect(Number.isSafeInteger(most)).toBe(true);
    const bad = [
      ...[-1, 0.5, "7", null, [], {}, 1e300].flatMap((each) => [
        [0, 0, 1, each],
        [0, 0, 0, 0, 1, each, 1],
        [each],
      ]),
      ...[
        [0, 0, 1, MAX_AUTHOR_ENTRIES + 1],
        [0, 0, 0, 0, 1, most + 1, 1],
        [0, 0, 0, 0, 1, 1, 2],
      ],
      ...[0, "7", null, {}],
    ];
    for (const each of bad) expect(decode("t", each), JSON.stringify(each)).toHaveProperty("refused");
    for (const topicName of [7, null, "\u0000".repeat(200)])
      expect(decode(topicName, [0, 0, 1, 7])).toHaveProperty("refused");
    expect(decode("t", [0, 0, 1, 7], "t")).toHaveProperty("refused");
  });

  it("leave away the numbers that say nothing", () => {
    const tallyOf = (each: unknown[]): unknown => {
      const { frame: decoded } = decode("t", each);
      return decoded?.message.type === "pair" ? decoded.message.letters.counts?.items[0]?.[1] : undefined;
    };
    expect(tallyOf([7])).toEqual({ ...NO_TALLY, want: 7 });
    expect(tallyOf([0, 0, 3])).toEqual({ ...NO_TALLY, answers: 3 });
    expect(tallyOf([])).toEqual(NO_TALLY);
    const said = {
      stream: 1,
      since: 0,
      upTo: 1,
      items: [["t", { ...NO_TALLY, answers: 3, entries: 5 }]],
    } as const;
    const text = encodeFollowing({
      ...{ from, to: to.incarnation, counter: 1 },
      message: { type: "pair", letters: { counts: said }, part: 1, parts: 1 },
    });
    expect(text).toContain('"c",[1,0,1,["t",[0,0,3,5]]]');
  });
});

describe("lists of members", () => {
  const head = [2, 1, from.name, from.incarnation, to.incarnation.slice(-7), 1];
  const decode = (place: unknown, ...view: unknown[]) =>
    decodeFollowing(
      JSON.stringify([...head, "m", [1, 7, ["c", to.incarnation], ["t", 1, [place, 1, 0]], ...view]]),
    );

  it("name lives by their places in a view, or by themselves, and are refused where they do neither", () => {
    expect(decode(-1).frame).toBeDefined();
    expect(decode(-1, 5).frame).toBeDefined();
    expect(decode(0, 5).frame).toBeDefined();
    expect(decode(999, 5).frame).toBeDefined();
    expect(decode(0)).toHaveProperty("refused");
    for (const place of [-2, 0.5, "0", null, {}, 1e300]) expect(decode(place, 5)).toHaveProperty("refused");
    for (const of of [-1, 0.5, "5", null, {}, 1e300]) expect(decode(0, of)).toHaveProperty("refused");
  });
});

describe("a later version of following", () => {
  it("may add fields and letters, which are passed over, and kinds, which tell that their sender is alive", () => {
    fc.assert(
      fc.property(frame, fc.jsonValue({ maxDepth: 2 }), (each, field) => {
        const parsed = JSON.parse(encodeFollowing(each)) as unknown[];
        const isPair = each.message.type === "pair";
        if (isPair) parsed.push("later", [field]);
        else parsed.push(field);
        const expected = isPair ? { ...each, unknown: 1 } : each;
        expect(decodeFollowing(JSON.stringify(parsed))).toEqual({ frame: expected });
        const letter = parsed.findIndex((part, i) => i > 5 && (part === "y" || part === "q"));
        if (isPair && letter > 0) {
          (parsed[letter + 1] as unknown[]).push(...(parsed[letter] === "y" ? [0, field] : [field]));
          expect(decodeFollowing(JSON.stringify(parsed)).frame).toBeDefined();
        }
      }),
    );
    const later = JSON.stringify([2, 77, from.name, from.incarnation, 0, 5, "what", { ever: 1 }]);
    expect(decodeFollowing(later).frame).toEqual({
      ...{ from, to: undefined, counter: 5, message: { type: "unknown" }, unknown: 1 },
    });
  });

  it("R53: is refused by its number where its frames are others, which is told", () => {
    expect(decodeFollowing(JSON.stringify([3, 0, "a", from.incarnation]))).toMatchObject({
      from: { name: "a", incarnation: from.incarnation },
      version: 3,
    });
  });
});
