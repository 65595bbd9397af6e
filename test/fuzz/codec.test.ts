/**
 * The decoder against damaged frames: it never throws, never takes longer than its text is long, and what it
 * accepts it would have sent the same way. `FUZZ_FRAMES` sets how many.
 */
import { describe, expect, it } from "vitest";
import { decodeFrame, encodeFrame } from "../../src/replication/wire/codec.js";
import type { Frame, Message } from "../../src/replication/message.js";
import { SeededRandom } from "../../src/testing/random.js";
import { damage, expanding, nonsense } from "./mutate.js";

const frames = Number(process.env["FUZZ_FRAMES"] ?? 200_000);
/** No frame of these sizes takes as long, not even while other tests run. */
const slowestMs = 1_000;

const birth = (clock: number, key: string, meta: Record<string, unknown>) => ({
  clock,
  topic: "room:1",
  key,
  session: `abcdefgh-${clock * 3}`,
  meta,
});

const messages: readonly Message[] = [
  {
    type: "heartbeat",
    poolSize: 4,
    firstShard: 0,
    shards: [
      { clock: 9, count: 3, digest: -5 },
      { clock: 0, count: 0, digest: 0 },
      { clock: 70_000, count: 1_000, digest: 123_456 },
      { clock: 1, count: 1, digest: 77 },
    ],
  },
  {
    type: "delta",
    shard: 1,
    since: 10,
    upTo: 19,
    part: 1,
    parts: 1,
    births: [
      birth(11, "user:1", { device: "phone", page: "photos", nested: { list: [1, "two", null, true] } }),
      birth(13, "user:2", { device: "desktop", page: "photos" }),
      birth(15, "__proto__", { ["__proto__"]: "odd", count: 3 }),
    ],
    removed: [
      { clock: 12, removed: 4, closed: false },
      { clock: 14, removed: 9, closed: true },
    ],
  },
  { type: "delta", shard: 0, since: 0, upTo: 1, part: 2, parts: 3, births: [], removed: [] },
  { type: "deltaRequest", shard: 3, clock: 12 },
  { type: "far", shard: 3, clock: 50_000 },
  { type: "pageRequest", shard: 0, rebuild: 2, base: 500, from: 10, until: 900 },
  {
    type: "page",
    shard: 0,
    rebuild: 2,
    from: 10,
    to: 60,
    until: 900,
    asOf: 901,
    kept: [
      { first: 11, last: 20 },
      { first: 30, last: 30 },
    ],
    births: [birth(41, "user:9", {}), birth(60, "user:10", { value: -0.5 })],
  },
  { type: "goodbye", windowMs: 8_000 },
  { type: "evict", topic: "room", key: "ann", reason: "banned", sessions: ["abc-1", "abc-2"] },
  {
    type: "delta",
    shard: 1,
    since: 10,
    upTo: 12,
    part: 1,
    parts: 1,
    births: [birth(11, "user:1", { a: "b", nested: { list: [1, [2]] } }), birth(12, "__proto__", { "": 1 })],
    removed: [],
  },
];

const texts = messages.map((message, index): string => {
  const frame: Frame = {
    from: { name: "a", incarnation: "0mb4k2xyz01abc" },
    to: index % 2 === 0 ? undefined : "0mb4k2xyz01xyz",
    counter: index + 1,
    message,
    version: 1 + (index % 2),
  };
  // The last one stands for metas that are longer in shared form.
  return encodeFrame(frame, index === messages.length - 1 ? "plain" : "shared");
});

/** Decodes, and checks that what came out can go out again and comes back the same. */
function decodeAndCheck(text: string): "accepted" | "refused" {
  const beganMs = performance.now();
  const decoded = decodeFrame(text);
  const tookMs = performance.now() - beganMs;
  if (tookMs > slowestMs) throw new Error(`decoding took ${tookMs} ms: ${text.slice(0, 500)}`);
  if (decoded.frame === undefined) return "refused";
  const encoded = encodeFrame(decoded.frame);
  const again = decodeFrame(encoded);
  if (again.frame === undefined) throw new Error(`accepted, but not when sent on: ${encoded.slice(0, 500)}`);
  if (encodeFrame(again.frame) !== encoded) throw new Error("not the same when sent on");
  if (!isFinite(decoded.frame)) throw new Error("a number that JSON cannot say");
  checkBounds(decoded.frame);
  return "accepted";
}

/** What is accepted is no larger than what `track` accepts, and all of a frame no larger than so many texts. */
function checkBounds({ from, message }: Frame): void {
  const jsonBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2;
  if (jsonBytes(from.name) > 128 || /[\p{Cc}\u2028\u2029]/u.test(from.name)) throw new Error("a node's name");
  if (!("births" in message)) return;
  let length = 0;
  const measured = new Map<string, number>();
  for (const { topic, key, session, meta } of message.births) {
    for (const name of [topic, key]) {
      const bytes = measured.get(name) ?? jsonBytes(name);
      measured.set(name, bytes);
      if (bytes > 512) throw new Error("a name that track would refuse");
    }
    if (session.length > 64) throw new Error("a session that is too long");
    if (depthOf(meta) > 65) throw new Error("a meta that track would refuse");
    length += topic.length + key.length + session.length;
    for (const [name, value] of Object.entries(meta)) {
      length += name.length + (typeof value === "string" ? value.length : 0);
    }
  }
  if (length > 4 * 1_024 * 1_024) throw new Error(`${length} units out of one frame`);
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** Whether all numbers in it are finite: `1e999` is JSON, and becomes infinite. */
function isFinite(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value !== "object" || value === null || Object.values(value).every(isFinite);
}

describe("the decoder", () => {
  it("accepts the frames that the fuzzing starts from", () => {
    for (const [index, text] of texts.entries()) {
      expect(decodeFrame(text)).toMatchObject({ frame: { counter: index + 1, message: messages[index] } });
    }
  });

  it(`survives ${frames} damaged frames`, { timeout: 600_000 }, () => {
    const random = new SeededRandom("damaged frames");
    const outcome = { accepted: 0, refused: 0 };
    for (let count = 0; count < frames; count += 1) {
      const text = random.chance(0.1) ? nonsense(random) : damage(random.pick(texts), random);
      try {
        outcome[decodeAndCheck(text)] += 1;
      } catch (error) {
        throw new Error(`frame ${count}: ${text.slice(0, 2_000)}`, { cause: error });
      }
    }
    // The fuzzing reaches both sides of the border.
    expect(outcome.accepted).toBeGreaterThan(frames / 100);
    expect(outcome.refused).toBeGreaterThan(frames / 10);
  });

  it("R50: takes no more out of a frame than its limits say, however the frame is put together", () => {
    const random = new SeededRandom("expanding frames");
    const outcome = { accepted: 0, refused: 0 };
    for (let count = 0; count < 300; count += 1) outcome[decodeAndCheck(expanding(random))] += 1;
    expect(Math.min(outcome.accepted, outcome.refused)).toBeGreaterThan(10);
  });

  it("refuses a meta shape that names a property twice", () => {
    const text = texts[1] ?? "";
    expect(
      decodeFrame(text.replace('"s__proto__","vcount"', '"s__proto__","s__proto__"')).frame,
    ).toBeUndefined();
  });

  it("refuses numbers that are not finite", () => {
    expect(decodeFrame((texts[7] ?? "").replace("8000", "1e999")).frame).toBeUndefined();
    expect(decodeFrame((texts[6] ?? "").replace("-0.5", "1e999")).frame).toBeUndefined();
  });

  it("does not pollute a prototype", () => {
    decodeAndCheck(texts[1] ?? "");
    expect(({} as Record<string, unknown>)["odd"]).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it("refuses ranges that would make a receiver loop", () => {
    const huge = 2 ** 53 - 1;
    for (const body of [
      `5,0,1,0,${huge},${huge},${huge},[1,${huge - 1}],[]`,
      `5,0,1,0,${huge},${huge},${huge},[${huge},0,1,${huge}],[]`,
    ]) {
      expect(decodeFrame(`[1,${body[0]},"a","0mb4k2xyz01abc",0,1,${body.slice(2)}]`).frame).toBeUndefined();
    }
  });
});
