/**
 * Handing off, there and back, entry by entry: whatever lives do, an entry of one that departs is hidden exactly while one
 * that came after its goodbye stands in its place, and each takes one place. Beside who was there at which goodbye, the
 * order in which things happened decides nothing.
 */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { ReplicatedEntry } from "../../../src/replication/entry.js";
import type { Departure } from "../../../src/replication/entry.js";
import { View } from "../../../src/replication/showing/view.js";
import type { Diff, LeaveReason } from "../../../src/words.js";

const TOPIC = "t";

interface ModelLife {
  readonly owner: { readonly name: string; departure: Departure | undefined };
  /** By key, once it departs: who takes no place of it. */
  readonly companions: Map<string, Set<string>>;
  /** By slot. */
  readonly held: Map<number, ReplicatedEntry>;
  down: boolean;
}

interface Command {
  readonly what:
    "track" | "untrack" | "update" | "depart" | "fall silent" | "come back" | "insist" | "end" | "take";
  readonly life: number;
  readonly slot: number;
}

const anyCommand: fc.Arbitrary<Command> = fc.record({
  what: fc.constantFrom(
    ...(["track", "track", "track", "untrack", "untrack", "update", "update", "depart"] as const),
    ...(["fall silent", "come back", "insist", "end", "take"] as const),
  ),
  life: fc.nat({ max: 3 }),
  slot: fc.nat({ max: 3 }),
});

/** Two slots share a key, as a user with two connections does. */
const KEYS = ["ann", "__proto__"];
const keyOf = (slot: number): string => KEYS[slot % 2] ?? "";

class Model {
  readonly view = new View();
  readonly #lives: (ModelLife | undefined)[] = [];
  #births = 0;
  #clock = 0;

  take({ what, life: index, slot }: Command): void {
    const life = (this.#lives[index] ??= this.#born(index));
    const { owner, held } = life;
    const entry = held.get(slot);
    const isShown = !life.down;
    if (what === "track" && entry === undefined) {
      const fresh = this.#entry(owner, slot, undefined);
      // What comes of a life that has said goodbye was late: it takes no place.
      if (owner.departure !== undefined) {
        this.#meet(life, fresh.key);
        for (const other of this.#departing()) if (other !== life) this.#note(other, [fresh], fresh.key);
      }
      held.set(slot, fresh);
      if (isShown) this.view.join(fresh);
    } else if (what === "untrack" && entry !== undefined) {
      held.delete(slot);
      if (isShown) this.view.leave(entry, "untracked");
    } else if (what === "update" && entry !== undefined) {
      const fresh = this.#entry(owner, slot, entry);
      held.set(slot, fresh);
      if (isShown) this.view.update(fresh, entry);
    } else if (what === "depart" && isShown && owner.departure === undefined) {
      for (const key of KEYS) this.#meet(life, key);
      owner.departure = "departed";
      this.view.departingLives += 1;
      this.view.depart(owner);
    } else if (what === "fall silent" && isShown && owner.departure === undefined) {
      life.down = true;
      this.#hide(life, "down");
    } else if (what === "come back" && life.down) {
      life.down = false;
      for (const each of held.values()) this.view.join(each);
    } else if (what === "insist" && owner.departure !== undefined) {
      // It was taken for over, is forgotten, and is heard again: the same life, and all that it has comes anew.
      this.#end(index, life);
      const again = { ...this.#born(index), owner: { name: owner.name, departure: undefined } };
      this.#lives[index] = again;
      for (const each of held.keys()) {
        const fresh = this.#entry(again.owner, each, undefined);
        again.held.set(each, fresh);
        this.view.join(fresh);
      }
    } else if (what === "end") this.#end(index, life);
  }

  #end(index: number, life: ModelLife): void {
    const { owner } = life;
    if (owner.departure !== undefined) this.view.departingLives -= 1;
    this.#lives[index] = undefined;
    owner.departure ??= "departed";
    this.#hide(life, owner.departure);
  }

  /**
   * How many entries are shown of each key, and which ones certainly are. Who is hidden is found as a matching of
   * those that came with those that wait: as many as can be, each by one that came after its goodbye.
   */
  shown(): { readonly count: number; readonly countKeys: number; readonly staying: readonly string[] } {
    let [count, countKeys] = [0, 0];
    const staying: string[] = [];
    for (const key of KEYS) {
      const entries = this.#shownLives().flatMap((life) =>
        this.#of(life, key).map((entry) => ({ life, entry })),
      );
      const waiting = entries.filter(({ entry }) => ReplicatedEntry.departs(entry));
      for (const { entry } of entries) if (!ReplicatedEntry.departs(entry)) staying.push(entry.ref);
      const placeOf = new Map<ReplicatedEntry, ReplicatedEntry>();
      const findsOne = (wanted: (typeof entries)[number], tried: Set<ReplicatedEntry>): boolean =>
        entries.some(({ life, entry }) => {
          const isCompanion = wanted.life.companions.get(key)?.has(entry.session) === true;
          if (life === wanted.life || isCompanion || tried.has(entry)) return false;
          tried.add(entry);
          const other = waiting.find((each) => each.entry === placeOf.get(entry));
          if (other !== undefined && !findsOne(other, tried)) return false;
          placeOf.set(entry, wanted.entry);
          return true;
        });
      const hidden = waiting.filter((each) => findsOne(each, new Set())).length;
      count += entries.length - hidden;
      if (entries.length > 0) countKeys += 1;
    }
    return { count, countKeys, staying };
  }

  #of({ held }: ModelLife, key: string): ReplicatedEntry[] {
    return [...held.values()].filter((entry) => entry.key === key);
  }

  #shownLives(): ModelLife[] {
    return this.#lives.filter((life): life is ModelLife => life !== undefined && !life.down);
  }

  #departing(): ModelLife[] {
    return this.#shownLives().filter(({ owner }) => owner.departure !== undefined);
  }

  /** A life departs, or something of one that departs comes under a key where it had nothing. */
  #meet(life: ModelLife, key: string): void {
    if (life.owner.departure !== undefined && this.#of(life, key).length > 0) return;
    const others = this.#shownLives().filter((other) => other !== life);
    const before = this.#departing().filter((other) => this.#of(other, key).length > 0);
    life.companions.delete(key);
    this.#note(
      life,
      others.flatMap((other) => this.#of(other, key)),
      key,
    );
    // Its own take no place of it anyway; as its companions they would be passed on when they have gone.
    const isOwn = (session: string): boolean => session.startsWith(`${life.owner.name}-`);
    for (const { companions } of before) {
      for (const session of companions.get(key) ?? [])
        if (!isOwn(session)) life.companions.get(key)?.add(session);
    }
  }

  #note({ companions }: ModelLife, entries: readonly ReplicatedEntry[], key: string): void {
    const sessions = companions.get(key) ?? new Set();
    companions.set(key, sessions);
    for (const { session } of entries) sessions.add(session);
  }

  #born(index: number): ModelLife {
    return {
      owner: { name: `n${index}.${++this.#births}`, departure: undefined },
      companions: new Map(),
      held: new Map(),
      down: false,
    };
  }

  #hide({ held }: ModelLife, reason: LeaveReason): void {
    for (const entry of held.values()) this.view.leave(entry, reason);
  }

  #entry(owner: ModelLife["owner"], slot: number, previous: ReplicatedEntry | undefined): ReplicatedEntry {
    this.#clock += 1;
    const origin = { owner, shard: 0, refPrefix: `00000000000000${owner.name}.` };
    const session = `${owner.name}-${slot}`;
    const entry = new ReplicatedEntry(origin, this.#clock, TOPIC, keyOf(slot), session, {});
    ReplicatedEntry.seal(entry, previous);
    return entry;
  }
}

/** Holds what the diffs came to, by identity; throws where one of them does not add up. */
class Fold {
  readonly refs = new Map<string, string>();

  take(diff: Diff | undefined): void {
    const { joins = [], updates = [], leaves = [] } = diff?.get(TOPIC) ?? {};
    const isOf = ({ session, key }: { session: string; key: string }): string =>
      JSON.stringify([session, key]);
    for (const leave of leaves) {
      if (this.refs.get(isOf(leave)) !== leave.ref) throw new Error(`${leave.ref} leaves and was not there`);
      this.refs.delete(isOf(leave));
    }
    for (const update of updates) {
      if (this.refs.get(isOf(update)) !== update.prevRef) throw new Error(`${update.ref} updates nothing`);
      this.refs.set(isOf(update), update.ref);
    }
    for (const join of joins) {
      if (this.refs.has(isOf(join))) throw new Error(`${join.ref} joins a second time`);
      if (leaves.some((leave) => isOf(leave) === isOf(join)) && join.prevRef !== undefined) {
        throw new Error(`${join.ref} is told as a leave and a join, and was updated`);
      }
      this.refs.set(isOf(join), join.ref);
    }
  }
}

/** What came late of a departing life, and went, was not there at the goodbye of one that departs after that. */
const lateAndGoneBefore: Command[] = [
  { what: "depart", life: 2, slot: 0 },
  { what: "track", life: 2, slot: 0 },
  { what: "track", life: 0, slot: 0 },
  { what: "track", life: 2, slot: 2 },
  { what: "untrack", life: 2, slot: 2 },
  { what: "depart", life: 0, slot: 0 },
  { what: "insist", life: 2, slot: 0 },
  { what: "track", life: 2, slot: 2 },
];

describe("an entry of a life that departs", () => {
  it("is hidden exactly while one that came after the goodbye stands in its place, and all diffs add up", () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 80, size: "max" }), (commands) => {
        const model = new Model();
        const fold = new Fold();
        for (const command of commands) {
          model.take(command);
          // What a frame has brought is delivered before the next one.
          if (command.what === "take" || command.what === "insist") fold.take(model.view.takeDiff());
          const list = model.view.list(TOPIC);
          const { count, countKeys, staying } = model.shown();
          expect(list).toHaveLength(count);
          expect(model.view.count(TOPIC)).toBe(count);
          expect(model.view.countKeys(TOPIC)).toBe(countKeys);
          expect(new Set(list.map(({ key }) => key)).size).toBe(countKeys);
          expect(list.map(({ ref }) => ref)).toEqual(expect.arrayContaining([...staying]));
        }
        fold.take(model.view.takeDiff());
        expect(new Set(fold.refs.values())).toEqual(new Set(model.view.list(TOPIC).map(({ ref }) => ref)));
      }),
      { numRuns: 1_000, examples: [[lateAndGoneBefore]] },
    );
  }, 60_000);

  it("is the same one wherever the same goodbyes were heard, in whatever order others came and went", () => {
    const change = fc.record({ what: fc.constantFrom("come", "come", "go"), slot: fc.nat({ max: 5 }) });
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 6 }),
        fc.array(change, { maxLength: 12 }),
        fc.infiniteStream(fc.nat({ max: 1_000 })),
        (waiting, changes, order) => {
          const gone = ["a", "b", "c"].map((name) => ({
            name,
            departure: undefined as Departure | undefined,
          }));
          const stay = { name: "d", departure: undefined };
          const entry = (owner: ModelLife["owner"], number: number): ReplicatedEntry =>
            new ReplicatedEntry(
              { owner, shard: 0, refPrefix: `00000000000000${owner.name}.` },
              number,
              TOPIC,
              "guest",
              `${owner.name}-${number}`,
              {},
            );
          const held = waiting.map((life, number) => entry(gone[life] ?? stay, number + 1));
          const others = [0, 1, 2, 3, 4, 5].map((slot) => entry(stay, slot + 1));
          const here = new Set<ReplicatedEntry>();
          const happened: [string, ReplicatedEntry][] = [];
          for (const { what, slot } of changes) {
            const other = others[slot]!;
            if (what === "come" && !here.has(other)) happened.push(["come", other]);
            if (what === "go" && here.has(other)) happened.push(["go", other]);
            if (what === "come") here.add(other);
            else here.delete(other);
          }
          const views = [new View(), new View()];
          for (const view of views) for (const each of held) view.join(each);
          for (const owner of gone) {
            owner.departure = "departed";
            for (const view of views) {
              view.departingLives += 1;
              view.depart(owner);
            }
          }
          for (const [what, other] of happened) {
            if (what === "come") views[0]?.join(other);
            else views[0]?.leave(other, "untracked");
          }
          const shuffled = [...here].map((other) => ({ other, at: order.next().value as number }));
          for (const { other } of shuffled.sort((a, b) => a.at - b.at)) views[1]?.join(other);
          const [first, second] = views.map((view) => new Set(view.list(TOPIC)));
          expect(first).toEqual(second);
          expect(first?.size).toBe(here.size + Math.max(0, held.length - here.size));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("is looked at once per key when its life departs, however many share the key", () => {
    const count = 400;
    const view = new View();
    let reads = 0;
    const stay = { name: "b", departure: undefined };
    // Who asks whether an entry departs, asks its owner: that is the work that is counted.
    const owner = {
      name: "a",
      leaves: false,
      get departure(): Departure | undefined {
        reads++;
        return this.leaves ? "departed" : undefined;
      },
    };
    const entries = Array.from({ length: count }, (_, i) => {
      const origin = { owner, shard: 0, refPrefix: "a." };
      return new ReplicatedEntry(origin, i + 1, TOPIC, "guest", `a-${i}`, {});
    });
    for (const entry of entries) view.join(entry);
    owner.leaves = true;
    view.departingLives = 1;
    reads = 0;
    view.depart(owner);
    expect(reads).toBeLessThanOrEqual(3 * count);
    // One that stays takes all of them over, more of its kind nothing; the last that goes hands all of them back.
    const others = Array.from({ length: count }, (_, i) => {
      const origin = { owner: stay, shard: 0, refPrefix: "b." };
      return new ReplicatedEntry(origin, i + 1, TOPIC, "guest", `b-${i}`, {});
    });
    reads = 0;
    for (const other of others) view.join(other);
    expect(view.count(TOPIC)).toBe(count);
    for (const other of others) view.leave(other, "untracked");
    expect(view.count(TOPIC)).toBe(count);
    expect(reads).toBeLessThanOrEqual(4 * count);
  });

  it("costs a goodbye no note of each who shares its key: only the first notes who is there", () => {
    const [count, goodbyes] = [400, 30];
    const view = new View();
    const entryOf = (owner: ModelLife["owner"], number: number): ReplicatedEntry =>
      new ReplicatedEntry(
        { owner, shard: 0, refPrefix: `${owner.name}.` },
        number,
        TOPIC,
        "guest",
        `${owner.name}-${number}`,
        {},
      );
    const stay: ModelLife["owner"] = { name: "stay", departure: undefined };
    for (let number = 1; number <= count; number += 1) view.join(entryOf(stay, number));
    const lives = Array.from({ length: goodbyes }, (_, index) => {
      const owner: ModelLife["owner"] = { name: `gone-${index}`, departure: undefined };
      return { owner, entry: entryOf(owner, 1) };
    });
    for (const { entry } of lives) view.join(entry);
    // eslint-disable-next-line no-restricted-syntax -- counts calls of built-ins
    const notes = [vi.spyOn(Set.prototype, "add"), vi.spyOn(Map.prototype, "set")];
    try {
      for (const { owner } of lives) {
        owner.departure = "departed";
        view.departingLives += 1;
        view.depart(owner);
      }
      const made = notes.reduce((sum, { mock }) => sum + mock.calls.length, 0);
      expect(made).toBeLessThanOrEqual(2 * count + 10 * goodbyes);
    } finally {
      for (const note of notes) note.mockRestore();
    }
    expect(view.count(TOPIC)).toBe(count + goodbyes);
  });
});
