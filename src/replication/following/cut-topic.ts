/**
 * A topic as it is open to a follow with a limit, on its author's side: which of the entries count, and whether another sample
 * of them is to. It watches in the place of its share, and passes on what is in the sample. Knows no frame.
 */
import type { ReplicatedEntry } from "../entry.js";
import type { Cut } from "./message.js";
import { OFFER_ONLY } from "./message.js";
import type { OwnRemoval, Watcher } from "./own-entries.js";
import type { FollowingRules } from "./rules.js";
import { countBySample, samplesOf } from "./samples.js";

/** The share in which a topic is open so. */
export interface CutShare extends Watcher {
  /** Another sample of a topic may be due. */
  uneven(topic: string): void;
}

export class CutTopic implements Watcher {
  readonly limit: number;
  readonly #topic: string;
  readonly #share: CutShare;
  readonly #rules: FollowingRules;
  /** The sample that counts; and how many entries are in it, and in the next one. */
  #sample = 0;
  #entries = 0;
  #halved = 0;

  /** @param share is told of what is in the sample. */
  constructor(topic: string, limit: number, share: CutShare, rules: FollowingRules) {
    this.#topic = topic;
    this.limit = limit;
    this.#share = share;
    this.#rules = rules;
  }

  /** Whether entries are told, and not only how many there are. */
  get isOffer(): boolean {
    return this.limit === OFFER_ONLY;
  }

  /** How many entries count. */
  get size(): number {
    return this.isOffer ? 0 : this.#entries;
  }

  /** What the follower is told of it, of an author with so many entries. */
  told(entries: number): Cut {
    return { limit: this.limit, sample: this.#sample, entries };
  }

  has(entry: ReplicatedEntry): boolean {
    return !this.isOffer && (this.#sample === 0 || samplesOf(entry) >= this.#sample);
  }

  /** R104: Whether another sample is to count. */
  get isUneven(): boolean {
    return !this.#rules.keepsSample(this.#entries, this.#halved, this.#sample, this.limit);
  }

  /** Chooses the sample, of all entries that there are: walks them once. */
  choose(entries: ReadonlySet<ReplicatedEntry>): void {
    if (this.isOffer) return;
    this.#sample = 0;
    const counts = countBySample(entries);
    for (;;) {
      this.#entries = counts[this.#sample] ?? 0;
      this.#halved = counts[this.#sample + 1] ?? 0;
      if (!this.isUneven || this.#halved < this.limit) return;
      this.#sample += 1;
    }
  }

  /** Those of the entries that count. */
  *of(entries: ReadonlySet<ReplicatedEntry>): Generator<ReplicatedEntry> {
    if (this.isOffer) return;
    for (const entry of entries) if (this.has(entry)) yield entry;
  }

  born(entry: ReplicatedEntry, hash: number): void {
    if (!this.#count(entry, 1)) return;
    this.#share.born(entry, hash);
  }

  removed(removal: OwnRemoval, hash: number, entry: ReplicatedEntry): void {
    if (!this.#count(entry, -1)) return;
    this.#share.removed(removal, hash, entry);
  }

  #count(entry: ReplicatedEntry, by: 1 | -1): boolean {
    const samples = samplesOf(entry);
    if (samples < this.#sample) return false;
    this.#entries += by;
    if (samples > this.#sample) this.#halved += by;
    if (this.isUneven) this.#share.uneven(this.#topic);
    return true;
  }
}
