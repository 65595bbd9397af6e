/**
 * What this node, as a registrar, sums up for those who want to know how many entries a topic has: it asks each life that has
 * any, and tells the sum at the end of a window, or at once when that settles the count (R92, R93). Nothing is kept of a
 * topic that nobody wants to know of.
 *
 * Time comes in as an argument; knows no entry but the number of its own node's.
 */
import type { Life } from "../life.js";
import type { Count } from "../step.js";
import { Agenda } from "./agenda.js";
import { HAS } from "./message.js";
import type { Member, Stake } from "./message.js";
import type { Pair } from "./pair.js";
import type { FollowingRules } from "./rules.js";

export interface CountSumsPort {
  /** Who has a stake in a topic, as far as this node knows. */
  membersOf(topic: string): readonly Member[];
  /** The pair of a life, unless that has ended. */
  pairOf(life: Life): Pair | undefined;
  isUp(pair: Pair): boolean;
  isOwn(life: Life): boolean;
  ownEntriesOf(topic: string): number;
  /** Whether this node knows all that are up, and what they have; and whether it is a registrar of the topic. */
  isSettled(topic: string, nowMs: number): boolean;
  /** The sum, for this node itself, as the answer to its want. */
  told(topic: string, want: number, count: Count): void;
}

interface Summed {
  readonly ask: number;
  /** Who wants to know, and by which number; `undefined`: this node. */
  readonly watchers: Map<Pair | undefined, number>;
  /** Authors that are up and have not answered. */
  readonly unanswered: Set<Pair>;
  /** Since when the count is not settled; `Infinity` if it is. */
  unsettledSinceMs: number;
  told: Count | undefined;
  toldMs: number;
}

export class CountSums {
  readonly #port: CountSumsPort;
  readonly #rules: FollowingRules;
  readonly #windowMs: number;
  readonly #topics = new Map<string, Summed>();
  /** Topics whose sum may have changed. */
  readonly #changed = new Set<string>();
  readonly #agenda = new Agenda<string>();
  #asks = 0;

  constructor(port: CountSumsPort, countPeriodMs: number, rules: FollowingRules) {
    this.#port = port;
    this.#rules = rules;
    this.#windowMs = rules.countWindowMs(true, countPeriodMs);
  }

  /** How many want to know, over all topics. */
  get size(): number {
    let size = 0;
    for (const { watchers } of this.#topics.values()) size += watchers.size;
    return size;
  }

  /** When a sum is to be told next. */
  get dueMs(): number {
    return this.#changed.size > 0 ? -Infinity : this.#agenda.nextMs;
  }

  /** Somebody wants to know, by this number; 0: no longer. Without a pair: this node. Returns whether it does anew. */
  wanted(pair: Pair | undefined, topic: string, want: number): boolean {
    const summed = this.#topics.get(topic);
    if (want === 0) {
      if (summed?.watchers.delete(pair) !== true) return false;
      pair?.tellCount(topic, { tells: 0, sum: 0, isSettled: false });
      if (summed.watchers.size === 0) this.#end(topic);
      return false;
    }
    if (summed?.watchers.get(pair) === want) return false;
    if (summed === undefined) this.#begin(topic).watchers.set(pair, want);
    else {
      summed.watchers.set(pair, want);
      // What the others were told already; it may be settled by now.
      if (summed.told !== undefined) this.#tell(topic, pair, want, summed.told);
    }
    this.#changed.add(topic);
    return true;
  }

  /** A life has another stake in a topic. */
  enlisted(life: Life, topic: string, { roles }: Stake): void {
    const summed = this.#topics.get(topic);
    if (summed === undefined) return;
    this.#changed.add(topic);
    const pair = this.#port.pairOf(life);
    if (pair === undefined || this.#port.isOwn(life)) return;
    if ((roles & HAS) !== 0) this.#ask(topic, summed, pair);
    else this.#release(topic, summed, pair);
  }

  /** An author has said something of its number. */
  answered(pair: Pair, topic: string): void {
    const summed = this.#topics.get(topic);
    if (summed === undefined) return;
    if (this.#numberOf(pair, topic, summed) !== undefined) summed.unanswered.delete(pair);
    this.#changed.add(topic);
  }

  /** This node has another number of entries. */
  changed(topic: string): void {
    if (this.#topics.has(topic)) this.#changed.add(topic);
  }

  /** Who is up has changed, or whether this node is a settled registrar may have. */
  recheck(): void {
    for (const [topic, summed] of this.#topics) {
      for (const pair of summed.unanswered) if (!this.#port.isUp(pair)) summed.unanswered.delete(pair);
      for (const { life, stake } of this.#port.membersOf(topic)) {
        const pair = this.#port.isOwn(life) ? undefined : this.#port.pairOf(life);
        if (pair !== undefined && (stake.roles & HAS) !== 0) this.#ask(topic, summed, pair);
      }
      this.#changed.add(topic);
    }
  }

  /** A life is told nothing any more, and wants nothing. */
  forget(pair: Pair): void {
    for (const topic of pair.countsHeard.topics()) {
      const summed = this.#topics.get(topic);
      if (summed === undefined) continue;
      summed.unanswered.delete(pair);
      this.wanted(pair, topic, 0);
    }
  }

  /** Tells what is due. */
  advance(nowMs: number): void {
    for (const topic of this.#changed) {
      const summed = this.#topics.get(topic);
      if (summed !== undefined) this.#agenda.at(topic, this.#dueMs(topic, summed, nowMs));
    }
    this.#changed.clear();
    for (let topic = this.#agenda.take(nowMs); topic !== undefined; topic = this.#agenda.take(nowMs)) {
      const summed = this.#topics.get(topic);
      if (summed !== undefined) this.#sum(topic, summed, nowMs);
    }
  }

  #begin(topic: string): Summed {
    this.#asks += 1;
    const summed: Summed = {
      ask: this.#asks,
      watchers: new Map(),
      unanswered: new Set(),
      unsettledSinceMs: Infinity,
      told: undefined,
      toldMs: -Infinity,
    };
    this.#topics.set(topic, summed);
    for (const { life, stake } of this.#port.membersOf(topic)) this.enlisted(life, topic, stake);
    return summed;
  }

  #end(topic: string): void {
    const summed = this.#topics.get(topic);
    if (summed === undefined) return;
    for (const { life } of this.#port.membersOf(topic)) {
      const pair = this.#port.pairOf(life);
      if (pair !== undefined) this.#release(topic, summed, pair);
    }
    this.#topics.delete(topic);
    this.#changed.delete(topic);
    this.#agenda.drop(topic);
  }

  #ask(topic: string, summed: Summed, pair: Pair): void {
    pair.tellCount(topic, { ask: summed.ask });
    if (this.#port.isUp(pair) && this.#numberOf(pair, topic, summed) === undefined)
      summed.unanswered.add(pair);
  }

  #release(topic: string, summed: Summed, pair: Pair): void {
    summed.unanswered.delete(pair);
    pair.tellCount(topic, { ask: 0 });
  }

  /** The number that an author has said, if it answers the present ask. */
  #numberOf({ countsHeard }: Pair, topic: string, { ask }: Summed): number | undefined {
    const tally = countsHeard.get(topic);
    if (tally === undefined || tally.answers === 0) return undefined;
    return this.#rules.isOfPresentCount(tally.answers, ask) ? tally.entries : undefined;
  }

  #dueMs(topic: string, summed: Summed, nowMs: number): number {
    const { told, toldMs } = summed;
    const isSettled = this.#isSettled(topic, summed, nowMs);
    if (isSettled) summed.unsettledSinceMs = Infinity;
    else if (summed.unsettledSinceMs === Infinity) summed.unsettledSinceMs = nowMs;
    const isAwaited = told === undefined || (isSettled && !told.isSettled);
    return isAwaited ? nowMs : Math.max(nowMs, toldMs + this.#windowMs);
  }

  #isSettled(topic: string, { unanswered }: Summed, nowMs: number): boolean {
    return this.#rules.isCountSettled(this.#port.isSettled(topic, nowMs), unanswered.size);
  }

  #sum(topic: string, summed: Summed, nowMs: number): void {
    const { unanswered, told, watchers } = summed;
    const isSettled = this.#isSettled(topic, summed, nowMs);
    // Who has just come answers within a moment: until then nobody is told that the count is not settled.
    const patientUntilMs = summed.unsettledSinceMs + this.#windowMs;
    const isPatient = told === undefined ? unanswered.size > 0 : told.isSettled;
    if (!isSettled && isPatient && nowMs < patientUntilMs) {
      this.#agenda.at(topic, patientUntilMs);
      return;
    }
    const count = { entries: this.#entriesOf(topic, summed), isSettled };
    if (told?.entries === count.entries && told.isSettled === isSettled) return;
    summed.told = count;
    summed.toldMs = nowMs;
    for (const [pair, want] of watchers) this.#tell(topic, pair, want, count);
  }

  #entriesOf(topic: string, summed: Summed): number {
    let entries = 0;
    for (const { life, stake } of this.#port.membersOf(topic)) {
      if ((stake.roles & HAS) === 0) continue;
      if (this.#port.isOwn(life)) entries += this.#port.ownEntriesOf(topic);
      else {
        const pair = this.#port.pairOf(life);
        if (pair !== undefined && this.#port.isUp(pair)) entries += this.#numberOf(pair, topic, summed) ?? 0;
      }
    }
    return entries;
  }

  #tell(topic: string, pair: Pair | undefined, want: number, { entries, isSettled }: Count): void {
    if (pair === undefined) this.#port.told(topic, want, { entries, isSettled });
    else pair.tellCount(topic, { tells: want, sum: entries, isSettled });
  }
}
