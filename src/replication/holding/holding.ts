/**
 * What is held of one life: its slices, by its own numbering, and how far it has been caught up with. Knows no other
 * life, and not whether this one is alive.
 */
import type { EntryOwner, ReplicatedEntry } from "../entry.js";
import type { Life } from "../life.js";
import { refPrefixOf, replicaOf } from "../life.js";
import type { ShardSummary } from "../message.js";
import { RULES } from "../rules.js";
import type { Rules } from "../rules.js";
import { RemoteSlice } from "./remote-slice.js";

export class Holding {
  readonly slices = new Map<number, RemoteSlice>();
  poolSize: number | undefined;
  /** The shards it has summed up since it appeared or came back, with the clock that the first summary told. */
  readonly summedUp = new Map<number, number>();
  /** Which shards it has summed up surely since it appeared: undefined once it has done so for all. */
  #surely: Map<number, boolean> | undefined = new Map();
  readonly #owner: EntryOwner;
  readonly #life: Life;
  readonly #holder: string;
  readonly #rules: Rules;

  /** `owner` stands in the entries, `holder` is who holds them. */
  constructor(owner: EntryOwner, life: Life, holder: string, rules: Rules = RULES) {
    this.#owner = owner;
    this.#life = life;
    this.#holder = holder;
    this.#rules = rules;
  }

  /** Whether nothing it has was ever received. */
  get isEmpty(): boolean {
    for (const slice of this.slices.values()) if (slice.clock > 0 || slice.entries.size > 0) return false;
    return true;
  }

  /** Whether all it said that it has is held. */
  get isComplete(): boolean {
    if (!this.hasSummedUpAll) return false;
    for (const slice of this.slices.values()) if (!slice.caughtUp) return false;
    return true;
  }

  /**
   * Whether all is held that it had when it first summed up its shards after it appeared or came back. What came
   * meanwhile moves no goal: on a busy network there may be no moment at which nothing is under way.
   */
  get hasCaughtUp(): boolean {
    if (!this.hasSummedUpAll) return false;
    for (const [shard, goal] of this.summedUp) {
      const slice = this.slices.get(shard);
      if (slice === undefined ? goal > 0 : !slice.hasReached(goal)) return false;
    }
    return true;
  }

  /** It sums up a shard: to this life alone if `direct`, else to all. */
  sumUp(shard: number, clock: number, direct: boolean): void {
    const isSure = this.#surely?.get(shard);
    // What replaces the goal is what it had when it spoke to this life for certain.
    if (isSure === false || !this.summedUp.has(shard)) this.summedUp.set(shard, clock);
    if (this.#surely === undefined || isSure === true) return;
    this.#surely.set(shard, direct || isSure === false);
    if (this.hasBeenHeardOut) this.#surely = undefined;
  }

  /** The same by a heartbeat to all that was overtaken: it may be one that was heard before. */
  sumUpLate(shard: number, clock: number): void {
    if (!this.summedUp.has(shard)) this.summedUp.set(shard, clock);
  }

  /**
   * Whether it has summed up its shards to this life alone, or twice to all. Of one heartbeat that all hear nobody
   * knows how old it is: it may have been sent before this life began, and before what others had then.
   */
  get hasBeenHeardOut(): boolean {
    if (this.#surely === undefined) return true;
    if (this.poolSize === undefined || this.#surely.size < this.poolSize) return false;
    for (const isSure of this.#surely.values()) if (!isSure) return false;
    return true;
  }

  /** Whether it has told of all its shards since it appeared or came back. */
  get hasSummedUpAll(): boolean {
    return this.poolSize !== undefined && this.summedUp.size >= this.poolSize;
  }

  get lagDots(): number {
    let dots = 0;
    for (const slice of this.slices.values()) dots += slice.lag;
    return dots;
  }

  /** The slice of a shard by the author's own numbering, made when it is first spoken of. */
  slice(shardOfAuthor: number): RemoteSlice {
    const shard = this.#rules.sliceNumber(shardOfAuthor);
    let slice = this.slices.get(shard);
    if (slice === undefined) {
      slice = new RemoteSlice(
        this.#owner,
        replicaOf(this.#life),
        this.#holder,
        shard,
        refPrefixOf(this.#life, shard),
        this.#rules,
      );
      this.slices.set(shard, slice);
    }
    return slice;
  }

  /** The slice that a summary speaks of; none for a shard that was never used. */
  sliceOf(shard: number, summary: ShardSummary): RemoteSlice | undefined {
    return summary.clock === 0 ? this.slices.get(shard) : this.slice(shard);
  }

  *entries(): Generator<ReplicatedEntry> {
    for (const slice of this.slices.values()) yield* slice.entries.values();
  }
}
