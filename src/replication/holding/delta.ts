/**
 * Deltas that are ready to be merged, and those among them that wait: for the one before them, or for a slice under
 * construction to come so far. Bounded. Knows no slice, no frame and no time.
 */
import type { Part } from "../../crdt/index.js";
import type { ReplicatedEntry } from "../entry.js";
import type { Rules } from "../rules.js";
import { identityText } from "./identity.js";

/** A delta, ready to be merged. */
export interface Delta {
  readonly since: number;
  readonly upTo: number;
  readonly counter: number;
  readonly part: Part<ReplicatedEntry>;
  /** The births that went with their session, as far as the delta knows. */
  readonly closed: ReadonlySet<number>;
}

/** Deltas that wait for the one before them. Above `most` the oldest are dropped, and asked for again. */
export class WaitingDeltas {
  readonly #most: number;
  readonly #rules: Rules;
  #waiting: Delta[] = [];

  constructor(most: number, rules: Rules) {
    this.#most = most;
    this.#rules = rules;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** All that wait, in the order in which they came. */
  get all(): readonly Delta[] {
    return this.#waiting;
  }

  /** Births of all that wait. */
  get weight(): number {
    let births = 0;
    for (const { part } of this.#waiting) births += part.births.length;
    return births;
  }

  add(delta: Delta): void {
    if (this.#waiting.some(({ since, upTo }) => since === delta.since && upTo === delta.upTo)) return;
    this.#waiting.push(delta);
    if (this.#waiting.length > this.#most) this.#waiting.shift();
  }

  /** Takes out the next delta that joins on at a clock; those that end at or below it are dropped. */
  take(clock: number): Delta | undefined {
    this.#waiting = this.#waiting.filter(({ upTo }) => upTo > clock);
    const at = this.#waiting.findIndex((delta) => this.#rules.joinsOn(delta, clock));
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0];
  }
}

/**
 * The births that went with their session, of deltas that are merged as one, in their order: also those that an earlier
 * of them replaced by a revision which a later one closed. `heldAt` finds what was held before.
 */
export function closedBy(
  deltas: readonly Delta[],
  heldAt: (clock: number) => ReplicatedEntry | undefined,
): ReadonlySet<number> {
  const [only] = deltas;
  if (deltas.length === 1 && only !== undefined) return only.closed;
  const closed = new Set<number>();
  const born = new Map<number, ReplicatedEntry>();
  for (const delta of deltas) {
    for (const clock of delta.closed) closed.add(clock);
    for (const { clock, value } of delta.part.births) born.set(clock, value);
  }
  for (const { part } of [...deltas].reverse()) {
    const closedLater = new Set<string>();
    for (const { clock, value } of part.births) if (closed.has(clock)) closedLater.add(identityText(value));
    if (closedLater.size === 0) continue;
    for (const { dot } of part.removed) {
      const replaced = born.get(dot.clock) ?? heldAt(dot.clock);
      if (replaced !== undefined && closedLater.has(identityText(replaced))) closed.add(dot.clock);
    }
  }
  return closed;
}
