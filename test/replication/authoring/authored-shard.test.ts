import { describe, expect, it } from "vitest";
import { AuthoredShard } from "../../../src/replication/authoring/authored-shard.js";
import { PROTOCOL } from "../../../src/replication/rules.js";

function author(): AuthoredShard {
  return new AuthoredShard({ name: "a", departure: undefined }, "a/1", 0, "r.");
}

/** What an author would say of itself. */
function summed(shard: AuthoredShard): unknown {
  shard.flush();
  return [shard.flushed, [...shard.entries.keys()]];
}

describe("R4: what is not in the set", () => {
  it("cannot be removed a second time, and costs no dot", () => {
    const shard = author();
    const ann = shard.add("room", "ann", "s1", {});
    shard.add("room", "bob", "s2", {});
    shard.remove(ann, false);
    const before = summed(shard);
    expect(() => shard.remove(ann, true)).toThrow(/fault of rollcall.*r\.1 is not/);
    expect(summed(shard)).toEqual(before);
    expect(shard.add("room", "eve", "s3", {}).ref).toBe("r.4");
  });

  it("cannot be updated, and costs no dot", () => {
    const shard = author();
    const ann = shard.add("room", "ann", "s1", {});
    shard.update(ann, { n: 1 });
    const before = summed(shard);
    expect(() => shard.update(ann, { n: 2 })).toThrow(/fault of rollcall/);
    expect(summed(shard)).toEqual(before);
  });

  it("is also what another author has at that clock", () => {
    const [one, other] = [author(), author()];
    one.add("room", "ann", "s1", {});
    const foreign = other.add("room", "ann", "s1", {});
    expect(() => one.remove(foreign, false)).toThrow(/fault of rollcall/);
    expect(() => one.update(foreign, {})).toThrow(/fault of rollcall/);
    expect(one.entries.size).toBe(1);
  });
});

describe("R4: a dot that the set did not count", () => {
  it("is not passed off as an entry's birth", () => {
    let changes = false;
    const hashOf: (typeof PROTOCOL)["rules"]["hashOf"] = (entry) => {
      // Whoever changes the set while it takes an entry in takes the dot that the entry was made for.
      if (!changes) return PROTOCOL.rules.hashOf(entry);
      changes = false;
      shard.add("room", "eve", "s9", {});
      return 0;
    };
    const shard = new AuthoredShard({ name: "a", departure: undefined }, "a/1", 0, "r.", {
      ...PROTOCOL,
      rules: { ...PROTOCOL.rules, hashOf },
    });
    const ann = shard.add("room", "ann", "s1", {});
    changes = true;
    expect(() => shard.add("room", "bob", "s2", {})).toThrow(/fault of rollcall.*r\.2 was born at clock 3/);
    changes = true;
    expect(() => shard.update(ann, { n: 1 })).toThrow(/fault of rollcall.*was born at clock/);
  });
});

describe("refs and dots", () => {
  it("count alike: one for a birth or a removal, two for an update", () => {
    const shard = author();
    const ann = shard.add("room", "ann", "s1", {});
    const updated = shard.update(ann, { n: 1 });
    shard.remove(updated, false);
    const bob = shard.add("room", "bob", "s2", {});
    expect([ann.ref, updated.ref, updated.prevRef, bob.ref]).toEqual(["r.1", "r.3", "r.1", "r.5"]);
    expect([...shard.entries.keys()]).toEqual([5]);
    expect(shard.pendingDots).toBe(5);
    shard.flush();
    expect([shard.flushed.clock, shard.pendingDots]).toEqual([5, 0]);
  });
});
