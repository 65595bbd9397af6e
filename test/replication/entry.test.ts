import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { ReplicatedEntry } from "../../src/replication/entry.js";

const origin = { owner: { name: "a", departure: undefined }, shard: 0, refPrefix: "life.0." };

function revisions(): { first: ReplicatedEntry; second: ReplicatedEntry } {
  const first = new ReplicatedEntry(origin, 1, "room", "ann", "s", { page: 1 });
  ReplicatedEntry.seal(first, undefined);
  const second = new ReplicatedEntry(origin, 3, "room", "ann", "s", { page: 2 });
  ReplicatedEntry.seal(second, first);
  return { first, second };
}

describe("the refs of an entry", () => {
  const expected = {
    key: "ann",
    meta: { page: 2 },
    ref: "life.0.3",
    prevRef: "life.0.1",
    node: "a",
    session: "s",
  };

  it("name the entry and the one that it replaced", () => {
    const { first, second } = revisions();
    expect([first.ref, first.prevRef]).toEqual(["life.0.1", undefined]);
    expect([second.ref, second.prevRef]).toEqual(["life.0.3", "life.0.1"]);
  });

  it("are in copies, in JSON and in what a console shows", () => {
    const { second } = revisions();
    expect({ ...second }).toEqual(expected);
    expect(Object.keys(second).sort()).toEqual(Object.keys(expected).sort());
    expect(JSON.parse(JSON.stringify(second))).toEqual(expected);
    expect(structuredClone(second)).toEqual(expected);
    expect(inspect([second])).toContain("ref: 'life.0.3'");
    expect(inspect(second)).not.toContain("Getter");
  });

  it("cannot be changed, and stay what they were sealed with", () => {
    const { first, second } = revisions();
    expect(Object.isFrozen(second)).toBe(true);
    expect(() => Object.assign(second, { ref: "other" })).toThrow(TypeError);
    ReplicatedEntry.seal(first, second);
    expect(first.prevRef).toBeUndefined();
  });
});
