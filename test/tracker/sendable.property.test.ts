/**
 * What was accepted can be sent: within any limits that start accepts, any entry that `track` accepts arrives, and
 * so does everything after it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TrackerError } from "../../src/errors.js";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import { checkOptions } from "../../src/tracker/options.js";
import { Session } from "../../src/session.js";

type Meta = Record<string, unknown>;

const alphabets = {
  letters: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
  escaped: '"\\/\b\f\n\r\t',
  controls: "\u0000\u0001\u0008\u001b\u001f",
  latin: "äöüßéèñø",
  wide: "日本語한국어ไทย",
  emoji: "🙂🚀🦄",
  halves: "\ud800\udc00\ud83d",
};

const bytesOf = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2;

/** A text whose JSON form has at most so many bytes, and not one character less than could be. */
function fill(alphabet: string, bytes: number, salt: number): string {
  let text = "";
  for (let i = salt; ; i++) {
    const next = text + alphabet[i % alphabet.length]!;
    if (bytesOf(next) > bytes) return text;
    text = next;
  }
}

/** The `number`-th of short names: all of one letter, then all of two. */
function shortName(number: number): string {
  const { letters } = alphabets;
  return number < 62 ? letters[number]! : shortName(Math.floor(number / 62) - 1) + letters[number % 62]!;
}

/** The next property of metas of each kind, by how many are there. */
const kinds: Readonly<Record<string, (number: number, room: number) => readonly [string, unknown]>> = {
  "short texts": (number) => [shortName(number), shortName(number * 7)],
  "texts of one letter": (number) => [shortName(number), alphabets.letters[number % 62]],
  "empty texts": (number) => [shortName(number), ""],
  "one text again and again": (number) => [shortName(number), "phone"],
  digits: (number) => [String(number), number % 10],
  doubles: (number) => [shortName(number), -1.7976931348623157e308 / (number + 1)],
  "true, false and null": (number) => [shortName(number), [true, false, null][number % 3]],
  lists: (number) => [shortName(number), [number, [shortName(number)], {}]],
  deep: (number) => [shortName(number), JSON.parse(`${"[".repeat(64)}${"]".repeat(64)}`)],
  "deep objects": (number) => [shortName(number), JSON.parse(`${'{"a":'.repeat(63)}{}${"}".repeat(63)}`)],
  "long names": (number) => [shortName(number) + "n".repeat(300), number],
  "one long text": (_, room) => ["text", fill(alphabets.letters, room - 12, 0)],
  "wide characters": (number) => [`${shortName(number)}日本`, alphabets.wide],
  "control characters": (number) => [`${shortName(number)}\u0001`, alphabets.controls],
  "halves of characters": (number) => [`${shortName(number)}\ud800`, alphabets.halves],
  "names of Object": (number) => [["__proto__", "constructor", "toJSON"][number] ?? shortName(number), "x"],
};

/** A meta of one kind, with as many properties as `maxMetaBytes` lets in. */
function metaOf(kind: string, maxMetaBytes: number): Meta {
  const meta: Meta = {};
  let bytes = 2;
  for (let number = 0; ; number++) {
    const [name, value] = kinds[kind]!(number, maxMetaBytes - bytes);
    const more = Buffer.byteLength(`${JSON.stringify(name)}:${JSON.stringify(value)}`) + (number > 0 ? 1 : 0);
    bytes += more;
    if (bytes > maxMetaBytes || Object.hasOwn(meta, name)) return meta;
    Object.defineProperty(meta, name, { value, enumerable: true, configurable: true, writable: true });
  }
}

/** The smallest payload limit that start accepts for such metas. */
function smallestPayload(maxMetaBytes: number): number {
  const accepts = (maxPayloadBytes: number): boolean => {
    try {
      const pubsub = {
        nodeName: "n",
        maxPayloadBytes,
        broadcast() {},
        send() {},
        subscribe: () => () => undefined,
      };
      checkOptions({ name: "n", pubsub, maxMetaBytes });
      return true;
    } catch (error) {
      if (error instanceof TrackerError) return false;
      throw error;
    }
  };
  let [low, high] = [1, 256 * 1_024];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (accepts(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const alphabet = fc.constantFrom(...Object.values(alphabets));
const kind = fc.constantFrom(...Object.keys(kinds));
const name = fc
  .tuple(alphabet, fc.oneof(fc.integer({ min: 1, max: 512 }), fc.constant(512)), fc.nat(20))
  .map(([letters, bytes, salt]) => fill(letters, bytes, salt));
const nodeLetters = fc.constantFrom(alphabets.letters, alphabets.latin, alphabets.wide, '"\\', "🙂🚀");

const scene = fc.record({
  maxMetaBytes: fc.oneof(fc.integer({ min: 2, max: 1_000 }), fc.constantFrom(4_096, 6_000)),
  slack: fc.oneof(fc.constant(0), fc.nat(2_000)),
  poolSize: fc.constantFrom(1, 1, 3, 1_024),
  letters: nodeLetters,
  entries: fc.array(
    fc.record({ topic: name, key: name, kinds: fc.array(kind, { minLength: 1, maxLength: 3 }) }),
    {
      minLength: 1,
      maxLength: 6,
    },
  ),
});

function listed(cluster: SimulatedCluster, name: string): string[] {
  const { tracker } = cluster.node(name);
  return tracker
    .topics()
    .flatMap((topic) =>
      tracker.list(topic).map(({ key, meta, session, ref }) => [topic, key, meta, session, ref]),
    )
    .map((entry) => JSON.stringify(entry))
    .sort();
}

async function play({
  maxMetaBytes,
  slack,
  poolSize,
  letters,
  entries,
}: typeof scene extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
  const maxPayloadBytes = smallestPayload(maxMetaBytes) + slack;
  const author = fill(letters, 128, 0);
  const cluster = await simulate({
    seed: 1,
    nodes: [author, "b"],
    network: { maxPayloadBytes },
    options: { poolSize, maxMetaBytes },
  });
  await cluster.settle();
  const { tracker } = cluster.node(author);
  const sessions: Session[] = [];
  for (const [number, { topic, key, kinds }] of entries.entries()) {
    const session = new Session();
    sessions.push(session);
    for (const [revision, kind] of kinds.entries()) {
      tracker.set(session, topic, key, metaOf(kind, maxMetaBytes));
      // Some changes go out together, some one by one.
      if ((number + revision) % 2 === 0) await cluster.advance(2_000);
    }
    tracker.track(new Session(), topic, `${number}`, {});
  }
  await cluster.advance(8_000);
  const expected = listed(cluster, author);
  expect(expected.length).toBe(2 * entries.length);
  expect(listed(cluster, "b")).toEqual(expected);
  await cluster.start("newcomer");
  await cluster.advance(8_000);
  expect(listed(cluster, "newcomer")).toEqual(expected);
  for (const session of sessions) session.close();
  await cluster.advance(4_000);
  expect(listed(cluster, "newcomer")).toHaveLength(entries.length);
  await cluster.node(author).tracker.stop({ handoffMs: 0 });
  await cluster.advance(100);
  for (const name of ["b", "newcomer"]) expect(listed(cluster, name)).toEqual([]);
  for (const { endpoint, events } of cluster.lives) {
    expect(endpoint.oversized).toEqual([]);
    expect(events.filter(({ event }) => event === "error" || event === "divergence")).toEqual([]);
  }
}

describe("R47: what was accepted", () => {
  it(
    "arrives, and so does everything after it, within any limits that start accepts",
    { timeout: 300_000 },
    async () => {
      await fc.assert(fc.asyncProperty(scene, play), { numRuns: 60 });
    },
  );

  it.each(Object.keys(kinds))("arrives in the smallest payload that start accepts: %s", async (kind) => {
    const entry = {
      topic: fill(alphabets.letters, 512, 0),
      key: fill(alphabets.wide, 512, 1),
      kinds: [kind],
    };
    const { letters } = alphabets;
    await play({
      maxMetaBytes: 6_000,
      slack: 0,
      poolSize: 1,
      letters,
      entries: [entry, { ...entry, key: "k" }],
    });
  });
});
