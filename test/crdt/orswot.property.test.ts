import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Digest } from "../../src/crdt/digest.js";
import { type Delta, Orswot, decode, encode, join } from "../../src/crdt/index.js";
import { type Wire, World, pick, replicaNames, schedule } from "./model.js";

const order = fc.noBias(fc.array(fc.nat(999), { maxLength: 30, size: "max" }));
const last = fc.constantFrom("lacking" as const, "everything" as const);
const removalsKept = fc.constantFrom(0, 1, 3, 10_000);

/** Any deltas in any order, some twice, then what is lacking: everybody holds what the model says. */
function converges(wire?: Wire): fc.IProperty<unknown> {
  return fc.property(schedule, order, last, removalsKept, (steps, deliveries, ending, kept) => {
    const world = new World({ removalsKept: kept, ...(wire && { wire }) }).play(steps);
    world.settle(deliveries, ending);
    const held = world.expected();
    for (const contents of world.contents()) expect(contents).toEqual({ held, folded: held });
    for (const set of world.sets) expect(set.equals(pick(world.sets, 0))).toBe(true);
  });
}

/** Two or more deltas of one schedule, and a set that has heard some of it. */
const scene = fc
  .tuple(schedule, fc.noBias(fc.array(fc.nat(999), { minLength: 3, maxLength: 3 })), fc.nat(2))
  .map(([steps, choices, at]) => {
    const world = new World().play(steps);
    const messages = world.messages.length > 0 ? world.messages : world.sets.map((set) => set.delta());
    const [a, b, c] = choices.map((choice) => pick(messages, choice)) as [
      Delta<string>,
      Delta<string>,
      Delta<string>,
    ];
    return { world, set: pick(world.sets, at), a, b, c };
  });

function merged(set: Orswot<string>, ...deltas: Delta<string>[]): Orswot<string> {
  const copy = set.clone("observer");
  for (const delta of deltas) copy.merge(delta);
  return copy;
}

describe("the set", () => {
  it("converges to the naive model, and its changes add up to what it holds", () => {
    fc.assert(converges(), { numRuns: 1000 });
  });

  it.each<[string, Wire]>([
    ["removals are not told", (delta) => ({ parts: delta.parts.map((part) => ({ ...part, removed: [] })) })],
    [
      "removals of others' elements are not told",
      (delta) => ({
        parts: delta.parts.map((part) => ({
          ...part,
          removed: part.removed.filter(({ dot }) => dot.replica === part.replica),
        })),
      }),
    ],
    [
      "the last birth of a part is not told",
      (delta) => ({ parts: delta.parts.map((part) => ({ ...part, births: part.births.slice(0, -1) })) }),
    ],
  ])("does not converge when %s, which the property finds", (_, wire) => {
    expect(fc.check(converges(wire), { numRuns: 1000, seed: 1 }).failed).toBe(true);
  });

  it("merges commutatively, associatively and idempotently", () => {
    fc.assert(
      fc.property(scene, ({ set, a, b, c }) => {
        const abc = merged(set, a, b, c);
        for (const other of [
          [c, b, a],
          [b, a, c],
          [a, a, b, b, c, a],
          [join(a, b), c],
          [a, join(b, c)],
        ]) {
          expect(merged(set, ...other).equals(abc)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("merging whole sets is commutative, associative and idempotent", () => {
    fc.assert(
      fc.property(schedule, (steps) => {
        const [a, b, c] = new World().play(steps).sets.map((set) => set.delta()) as [
          Delta<string>,
          Delta<string>,
          Delta<string>,
        ];
        const empty = new Orswot<string>("observer");
        const abc = merged(empty, a, b, c);
        expect(merged(empty, c, a, b, a).equals(abc)).toBe(true);
        expect(merged(empty, merged(empty, b, c).delta(), a).equals(abc)).toBe(true);
      }),
    );
  });

  it("merging what is known changes nothing and reports nothing", () => {
    fc.assert(
      fc.property(scene, ({ set, a, b }) => {
        const once = merged(set, a, b);
        const again = once.clone();
        for (const delta of [a, b, once.delta(), set.delta()]) {
          expect(again.merge(delta)).toEqual({ added: [], updated: [], removed: [] });
        }
        expect(again.equals(once)).toBe(true);
      }),
    );
  });

  it("keeps count and digest of each slice", () => {
    fc.assert(
      fc.property(schedule, order, (steps, deliveries) => {
        const world = new World().play(steps);
        world.settle(deliveries, "lacking");
        for (const set of world.sets) {
          const dots = [...set].map(({ dot }) => dot);
          expect(set.size).toBe(dots.length);
          for (const replica of replicaNames) {
            const clocks = dots.filter((dot) => dot.replica === replica).map(({ clock }) => clock);
            expect(set.count(replica)).toBe(clocks.length);
            expect([...set.live(replica).keys()].sort()).toEqual(clocks.sort());
            const digest = new Digest();
            for (const clock of clocks) digest.add(clock, 0);
            expect(set.digest(replica)).toBe(digest.value);
          }
        }
      }),
    );
  });
});

describe("join", () => {
  it("returns what merging both returns", () => {
    fc.assert(
      fc.property(scene, ({ set, a, b }) => {
        expect(merged(set, join(a, b)).equals(merged(set, a, b))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("is commutative, associative and idempotent", () => {
    fc.assert(
      fc.property(scene, ({ a, b, c }) => {
        expect(join(b, a)).toEqual(join(a, b));
        expect(join(join(a, b), c)).toEqual(join(a, join(b, c)));
        expect(join(join(a, b), a)).toEqual(join(a, b));
      }),
      { numRuns: 500 },
    );
  });

  it("reports the same changes as the two, as seen from before to after", () => {
    fc.assert(
      fc.property(scene, ({ set, a, b }) => {
        const { added, updated, removed } = set.clone("observer").merge(join(a, b));
        const after = merged(set, a, b);
        const came = [...after].filter(({ dot }) => set.get(dot) === undefined).length;
        const went = [...set].filter(({ dot }) => after.get(dot) === undefined).length;
        expect(added.length + updated.length).toBe(came);
        expect(removed.length + updated.length).toBe(went);
      }),
    );
  });
});

/** One person of a list that three replicas change in turn. */
interface Person {
  readonly id: number;
  readonly page: number;
}

describe("changes", () => {
  const turn = fc.record({
    by: fc.noBias(fc.nat(2)),
    does: fc.constantFrom("add" as const, "update" as const, "update" as const, "remove" as const),
    to: fc.noBias(fc.nat(29)),
    thenTold: fc.boolean(),
  });

  it("tell an update as an update, however many a reader missed", () => {
    fc.assert(
      fc.property(fc.noBias(fc.array(turn, { maxLength: 60, size: "max" })), (turns) => {
        const sets = replicaNames.map((name) => new Orswot<Person>(name));
        const hub = new Orswot<Person>("hub");
        const reader = new Orswot<Person>("reader");
        const known = new Map<number, number>();
        for (const [number, { by, does, to, thenTold }] of turns.entries()) {
          const set = pick(sets, by);
          set.merge(hub.delta(set.context));
          const person = set.size > 0 ? pick([...set], to) : undefined;
          if (does === "add") set.add({ id: number, page: number });
          else if (person !== undefined && does === "remove") set.remove(person.dot);
          else if (person !== undefined) set.update(person.dot, { id: person.value.id, page: number });
          hub.merge(set.delta(hub.context));
          if (!thenTold) continue;
          const { added, updated, removed } = reader.merge(hub.delta(reader.context));
          for (const { value, previous } of updated) {
            expect(previous.value.id).toBe(value.id);
            expect(known.get(value.id)).toBe(previous.value.page);
            known.set(value.id, value.page);
          }
          for (const { value } of removed) {
            expect(known.get(value.id)).toBe(value.page);
            known.delete(value.id);
            expect(added.map((element) => element.value.id)).not.toContain(value.id);
          }
          for (const { value } of added) {
            expect(known.has(value.id)).toBe(false);
            known.set(value.id, value.page);
          }
          expect([...known].sort()).toEqual([...hub].map(({ value }) => [value.id, value.page]).sort());
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("parts", () => {
  it("bring a follower of one replica to what that replica has of its own", () => {
    const turn = fc.record({
      does: fc.constantFrom("add" as const, "update" as const, "remove" as const),
      to: fc.noBias(fc.nat(29)),
      told: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.noBias(fc.array(turn, { maxLength: 60, size: "max" })), removalsKept, (turns, kept) => {
        const author = new Orswot<string>("ann", { removalsKept: kept });
        const follower = new Orswot<string>("bob");
        for (const { does, to, told } of [...turns, { does: "add" as const, to: 0, told: true }]) {
          const element = author.size > 0 ? pick([...author], to) : undefined;
          if (does === "add") author.add("home");
          else if (element !== undefined && does === "remove") author.remove(element.dot);
          else if (element !== undefined) author.update(element.dot, "photos");
          if (!told) continue;
          const part = author.part("ann", follower.context.clock("ann"));
          if (part === undefined) follower.merge(author.delta());
          else follower.mergePart(part);
          expect(follower.equals(author)).toBe(true);
          expect(follower.digest("ann")).toBe(author.digest("ann"));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("encode and decode", () => {
  it("are each other's inverse", () => {
    fc.assert(
      fc.property(scene, ({ a, b }) => {
        for (const delta of [a, b, join(a, b)]) expect(decode(encode(delta))).toEqual(delta);
      }),
    );
  });

  it("keep any JSON value", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ noUnicodeString: false }),
        fc.string({ unit: "binary" }),
        (value, replica) => {
          const set = new Orswot<unknown>(replica);
          set.add(JSON.parse(JSON.stringify(value)));
          expect(decode(encode(set.delta()))).toEqual(set.delta());
        },
      ),
    );
  });

  it("survive any junk with a SyntaxError", () => {
    const number = fc.oneof(fc.nat(5), fc.constantFrom(-1, 0.5, 2 ** 53 - 1, 2 ** 53, 1e308));
    const junk = fc.oneof(number, fc.string(), fc.constant(null), fc.constant({ length: 1e9 }));
    const field = fc.oneof({ weight: 8, arbitrary: number }, { weight: 1, arbitrary: junk });
    const tuples = fc.array(fc.array(field, { maxLength: 4 }), { maxLength: 3 });
    const part = fc.tuple(fc.oneof(fc.constantFrom("a", "__proto__"), junk), field, field, tuples, tuples);
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.array(part, { maxLength: 3 })), (candidate) => {
        const text = typeof candidate === "string" ? candidate : JSON.stringify([1, candidate]);
        let delta: Delta<unknown>;
        try {
          delta = decode(text);
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
          return;
        }
        accepted++;
        const set = new Orswot<unknown>("b");
        set.merge(delta);
        const again = set.clone();
        again.merge(delta);
        expect(again.equals(set)).toBe(true);
        set.merge(join(delta, set.delta()));
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(0);
  });
});
