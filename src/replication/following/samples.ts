/**
 * Samples of what an author has in a topic: of the entries whose session and key hash to so many zero bits, each sample has about
 * half of the one before, and all that is in it is in the one before. An entry stays in its samples for as long as it is
 * there, whatever its meta. Pure.
 *
 * Session and key, as one session may have all that there is in a topic, and one key, too.
 */
import type { ReplicatedEntry } from "../entry.js";
import { hashText, mix } from "../hash.js";
import { MAX_SAMPLE } from "./limits.js";
import { OFFER_ONLY } from "./message.js";
import type { Cut } from "./message.js";

/** In how many samples an entry is, that of all apart. */
export function samplesOf({ session, key }: Pick<ReplicatedEntry, "session" | "key">): number {
  const hash = mix(Math.imul(hashText(session), 0x9e3779b1) ^ hashText(key));
  return hash === 0 ? MAX_SAMPLE : 31 - Math.clz32(hash & -hash);
}

/** How many of the entries are in each sample. */
export function countBySample(entries: Iterable<ReplicatedEntry>): readonly number[] {
  const counts = new Array<number>(MAX_SAMPLE + 2).fill(0);
  for (const entry of entries) counts[samplesOf(entry)]! += 1;
  for (let sample = MAX_SAMPLE - 1; sample >= 0; sample--) counts[sample]! += counts[sample + 1]!;
  return counts;
}

/** Whether an entry is none of those that are told of a topic. */
export function isCutOff(entry: ReplicatedEntry, cut: Cut | undefined): boolean {
  return cut !== undefined && (cut.limit === OFFER_ONLY || samplesOf(entry) < cut.sample);
}
