/**
 * Who calls the roll in a large cluster, and what this node knows of it: which three lives are the callers, whether it is one
 * of them itself, and whether rolls name this node. Of lives it knows their hashes alone.
 *
 * Every node computes the callers from its own membership, and nobody has to agree: who is sent the beat of another calls
 * the roll. Time comes in as an argument; sends nothing, and decides nobody's status.
 */
import { hashText } from "../hash.js";
import { replicaOf } from "../life.js";
import type { Life } from "../life.js";
import type { FollowingLimits } from "./limits.js";
import { Ranks } from "./ranks.js";
import type { FollowingRules } from "./rules.js";

/** A topic that nobody can have: callers rank as the registrars of topics do. */
const CALLING = "";

/** One of several lives that share a hash is never meant by it. */
const SEVERAL = Symbol("several");

export interface RollsOptions {
  readonly self: Life;
  /** Whether this node holds everything: it calls no roll, is in none, and says to all that it is there. */
  readonly holdsEverything: boolean;
  readonly heartbeatPeriodMs: number;
  readonly rules: FollowingRules;
  readonly limits: FollowingLimits;
}

export class Rolls<L extends { readonly life: Life }> {
  readonly ownHash: number;
  readonly #options: RollsOptions;
  readonly #ranks: Ranks;
  /** The names of the others that are up. */
  readonly #up = new Set<string>();
  readonly #byHash = new Map<number, L | typeof SEVERAL>();
  readonly #hashes = new Map<L, number>();
  /** When each unknown hash was asked for last. */
  readonly #asked = new Map<number, number>();
  #isLarge = false;
  #calling: readonly string[] | undefined;
  #calledMs = -Infinity;
  #saidMs = -Infinity;
  #namedMs = -Infinity;

  constructor(options: RollsOptions) {
    this.#options = options;
    this.#ranks = new Ranks(options.limits.callers);
    if (!options.holdsEverything) this.#ranks.add(options.self.name);
    this.ownHash = hashOf(options.self);
  }

  // Who is known.

  /** A life is up, or is not any more. */
  came(name: string): void {
    this.#up.add(name);
    this.#ranks.add(name);
    this.#changed();
  }

  went(name: string): void {
    this.#up.delete(name);
    this.#ranks.delete(name);
    this.#changed();
  }

  add(one: L): void {
    const hash = hashOf(one.life);
    this.#hashes.set(one, hash);
    this.#byHash.set(hash, this.#byHash.has(hash) ? SEVERAL : one);
    this.#asked.delete(hash);
  }

  delete(one: L): void {
    const hash = this.#hashes.get(one);
    if (hash === undefined) return;
    const isShared = this.#byHash.get(hash) === SEVERAL;
    this.#hashes.delete(one);
    this.#byHash.delete(hash);
    if (!isShared) return;
    // With one less of those that share it, the hash may mean one again.
    for (const [other, its] of this.#hashes) if (its === hash) this.add(other);
  }

  /** The one life that a hash means, if it means one. */
  meant(hash: number): L | undefined {
    const meant = this.#byHash.get(hash);
    return meant === SEVERAL ? undefined : meant;
  }

  /** Whether others may take this life for another one by its hash. */
  isAmbiguous(one: L): boolean {
    const hash = this.#hashes.get(one);
    return hash === this.ownHash || (hash !== undefined && this.#byHash.get(hash) === SEVERAL);
  }

  hashOf(one: L): number | undefined {
    return this.#hashes.get(one);
  }

  /** Of hashes that mean nobody, those that are to be asked for now. */
  toBeAsked(hashes: readonly number[], nowMs: number): readonly number[] {
    const { heartbeatPeriodMs, limits } = this.#options;
    if (this.#asked.size > limits.hashesAsked) this.#asked.clear();
    return hashes.filter((hash) => {
      if (this.#byHash.has(hash) || hash === this.ownHash) return false;
      if (nowMs - (this.#asked.get(hash) ?? -Infinity) < 2 * heartbeatPeriodMs) return false;
      this.#asked.set(hash, nowMs);
      return true;
    });
  }

  // Who calls.

  /** The names of those that this node sends its beat to; none while all send theirs to all. */
  get callers(): readonly string[] {
    return this.#options.holdsEverything ? [] : this.calling;
  }

  /** The names of those to whom nodes that follow send their beats, as far as this node knows. */
  get calling(): readonly string[] {
    if (!this.#isLarge) return [];
    this.#calling ??= this.#ranks.registrarsOf(CALLING);
    return this.#calling;
  }

  /** Another node has sent its beat to this one. */
  called(nowMs: number): void {
    this.#calledMs = nowMs;
  }

  isCaller(nowMs: number): boolean {
    return nowMs - this.#calledMs <= 2 * this.#options.heartbeatPeriodMs;
  }

  /** This node calls the roll now. Returns whether so late that what it has heard says nothing of those it has not. */
  says(nowMs: number): boolean {
    const isLate = nowMs - this.#saidMs > 2 * this.#options.heartbeatPeriodMs;
    this.#saidMs = nowMs;
    return isLate;
  }

  // What is heard.

  /** A roll names this node: what another than its own callers has heard of it, all may have. */
  named(caller: string, nowMs: number): void {
    if (this.callers.includes(caller)) this.#namedMs = nowMs;
  }

  /** Whether this node says to all that it is there. */
  speaksToAll(nowMs: number): boolean {
    if (this.callers.length === 0 || this.isCaller(nowMs)) return true;
    const { rules, heartbeatPeriodMs } = this.#options;
    return rules.speaksToAll(nowMs - this.#namedMs, heartbeatPeriodMs);
  }

  #changed(): void {
    const { rules, limits } = this.#options;
    this.#calling = undefined;
    this.#isLarge = rules.callsTheRoll(1 + this.#up.size, this.#isLarge, limits);
  }
}

function hashOf(life: Life): number {
  return hashText(replicaOf(life));
}
