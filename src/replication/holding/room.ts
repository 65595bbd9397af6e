/**
 * How many entries of other nodes are kept, over all lives: shown or hidden, under construction, or in deltas that
 * wait. Anybody who can publish may send any number. Counts them; knows no life and no time.
 */
import { RULES, type Rules } from "../rules.js";

/** Something that keeps entries. */
interface Keeper {
  /** How many it keeps. */
  readonly weight: number;
  /** How many of them are counted. */
  counted: number;
}

export class Room {
  readonly #maxEntries: number;
  readonly #rules: Rules;
  #kept = 0;

  constructor(maxEntries: number, rules: Rules = RULES) {
    this.#maxEntries = maxEntries;
    this.#rules = rules;
  }

  /** How many are kept. */
  get kept(): number {
    return this.#kept;
  }

  /** Whether there is room for so many more. */
  admits(growth: number): boolean {
    return this.#rules.hasRoom(this.#kept, growth, this.#maxEntries);
  }

  /** What somebody keeps may have changed. */
  count(keeper: Keeper): void {
    const { weight } = keeper;
    this.#kept += weight - keeper.counted;
    keeper.counted = weight;
  }

  /** It is forgotten, with all that it keeps. */
  forget(keeper: Keeper): void {
    this.#kept -= keeper.counted;
    keeper.counted = 0;
  }
}
