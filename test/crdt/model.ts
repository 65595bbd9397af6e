/**
 * What the tests of the set share: random schedules of changes and exchanges, played on real sets and on a
 * naive model at once.
 */
import fc from "fast-check";
import { type Change, type Delta, type Dot, type Element, Orswot } from "../../src/crdt/index.js";

/** Names that would break a set which keeps them in plain objects. */
export const replicaNames = ["ann", "__proto__", "constructor"];

/** One step of a schedule. Numbers choose among what is there, modulo how many there are. */
export type Step =
  | { kind: "add"; at: number; value: string }
  | { kind: "update"; at: number; element: number; value: string }
  | { kind: "remove"; at: number; element: number }
  /** Writes a delta: what the chosen one lacks, or what happened since the sender wrote one last, or everything. */
  | { kind: "send"; at: number; knownTo: number; since: "context" | "last" | "start" }
  /** Delivers any delta written so far, perhaps again, to any set. */
  | { kind: "deliver"; to: number; message: number };

// Unbiased: small numbers would mean the same set and the first message again and again.
const index = fc.noBias(fc.nat(29));
const value = fc.constantFrom("home", "photos", "reviews");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("add" as const), at: index, value }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("update" as const), at: index, element: index, value }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), at: index, element: index }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      at: index,
      knownTo: index,
      // A stream of deltas that each go on where the last one ended has gaps whenever they are reordered.
      since: fc.constantFrom("context" as const, "last" as const, "last" as const, "start" as const),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("deliver" as const), to: index, message: index }) },
);

export const schedule: fc.Arbitrary<Step[]> = fc.noBias(fc.array(step, { maxLength: 60, size: "max" }));

/** How a delta reaches the other side; a broken one shows that a property can fail. */
export type Wire = (delta: Delta<string>) => Delta<string>;

/**
 * The naive model: every birth that ever was, and every birth that anyone ever removed. What is alive once all
 * have heard all is the difference.
 */
export class World {
  readonly sets: Orswot<string>[];
  readonly messages: Delta<string>[] = [];
  readonly #born: Element<string>[] = [];
  readonly #removed: Dot[] = [];
  readonly #lastSent: Orswot<string>["context"][];
  /** Per set, what its changes add up to. */
  readonly #folded: Map<string, string>[];
  readonly #wire: Wire;

  constructor(options: { removalsKept?: number; wire?: Wire } = {}) {
    const { removalsKept = 10_000, wire = (delta) => delta } = options;
    this.sets = replicaNames.map((name) => new Orswot<string>(name, { removalsKept }));
    this.#lastSent = this.sets.map((set) => set.context.clone());
    this.#folded = this.sets.map(() => new Map());
    this.#wire = wire;
  }

  play(steps: readonly Step[]): this {
    for (const next of steps) this.#play(next);
    return this;
  }

  /** What every set must hold once all have heard all. */
  expected(): string[] {
    const removed = new Set(this.#removed.map(nameOf));
    return this.#born
      .filter(({ dot }) => !removed.has(nameOf(dot)))
      .map(describe)
      .sort();
  }

  /** Delivers all that was ever sent, in a given order, then brings each replica what it lacks, or everything. */
  settle(order: readonly number[], last: "lacking" | "everything"): void {
    for (const choice of order) {
      for (const at of this.sets.keys())
        if (this.messages.length > 0) this.#take(at, pick(this.messages, choice));
    }
    for (let round = 0; round < 2; round++) {
      for (const to of this.sets.keys()) {
        for (const from of this.sets) {
          this.#take(
            to,
            this.#wire(last === "everything" ? from.delta() : from.delta(pick(this.sets, to).context)),
          );
        }
      }
    }
  }

  /** What a set holds, and what the changes that it reported add up to. */
  contents(): { held: string[]; folded: string[] }[] {
    return this.sets.map((set, at) => ({
      held: contentsOf(set),
      folded: [...pick(this.#folded, at)].map(([dot, value]) => `${dot}=${value}`).sort(),
    }));
  }

  #play(next: Step): void {
    switch (next.kind) {
      case "add": {
        const dot = pick(this.sets, next.at).add(next.value);
        this.#birth(next.at, dot, next.value);
        return;
      }
      case "update": {
        const set = pick(this.sets, next.at);
        if (set.size === 0) return;
        const { dot } = pick([...set], next.element);
        const successor = set.update(dot, next.value);
        this.#death(next.at, dot);
        this.#birth(next.at, successor, next.value);
        return;
      }
      case "remove": {
        const set = pick(this.sets, next.at);
        if (set.size === 0) return;
        const { dot } = pick([...set], next.element);
        if (!set.remove(dot)) throw new Error("what the set lists was not there");
        this.#death(next.at, dot);
        return;
      }
      case "send": {
        const at = next.at % this.sets.length;
        const set = pick(this.sets, at);
        const contexts = {
          context: pick(this.sets, next.knownTo).context,
          last: this.#lastSent[at],
          start: undefined,
        };
        this.messages.push(this.#wire(set.delta(contexts[next.since])));
        this.#lastSent[at] = set.context.clone();
        return;
      }
      case "deliver":
        if (this.messages.length > 0) this.#take(next.to, pick(this.messages, next.message));
    }
  }

  #birth(at: number, dot: Dot, value: string): void {
    this.#born.push({ dot, value });
    pick(this.#folded, at).set(nameOf(dot), value);
  }

  #death(at: number, dot: Dot): void {
    this.#removed.push(dot);
    pick(this.#folded, at).delete(nameOf(dot));
  }

  #take(at: number, delta: Delta<string>): void {
    fold(pick(this.#folded, at), pick(this.sets, at).merge(delta));
  }
}

/** Applies a change as a user would, and refuses one that does not fit what came before. */
function fold(held: Map<string, string>, change: Change<string>): void {
  const leave = ({ dot, value }: Element<string>): void => {
    if (held.get(nameOf(dot)) !== value) throw new Error(`left without having been there: ${nameOf(dot)}`);
    held.delete(nameOf(dot));
  };
  const join = ({ dot, value }: Element<string>): void => {
    if (held.has(nameOf(dot))) throw new Error(`came twice: ${nameOf(dot)}`);
    held.set(nameOf(dot), value);
  };
  change.removed.forEach(leave);
  for (const element of change.updated) {
    leave(element.previous);
    join(element);
  }
  change.added.forEach(join);
}

export function contentsOf(set: Orswot<string>): string[] {
  return [...set].map(describe).sort();
}

function nameOf({ replica, clock }: Dot): string {
  return `${replica}:${clock}`;
}

function describe({ dot, value }: Element<string>): string {
  return `${nameOf(dot)}=${value}`;
}

export function pick<T>(choices: readonly T[], choice: number): T {
  const chosen = choices[choice % choices.length];
  if (chosen === undefined) throw new Error("nothing to choose from");
  return chosen;
}
