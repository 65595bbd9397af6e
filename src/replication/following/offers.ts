/**
 * Who is told how many entries this node has in a topic, and not who these are: followers with a limit that have chosen
 * others. All of a topic are told the same number, so that a change of an entry costs one comparison, however many they are.
 *
 * Knows no entry and no time.
 */
import type { FollowingRules } from "./rules.js";

/** A share in which a topic is open as an offer. */
interface OfferTaker {
  /** The number of a topic's entries is of another order. */
  offerAnew(topic: string): void;
}

interface Offer {
  told: number;
  readonly takers: Set<OfferTaker>;
}

export class Offers {
  readonly #entriesOf: (topic: string) => number;
  readonly #rules: FollowingRules;
  readonly #topics = new Map<string, Offer>();

  constructor(entriesOf: (topic: string) => number, rules: FollowingRules) {
    this.#entriesOf = entriesOf;
    this.#rules = rules;
  }

  /** How many are told, over all topics. */
  get size(): number {
    let size = 0;
    for (const { takers } of this.#topics.values()) size += takers.size;
    return size;
  }

  /** One more is told. */
  add(topic: string, taker: OfferTaker): void {
    const offer = this.#topics.get(topic);
    const told = this.#entriesOf(topic);
    if (offer === undefined) {
      this.#topics.set(topic, { told, takers: new Set([taker]) });
      return;
    }
    offer.takers.add(taker);
    // That there is nothing any more the others hear by a close.
    if (told === 0) offer.told = 0;
  }

  delete(topic: string, taker: OfferTaker): void {
    const offer = this.#topics.get(topic);
    offer?.takers.delete(taker);
    if (offer?.takers.size === 0) this.#topics.delete(topic);
  }

  /** The number that is told of a topic. */
  toldOf(topic: string): number {
    return this.#topics.get(topic)?.told ?? 0;
  }

  /** An entry has come to a topic, or gone. */
  changed(topic: string): void {
    if (this.#topics.size === 0) return;
    const offer = this.#topics.get(topic);
    if (offer === undefined) return;
    const entries = this.#entriesOf(topic);
    if (!this.#rules.isOfferedAnew(entries, offer.told)) return;
    offer.told = entries;
    for (const taker of offer.takers) taker.offerAnew(topic);
  }
}
