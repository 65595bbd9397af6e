/**
 * Where a share stands on its author's side as of its last frame, and what its follower holds then: the place, and the count and
 * digest by which the two are compared. Knows no topic and no frame.
 */
import { Digest } from "../../crdt/digest.js";
import { ReplicatedEntry } from "../entry.js";
import type { ShareSummary } from "./message.js";
import type { OwnRemoval } from "./own-entries.js";
import type { Portion } from "./pending-changes.js";

export class ToldPlace {
  readonly #digest = new Digest();
  #summary: ShareSummary;

  constructor(stream: number) {
    this.#summary = { stream, clock: 0, version: 0, count: 0, digest: 0 };
  }

  get summary(): ShareSummary {
    return this.#summary;
  }

  /** Everything is told that there is at a place. */
  tellAll(clock: number, version: number, count: number, digest: Digest): void {
    this.#digest.assume(digest);
    this.#summary = { stream: this.#summary.stream, clock, version, count, digest: digest.value };
  }

  /**
   * A portion of what has changed is told. `isSummedUp`: whether what was removed had been told. Returns what a frame is to name:
   * what has come and gone within the portion is neither.
   */
  tellPortion(
    { upTo, births, removals, hashes }: Portion,
    isSummedUp: (removal: OwnRemoval) => boolean,
  ): { readonly births: readonly ReplicatedEntry[]; readonly removals: readonly OwnRemoval[] } {
    const born = new Map<number, ReplicatedEntry>();
    for (const entry of births) born.set(ReplicatedEntry.clockOf(entry), entry);
    let { count } = this.#summary;
    const removed: OwnRemoval[] = [];
    for (const [i, removal] of removals.entries()) {
      if (born.delete(removal.removed)) continue;
      removed.push(removal);
      if (!isSummedUp(removal)) continue;
      count -= 1;
      this.#digest.subtract(removal.removed, hashes[i]!);
    }
    for (const [clock, entry] of born) this.#digest.add(clock, ReplicatedEntry.hashOf(entry));
    count += born.size;
    this.#summary = { ...this.#summary, clock: upTo, count, digest: this.#digest.value };
    return { births: [...born.values()], removals: removed };
  }
}
