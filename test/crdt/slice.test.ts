import { describe, expect, it } from "vitest";
import { Seen } from "../../src/crdt/context.js";
import { KeptRemovals } from "../../src/crdt/removals.js";
import { Slice, scatter } from "../../src/crdt/slice.js";

describe("a slice", () => {
  it("forgets the origin of an element with the element", () => {
    const slice = new Slice<string>("ann", new Seen(), new KeptRemovals(1, "ann"));
    const origin = { replica: "bob", clock: 7 };
    slice.insert(3, "home", origin);
    expect(slice.originOf(3)).toEqual(origin);
    slice.delete(3);
    expect(slice.originOf(3)).toEqual({ replica: "ann", clock: 3 });
  });

  it("is not changed by the removal of what it does not hold", () => {
    const slice = new Slice<string>("ann", new Seen(), new KeptRemovals(1, "ann"));
    slice.insert(3, "home");
    const { digest } = slice;
    slice.delete(4);
    expect([slice.digest, slice.live.size]).toEqual([digest, 1]);
  });
});

describe("scatter", () => {
  it("tells clocks apart that agree in their low 32 bits", () => {
    const clocks = [1, 2 ** 32 + 1, 2 ** 33 + 1, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER];
    const hashes = clocks.map(scatter);
    expect(new Set(hashes).size).toBe(clocks.length);
    for (const hash of hashes) expect(hash >>> 0).toBe(hash);
  });

  it("changes about half of the bits from one clock to the next", () => {
    let changed = 0;
    for (let clock = 1; clock <= 10_000; clock++) {
      let difference = scatter(clock) ^ scatter(clock + 1);
      for (; difference !== 0; difference &= difference - 1) changed++;
    }
    expect(changed / 10_000).toBeGreaterThan(15.5);
    expect(changed / 10_000).toBeLessThan(16.5);
  });
});
