/**
 * A topic as it is open to a follow with a limit, on its author's side: which of the entries count, and whether another sample
 * of them is to. It watches in the place of its share, and passes on what is in the sample. Knows no frame.
 */
import type { ReplicatedEntry } from "../entry.js";
import type { Cut } from "./message.js";
import { OFFER_ONLY } from "./message.js";
import type { OwnEntries, OwnRemoval, Watcher } from "./own-entries.js";
import type { FollowingRules } from "./rules.js";
import type { TopicSamples } from "./samples.js";

/** The share in which a topic is open so. */
export interface CutShare extends Watcher {
  /** Another sample of a topic may be due. */
  uneven(topic: string): void;
  /** The number of a topic's entries is of another order. */
  offerAnew(topic: string): void;
}

export class CutTopic implements Watcher {
  readonly limit: number;
  readonly #topic: string;
  readonly #own: OwnEntries;
  readonly #share: CutShare;
  readonly #rules: FollowingRules;
  /** The sample that counts. */
  #sample = 0;
  /** Whether that was all when it was opened: then it is told as none. */
  readonly #wasAll: boolean = true;
  /** All samples; only where there is more than the limit allows for. */
  #samples: TopicSamples | undefined;

  /** @param share is told of what counts from now on. */
  constructor(topic: string, limit: number, own: OwnEntries, share: CutShare, rules: FollowingRules) {
    this.#topic = topic;
    this.limit = limit;
    this.#own = own;
    this.#share = share;
    this.#rules = rules;
    if (this.isOffer) own.offers.add(topic, share);
    else {
      while (!this.#isKept && this.#countOf(this.#sample + 1) >= limit) this.#sample += 1;
      this.#wasAll = this.#isAll;
      own.watch(topic, this);
    }
  }

  /** The follower is told nothing of it any more. */
  end(): void {
    if (this.isOffer) this.#own.offers.delete(this.#topic, this.#share);
    else this.#own.unwatch(this.#topic, this);
    if (this.#samples !== undefined) this.#own.releaseSamples(this.#topic);
    this.#samples = undefined;
  }

  /** Whether no entry is told, and only how many there are. */
  get isOffer(): boolean {
    return this.limit === OFFER_ONLY;
  }

  /** How many entries count. */
  get size(): number {
    return this.isOffer ? 0 : this.#countOf(this.#sample);
  }

  /** What the follower is told of it, beside the entries. */
  get told(): Cut {
    const { offers } = this.#own;
    const entries = this.isOffer ? offers.toldOf(this.#topic) : this.#own.of(this.#topic).size;
    return { limit: this.limit, sample: this.#wasAll ? 0 : this.#sample, entries };
  }

  has(entry: ReplicatedEntry): boolean {
    if (this.isOffer) return false;
    return this.#samples === undefined || this.#samples.samplesOf(entry) >= this.#sample;
  }

  /** Whether another sample is to count, or this one to be told otherwise. */
  get isUneven(): boolean {
    return !this.#isKept || !this.#rules.isAllAsTold(this.#isAll, this.#wasAll);
  }

  get #isAll(): boolean {
    return this.size === this.#countOf(0);
  }

  /** R104: Whether the sample goes on to count. */
  get #isKept(): boolean {
    const entries = this.#countOf(this.#sample);
    // Of fewer it does not matter how many half of them are: then nobody needs to know of samples.
    const halved = entries > 2 * this.limit ? this.#countOf(this.#sample + 1) : 0;
    return this.#rules.keepsSample(entries, halved, this.#sample, this.limit);
  }

  /** Those of the entries that count. */
  of(): Iterable<ReplicatedEntry> {
    if (this.isOffer) return [];
    return this.#sample === 0 ? this.#own.of(this.#topic) : (this.#samples?.of(this.#sample) ?? []);
  }

  born(entry: ReplicatedEntry, hash: number): void {
    if (this.has(entry)) this.#share.born(entry, hash);
    if (this.isUneven) this.#share.uneven(this.#topic);
  }

  removed(removal: OwnRemoval, hash: number, entry: ReplicatedEntry): void {
    if (this.has(entry)) this.#share.removed(removal, hash, entry);
    if (this.isUneven) this.#share.uneven(this.#topic);
  }

  #countOf(sample: number): number {
    if (sample === 0) return this.#own.of(this.#topic).size;
    this.#samples ??= this.#own.samplesOf(this.#topic);
    return this.#samples.count(sample);
  }
}
