/**
 * The author's side of one shard: the entries that this node owns, and what it says of them.
 *
 * Every clock, digest and answer speaks of a flush: `flush` is what moves them on. Knows no time, no pubsub
 * and no other replica.
 */
import { Orswot, type Dot } from "../../crdt/index.js";
import type { AnyMeta } from "../../words.js";
import { Endings } from "./endings.js";
import { ReplicatedEntry, type EntryOrigin, type EntryOwner } from "../entry.js";
import { MAX_PAGE_KEPT, type Limits } from "../limits.js";
import type {
  DeltaMessage,
  Far,
  Interval,
  Page,
  PageRequest,
  ShardSummary,
  WireBirth,
  WireRemoval,
} from "../message.js";
import { PROTOCOL, type Protocol } from "../rules.js";

/** Dots in which what closed may be under way to one that begins, or builds anew: those of some seconds, two bytes each. */
const CLOSED_UNDER_WAY = 512;

const NOTHING: ShardSummary = { clock: 0, count: 0, digest: 0 };

/** The live clocks in order; and in order, which births went with their session, and when. */
interface Snapshot {
  readonly clocks: readonly number[];
  readonly closedBirths: readonly number[];
  readonly closings: readonly number[];
  readonly upTo: number;
}

export class AuthoredShard {
  readonly shard: number;
  readonly #origin: EntryOrigin;
  readonly #replica: string;
  readonly #set: Orswot<ReplicatedEntry>;
  /** As the set said after its last change. Nobody else counts: two counts that differ once would differ for ever. */
  #clock = 0;
  #flushed: ShardSummary = NOTHING;
  readonly #limits: Limits;
  readonly #endings: Endings;
  /** What pages are cut from: made once for many, dropped by `forgetSnapshot`. */
  #snapshot: Snapshot | undefined;

  constructor(
    owner: EntryOwner,
    replica: string,
    shard: number,
    refPrefix: string,
    { rules, limits }: Protocol = PROTOCOL,
  ) {
    const { removalsKept } = limits;
    this.shard = shard;
    this.#limits = limits;
    this.#endings = new Endings(removalsKept);
    this.#origin = { owner, shard, refPrefix };
    this.#replica = replica;
    this.#set = new Orswot<ReplicatedEntry>(replica, { removalsKept, hash: rules.hashOf });
  }

  /** What the last flush spoke of. */
  get flushed(): ShardSummary {
    return this.#flushed;
  }

  /** Dots that wait for the flush. */
  get pendingDots(): number {
    return this.#clock - this.#flushed.clock;
  }

  get entries(): ReadonlyMap<number, ReplicatedEntry> {
    return this.#set.live(this.#replica);
  }

  add(topic: string, key: string, session: string, meta: Readonly<AnyMeta>): ReplicatedEntry {
    const entry = new ReplicatedEntry(this.#origin, this.#clock + 1, topic, key, session, meta);
    ReplicatedEntry.seal(entry, undefined);
    this.#clock = this.#set.add(entry).clock;
    requireBirth(entry, this.#clock);
    return entry;
  }

  /**
   * Spends two dots: the removal of the old revision and the birth of the new one.
   *
   * @throws Error, and spends none, if `previous` is not in the set.
   */
  update(previous: ReplicatedEntry, meta: Readonly<AnyMeta>): ReplicatedEntry {
    const dot = this.#dotOf(previous);
    const { key, session } = previous;
    const entry = new ReplicatedEntry(
      this.#origin,
      this.#clock + 2,
      ReplicatedEntry.topicOf(previous),
      key,
      session,
      meta,
    );
    ReplicatedEntry.seal(entry, previous);
    // The set's own update would also remember where the chain of revisions began, which does not travel: receivers
    // pair revisions by identity.
    this.#set.remove(dot);
    this.#clock = this.#set.add(entry).clock;
    this.#endings.updated(this.#clock - 1);
    requireBirth(entry, this.#clock);
    return entry;
  }

  /** @throws Error, and spends no dot, if the entry is not in the set. */
  remove(entry: ReplicatedEntry, closed: boolean): void {
    this.#set.remove(this.#dotOf(entry));
    this.#clock = this.#set.context.clock(this.#replica);
    const born = ReplicatedEntry.clockOf(entry);
    this.#endings.ended(this.#clock, born, closed, (clock) => this.#birthRemovedAt(clock));
  }

  /**
   * Moves the flushed clock on to the present one. Returns the delta that says so, if anything changed and somebody
   * listens.
   */
  flush(isHeard = true): DeltaMessage | undefined {
    if (this.pendingDots === 0) return undefined;
    const delta = isHeard ? this.#delta(this.#flushed.clock) : undefined;
    this.#flushed = {
      clock: this.#clock,
      count: this.entries.size,
      digest: this.#set.digest(this.#replica),
    };
    return delta;
  }

  /**
   * The answer to a node that stands at `clock`: a delta, `far` where a delta would not reach or be too long,
   * nothing if it lacks nothing. It may have merged a broadcast since it asked, so it is told which sessions closed.
   * To be called after a flush.
   */
  answer(clock: number): DeltaMessage | Far | undefined {
    const lacking = this.#flushed.clock - clock;
    if (lacking <= 0) return undefined;
    const { pageItems, deltaDots } = this.#limits;
    const isShort = clock === 0 ? this.entries.size <= pageItems : lacking <= deltaDots;
    const delta = isShort ? this.#delta(clock) : undefined;
    if (delta !== undefined) return this.#withClosed(delta);
    return { type: "far", shard: this.shard, clock: this.#flushed.clock };
  }

  /**
   * The page that was asked for, with at most `mostItems` births and intervals: what lives, as of the last
   * flush, from the dot after `from` on. To be called after a flush.
   */
  page(request: PageRequest, mostItems?: number): Page {
    const maxItems = mostItems ?? this.#limits.pageItems;
    const { shard, rebuild, base, from, shown = 0 } = request;
    const asOf = this.#flushed.clock;
    const until = request.until === 0 ? asOf : Math.min(request.until, asOf);
    const snapshot = this.#snapshotUpTo(until);
    const { clocks } = snapshot;
    const gone = closedBetween(snapshot, from, until, shown, maxItems);
    const births: WireBirth[] = [];
    const kept: Interval[] = [];
    const closed: number[] = [];
    let keptDots = 0;
    let to = Math.max(from, until);
    let i = firstAbove(clocks, from);
    for (;;) {
      const nextGone = gone[closed.length] ?? Infinity;
      const clock = clocks[i] ?? Infinity;
      const next = Math.min(nextGone, clock);
      if (next > until) break;
      const isGone = nextGone < clock;
      const entry = isGone ? undefined : this.entries.get(clock);
      if (!isGone) i += 1;
      if (!isGone && entry === undefined) continue;
      const last = kept.at(-1);
      const prolongs = !isGone && clock <= base && last?.last === clock - 1;
      const isFull = births.length + kept.length + closed.length >= maxItems && !prolongs;
      if (isFull || keptDots === MAX_PAGE_KEPT) {
        to = next - 1;
        break;
      }
      if (entry === undefined) closed.push(next);
      else if (clock > base) births.push(wireBirth(clock, entry));
      else {
        keptDots += 1;
        if (prolongs) kept[kept.length - 1] = { first: last.first, last: clock };
        else kept.push({ first: clock, last: clock });
      }
    }
    const page: Page = {
      type: "page",
      shard,
      rebuild,
      from,
      to: Math.min(to, until),
      until,
      asOf,
      births,
      kept,
    };
    if (page.to === until) {
      closed.unshift(...this.#closedSince(until, Math.min(from, shown), shown, maxItems));
      if (request.shown !== undefined)
        closed.push(...this.#closedAbove(shown, until, Math.min(CLOSED_UNDER_WAY, mostItems ?? Infinity)));
    }
    return closed.length === 0 ? page : { ...page, closed };
  }

  /** Lets go of what only running rebuilds need. */
  forgetSnapshot(): void {
    this.#snapshot = undefined;
  }

  /** The dot of an entry that is in the set: whatever is to be removed or replaced passes here. */
  #dotOf(entry: ReplicatedEntry): Dot {
    const dot = { replica: this.#replica, clock: ReplicatedEntry.clockOf(entry) };
    if (this.#set.get(dot) === entry) return dot;
    throw new Error(`A fault of rollcall: the entry ${entry.ref} is not in its author's set`);
  }

  #delta(since: number): DeltaMessage | undefined {
    const part = this.#set.part(this.#replica, since);
    if (part === undefined) return undefined;
    const births = part.births.map(({ clock, value }) => wireBirth(clock, value));
    const removed: WireRemoval[] = [];
    for (const { clock, dot } of part.removed) {
      removed.push({
        clock,
        removed: dot.clock,
        closed: this.#endings.isClosed(clock),
      });
    }
    return {
      type: "delta",
      shard: this.shard,
      since: part.since,
      upTo: part.upTo,
      part: 1,
      parts: 1,
      births,
      removed,
    };
  }

  /**
   * With the births of a delta's own range that went with their session, as its receiver may hold them by now. A
   * newcomer, for which the range is all that ever was, is told the latest only.
   */
  #withClosed(delta: DeltaMessage): DeltaMessage {
    const { since, upTo } = delta;
    const births: number[] = [];
    const from = since === 0 ? upTo - CLOSED_UNDER_WAY : since;
    for (const clock of this.#endings.closedWithin(Math.max(0, from), upTo)) {
      const birth = this.#birthRemovedAt(clock);
      if (birth !== undefined && birth > since) births.push(birth);
    }
    return births.length === 0 ? delta : { ...delta, closed: births.sort((one, other) => one - other) };
  }

  /**
   * Of the births of earlier pages that are shown as of a clock: those that went with their session after the first
   * page, in a later revision. The deltas after it name that revision, which nobody may have heard of.
   */
  #closedSince(until: number, upTo: number, shown: number, limit: number): number[] {
    const births: number[] = [];
    if (upTo <= 0 || until === this.#flushed.clock) return births;
    for (const removal of this.#endings.closed(until)) {
      const birth = this.#birthRemovedAt(removal);
      if (birth !== undefined && birth <= upTo && removal > shown) births.push(birth);
      if (births.length === limit) break;
    }
    return births.sort((one, other) => one - other);
  }

  /**
   * The births of (shown, until] that closed last. Their deltas may have been under way when the requester said what it
   * shows: it may show them by now, and those that tell of their ends may be lost.
   */
  #closedAbove(shown: number, until: number, limit: number): number[] {
    const births: number[] = [];
    const removals = this.#endings.closedWithin(shown, this.#flushed.clock);
    for (let i = removals.length - 1; i >= 0 && births.length < limit; i--) {
      const birth = this.#birthRemovedAt(removals[i]!);
      if (birth !== undefined && birth > shown && birth <= until) births.push(birth);
    }
    return births.sort((one, other) => one - other);
  }

  #birthRemovedAt(clock: number): number | undefined {
    return this.#set.removedBy({ replica: this.#replica, clock })?.clock;
  }

  #snapshotUpTo(upTo: number): Snapshot {
    if (this.#snapshot === undefined || this.#snapshot.upTo < upTo) {
      const closed: { birth: number; removal: number }[] = [];
      for (const removal of this.#endings.closed()) {
        const birth = this.#birthRemovedAt(removal);
        if (birth !== undefined) closed.push({ birth, removal });
      }
      closed.sort((one, other) => one.birth - other.birth);
      // Births are added in the order of their clocks, so the keys are sorted.
      this.#snapshot = {
        clocks: [...this.entries.keys()],
        closedBirths: closed.map(({ birth }) => birth),
        closings: closed.map(({ removal }) => removal),
        upTo: this.#clock,
      };
    }
    return this.#snapshot;
  }
}

/** The first births of (from, until] that were shown at a clock, and went with their session after it. */
function closedBetween(
  { closedBirths, closings }: Snapshot,
  from: number,
  until: number,
  shown: number,
  limit: number,
): readonly number[] {
  const births: number[] = [];
  const upTo = Math.min(until, shown);
  for (let i = firstAbove(closedBirths, from); births.length <= limit; i++) {
    const birth = closedBirths[i];
    if (birth === undefined || birth > upTo) break;
    if (closings[i]! > shown) births.push(birth);
  }
  return births;
}

/** The entry was given its clock before the set gave it its dot. */
function requireBirth(entry: ReplicatedEntry, clock: number): void {
  if (clock === ReplicatedEntry.clockOf(entry)) return;
  throw new Error(`A fault of rollcall: the entry ${entry.ref} was born at clock ${clock}`);
}

function wireBirth(clock: number, entry: ReplicatedEntry): WireBirth {
  const { key, session, meta } = entry;
  return { clock, topic: ReplicatedEntry.topicOf(entry), key, session, meta };
}

/** The index of the first number above `limit` in a sorted list: binary search. */
function firstAbove(sorted: readonly number[], limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
