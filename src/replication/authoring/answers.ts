/**
 * What others asked of this node, answered one at a time, so that a newcomer to a large cluster stalls
 * nobody. A newer request of the same life and shard takes the place of the one that waits; whether somebody is there
 * is asked in a place of its own. Lives that ask take turns, and each has an account: none gets much more than there is
 * to tell. Time comes in as an argument.
 */
import type { Life } from "../life.js";
import { replicaOf } from "../life.js";
import { ITEMS_OF_ANY_ANSWER } from "../limits.js";
import { asksWhetherThere } from "../message.js";
import type { DeltaRequest, PageRequest } from "../message.js";
import { PROTOCOL } from "../rules.js";
import type { Protocol } from "../rules.js";

export interface Asked {
  readonly by: Life;
  readonly request: DeltaRequest | PageRequest;
}

/** What there is to tell: the entries, and the dots that this life has spent so far. */
export interface Content {
  readonly entries: number;
  readonly dots: number;
}

interface Requester {
  readonly by: Life;
  /** By place. */
  readonly waiting: Map<number, DeltaRequest | PageRequest>;
  /** The counter of the newest request by place: an older one is answered already, or replaced. */
  readonly counters: Map<number, number>;
  /** Items that it may still have; below zero it waits. As of a time, and of the dots spent until then. */
  credit: number;
  asOfMs: number;
  dots: number;
  /** When its account allows the next answer. */
  restsUntilMs: number;
}

/** Which requests take each other's place: those of a shard, and those that ask for none. */
function placeOf(request: DeltaRequest | PageRequest): number {
  return asksWhetherThere(request) ? -1 : request.shard;
}

export class Answers {
  readonly #protocol: Protocol;
  readonly #requesters = new Map<string, Requester>();
  /** Whose turn is next: those who wait for an answer. */
  readonly #turns = new Set<Requester>();
  readonly #resting = new Set<Requester>();

  constructor(protocol: Protocol = PROTOCOL) {
    this.#protocol = protocol;
  }

  /** Nobody waits whose account allows an answer. */
  get isEmpty(): boolean {
    return this.#turns.size === 0;
  }

  /** When somebody may be answered again whose account was empty. */
  get restsUntilMs(): number {
    let untilMs = Infinity;
    for (const requester of this.#resting) untilMs = Math.min(untilMs, requester.restsUntilMs);
    return untilMs;
  }

  add(by: Life, request: DeltaRequest | PageRequest, counter: number): void {
    const id = replicaOf(by);
    let requester = this.#requesters.get(id);
    if (requester === undefined) {
      requester = {
        by,
        waiting: new Map(),
        counters: new Map(),
        credit: Infinity,
        asOfMs: -Infinity,
        dots: 0,
        restsUntilMs: 0,
      };
      this.#requesters.set(id, requester);
    }
    const { waiting, counters } = requester;
    const place = placeOf(request);
    if (!this.#protocol.rules.isNewerRequest(counter, counters.get(place) ?? 0)) return;
    counters.set(place, counter);
    waiting.set(place, request);
    if (!this.#resting.has(requester)) this.#turns.add(requester);
  }

  /** The next request to answer. Requesters take turns. */
  take(nowMs: number): Asked | undefined {
    for (const requester of this.#resting) {
      if (requester.restsUntilMs > nowMs) continue;
      this.#resting.delete(requester);
      this.#turns.add(requester);
    }
    for (const requester of this.#turns) {
      this.#turns.delete(requester);
      for (const [place, request] of requester.waiting) {
        requester.waiting.delete(place);
        // Behind all others, if more of it waits.
        if (requester.waiting.size > 0) this.#turns.add(requester);
        return { by: requester.by, request };
      }
    }
    return undefined;
  }

  /** An answer of so many items was sent: a life that has had too many waits until its account is above zero again. */
  charge(by: Life, items: number, content: Content, nowMs: number): void {
    const requester = this.#requesters.get(replicaOf(by));
    if (requester === undefined) return;
    const { entries, dots } = content;
    const { rules, limits } = this.#protocol;
    const itemsPerMs = rules.answerRefillPerMs(entries, limits);
    // What has changed since may be asked for on top, twice as well.
    const earned = itemsPerMs * (nowMs - requester.asOfMs) + 2 * (dots - requester.dots);
    const most = rules.answerCredit(entries, limits);
    requester.credit = Math.min(most, requester.credit + earned) - items - ITEMS_OF_ANY_ANSWER;
    requester.asOfMs = nowMs;
    requester.dots = dots;
    if (requester.credit > 0) return;
    requester.restsUntilMs = nowMs - requester.credit / itemsPerMs;
    this.#turns.delete(requester);
    this.#resting.add(requester);
  }

  /** A life has ended: it is told nothing more. */
  forget(life: Life): void {
    const requester = this.#requesters.get(replicaOf(life));
    if (requester === undefined) return;
    this.#requesters.delete(replicaOf(life));
    this.#turns.delete(requester);
    this.#resting.delete(requester);
  }
}
