/**
 * A replica: what one life of another node contributes, and what is known of that life. A record with a few
 * questions it can answer; who changes its status is membership's business.
 */
import type { Departure, EntryOwner, ReplicatedEntry } from "./entry.js";
import type { Life } from "./life.js";
import { refPrefixOf, replicaOf } from "./life.js";
import type { ShardSummary } from "./message.js";
import { RemoteSlice } from "./slice.js";

/**
 * - `up`: heard lately; shown.
 * - `down`: silent for `downPeriodMs`; hidden.
 * - `returning`: heard again; hidden until its slices have caught up.
 * - `departing`: ended, by a goodbye or a restart; shown until its window ends or its keys are elsewhere.
 */
export type ReplicaStatus = "up" | "down" | "returning" | "departing";

export class Replica implements EntryOwner {
  readonly life: Life;
  /** The life as the author of dots. */
  readonly id: string;
  readonly slices = new Map<number, RemoteSlice>();
  status: ReplicaStatus = "up";
  departure: Departure | undefined;
  /** Healthy time from when it was heard last to membership's last pass; negative if it was heard since. */
  silentMs = 0;
  /** What was left of the window of a departing life at membership's last pass. */
  windowMs = 0;
  poolSize: number | undefined;
  /** The highest counters heard: of its broadcasts, and of what it sent to this node. */
  broadcastCounter = 0;
  directCounter = 0;
  /** The shards it has summed up since it appeared or came back. */
  readonly summedUp = new Set<number>();
  readonly #holder: string;

  constructor(life: Life, holder: string) {
    this.life = life;
    this.id = replicaOf(life);
    this.#holder = holder;
  }

  get name(): string {
    return this.life.name;
  }

  /** Whether its entries are shown, those apart that were handed off. */
  get isShown(): boolean {
    return this.status === "up" || this.status === "departing";
  }

  /** Whether all it said that it has is held. */
  get isComplete(): boolean {
    if (this.poolSize === undefined || this.summedUp.size < this.poolSize) return false;
    for (const slice of this.slices.values()) if (!slice.caughtUp) return false;
    return true;
  }

  get lagDots(): number {
    let dots = 0;
    for (const slice of this.slices.values()) dots += slice.lag;
    return dots;
  }

  /** The slice of a shard by the author's own numbering, made when it is first spoken of. */
  slice(shard: number): RemoteSlice {
    let slice = this.slices.get(shard);
    if (slice === undefined) {
      slice = new RemoteSlice(this, this.id, this.#holder, shard, refPrefixOf(this.life, shard));
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
