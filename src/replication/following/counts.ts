/**
 * How many entries topics have that nobody here holds: what this node wants to know (`count-watches.ts`), what it sums up for
 * those who do, as their registrar (`count-sums.ts`), and what it says of itself (`count-numbers.ts`). Here is decided which of
 * the three something concerns. None of them knows the others.
 *
 * Time comes in as an argument; sends nothing.
 */
import type { Life } from "../life.js";
import type { Count } from "../step.js";
import { CountNumbers } from "./count-numbers.js";
import { CountSums, type CountSumsPort } from "./count-sums.js";
import { CountWatches } from "./count-watches.js";
import type { Meetings } from "./meetings.js";
import type { Said, Stake, Tally } from "./message.js";
import type { Pair } from "./pair.js";
import type { FollowingRules } from "./rules.js";
import { NO_TALLY } from "./tally.js";

export interface CountsOptions {
  readonly ownName: string;
  readonly countPeriodMs: number;
  readonly downPeriodMs: number;
  readonly rules: FollowingRules;
}

export interface CountsPort extends Omit<CountSumsPort, "told"> {
  /** The present life of a name, unless it has ended. */
  presentOf(name: string): Pair | undefined;
  /** What is shown of a topic's count has changed. */
  changed(topic: string): void;
}

export class Counts {
  readonly watches: CountWatches;
  readonly sums: CountSums;
  readonly numbers: CountNumbers;

  constructor(
    { ownName, countPeriodMs, downPeriodMs, rules }: CountsOptions,
    port: CountsPort,
    meetings: Meetings,
  ) {
    const watchesPort = {
      firstRegistrarOf: (topic: string) => meetings.firstRegistrarOf(topic),
      isAbove: (name: string, other: string, topic: string) => meetings.isAbove(name, other, topic),
      want: (registrar: string, topic: string, want: number) => {
        if (registrar === ownName) this.sums.wanted(undefined, topic, want);
        else port.presentOf(registrar)?.tellCount(topic, { want });
      },
      changed: (topic: string) => port.changed(topic),
    };
    this.watches = new CountWatches(watchesPort, downPeriodMs, rules);
    const told = (topic: string, want: number, count: Count): void =>
      this.watches.told(ownName, topic, want, count);
    this.sums = new CountSums({ ...port, told }, countPeriodMs, rules);
    this.numbers = new CountNumbers((topic) => port.ownEntriesOf(topic), countPeriodMs, rules);
  }

  /** When something is to be said next, or looked at. */
  get dueMs(): number {
    return Math.min(this.numbers.dueMs, this.sums.dueMs, this.watches.dueMs);
  }

  /** An entry of this node has come to a topic, or gone. */
  changed(topic: string): void {
    this.numbers.changed(topic);
    this.sums.changed(topic);
  }

  /** As a registrar this node was told of a stake. */
  enlisted(life: Life, topic: string, stake: Stake): void {
    this.sums.enlisted(life, topic, stake);
  }

  /** A life is heard for the first time, or after it seemed to have ended: what it said holds. */
  appeared(pair: Pair): void {
    for (const topic of pair.countsHeard.topics())
      this.#heard(pair, topic, pair.countsHeard.get(topic) ?? NO_TALLY);
  }

  /** A node is up; `mayRegister`: others may ask it what topics have. */
  came(name: string, mayRegister: boolean): void {
    if (mayRegister) this.watches.came(name);
    this.sums.recheck();
  }

  went(name: string): void {
    this.watches.went(name);
    this.sums.recheck();
  }

  resumed(): void {
    this.watches.resumed();
    this.sums.recheck();
  }

  forget(pair: Pair): void {
    this.sums.forget(pair);
    for (const topic of pair.countsHeard.topics()) this.numbers.asked(pair, topic, 0);
  }

  heard(pair: Pair, said: Said<Tally>): void {
    let isAwaited = said.items.length === 0;
    const hearing = pair.countsHeard.hear(said, (topic, tally) => {
      if (this.#heard(pair, topic, tally ?? NO_TALLY)) isAwaited = true;
    });
    // It did not hear that this node has: of numbers alone it says the next ones anyway.
    if (hearing === "known") isAwaited ||= said.items.some(([, { want, ask }]) => want > 0 || ask > 0);
    pair.owesCountsHeard(hearing === "gap" || isAwaited);
  }

  /** Says and shows what is due. */
  advance(nowMs: number): void {
    this.numbers.advance(nowMs);
    this.sums.advance(nowMs);
    this.watches.advance(nowMs);
  }

  /** A tick has passed; `mayHaveSettled`: this node, as a registrar. */
  pass(nowMs: number, mayHaveSettled: boolean): void {
    if (mayHaveSettled) this.sums.recheck();
    this.watches.pass(nowMs);
  }

  /** Returns whether the other waits for what comes of it. */
  #heard(pair: Pair, topic: string, { want, ask, tells, sum, isSettled }: Tally): boolean {
    const isWanted = this.sums.wanted(pair, topic, want);
    const isAsked = this.numbers.asked(pair, topic, ask);
    this.sums.answered(pair, topic);
    if (tells !== 0) this.watches.told(pair.life.name, topic, tells, { entries: sum, isSettled });
    return isWanted || isAsked;
  }
}
