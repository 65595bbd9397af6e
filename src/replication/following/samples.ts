/**
 * Samples of what an author has in a topic: of the entries whose session and key hash to so many zero bits, each sample has about
 * half of the one before, and all that is in it is in the one before. An entry stays in its samples for as long as it is
 * there, whatever its meta. Knows no follower.
 *
 * Session and key, as one session may have all that there is in a topic, and one key, too.
 */
import type { ReplicatedEntry } from "../entry.js";
import { chainText, mix } from "../hash.js";
import { MAX_SAMPLE } from "./limits.js";
import { OFFER_ONLY } from "./message.js";
import type { Cut } from "./message.js";

/** Of larger samples the entries are not kept: they are looked for among all, of which there are no more than 16 times as many. */
const KEPT_FROM = 4;

/** Where the hash begins: any number, the same on all nodes. */
const SEED = 0x5bd1e995;

/** In how many samples an entry is, that of all apart. */
export function samplesOf({ session, key }: Pick<ReplicatedEntry, "session" | "key">): number {
  const hash = mix(chainText(chainText(SEED, session), key));
  return hash === 0 ? MAX_SAMPLE : 31 - Math.clz32(hash & -hash);
}

/**
 * The samples of a topic, for all who are told one of them: an entry that comes or goes is hashed once, however many they are.
 */
export class TopicSamples {
  /** How many are told one of them. */
  users = 0;
  readonly #all: () => Iterable<ReplicatedEntry>;
  /** Those in small samples, by how many they are in. */
  readonly #kept: Set<ReplicatedEntry>[] = [];
  /** How many entries each sample has, that of all apart. */
  readonly #counts = new Array<number>(MAX_SAMPLE + 1).fill(0);
  #last: ReplicatedEntry | undefined;
  #lastSamples = 0;

  /** @param all returns all entries that there are: walked once now, and for each large sample. */
  constructor(all: () => Iterable<ReplicatedEntry>) {
    this.#all = all;
    for (const entry of all()) this.add(entry);
  }

  add(entry: ReplicatedEntry): void {
    const samples = this.samplesOf(entry);
    if (samples >= KEPT_FROM) (this.#kept[samples] ??= new Set()).add(entry);
    for (let sample = samples; sample > 0; sample--) this.#counts[sample]! += 1;
  }

  delete(entry: ReplicatedEntry): void {
    const samples = this.samplesOf(entry);
    this.#kept[samples]?.delete(entry);
    for (let sample = samples; sample > 0; sample--) this.#counts[sample]! -= 1;
  }

  /** In how many samples an entry is. All who are told of a change ask the same. */
  samplesOf(entry: ReplicatedEntry): number {
    if (entry !== this.#last) {
      this.#last = entry;
      this.#lastSamples = samplesOf(entry);
    }
    return this.#lastSamples;
  }

  /** How many entries a sample has, that of all apart. */
  count(sample: number): number {
    return this.#counts[sample] ?? 0;
  }

  /** The entries of a sample. */
  *of(sample: number): Generator<ReplicatedEntry> {
    if (sample < KEPT_FROM) {
      for (const entry of this.#all()) if (samplesOf(entry) >= sample) yield entry;
    } else
      for (let samples = sample; samples < this.#kept.length; samples++) yield* this.#kept[samples] ?? [];
  }
}

/** Whether an entry is none of those that are told of a topic. */
export function isCutOff(entry: ReplicatedEntry, cut: Cut | undefined): boolean {
  return cut !== undefined && (cut.limit === OFFER_ONLY || samplesOf(entry) < cut.sample);
}
