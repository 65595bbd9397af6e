/**
 * How many entries this node has in topics of which registrars ask that. Answers at once when it is asked, and says a number
 * that has changed at the end of a window (R93). Time comes in as an argument; knows no registrar's sum.
 */
import { Agenda } from "./agenda.js";
import type { Pair } from "./pair.js";
import type { FollowingRules } from "./rules.js";

interface Asked {
  /** Who asks, and by which number. */
  readonly askers: Map<Pair, number>;
  saidMs: number;
}

export class CountNumbers {
  readonly #entriesOf: (topic: string) => number;
  readonly #windowMs: number;
  readonly #topics = new Map<string, Asked>();
  readonly #changed = new Set<string>();
  readonly #agenda = new Agenda<string>();

  /** @param entriesOf tells how many entries of this node are in a topic now. */
  constructor(entriesOf: (topic: string) => number, countPeriodMs: number, rules: FollowingRules) {
    this.#entriesOf = entriesOf;
    this.#windowMs = rules.countWindowMs(false, countPeriodMs);
  }

  /** How many ask, over all topics. */
  get size(): number {
    let size = 0;
    for (const { askers } of this.#topics.values()) size += askers.size;
    return size;
  }

  /** When a number is to be said next. */
  get dueMs(): number {
    return this.#changed.size > 0 ? -Infinity : this.#agenda.nextMs;
  }

  /** A registrar asks by this number; 0: it does not, any more. Returns whether it asks anew. */
  asked(pair: Pair, topic: string, ask: number): boolean {
    const asked = this.#topics.get(topic);
    if (ask === 0) {
      if (asked?.askers.delete(pair) !== true) return false;
      pair.tellCount(topic, { answers: 0, entries: 0 });
      if (asked.askers.size > 0) return false;
      this.#topics.delete(topic);
      this.#changed.delete(topic);
      this.#agenda.drop(topic);
      return false;
    }
    if (asked === undefined) this.#topics.set(topic, { askers: new Map([[pair, ask]]), saidMs: -Infinity });
    else if (asked.askers.get(pair) === ask) return false;
    else asked.askers.set(pair, ask);
    pair.tellCount(topic, { answers: ask, entries: this.#entriesOf(topic) });
    return true;
  }

  /** An entry of this node has come to a topic, or gone. */
  changed(topic: string): void {
    if (this.#topics.has(topic)) this.#changed.add(topic);
  }

  /** Says what is due. */
  advance(nowMs: number): void {
    for (const topic of this.#changed) {
      const { saidMs = -Infinity } = this.#topics.get(topic) ?? {};
      this.#agenda.at(topic, Math.max(nowMs, saidMs + this.#windowMs));
    }
    this.#changed.clear();
    for (let topic = this.#agenda.take(nowMs); topic !== undefined; topic = this.#agenda.take(nowMs)) {
      const asked = this.#topics.get(topic);
      if (asked === undefined) continue;
      asked.saidMs = nowMs;
      for (const [pair, answers] of asked.askers)
        pair.tellCount(topic, { answers, entries: this.#entriesOf(topic) });
    }
  }
}
