/**
 * The lives that are over, as far as they are remembered: never listened to again. Bounded; lives that never sent
 * an entry are forgotten first, and then the names whose last life ended the longest ago. Knows no clock, and
 * nothing of what a life has left behind.
 */
import type { Life } from "../life.js";
import { RULES, type Rules } from "../rules.js";

interface Ended {
  /** Whether it never sent an entry: it may have been made up. */
  readonly empty: boolean;
  readonly atMs: number;
  /** Whether a life with an earlier incarnation was heard after it: its clock was ahead. */
  ahead: boolean;
}

export class OverLives {
  readonly #limit: number;
  readonly #rules: Rules;
  /** Per name its incarnations; the name that was added to last stands last. */
  readonly #ended = new Map<string, Map<string, Ended>>();
  #size = 0;
  #empty = 0;

  constructor(limit: number, rules: Rules = RULES) {
    this.#limit = limit;
    this.#rules = rules;
  }

  /** How many lives are remembered: at most the limit. */
  get size(): number {
    return this.#size;
  }

  has(life: Life): boolean {
    return this.#ended.get(life.name)?.has(life.incarnation) === true;
  }

  /** Whether a later life of the same name is over, whose clock was right: then this one was before it. */
  hasLater(life: Life): boolean {
    for (const [incarnation, { ahead }] of this.#ended.get(life.name) ?? []) {
      if (this.#rules.endsEarlier(ahead) && incarnation > life.incarnation) return true;
    }
    return false;
  }

  /** Remembers a life that ended at `nowMs`. Returns when the one had ended that is forgotten for it, if any. */
  add(life: Life, nowMs = 0, empty = false): number | undefined {
    const ofName = this.#ended.get(life.name) ?? new Map<string, Ended>();
    this.#ended.delete(life.name);
    this.#ended.set(life.name, ofName);
    // One that is there already stays as it is: that its clock was ahead is known once.
    if (!ofName.has(life.incarnation)) {
      this.#size += 1;
      if (empty) this.#empty += 1;
      ofName.set(life.incarnation, { empty, atMs: nowMs, ahead: false });
    }
    return this.#size > this.#limit ? this.#forgetFirst() : undefined;
  }

  /**
   * A life of the name was heard after those with later incarnations had ended: their clock was ahead. They stay
   * over, but tell nothing of the lives that follow. Returns whether this is news.
   */
  overtake(life: Life): boolean {
    let news = false;
    for (const [incarnation, ended] of this.#ended.get(life.name) ?? []) {
      if (ended.ahead || incarnation <= life.incarnation) continue;
      ended.ahead = true;
      news = true;
    }
    return news;
  }

  delete(life: Life): void {
    const ofName = this.#ended.get(life.name);
    const ended = ofName?.get(life.incarnation);
    if (ofName === undefined || ended === undefined) return;
    ofName.delete(life.incarnation);
    this.#size -= 1;
    if (ended.empty) this.#empty -= 1;
    if (ofName.size === 0) this.#ended.delete(life.name);
  }

  /**
   * Forgets the life that ended first of the name that stands first, of those that never sent an entry if there
   * are any. Returns when it had ended.
   */
  #forgetFirst(): number | undefined {
    for (const [name, ofName] of this.#ended) {
      for (const [incarnation, { empty, atMs }] of ofName) {
        if (!empty && this.#empty > 0) continue;
        this.delete({ name, incarnation });
        return atMs;
      }
    }
    return undefined;
  }
}
