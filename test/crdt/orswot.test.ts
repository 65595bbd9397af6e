import { describe, expect, it } from "vitest";
import { type Delta, Orswot, type Part } from "../../src/crdt/index.js";
import { contentsOf } from "./model.js";

const nothing = { added: [], updated: [], removed: [] };

function part(fields: Partial<Part<string>>): Part<string> {
  return { replica: "ann", since: 0, upTo: 0, births: [], removed: [], ...fields };
}

/** Two sets that have both heard of one element, added by the first. */
function pair(value = "home"): {
  ann: Orswot<string>;
  bob: Orswot<string>;
  dot: { replica: string; clock: number };
} {
  const ann = new Orswot<string>("ann");
  const bob = new Orswot<string>("bob");
  const dot = ann.add(value);
  bob.merge(ann.delta());
  return { ann, bob, dot };
}

describe("a set by itself", () => {
  it("adds, updates, removes and lists", () => {
    const set = new Orswot<string>("ann");
    const home = set.add("home");
    const photos = set.add("photos");
    expect([home, photos]).toEqual([
      { replica: "ann", clock: 1 },
      { replica: "ann", clock: 2 },
    ]);
    const reviews = set.update(home, "reviews");
    expect(reviews).toEqual({ replica: "ann", clock: 4 });
    expect([set.get(home), set.get(photos), set.get(reviews)]).toEqual([undefined, "photos", "reviews"]);
    expect(set.remove(photos)).toBe(true);
    expect(set.remove(photos)).toBe(false);
    expect([...set]).toEqual([{ dot: reviews, value: "reviews" }]);
    expect(set.size).toBe(1);
    expect(set.context.clock("ann")).toBe(5);
  });

  it("spends no dot on a removal of what is not there", () => {
    const set = new Orswot<string>("ann");
    expect(set.remove({ replica: "bob", clock: 1 })).toBe(false);
    expect(set.remove({ replica: "ann", clock: 1 })).toBe(false);
    expect(set.context.clock("ann")).toBe(0);
    expect([...set.context.replicas()]).toEqual([]);
  });

  it("refuses names, options and elements that it cannot work with", () => {
    expect(() => new Orswot("ann", { removalsKept: -1 })).toThrow(RangeError);
    expect(() => new Orswot("ann", { removalsKept: 0.5 })).toThrow(/removalsKept .* got 0.5/);
    expect(() => new Orswot(7 as never)).toThrow(TypeError);
    const set = new Orswot<string | undefined>("ann");
    expect(() => set.add(undefined)).toThrow(TypeError);
    expect(() => set.update({ replica: "ann", clock: 1 }, "home")).toThrow(/does not hold: clock 1 of "ann"/);
    expect(() => set.update(set.add("home"), undefined)).toThrow(TypeError);
    expect(() => set.part("ann", -1)).toThrow(RangeError);
    expect(set.size).toBe(1);
  });

  it("takes any name for a replica, and pollutes nothing", () => {
    for (const name of ["__proto__", "constructor", "hasOwnProperty", ""]) {
      const set = new Orswot<string>(name);
      const other = new Orswot<string>("other");
      const dot = set.add("home");
      other.merge(set.delta());
      expect(other.get(dot)).toBe("home");
      expect(other.count(name)).toBe(1);
      expect(other.digest(name)).toBe(set.digest(name));
      other.remove(dot);
      set.merge(other.delta(set.context));
      expect(set.size).toBe(0);
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it("answers for a replica it never heard of", () => {
    const set = new Orswot<string>("ann");
    expect([set.count("bob"), set.digest("bob"), set.live("bob").size, set.context.clock("bob")]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(set.part("bob", 3)).toEqual(part({ replica: "bob" }));
  });
});

describe("merging", () => {
  it("lets an addition win over a removal that has not seen it", () => {
    const { ann, bob, dot } = pair();
    bob.remove(dot);
    const again = ann.add("home");
    const fromAnn = ann.delta();
    ann.merge(bob.delta());
    bob.merge(fromAnn);
    for (const set of [ann, bob]) expect([...set]).toEqual([{ dot: again, value: "home" }]);
  });

  it("keeps both outcomes of two updates at once, and lets either be updated into one", () => {
    const { ann, bob, dot } = pair();
    const reader = ann.clone("reader");
    const byAnn = ann.update(dot, "photos");
    const byBob = bob.update(dot, "reviews");
    ann.merge(bob.delta(ann.context));
    expect(ann.size).toBe(2);
    expect(reader.merge(ann.delta(reader.context))).toEqual({
      added: [{ dot: byBob, value: "reviews" }],
      updated: [{ dot: byAnn, value: "photos", previous: { dot, value: "home" } }],
      removed: [],
    });
    ann.remove(byBob);
    const last = ann.update(byAnn, "away");
    const change = reader.merge(ann.delta(reader.context));
    expect(change.added).toEqual([]);
    expect(change.updated.map((element) => element.dot)).toEqual([last]);
    expect(change.removed).toHaveLength(1);
    expect(contentsOf(reader)).toEqual(contentsOf(ann));
  });

  it("does not let a late birth in after its removal", () => {
    const ann = new Orswot<string>("ann");
    const bob = new Orswot<string>("bob");
    const dot = ann.add("home");
    const birth = ann.delta();
    const before = ann.context.clone();
    ann.remove(dot);
    expect(bob.merge(ann.delta(before))).toEqual(nothing);
    expect(bob.context.includes(dot)).toBe(true);
    expect(bob.merge(birth)).toEqual(nothing);
    expect(bob.size).toBe(0);
    expect(bob.equals(ann)).toBe(true);
  });

  it("reports one update for many, across replicas too", () => {
    const { ann, bob, dot } = pair();
    const reader = ann.clone("reader");
    let latest = dot;
    for (const [set, other, value] of [
      [bob, ann, "photos"],
      [bob, ann, "reviews"],
      [ann, bob, "cart"],
    ] as const) {
      latest = set.update(latest, value);
      other.merge(set.delta(other.context));
    }
    expect(reader.merge(ann.delta(reader.context))).toEqual({
      added: [],
      updated: [{ dot: latest, value: "cart", previous: { dot, value: "home" } }],
      removed: [],
    });
  });

  it("reports as added what was updated before it was ever heard of", () => {
    const { ann, dot } = pair();
    const latest = ann.update(dot, "photos");
    const reader = new Orswot<string>("reader");
    expect(reader.merge(ann.delta())).toEqual({ ...nothing, added: [{ dot: latest, value: "photos" }] });
  });

  it("reports nothing of what was born and removed in one merge", () => {
    const birth = part({ upTo: 1, births: [{ clock: 1, value: "home" }] });
    const removal = part({
      replica: "bob",
      upTo: 1,
      removed: [{ clock: 1, dot: { replica: "ann", clock: 1 } }],
    });
    for (const parts of [
      [birth, removal],
      [removal, birth],
    ]) {
      const elsewhere = part({ replica: "eve", upTo: 1, births: [{ clock: 1, value: "cart" }] });
      const set = new Orswot<string>("reader");
      expect(set.merge({ parts: [...parts, elsewhere] }).added.map(({ value }) => value)).toEqual(["cart"]);
      expect(set.size).toBe(1);
    }
    const set = new Orswot<string>("reader");
    expect(set.merge({ parts: [birth, removal] })).toEqual(nothing);
  });

  it("merges nothing of a delta that contradicts itself", () => {
    const good = part({ replica: "bob", upTo: 1, births: [{ clock: 1, value: "home" }] });
    const dot = { replica: "ann", clock: 3 };
    const bad: Part<string>[] = [
      part({ since: 2, upTo: 1 }),
      part({ since: -1, upTo: 1 }),
      part({ upTo: 0.5 }),
      part({ upTo: 2 ** 53 }),
      part({ upTo: Number.NaN }),
      part({ upTo: 1, births: [{ clock: 2, value: "x" }] }),
      part({ since: 1, upTo: 2, births: [{ clock: 1, value: "x" }] }),
      part({
        upTo: 2,
        births: [
          { clock: 2, value: "x" },
          { clock: 1, value: "x" },
        ],
      }),
      part({ upTo: 3, births: [{ clock: 3, value: "x", origin: 3 }] }),
      part({ upTo: 3, births: [{ clock: 3, value: "x", origin: 0 }] }),
      part({ upTo: 3, births: [{ clock: 3, value: "x", originReplica: "bob" }] }),
      part({ upTo: 3, removed: [{ clock: 4, dot: { replica: "bob", clock: 1 } }] }),
      part({ upTo: 3, removed: [{ clock: 3, dot }] }),
      part({ upTo: 3, removed: [{ clock: 3, dot: { replica: "bob", clock: 0 } }] }),
    ];
    for (const wrong of bad) {
      const set = new Orswot<string>("reader");
      expect(() => set.merge({ parts: [good, wrong] })).toThrow(RangeError);
      expect(() => set.mergePart(wrong)).toThrow(RangeError);
      expect(set.equals(new Orswot<string>("reader"))).toBe(true);
    }
  });

  it("is not stalled by ranges that claim every dot there can be", () => {
    const most = Number.MAX_SAFE_INTEGER;
    const set = new Orswot<string>("reader");
    const removal = { clock: most, dot: { replica: "bob", clock: most } };
    for (const since of [5, 2 ** 40, 0]) {
      set.merge({
        parts: [part({ since, upTo: most, births: [{ clock: since + 1, value: "x" }], removed: [removal] })],
      });
      set.merge(set.delta());
      set.delta({ ...set.context, clock: () => 3, includes: () => true, clone: () => set.context });
      set.part("ann", 3);
      set.clone().merge(set.delta());
    }
    expect(set.context.clock("ann")).toBe(most);
    expect(set.context.includes({ replica: "bob", clock: most })).toBe(true);
  });

  it("runs out of clocks with a RangeError, and does nothing then", () => {
    const set = new Orswot<string>("ann");
    set.merge({ parts: [part({ upTo: Number.MAX_SAFE_INTEGER, births: [{ clock: 1, value: "x" }] })] });
    const dot = { replica: "ann", clock: 1 };
    expect(() => set.add("home")).toThrow(RangeError);
    expect(() => set.remove(dot)).toThrow(RangeError);
    expect(() => set.update(dot, "home")).toThrow(RangeError);
    expect(contentsOf(set)).toEqual(["ann:1=x"]);

    // One is left, and an update needs two.
    const nearly = new Orswot<string>("ann");
    nearly.merge({
      parts: [part({ upTo: Number.MAX_SAFE_INTEGER - 1, births: [{ clock: 1, value: "x" }] })],
    });
    expect(() => nearly.update(dot, "home")).toThrow(RangeError);
    expect(nearly.get(dot)).toBe("x");
    expect(nearly.remove(dot)).toBe(true);
  });

  it("never spends a dot again that a copy of the set has spent", () => {
    const ann = new Orswot<string>("ann");
    ann.merge({ parts: [part({ since: 4, upTo: 6, births: [{ clock: 6, value: "x" }] })] });
    expect(ann.add("home")).toEqual({ replica: "ann", clock: 7 });
    expect(ann.context.clock("ann")).toBe(0);
    expect([4, 5, 6, 7, 8].map((clock) => ann.context.includes({ replica: "ann", clock }))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
  });
});

describe("deltas", () => {
  it("tell what the context lacks and nothing else", () => {
    const { ann, bob } = pair();
    expect(ann.delta(bob.context)).toEqual({ parts: [] });
    const dot = ann.add("photos");
    expect(ann.delta(bob.context).parts).toEqual([
      part({ since: 1, upTo: 2, births: [{ clock: 2, value: "photos" }] }),
    ]);
    expect(bob.merge(ann.delta(bob.context)).added).toEqual([{ dot, value: "photos" }]);
  });

  it("of a set with gaps have gaps too", () => {
    const set = new Orswot<string>("bob");
    set.merge({ parts: [part({ since: 3, upTo: 4 }), part({ since: 6, upTo: 8 })] });
    expect(set.delta().parts).toEqual([part({ since: 3, upTo: 4 }), part({ since: 6, upTo: 8 })]);
    expect(set.part("ann", 0)).toEqual(part({}));
  });

  it("are full where the kept removals do not reach back, and converge", () => {
    const ann = new Orswot<string>("ann", { removalsKept: 2 });
    const bob = new Orswot<string>("bob");
    const dots = ["a", "b", "c", "d", "e", "f", "g"].map((value) => ann.add(value));
    bob.merge(ann.delta());
    for (const dot of dots.slice(0, 4)) ann.remove(dot);
    expect(ann.part("ann", 7)?.removed).toHaveLength(4);
    for (const dot of dots.slice(4, 6)) ann.remove(dot);
    expect(ann.part("ann", 7)).toBeUndefined();
    expect(ann.part("ann", 9)?.removed).toHaveLength(4);
    const delta = ann.delta(bob.context);
    expect(delta.parts).toEqual([part({ upTo: 13, births: [{ clock: 7, value: "g" }] })]);
    expect(bob.merge(delta).removed).toHaveLength(6);
    expect(bob.equals(ann)).toBe(true);
  });

  it("are never small when no removals are kept, and right all the same", () => {
    const ann = new Orswot<string>("ann", { removalsKept: 0 });
    const bob = new Orswot<string>("bob");
    const dot = ann.add("home");
    ann.add("photos");
    bob.merge(ann.delta());
    ann.remove(dot);
    expect(ann.part("ann", 2)).toBeUndefined();
    bob.merge(ann.delta(bob.context));
    expect(bob.equals(ann)).toBe(true);
    // What came after the last removal can be told again.
    ann.add("cart");
    expect(ann.delta(bob.context).parts).toEqual([
      part({ since: 3, upTo: 4, births: [{ clock: 4, value: "cart" }] }),
    ]);
  });

  it("are not relayed in part where removals may have gone untold", () => {
    const { ann, bob } = pair();
    const eve = bob.clone("eve");
    ann.remove(ann.update({ replica: "ann", clock: 1 }, "photos"));
    // Bob takes everything at once, and so never hears which dot removed which.
    bob.merge(ann.delta());
    expect(bob.part("ann", 1)).toBeUndefined();
    eve.merge(bob.delta(eve.context));
    expect(eve.equals(ann)).toBe(true);
  });

  it("stay small where a full delta told nothing new", () => {
    const { ann, bob } = pair();
    const dots = [ann.add("photos"), ann.add("cart")];
    const before = bob.context.clone();
    bob.merge(ann.delta(bob.context));
    dots.forEach((dot) => ann.remove(dot));
    bob.merge(ann.delta(bob.context));
    for (const known of [ann.delta(), ann.delta(before), bob.delta()]) bob.merge(known);
    expect(bob.part("ann", 3)).toEqual(ann.part("ann", 3));
    expect(bob.part("ann", 3)?.removed).toHaveLength(2);
  });

  it("cost what changed, not what the set holds", () => {
    const ann = new Orswot<string>("ann");
    for (let count = 0; count < 200_000; count++) ann.add("home");
    const bob = new Orswot<string>("bob");
    bob.merge(ann.delta());
    const started = performance.now();
    for (let count = 0; count < 2_000; count++) {
      ann.add("home");
      bob.merge(ann.delta(bob.context));
    }
    // About 10 ms. One walk over the set takes 1 ms, so that walking it each time would take seconds.
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(bob.size).toBe(202_000);
  }, 20_000);
});

describe("copies and comparison", () => {
  it("a clone shares nothing with its original", () => {
    const { ann, bob, dot } = pair();
    const copy = bob.clone("eve");
    expect(copy.replica).toBe("eve");
    expect(copy.equals(bob)).toBe(true);
    copy.remove(dot);
    copy.add("photos");
    expect(contentsOf(bob)).toEqual(["ann:1=home"]);
    expect(bob.context.clock("eve")).toBe(0);
    ann.merge(copy.delta(ann.context));
    expect(ann.equals(copy)).toBe(true);
  });

  it("differ by what they hold and by what they have seen", () => {
    const { ann, bob, dot } = pair();
    expect(ann.equals(bob)).toBe(true);
    bob.remove(dot);
    expect(ann.equals(bob)).toBe(false);
    const empty = new Orswot<string>("eve");
    expect(empty.equals(bob)).toBe(false);
    expect(bob.equals(empty)).toBe(false);
    const alike: Delta<string> = { parts: [part({ upTo: 2, births: [{ clock: 1, value: "x" }] })] };
    const otherwise: Delta<string> = { parts: [part({ upTo: 2, births: [{ clock: 2, value: "x" }] })] };
    const [one, other] = [new Orswot<string>("one"), new Orswot<string>("other")];
    one.merge(alike);
    other.merge(otherwise);
    expect(one.equals(other)).toBe(false);
    expect(one.digest("ann")).not.toBe(other.digest("ann"));
  });

  it("the context follows the set, its clone does not", () => {
    const set = new Orswot<string>("ann");
    const { context } = set;
    const before = context.clone();
    const dot = set.add("home");
    expect([context.includes(dot), context.clock("ann")]).toEqual([true, 1]);
    expect([before.includes(dot), before.clock("ann"), [...before.replicas()]]).toEqual([false, 0, []]);
    expect(set.delta(before).parts).toHaveLength(1);
    expect(set.delta(context).parts).toEqual([]);
  });

  it("the digest tells slices of equal size apart", () => {
    const digests = new Set<number>();
    const set = new Orswot<string>("ann");
    let last = set.add("home");
    for (let count = 0; count < 10_000; count++) {
      digests.add(set.digest("ann"));
      last = set.update(last, "home");
    }
    // By chance, 10,000 numbers of 53 bits have about 10^-8 collisions.
    expect(digests.size).toBe(10_000);
    set.remove(last);
    expect(set.digest("ann")).toBe(0);
  });
});
