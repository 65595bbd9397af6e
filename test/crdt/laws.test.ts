/**
 * The two laws of `src/crdt/orswot.ts`, each kept by the set and broken by a naive author: the same schedule
 * converges with the one and never with the other.
 */
import { describe, expect, it } from "vitest";
import { Orswot, type Part } from "../../src/crdt/index.js";
import { contentsOf } from "./model.js";

interface Event {
  readonly born?: string;
  readonly removed?: number;
}

interface Habits {
  /** The first law wants "two". */
  readonly update: "one dot" | "two dots";
  /** The second law wants "every removal". */
  readonly tells: "every removal" | "no removal when all that was born is dead";
}

/** One replica as one would write it first: a log of events, from which parts are read. */
class NaiveAuthor {
  readonly replica = "ann";
  readonly #log: Event[] = [];
  readonly #habits: Habits;

  constructor(habits: Habits) {
    this.#habits = habits;
  }

  get clock(): number {
    return this.#log.length;
  }

  add(value: string): number {
    return this.#log.push({ born: value });
  }

  update(birth: number, value: string): number {
    if (this.#habits.update === "one dot") return this.#log.push({ born: value, removed: birth });
    this.remove(birth);
    return this.add(value);
  }

  remove(birth: number): void {
    this.#log.push({ removed: birth });
  }

  part(since: number): Part<string> {
    const dead = new Set(this.#log.map(({ removed }) => removed));
    const births: { clock: number; value: string }[] = [];
    const removed: Part<string>["removed"][number][] = [];
    for (const [index, event] of this.#log.entries()) {
      const clock = index + 1;
      if (clock <= since) continue;
      if (event.born !== undefined && !dead.has(clock)) births.push({ clock, value: event.born });
      else if (event.removed !== undefined && event.removed <= since) {
        removed.push({ clock, dot: { replica: this.replica, clock: event.removed } });
      }
    }
    const silent = this.#habits.tells !== "every removal" && births.length === 0;
    return { replica: this.replica, since, upTo: this.clock, births, removed: silent ? [] : removed };
  }

  live(): string[] {
    const dead = new Set(this.#log.map(({ removed }) => removed));
    return this.#log.flatMap(({ born }, index) => (born !== undefined && !dead.has(index + 1) ? [born] : []));
  }
}

/** A reader hears of the birth, misses the update, hears of the removal, then asks for what it lacks. */
function missTheUpdate(author: NaiveAuthor): Orswot<string> {
  const reader = new Orswot<string>("reader");
  const first = author.add("here");
  reader.mergePart(author.part(0));
  const second = author.update(first, "away");
  const afterUpdate = author.clock;
  author.remove(second);
  // It begins where the update, which was lost, ended.
  reader.mergePart(author.part(afterUpdate));
  catchUp(reader, author);
  return reader;
}

/** A reader hears of the birth, and then of an update and a removal at once. */
function updateAndRemoveAtOnce(author: NaiveAuthor): Orswot<string> {
  const reader = new Orswot<string>("reader");
  const first = author.add("here");
  reader.mergePart(author.part(0));
  author.remove(author.update(first, "away"));
  reader.mergePart(author.part(1));
  catchUp(reader, author);
  return reader;
}

/** Asks until there is nothing left to ask for. */
function catchUp(reader: Orswot<string>, author: NaiveAuthor): void {
  for (let clock = reader.context.clock("ann"); clock < author.clock; clock = reader.context.clock("ann")) {
    reader.mergePart(author.part(clock));
  }
}

function dotOf(clock: number): { replica: string; clock: number } {
  return { replica: "ann", clock };
}

const lawful: Habits = { update: "two dots", tells: "every removal" };

describe("law 1: a dot is a birth or a removal, never both", () => {
  it("makes the sets of the example converge when it is kept", () => {
    const author = new NaiveAuthor(lawful);
    expect([...missTheUpdate(author)]).toEqual([]);
    expect(author.live()).toEqual([]);
  });

  it("leaves an entry that lives for ever when broken", () => {
    const author = new NaiveAuthor({ ...lawful, update: "one dot" });
    const reader = missTheUpdate(author);
    expect(author.live()).toEqual([]);
    expect([...reader].map(({ value }) => value)).toEqual(["here"]);
    // The reader believes that it has heard all, so nobody will ever tell it.
    expect(reader.context.clock("ann")).toBe(author.clock);
  });

  it("is kept by the set", () => {
    const author = new Orswot<string>("ann");
    const reader = new Orswot<string>("reader");
    const first = author.add("here");
    reader.merge(author.delta());
    const second = author.update(first, "away");
    expect(second.clock).toBe(first.clock + 2);
    const afterUpdate = author.context.clone();
    author.remove(second);
    reader.merge(author.delta(afterUpdate));
    // The gap shows: dot 2 was not heard of.
    expect(reader.context.clock("ann")).toBe(1);
    reader.merge(author.delta(reader.context));
    expect(contentsOf(reader)).toEqual([]);
    expect(reader.equals(author.clone("reader"))).toBe(true);
  });

  it("is demanded of what is merged", () => {
    const both = {
      replica: "ann",
      since: 1,
      upTo: 2,
      births: [{ clock: 2, value: "away" }],
      removed: [{ clock: 2, dot: dotOf(1) }],
    };
    const reader = new Orswot<string>("reader");
    expect(() => reader.mergePart(both)).toThrow(RangeError);
    expect(() => reader.merge({ parts: [both] })).toThrow(/dot 2 of "ann" is both birth and removal/);
    expect(reader.context.includes(dotOf(2))).toBe(false);
  });
});

describe("law 2: a delta is self-contained", () => {
  it("makes the sets of the example converge when it is kept", () => {
    const author = new NaiveAuthor(lawful);
    expect([...updateAndRemoveAtOnce(author)]).toEqual([]);
    expect(author.live()).toEqual([]);
  });

  it("leaves an entry that lives for ever when broken", () => {
    const author = new NaiveAuthor({ ...lawful, tells: "no removal when all that was born is dead" });
    const reader = updateAndRemoveAtOnce(author);
    expect(author.live()).toEqual([]);
    expect([...reader].map(({ value }) => value)).toEqual(["here"]);
    expect(reader.context.clock("ann")).toBe(author.clock);
  });

  it("is kept by the set: every removal names its birth, unless that lies in the range", () => {
    const author = new Orswot<string>("ann");
    const first = author.add("here");
    author.remove(author.update(first, "away"));
    expect(author.part("ann", 1)).toEqual({
      replica: "ann",
      since: 1,
      upTo: 4,
      births: [],
      removed: [{ clock: 2, dot: first }],
    });
    expect(author.part("ann", 0)).toEqual({ replica: "ann", since: 0, upTo: 4, births: [], removed: [] });
  });

  it("holds for births of other replicas too", () => {
    const ann = new Orswot<string>("ann");
    const bob = new Orswot<string>("bob");
    const reader = new Orswot<string>("reader");
    const dot = ann.add("here");
    for (const set of [bob, reader]) set.merge(ann.delta());
    bob.remove(dot);
    expect(bob.delta(reader.context).parts).toEqual([
      { replica: "bob", since: 0, upTo: 1, births: [], removed: [{ clock: 1, dot }] },
    ]);
    expect(reader.merge(bob.delta(reader.context)).removed).toEqual([{ dot, value: "here" }]);
  });

  it("reads an unlisted birth of a range as dead", () => {
    const author = new Orswot<string>("ann");
    const reader = new Orswot<string>("reader");
    const dot = author.add("here");
    const late = author.delta();
    reader.merge(late);
    author.remove(dot);
    expect(reader.merge(author.delta()).removed).toEqual([{ dot, value: "here" }]);
    expect(reader.merge(late)).toEqual({ added: [], updated: [], removed: [] });
    expect(reader.size).toBe(0);
  });
});
