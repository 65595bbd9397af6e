/**
 * The parts of a delta, put together as they come: whole when the last has come, and all before it in their
 * order. Knows no slice.
 */
import type { DeltaMessage, WireBirth, WireRemoval } from "../message.js";
import type { Rules } from "../rules.js";

/** A delta as it is merged: whole. */
export interface WholeDelta {
  readonly since: number;
  readonly upTo: number;
  readonly births: readonly WireBirth[];
  readonly removed: readonly WireRemoval[];
  /** Births within the range that went with their session. */
  readonly closed: readonly number[];
}

interface Collected extends WholeDelta {
  readonly parts: number;
  part: number;
  readonly births: WireBirth[];
  readonly removed: WireRemoval[];
  readonly closed: number[];
}

export class Assembly {
  readonly #rules: Rules;
  #collected: Collected | undefined;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** Births of the parts that have come. */
  get weight(): number {
    return this.#collected?.births.length ?? 0;
  }

  /** A part was not taken: those before it are of no use. */
  drop(): void {
    this.#collected = undefined;
  }

  /** Adds a part. Returns the whole delta if this was the last one that it lacked. */
  add(message: DeltaMessage): WholeDelta | undefined {
    const { since, upTo, part, parts, births, removed, closed = [] } = message;
    if (parts === 1) return { since, upTo, births, removed, closed };
    let collected = this.#collected;
    if (part === 1) {
      collected = {
        since,
        upTo,
        parts,
        part,
        births: [...births],
        removed: [...removed],
        closed: [...closed],
      };
    } else if (
      collected?.since === since &&
      collected.upTo === upTo &&
      collected.parts === parts &&
      collected.part === part - 1
    ) {
      collected.part = part;
      for (const birth of births) collected.births.push(birth);
      for (const removal of removed) collected.removed.push(removal);
      for (const clock of closed) collected.closed.push(clock);
    } else collected = undefined;
    const isWhole = collected !== undefined && this.#rules.isWhole(collected.part, parts);
    this.#collected = isWhole ? undefined : collected;
    return isWhole ? collected : undefined;
  }
}
