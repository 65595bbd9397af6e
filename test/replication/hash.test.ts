/** The hash of values: equal for equal ones, and another for any change that can be made to one. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { equalMetas } from "../../src/replication/equal.js";
import { hashJson } from "../../src/replication/hash.js";

const json = fc.jsonValue({ maxDepth: 4, noUnicodeString: false });

/** The same value with the properties of all its objects the other way round. */
function reordered(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(reordered);
  const copy = {};
  for (const [name, inner] of Object.entries(value).reverse()) {
    const property = { value: reordered(inner), enumerable: true, configurable: true, writable: true };
    Object.defineProperty(copy, name, property);
  }
  return copy;
}

describe("the hash of a JSON value", () => {
  it("is the same after a journey as JSON, and whatever the order of properties", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(hashJson(JSON.parse(JSON.stringify(value)))).toBe(hashJson(value));
        expect(hashJson(reordered(value))).toBe(hashJson(value));
      }),
      { numRuns: 1_000 },
    );
    expect(hashJson([-0])).toBe(hashJson([0]));
  });

  it("is another for values that are not equal", () => {
    fc.assert(
      fc.property(json, json, (one, other) => {
        expect(hashJson(one) === hashJson(other)).toBe(equalMetas(one, other));
      }),
      { numRuns: 2_000 },
    );
  });

  it("is another after one character of a text or name has changed, for certain", () => {
    const text = fc.string({ minLength: 1, maxLength: 200, unit: "binary" });
    fc.assert(
      fc.property(text, fc.nat(), fc.integer({ min: 1, max: 0xffff }), (before, at, change) => {
        const place = at % before.length;
        const changed = String.fromCharCode(before.charCodeAt(place) ^ change);
        const after = before.slice(0, place) + changed + before.slice(place + 1);
        for (const put of [
          (put: string) => put,
          (put: string) => ({ a: 1, [put]: put === before ? "x" : "x" }),
          (put: string) => ({ list: [0, { deep: put }, null] }),
        ]) {
          expect(hashJson(put(after))).not.toBe(hashJson(put(before)));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("is of own properties alone, whatever an application adds to all objects", () => {
    const values = [{ a: 1 }, [1, { b: "x" }], JSON.parse('{"__proto__":1,"hasOwnProperty":2}')];
    const before = values.map(hashJson);
    const added = { value: 1, enumerable: true, configurable: true, writable: true };
    Object.defineProperty(Object.prototype, "added", added);
    const during = values.map(hashJson);
    delete (Object.prototype as { added?: number }).added;
    expect(during).toEqual(before);
    expect(hashJson(JSON.parse('{"__proto__":1}'))).not.toBe(hashJson({}));
    expect(hashJson(Object.assign(Object.create(null), { a: 1 }))).toBe(hashJson({ a: 1 }));
  });

  it("tells values apart that look alike", () => {
    const alike = [
      ...[0, 1, -1, 0.1, 1e21, 2 ** 31, 2 ** 32, -(2 ** 31), 5e-324, "", "0", "1", true, false, null, [], {}],
      ...[
        [[]],
        [{}],
        { a: {} },
        { a: [] },
        { a: null },
        { a: "" },
        { "": "a" },
        [0, 1],
        [1, 0],
        [0],
        ["a", "b"],
      ],
      ...[["ab"], { a: 1, b: 2 }, { a: 2, b: 1 }, { a: { b: 1 } }, { b: { a: 1 } }, [[0], 1], [0, [1]]],
    ];
    expect(new Set(alike.map(hashJson)).size).toBe(alike.length);
  });
});

describe("the hash of an entry", () => {
  const origin = {
    owner: { name: "a", departure: undefined, handedOff: new Set<ReplicatedEntry>() },
    shard: 0,
    refPrefix: "r",
  };
  const hashOf = (topic: string, key: string, session: string, meta: Record<string, unknown>): number =>
    ReplicatedEntry.hashOf(new ReplicatedEntry(origin, 1, topic, key, session, meta));

  it("is of its topic, key, session and meta, each by itself", () => {
    const hashes = [
      hashOf("room", "ann", "s-1", { x: 1 }),
      hashOf("roon", "ann", "s-1", { x: 1 }),
      hashOf("room", "anm", "s-1", { x: 1 }),
      hashOf("room", "ann", "s-2", { x: 1 }),
      hashOf("room", "ann", "s-1", { x: 2 }),
      hashOf("rooma", "nn", "s-1", { x: 1 }),
      hashOf("room", "anns", "-1", { x: 1 }),
      hashOf("ann", "room", "s-1", { x: 1 }),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
