/**
 * A replica: what one life of another node contributes, and what is known of that life. A record with a few
 * questions it can answer; who changes its status is membership's business.
 */
import type { Departure, EntryOwner, ReplicatedEntry } from "./entry.js";
import type { Life } from "./life.js";
import { refPrefixOf, replicaOf } from "./life.js";
import { Link } from "./link.js";
import { RULES } from "./rules.js";
import type { Rules } from "./rules.js";
import { RemoteSlice } from "./slice.js";
import type { SlicesOf } from "./slice.js";
import { Summaries } from "./summaries.js";
import { UnheardCounters } from "./unheard.js";

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
  /** How much of this silence a reconnect has forgiven; undefined while none has. */
  forgivenMs: number | undefined;
  /** How often it was missed in this silence. */
  missed = 0;
  /** When it was heard last, by the clock. */
  heardAtMs = 0;
  /** How often it sends a heartbeat, if it has said so. */
  heartbeatPeriodMs: number | undefined;
  /** What was left of the window of a departing life at membership's last pass. */
  windowMs = 0;
  poolSize: number | undefined;
  /** The highest counters heard: of its broadcasts, and of what it sent to this node. */
  broadcastCounter = 0;
  directCounter = 0;
  readonly unheardBroadcasts = new UnheardCounters();
  readonly unheardDirect = new UnheardCounters();
  /** How frames get through, as long as it is up. */
  link: Link;
  /** The shards it has summed up since it appeared or came back, with the clocks that the first summaries told. */
  readonly summedUp = new Summaries();
  #heardOut = false;
  readonly #slicesOf: SlicesOf;

  constructor(life: Life, holder: string, rules: Rules = RULES) {
    this.link = new Link(rules);
    this.life = life;
    this.id = replicaOf(life);
    const refPrefix = (shard: number): string => refPrefixOf(life, shard);
    this.#slicesOf = { owner: this, author: this.id, holder, rules, refPrefixOf: refPrefix };
  }

  get name(): string {
    return this.life.name;
  }

  /** Whether its entries are shown, those apart that were handed off. */
  get isShown(): boolean {
    return this.status === "up" || this.status === "departing";
  }

  /** Whether it is taken for running: its silence is counted, and it can be asked. */
  get isAlive(): boolean {
    return this.status === "up" || this.status === "returning";
  }

  /** Whether nothing it has was ever received. */
  get isEmpty(): boolean {
    for (const slice of this.slices.values()) if (slice.clock > 0 || slice.entries.size > 0) return false;
    return true;
  }

  /** A frame of it was heard, `sincePassMs` after membership's last pass. */
  heard(nowMs: number, sincePassMs: number): void {
    this.silentMs = -sincePassMs;
    this.forgivenMs = undefined;
    this.missed = 0;
    this.heardAtMs = nowMs;
  }

  /** Whether all it said that it has is held. */
  get isComplete(): boolean {
    if (!this.#hasSummedUpAll) return false;
    for (const slice of this.slices.values()) if (!slice.caughtUp) return false;
    return true;
  }

  /**
   * Whether all is held that it had when it first summed up its shards after it appeared or came back. What came
   * meanwhile moves no goal: on a busy network there may be no moment at which nothing is under way.
   */
  get hasCaughtUp(): boolean {
    if (!this.#hasSummedUpAll) return false;
    const { goals } = this.summedUp;
    for (const shard of goals.keys()) if (!this.slices.has(shard)) return false;
    for (const [shard, slice] of this.slices) if (!slice.hasReached(goals.get(shard) ?? 0)) return false;
    return true;
  }

  /** It sums up a shard: to this life alone if `direct`, else to all. */
  sumUp(shard: number, clock: number, direct: boolean): void {
    this.summedUp.add(shard, clock, direct);
    if (this.poolSize !== undefined && this.summedUp.sure >= this.poolSize) this.#heardOut = true;
  }

  /**
   * Whether it has summed up its shards to this life alone, or twice to all. Of one heartbeat that all hear nobody
   * knows how old it is: it may have been sent before this life began, and before what others had then.
   */
  get hasBeenHeardOut(): boolean {
    return this.#heardOut;
  }

  get #hasSummedUpAll(): boolean {
    return this.poolSize !== undefined && this.summedUp.size >= this.poolSize;
  }

  get lagDots(): number {
    let dots = 0;
    for (const slice of this.slices.values()) dots += slice.lag;
    return dots;
  }

  /** The slice of a shard by the author's own numbering, if there is one. */
  heldSlice(shardOfAuthor: number): RemoteSlice | undefined {
    return this.slices.get(this.#slicesOf.rules.sliceNumber(shardOfAuthor));
  }

  /** The same; it is made if there is none. */
  slice(shardOfAuthor: number): RemoteSlice {
    const shard = this.#slicesOf.rules.sliceNumber(shardOfAuthor);
    let slice = this.slices.get(shard);
    if (slice === undefined) {
      slice = new RemoteSlice(this.#slicesOf, shard);
      this.slices.set(shard, slice);
    }
    return slice;
  }

  *entries(): Generator<ReplicatedEntry> {
    for (const slice of this.slices.values()) yield* slice.entries.values();
  }
}
