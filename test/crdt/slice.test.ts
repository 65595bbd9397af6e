import { describe, expect, it } from "vitest";
import { Seen } from "../../src/crdt/context.js";
import { KeptRemovals } from "../../src/crdt/removals.js";
import { Slice } from "../../src/crdt/slice.js";

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
