/**
 * What is held of one life: its slices, by its own numbering, and how far it has been caught up with. Knows no other
 * life, and not whether this one is alive.
 */
import { ReplicatedEntry, type EntryOwner } from "../entry.js";
import { refPrefixOf, replicaOf, type Life } from "../life.js";
import { RULES, type Rules } from "../rules.js";
import { RemoteSlice, type SlicesOf } from "./remote-slice.js";
import { Summaries } from "./summaries.js";

export class Holding {
  readonly slices = new Map<number, RemoteSlice>();
  /** How many shards it has: what it said first, or last twice in a row. */
  #poolSize: number | undefined;
  /** What it said last. */
  #poolSizeSaid: number | undefined;
  /** How many of the entries that its slices keep are counted, by the room of all lives. */
  counted = 0;
  /** The shards it has summed up since it appeared or came back, with the clocks that the first summaries told. */
  readonly summedUp = new Summaries();
  /** Since which connection it is heard out, by the number of that; and whether it has been. */
  #since = 0;
  #heardOut = false;
  /** The connection that there is now. */
  #connection = 0;
  /** The last one since which it was heard out, if that is not the one above, and the clocks that it told then. */
  #before: { readonly since: number; readonly goals: ReadonlyMap<number, number> } | undefined;
  readonly #slicesOf: SlicesOf;

  /** `owner` stands in the entries, `holder` is who holds them. */
  constructor(owner: EntryOwner, life: Life, holder: string, rules: Rules = RULES) {
    const prefixOf = (shard: number): string => refPrefixOf(life, shard);
    this.#slicesOf = { owner, author: replicaOf(life), holder, rules, refPrefixOf: prefixOf };
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
    return this.hasSummedUpAll && this.hasReached(this.summedUp.goals);
  }

  /** Whether all is held that it had at these clocks, by shard. */
  hasReached(goals: ReadonlyMap<number, number>): boolean {
    for (const shard of goals.keys()) if (!this.slices.has(shard) && !this.isBeyond(shard)) return false;
    for (const [shard, slice] of this.slices) if (!slice.hasReached(goals.get(shard) ?? 0)) return false;
    return true;
  }

  get poolSize(): number | undefined {
    return this.#poolSize;
  }

  /**
   * It says how many shards it has. That never changes while it lives, so where somebody else spoke in its name, the
   * number that is said twice in a row is right. Returns whether another one is believed from now on.
   */
  sayPoolSize(poolSize: number): boolean {
    const isBelieved = this.#slicesOf.rules.isPoolSize(poolSize, this.#poolSize, this.#poolSizeSaid);
    this.#poolSizeSaid = poolSize;
    if (!isBelieved || poolSize === this.#poolSize) return false;
    this.#poolSize = poolSize;
    this.summedUp.shorten(poolSize);
    return true;
  }

  /** Whether it is known to have no such shard. */
  isBeyond(shard: number): boolean {
    return this.#slicesOf.rules.isBeyond(shard, this.#poolSize);
  }

  /** It sums up a shard: to this life alone if `direct`, else to all; perhaps as an answer, and where frames are slow. */
  sumUp(shard: number, clock: number, direct: boolean, answers?: number, isSlow = false): void {
    const { rules } = this.#slicesOf;
    const isSure = rules.isSure(direct, answers, this.#since, isSlow);
    this.summedUp.add(shard, clock, isSure, rules.countsTwice(isSlow));
    if (this.poolSize === undefined || !rules.isHeardOut(this.summedUp.sure, this.poolSize)) return;
    this.#heardOut = true;
    // Of what it told before the last reconnect it is heard out now; of what it has had since, it is not.
    if (this.#since < this.#connection) this.#begin();
  }

  /** The same by a heartbeat to all that was overtaken: it may be one that was heard before. */
  sumUpLate(shard: number, clock: number): void {
    this.summedUp.addLate(shard, clock);
  }

  /** It is heard for the first time, in this connection. */
  met(connection: number): void {
    this.#connection = connection;
    this.#since = connection;
  }

  /**
   * This node could not hear it for a while: what it has now is to be told again. If it is shown, the next that it says
   * may be older than that, as at the start of this life; one that is not waits for its first goal, which stands still.
   * One that was not heard out yet goes on where it was: else nobody is heard out while the connection comes and goes.
   */
  hearOutAnew(connection: number, isShown: boolean): void {
    this.#connection = connection;
    if (!isShown) {
      this.summedUp.clear();
      if (this.#heardOut) this.#since = connection;
    } else if (this.#slicesOf.rules.beginsAnew(this.#heardOut)) this.#begin();
  }

  #begin(): void {
    if (this.#heardOut) this.#before = { since: this.#since, goals: this.summedUp.goals };
    this.summedUp.forget();
    this.#since = this.#connection;
    this.#heardOut = false;
  }

  /** Whether it was heard out since it was last to be, in this connection or before. */
  get isHeardOut(): boolean {
    return this.#heardOut;
  }

  /**
   * Whether it has summed up its shards for certain since the last reconnect: to this life alone, or twice to all, or where
   * frames are slow as an answer. Of one heartbeat that all hear nobody knows how old it is: it may have been sent before this life began or could hear again, and
   * before what others had then.
   */
  get hasBeenHeardOut(): boolean {
    return this.#heardOut && this.#since === this.#connection;
  }

  /** The clocks that it told when it was heard out, since that connection or a later one; undefined if it was not. */
  heardOutSince(connection: number): ReadonlyMap<number, number> | undefined {
    if (this.#heardOut && this.#since >= connection)
      return this.hasSummedUpAll ? this.summedUp.goals : undefined;
    return this.#before !== undefined && this.#before.since >= connection ? this.#before.goals : undefined;
  }

  /** Whether it has told of all its shards since it appeared or came back. */
  get hasSummedUpAll(): boolean {
    return this.poolSize !== undefined && this.summedUp.size >= this.poolSize;
  }

  /** Whether there is no room for something that it has. */
  get isCrowded(): boolean {
    for (const slice of this.slices.values()) if (slice.isCrowded) return true;
    return false;
  }

  get lagDots(): number {
    let dots = 0;
    for (const slice of this.slices.values()) dots += slice.lag;
    return dots;
  }

  /** How many entries are held. */
  get size(): number {
    let size = 0;
    for (const slice of this.slices.values()) size += slice.entries.size;
    return size;
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

  /**
   * What is held: also what comes meanwhile, and of a slice that is replaced meanwhile all that it has then, as far as
   * it was told. So nothing that stays is left out, though some of it may come twice.
   */
  *entries(): Generator<ReplicatedEntry> {
    for (const slice of this.slices.values()) {
      let walked: ReadonlyMap<number, ReplicatedEntry> | undefined;
      while (walked !== slice.entries) {
        walked = slice.entries;
        for (const entry of slice.replaced()) {
          if (walked !== slice.entries) break;
          yield entry;
        }
        for (const entry of walked.values()) {
          if (walked !== slice.entries) break;
          if (ReplicatedEntry.isSealed(entry)) yield entry;
        }
      }
    }
  }
}
