/** The digest: what it tells apart, for certain where few clocks are concerned and by chance elsewhere. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Digest } from "../../src/crdt/digest.js";
import { Orswot } from "../../src/crdt/index.js";

const clocks = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const hashes = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

function digestOf(...elements: readonly (readonly [clock: number, hash: number])[]): number {
  const digest = new Digest();
  for (const [clock, hash] of elements) digest.add(clock, hash);
  return digest.value;
}

/** How many of the numbers are there more than once. */
function repeated(numbers: Float64Array): number {
  numbers.sort();
  let count = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i] === numbers[i - 1]) count++;
  return count;
}

describe("a digest", () => {
  it("tells all sets of up to three clocks among 1 to 256 apart", () => {
    const most = 256;
    const found = new Float64Array(1 + most + (most * (most - 1)) / 2 + (most * (most - 1) * (most - 2)) / 6);
    const digest = new Digest();
    let next = 0;
    const visit = (from: number, more: number): void => {
      found[next++] = digest.value;
      if (more === 0) return;
      for (let clock = from; clock <= most; clock++) {
        digest.add(clock, 0);
        visit(clock + 1, more - 1);
        digest.subtract(clock, 0);
      }
    };
    visit(1, 3);
    expect(next).toBe(found.length);
    expect(repeated(found)).toBe(0);
  });

  it("tells all pairs of clocks among 1 to 1,024 apart", () => {
    const found = new Float64Array((1_024 * 1_023) / 2);
    let next = 0;
    for (let one = 1; one <= 1_024; one++) {
      for (let other = one + 1; other <= 1_024; other++) found[next++] = digestOf([one, 0], [other, 0]);
    }
    expect(next).toBe(found.length);
    expect(repeated(found)).toBe(0);
  });

  it("is 0 for nothing, a number that JSON carries, and the same in any order", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(clocks, hashes)), (elements) => {
        const digest = new Digest();
        for (const [clock, hash] of elements) digest.add(clock, hash);
        expect(Number.isSafeInteger(digest.value) && digest.value >= 0).toBe(true);
        expect(digestOf(...elements.toReversed())).toBe(digest.value);
        for (const [clock, hash] of elements) digest.subtract(clock, hash);
        expect(digest.value).toBe(0);
      }),
    );
  });

  it("changes with any other hash of a value", () => {
    fc.assert(
      fc.property(clocks, hashes, hashes, (clock, one, other) => {
        expect(digestOf([clock, one]) === digestOf([clock, other])).toBe(one === other);
      }),
      { numRuns: 2_000 },
    );
  });

  it("tells clocks apart that agree in their low 32 bits, and values that change places", () => {
    const far = [1, 2 ** 32 + 1, 2 ** 33 + 1, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER];
    expect(new Set(far.map((clock) => digestOf([clock, 0]))).size).toBe(far.length);
    expect(digestOf([1, 7], [2, 9])).not.toBe(digestOf([1, 9], [2, 7]));
    expect(digestOf([1, 7], [1, 7])).not.toBe(0);
  });

  it("has bits that change about half of the time from one clock to the next", () => {
    const times = 10_000;
    const changes = new Array<number>(53).fill(0);
    for (let clock = 1; clock <= times; clock++) {
      const [one, other] = [BigInt(digestOf([clock, 0])), BigInt(digestOf([clock + 1, 0]))];
      for (let bit = 0; bit < 53; bit++) if (((one ^ other) >> BigInt(bit)) & 1n) changes[bit]! += 1;
    }
    for (const count of changes) {
      expect(count / times).toBeGreaterThan(0.47);
      expect(count / times).toBeLessThan(0.53);
    }
  });
});

describe("the digest of a set", () => {
  const lengths = (value: string): number => value.length;

  it("is of the dots alone without a hash, and of the values with one", () => {
    const digests = (hash?: (value: string) => number): number[] =>
      ["home", "away!"].map((value) => {
        const set = new Orswot<string>("ann", hash ? { hash } : {});
        set.add(value);
        return set.digest("ann");
      });
    expect(new Set(digests()).size).toBe(1);
    expect(new Set(digests(lengths)).size).toBe(2);
  });

  it("follows updates, removals, merges and clones, and is 0 again at the end", () => {
    const ann = new Orswot<string>("ann", { hash: lengths });
    const bob = new Orswot<string>("bob", { hash: lengths });
    let dot = ann.add("home");
    ann.add("x");
    dot = ann.update(dot, "away!");
    bob.merge(ann.delta());
    expect(bob.digest("ann")).toBe(ann.digest("ann"));
    expect(bob.clone("carl").digest("ann")).toBe(ann.digest("ann"));
    const clone = ann.clone();
    clone.remove(dot);
    ann.remove(dot);
    expect(clone.digest("ann")).toBe(ann.digest("ann"));
    for (const { dot: each } of ann) ann.remove(each);
    expect(ann.digest("ann")).toBe(0);
  });

  it("refuses a hash that is no function", () => {
    expect(() => new Orswot("ann", { hash: 7 as never })).toThrow(TypeError);
  });
});
