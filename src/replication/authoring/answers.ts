/**
 * What others asked of this node, answered one at a time, so that a newcomer to a large cluster stalls
 * nobody. A newer request of the same life and shard takes the place of the one that waits; whether somebody is there
 * is asked in a place of its own. Lives that ask take turns, and each has an account: none gets much more than there is
 * to tell. Time comes in as an argument.
 */
import { Account, type Content } from "./account.js";
import { replicaOf, type Life } from "../life.js";
import { asksWhetherThere, type SliceRequest } from "../message.js";
import { PROTOCOL, type Protocol } from "../rules.js";

/** The requester. An observer has an account that is not that of the node of its name: it may be made up. */
export interface Asker extends Life {
  readonly observes?: boolean | undefined;
  /** The version of the protocol that it is answered in. Default: what is spoken to all. */
  readonly version?: number | undefined;
}

export interface Asked {
  readonly by: Asker;
  readonly request: SliceRequest;
  /** The counter of the frame that asked. */
  readonly counter: number;
}

interface Requester {
  readonly by: Asker;
  /** By place. */
  readonly waiting: Map<number, SliceRequest>;
  /** The counter of the newest request by place: an older one is answered already, or replaced. */
  readonly counters: Map<number, number>;
  /** Below zero it waits. */
  readonly account: Account;
}

/** Which requests take each other's place: those of a shard, and those that ask for none. */
function placeOf(request: SliceRequest): number {
  return asksWhetherThere(request) ? -1 : request.shard;
}

function idOf(by: Asker): string {
  // No replica's name ends like this.
  return by.observes === true ? `${replicaOf(by)} observes` : replicaOf(by);
}

export class Answers {
  readonly #protocol: Protocol;
  readonly #requesters = new Map<string, Requester>();
  /** Whose turn is next: those who wait for an answer. */
  readonly #turns = new Set<Requester>();
  readonly #resting = new Set<Requester>();
  /** What all who only look on may be told together, beside what each may. */
  readonly #observers = new Account();

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
    for (const requester of this.#resting) untilMs = Math.min(untilMs, this.#restsUntilMs(requester));
    return untilMs;
  }

  /** Returns false, and does nothing, if a newer request of that place has come. */
  add(by: Asker, request: SliceRequest, counter: number): boolean {
    const id = idOf(by);
    let requester = this.#requesters.get(id);
    if (requester === undefined) {
      requester = { by, waiting: new Map(), counters: new Map(), account: new Account() };
      this.#requesters.set(id, requester);
    }
    const { waiting, counters } = requester;
    const place = placeOf(request);
    if (!this.#protocol.rules.isNewerRequest(counter, counters.get(place) ?? 0)) return false;
    counters.set(place, counter);
    waiting.set(place, request);
    if (this.#resting.has(requester)) return true;
    // The account of all observers may be empty: when it allows an answer, the next `take` finds out.
    (by.observes === true ? this.#resting : this.#turns).add(requester);
    return true;
  }

  /** The next request to answer. Requesters take turns. */
  take(nowMs: number): Asked | undefined {
    for (const requester of this.#resting) {
      if (this.#restsUntilMs(requester) > nowMs) continue;
      this.#resting.delete(requester);
      this.#turns.add(requester);
    }
    for (const requester of this.#turns) {
      this.#turns.delete(requester);
      for (const [place, request] of requester.waiting) {
        requester.waiting.delete(place);
        // Behind all others, if more of it waits.
        if (requester.waiting.size > 0) this.#turns.add(requester);
        return { by: requester.by, request, counter: requester.counters.get(place) ?? 0 };
      }
    }
    return undefined;
  }

  /** An answer of so many items was sent: a life that has had too many waits until its account is above zero again. */
  charge(by: Asker, items: number, content: Content, nowMs: number): void {
    const requester = this.#requesters.get(idOf(by));
    if (requester === undefined) return;
    if (!requester.account.charge(items, content, nowMs, this.#protocol)) this.#rest(requester);
    if (by.observes !== true || this.#observers.charge(items, content, nowMs, this.#protocol)) return;
    for (const other of this.#turns) if (other.by.observes === true) this.#rest(other);
  }

  #rest(requester: Requester): void {
    this.#turns.delete(requester);
    this.#resting.add(requester);
  }

  #restsUntilMs({ by, account }: Requester): number {
    if (by.observes !== true) return account.restsUntilMs;
    return Math.max(account.restsUntilMs, this.#observers.restsUntilMs);
  }

  /** A life has ended: it is told nothing more. */
  forget(by: Asker): void {
    const id = idOf(by);
    const requester = this.#requesters.get(id);
    if (requester === undefined) return;
    this.#requesters.delete(id);
    this.#turns.delete(requester);
    this.#resting.delete(requester);
  }
}
