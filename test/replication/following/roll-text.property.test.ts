/** Lives in a roll as text: what is packed is unpacked, what is no such text is refused, and counters are found again. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  COUNTER_SPAN,
  counterOf,
  packCalls,
  packHashes,
  unpackCalls,
  unpackHashes,
} from "../../../src/replication/following/roll-text.js";

const hash = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const call = fc.record(
  { hash, end: fc.integer({ min: 0, max: COUNTER_SPAN - 1 }) },
  { noNullPrototype: true },
);

describe("the text of a roll", () => {
  it("is nine characters for each life, and says what was packed (law)", () => {
    fc.assert(
      fc.property(fc.array(call), (calls) => {
        const text = packCalls(calls);
        expect(text).toHaveLength(9 * calls.length);
        expect(unpackCalls(text)).toEqual(calls);
      }),
    );
  });

  it("is six characters for each hash that is asked for (law)", () => {
    fc.assert(
      fc.property(fc.array(hash), (hashes) => {
        expect(packHashes(hashes)).toHaveLength(6 * hashes.length);
        expect(unpackHashes(packHashes(hashes))).toEqual(hashes);
      }),
    );
  });

  it("is refused if it is cut, has other characters or a hash that is too large (law)", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const calls = unpackCalls(text);
        if (calls !== undefined) expect(packCalls(calls)).toBe(text);
        const hashes = unpackHashes(text);
        if (hashes !== undefined) expect(packHashes(hashes)).toBe(text);
      }),
    );
    expect(unpackCalls("AAAAAAAA")).toBeUndefined();
    expect(unpackCalls("AAAAAAAA!")).toBeUndefined();
    expect(unpackCalls("______AAA")).toBeUndefined();
    expect(unpackHashes("ÄAAAAA")).toBeUndefined();
  });

  it("ends like a counter that is found again beside one before or after it (law)", () => {
    const counter = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 2 * COUNTER_SPAN });
    const by = fc.integer({ min: 1 - COUNTER_SPAN / 2, max: COUNTER_SPAN / 2 - 1 });
    fc.assert(
      fc.property(counter, by, (said, difference) => {
        const known = Math.max(0, said - difference);
        expect(counterOf(said % COUNTER_SPAN, known)).toBe(said);
      }),
    );
  });
});
