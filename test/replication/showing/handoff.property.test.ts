/**
 * Handing off, there and back: whatever lives do, an entry of one that departs is shown exactly while no life
 * that stays shows its key. The order in which things happened decides nothing.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplicatedEntry } from "../../../src/replication/entry.js";
import type { Departure } from "../../../src/replication/entry.js";
import { View } from "../../../src/replication/showing/view.js";
import type { Diff, LeaveReason } from "../../../src/words.js";

const TOPIC = "t";

interface ModelLife {
  readonly owner: { readonly name: string; departure: Departure | undefined };
  /** By slot. */
  readonly held: Map<number, ReplicatedEntry>;
  down: boolean;
}

interface Command {
  readonly what: "track" | "untrack" | "update" | "depart" | "fall silent" | "come back" | "end" | "take";
  readonly life: number;
  readonly slot: number;
}

const anyCommand: fc.Arbitrary<Command> = fc.record({
  what: fc.constantFrom(
    ...(["track", "track", "track", "untrack", "untrack", "update", "update", "depart"] as const),
    ...(["fall silent", "come back", "end", "take"] as const),
  ),
  life: fc.nat({ max: 3 }),
  slot: fc.nat({ max: 3 }),
});

/** Two slots share a key, as a user with two connections does. */
const keyOf = (slot: number): string => ["ann", "__proto__"][slot % 2] ?? "";

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
      owner.departure = "departed";
      this.view.departingLives += 1;
      this.view.depart(held.values());
    } else if (what === "fall silent" && isShown && owner.departure === undefined) {
      life.down = true;
      this.#hide(life, "down");
    } else if (what === "come back" && life.down) {
      life.down = false;
      for (const each of held.values()) this.view.join(each);
    } else if (what === "end") {
      if (owner.departure !== undefined) this.view.departingLives -= 1;
      this.#lives[index] = undefined;
      owner.departure ??= "departed";
      this.#hide(life, owner.departure);
    }
  }

  /** What is to be shown: of each key what staying lives have, or else what departing ones have. */
  shown(): Set<string> {
    const lives = this.#lives.filter((life): life is ModelLife => life !== undefined && !life.down);
    const shown = new Set<string>();
    for (const key of new Set([0, 1].map(keyOf))) {
      const entries = lives.flatMap(({ held }) => [...held.values()].filter((entry) => entry.key === key));
      const staying = entries.filter((entry) => !ReplicatedEntry.departs(entry));
      for (const { ref } of staying.length > 0 ? staying : entries) shown.add(ref);
    }
    return shown;
  }

  #born(index: number): ModelLife {
    return {
      owner: { name: `n${index}.${++this.#births}`, departure: undefined },
      held: new Map(),
      down: false,
    };
  }

  #hide({ held }: ModelLife, reason: LeaveReason): void {
    for (const entry of held.values()) this.view.leave(entry, reason);
  }

  #entry(owner: ModelLife["owner"], slot: number, previous: ReplicatedEntry | undefined): ReplicatedEntry {
    this.#clock += 1;
    const origin = { owner, shard: 0, refPrefix: "r." };
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

describe("an entry of a life that departs", () => {
  it("is shown exactly while no life that stays shows its key, and all diffs add up", () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 80, size: "max" }), (commands) => {
        const model = new Model();
        const fold = new Fold();
        for (const command of commands) {
          model.take(command);
          if (command.what === "take") fold.take(model.view.takeDiff());
          const list = model.view.list(TOPIC);
          expect(new Set(list.map(({ ref }) => ref))).toEqual(model.shown());
          expect(model.view.count(TOPIC)).toBe(list.length);
          expect(model.view.countKeys(TOPIC)).toBe(new Set(list.map(({ key }) => key)).size);
        }
        fold.take(model.view.takeDiff());
        expect(new Set(fold.refs.values())).toEqual(model.shown());
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);

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
    view.depart(entries);
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
});
