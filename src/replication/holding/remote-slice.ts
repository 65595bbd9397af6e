/**
 * A slice as it is held away from its author: what one life has in one shard.
 *
 * It serves the one invariant of the protocol: what is held is exactly what the author had at one flushed
 * clock. So only a delta that joins on is merged (one that has overtaken another waits for it), and where deltas
 * cannot reach, a new slice is built beside the old one and takes its place in one step, once it stands at one
 * clock too. The one exception is a slice that never stood: its pages become visible as they come.
 *
 * Knows no time, no pubsub and no other slice. What it lacks it tells when asked: `nextRequest`.
 */
import { faultOf } from "../../crdt/delta.js";
import { Orswot } from "../../crdt/index.js";
import type { Birth, Part } from "../../crdt/index.js";
import { Assembly } from "./assembly.js";
import type { WholeDelta } from "./assembly.js";
import { ReplicatedEntry } from "../entry.js";
import type { EntryOrigin, EntryOwner } from "../entry.js";
import { NO_CHANGE, both, pairByIdentity } from "./identity.js";
import type { Gone, SliceChange } from "./identity.js";
import type { DeltaMessage, DeltaRequest, Page, PageRequest, ShardSummary, WireBirth } from "../message.js";
import type { Rules } from "../rules.js";

/** Deltas that wait for a rebuild to reach them: those of some minutes; more than that are asked for again. */
const MAX_DELTAS_AHEAD = 64;
/** Deltas that wait for one before them which they have overtaken: what a life sends within a reordering. */
const MAX_DELTAS_EARLY = 8;

/** A delta, ready to be merged. */
interface Merge {
  readonly since: number;
  readonly upTo: number;
  readonly counter: number;
  readonly part: Part<ReplicatedEntry>;
  /** The births that went with their session, as far as the delta knows. */
  readonly closed: ReadonlySet<number>;
}

/** A slice under construction. For a first sync its set is the held one. */
interface Rebuild {
  readonly id: number;
  readonly first: boolean;
  /** What is held may be wrong. */
  readonly doubted: boolean;
  /** Made with the first page. */
  set: Orswot<ReplicatedEntry> | undefined;
  /** Dots up to here are only named by the pages, their values are held; 0 where the held ones are doubted. */
  readonly base: number;
  /** The flushed clock of the author at the first page: pages cover the dots up to it. */
  until: number | undefined;
  /** Where the next page begins. */
  next: number;
  /** The clock at which `set` stands, as far as pages have come, and the highest counter that moved it. */
  clock: number;
  counter: number;
  /** The highest clock that a page spoke of: deltas have to carry the set on to it. Fixed with the last page. */
  highestAsOf: number;
  /** Deltas above `clock` that the held slice has merged, in order: the set must not lag behind it for ever. */
  readonly ahead: Merge[];
  /** Held births that went with their session while deltas did not reach. */
  closed: Set<number> | undefined;
  /** The identities of what did so in a revision that only the new slice had. */
  closedLater: Set<string> | undefined;
}

/** What the slices of one life have in common: held once, not in each. */
export interface SlicesOf {
  readonly owner: EntryOwner;
  /** The life as the author of dots. */
  readonly author: string;
  readonly holder: string;
  readonly rules: Rules;
  readonly refPrefixOf: (shard: number) => string;
}

/** What is held where nothing was born yet. */
const NO_ENTRIES: ReadonlyMap<number, ReplicatedEntry> = new Map();

export class RemoteSlice {
  readonly shard: number;
  readonly #of: SlicesOf;
  // Until something of it came a slice is but what its author claims, so that it costs little more than the claim.
  #origin: EntryOrigin | undefined;
  #set: Orswot<ReplicatedEntry> | undefined;
  #clock = 0;
  /** Until the first sync is through: what is held stands at no one clock yet. */
  #partial = false;
  /** The counter of the frame that moved the clock last. */
  #clockCounter = 0;
  /** The author's clock as it was last heard, and the counter of the frame that told. */
  #target = 0;
  #targetCounter = 0;
  #rebuild: Rebuild | undefined;
  /** Deltas that came before the one which they join on. */
  #early: Merge[] | undefined;
  #broadcast: Assembly | undefined;
  #direct: Assembly | undefined;
  /** Counts the answers and broadcasts that brought it on. */
  #steps = 0;

  constructor(of: SlicesOf, shard: number) {
    this.#of = of;
    this.shard = shard;
  }

  /** The live entries by clock. */
  get entries(): ReadonlyMap<number, ReplicatedEntry> {
    return this.#set?.live(this.#author) ?? NO_ENTRIES;
  }

  get clock(): number {
    return this.#clock;
  }

  get digest(): number {
    return this.#set?.digest(this.#author) ?? 0;
  }

  /** Dots that the author is known to have and that are not held. */
  get lag(): number {
    return Math.max(0, this.#target - this.#clock);
  }

  /** The clock at which its author was last heard to stand. */
  get target(): number {
    return this.#target;
  }

  /** Grows whenever a delta or a page brings the slice, or its rebuild, on. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * Whether the slice stands at a clock, or beyond it, and is not doubted: a goal that later changes do not move.
   * An author that turns out to stand below it lowers it.
   */
  hasReached(goal: number): boolean {
    // With all its pages a first sync holds what there was at the first of them, whatever they told of later.
    if ((this.#partial && this.#heldBase() === 0) || this.#rebuild?.doubted === true) return false;
    return this.#rules.hasReached(this.#clock, goal, this.#target);
  }

  /** Whether the slice stands where its author was last heard to stand, and is not doubted. */
  get caughtUp(): boolean {
    return this.#rebuild === undefined && !this.#partial && this.#clock >= this.#target;
  }

  /** What to ask the author for, if anything is missing. */
  nextRequest(): DeltaRequest | PageRequest | undefined {
    const { shard } = this;
    const rebuild = this.#rebuild;
    if (rebuild === undefined) {
      return this.#target > this.#clock ? { type: "deltaRequest", shard, clock: this.#clock } : undefined;
    }
    if (rebuild.until === undefined || rebuild.next < rebuild.until) {
      const { id, base, next, until = 0 } = rebuild;
      const request = { type: "pageRequest", shard, rebuild: id, base, from: next, until } as const;
      // Of what is shown, the author tells which sessions closed.
      return rebuild.first ? request : { ...request, shown: this.#clock };
    }
    return { type: "deltaRequest", shard, clock: rebuild.clock };
  }

  /**
   * Compares with what the author says of itself. A difference that no missing delta explains is a
   * divergence: another count or digest at the same clock, or a clock that lies ahead of the author's.
   */
  compare(summary: ShardSummary, counter: number): "equal" | "behind" | "diverged" {
    this.#learnTarget(summary.clock, counter);
    if (this.#rebuild !== undefined || this.#partial) return "behind";
    if (summary.clock > this.#clock) return "behind";
    if (summary.clock < this.#clock)
      return this.#rules.isLate(counter, this.#clockCounter) ? "equal" : "diverged";
    return this.#rules.agrees(summary, this.entries.size, this.digest) ? "equal" : "diverged";
  }

  /**
   * Takes a delta, or a part of one; `broken` if it was the last part and not all before it came in their order.
   * Whether something is missing after it, `nextRequest` tells.
   */
  receiveDelta(message: DeltaMessage, counter: number, direct: boolean): SliceChange | "broken" {
    this.#learnTarget(message.upTo, counter);
    const assembly = direct
      ? (this.#direct ??= new Assembly(this.#rules))
      : (this.#broadcast ??= new Assembly(this.#rules));
    const whole = assembly.add(message);
    if (whole !== undefined) return this.#applyDelta(whole, counter);
    return message.part === message.parts ? "broken" : NO_CHANGE;
  }

  /** Begins to build anew, from what is held or, where that is doubted, from nothing. */
  startRebuild(id: number, doubted: boolean): void {
    this.#early = undefined;
    const first = this.#rules.isFirstSync(this.#clock, this.#partial, this.entries.size);
    this.#rebuild = {
      id,
      first,
      doubted,
      set: undefined,
      base: this.#rules.rebuildBase(doubted, this.#heldBase()),
      until: undefined,
      next: 0,
      clock: 0,
      counter: 0,
      highestAsOf: 0,
      ahead: [],
      closed: undefined,
      closedLater: undefined,
    };
    if (first) this.#partial = true;
  }

  /** What told the clocks was not the author: whatever comes next is believed. */
  forgetCounters(): void {
    this.#clockCounter = 0;
    this.#targetCounter = 0;
    this.#target = 0;
  }

  /** Takes a page of the running rebuild; any other page is none of ours and changes nothing. */
  receivePage(page: Page, counter: number): SliceChange | "foreign" | "unusable" {
    const rebuild = this.#rebuild;
    if (rebuild === undefined || page.rebuild !== rebuild.id || page.from !== rebuild.next) return "foreign";
    if (rebuild.until !== undefined && page.until !== rebuild.until) return "foreign";
    if (page.to === page.from && page.to < page.until) return "foreign";
    const births: Birth<ReplicatedEntry>[] = [];
    for (const { first, last } of page.kept) {
      if (last > rebuild.base) return "foreign";
      for (let clock = first; clock <= last; clock++) {
        const value = this.entries.get(clock);
        // Held where the author believes it is: else what is held is wrong, and has to come anew.
        if (this.#rules.isUnusable(value)) return "unusable";
        if (value !== undefined) births.push({ clock, value });
      }
    }
    for (const birth of page.births) births.push(this.#birth(birth));
    const part = { replica: this.#author, since: page.from, upTo: page.to, births, removed: [] };
    if (faultOf(part) !== undefined) return "foreign";
    const asOf = this.#rules.standsAt(page);
    if (rebuild.until === undefined) {
      rebuild.until = page.until;
      this.#moveRebuild(rebuild, asOf, counter);
    }
    this.#steps += 1;
    rebuild.next = page.to;
    rebuild.highestAsOf = Math.max(rebuild.highestAsOf, asOf);
    this.#noteClosed(rebuild, page.closed ?? []);
    rebuild.set ??= rebuild.first ? this.#heldSet() : this.#emptySet();
    const { added } = rebuild.set.mergePart(part);
    const change = rebuild.first
      ? pairByIdentity(
          added.map(({ value }) => value),
          [],
        )
      : NO_CHANGE;
    this.#catchUpRebuild(rebuild);
    return both(change, this.#finishRebuild());
  }

  #applyDelta(delta: WholeDelta, counter: number): SliceChange {
    const { since, upTo } = delta;
    const part: Part<ReplicatedEntry> = {
      replica: this.#author,
      since,
      upTo,
      births: delta.births.map((birth) => this.#birth(birth)),
      removed: delta.removed.map(({ clock, removed }) => ({
        clock,
        dot: { replica: this.#author, clock: removed },
      })),
    };
    // Parts of different deltas, put together, may contradict each other.
    if (faultOf(part) !== undefined) return NO_CHANGE;
    const closed = new Set(delta.closed);
    for (const removal of delta.removed) if (removal.closed) closed.add(removal.removed);
    const merge: Merge = { since, upTo, counter, part, closed };
    const rebuild = this.#rebuild;
    if (rebuild !== undefined && !rebuild.first) {
      this.#noteClosed(rebuild, closed);
      if (upTo > rebuild.clock) rebuild.ahead.push(merge);
      if (rebuild.ahead.length > MAX_DELTAS_AHEAD) rebuild.ahead.shift();
    }
    const change = this.#merge(merge);
    if (rebuild === undefined) return change;
    if (rebuild.first) rebuild.clock = this.#clock;
    else this.#catchUpRebuild(rebuild);
    return both(change, this.#finishRebuild());
  }

  /** Merges a delta into what is held, if it joins on, and those that have waited for it. */
  #merge(merge: Merge): SliceChange {
    if (this.#partial && this.#clock === 0) return NO_CHANGE;
    if (!this.#rules.joinsOn(merge, this.#clock)) {
      if (this.#rebuild === undefined && this.#rules.isEarly(merge, this.#clock)) this.#keepEarly(merge);
      return NO_CHANGE;
    }
    const merges: Merge[] = [];
    for (let next: Merge | undefined = merge; next !== undefined; next = this.#takeEarly()) {
      merges.push(next);
      this.#clock = next.upTo;
      this.#clockCounter = Math.max(this.#clockCounter, next.counter);
      this.#steps += 1;
    }
    // All in one: what was born and has died meanwhile was never here.
    const parts = merges.map(({ part }) => part);
    if (this.#set === undefined && parts.every(({ births }) => births.length === 0)) return NO_CHANGE;
    const { added, updated, removed } = this.#heldSet().merge({ parts });
    const gone = [...removed, ...updated.map(({ previous }) => previous)];
    return pairByIdentity(
      [...added, ...updated].map(({ value }) => value),
      gone.map(({ dot, value }) => ({
        entry: value,
        closed: merges.some(({ closed }) => closed.has(dot.clock)),
      })),
    );
  }

  /** Keeps a delta for the one before it, which may come yet: whose author has ended, nobody can be asked for it. */
  #keepEarly(merge: Merge): void {
    this.#early ??= [];
    if (this.#early.some(({ since, upTo }) => since === merge.since && upTo === merge.upTo)) return;
    this.#early.push(merge);
    if (this.#early.length > MAX_DELTAS_EARLY) this.#early.shift();
  }

  /** The next delta that has waited and joins on now. */
  #takeEarly(): Merge | undefined {
    const early = this.#early?.filter(({ upTo }) => upTo > this.#clock) ?? [];
    const at = early.findIndex((merge) => this.#rules.joinsOn(merge, this.#clock));
    const [next] = at < 0 ? [] : early.splice(at, 1);
    this.#early = early.length > 0 ? early : undefined;
    return next;
  }

  /** Merges into the new slice what has waited for it to come so far. */
  #catchUpRebuild(rebuild: Rebuild): void {
    if (rebuild.first || rebuild.set === undefined) return;
    const waiting = rebuild.ahead.splice(0);
    for (const merge of waiting) {
      if (merge.upTo <= rebuild.clock) continue;
      if (!this.#rules.joinsOn(merge, rebuild.clock)) {
        rebuild.ahead.push(merge);
        continue;
      }
      const { removed } = rebuild.set.mergePart(merge.part);
      for (const { dot, value } of removed) {
        if (merge.closed.has(dot.clock)) (rebuild.closedLater ??= new Set()).add(identityOf(value));
      }
      rebuild.clock = merge.upTo;
      rebuild.counter = Math.max(rebuild.counter, merge.counter);
      this.#steps += 1;
    }
  }

  /** Puts the new slice in the place of the old one, if it stands at one clock. */
  #finishRebuild(): SliceChange {
    const rebuild = this.#rebuild;
    if (rebuild?.until === undefined || rebuild.next < rebuild.until) return NO_CHANGE;
    if (rebuild.clock < rebuild.highestAsOf) return NO_CHANGE;
    // Never back: what is held may have gone on meanwhile. Its clock counts as far as the author confirms it.
    if (!rebuild.first && rebuild.clock < Math.min(this.#clock, this.#target)) return NO_CHANGE;
    this.#rebuild = undefined;
    this.#partial = false;
    if (rebuild.first) return NO_CHANGE;
    const before = this.entries;
    this.#set = rebuild.set;
    this.#clock = rebuild.clock;
    this.#clockCounter = Math.max(this.#clockCounter, rebuild.counter);
    const after = this.entries;
    const added: ReplicatedEntry[] = [];
    const removed: Gone[] = [];
    for (const [clock, entry] of before) {
      if (after.get(clock) === entry) continue;
      const closedLater = rebuild.closedLater?.has(identityOf(entry)) === true;
      removed.push({ entry, closed: closedLater || rebuild.closed?.has(clock) === true });
    }
    for (const [clock, entry] of after) if (before.get(clock) !== entry) added.push(entry);
    return pairByIdentity(added, removed);
  }

  #moveRebuild(rebuild: Rebuild, clock: number, counter: number): void {
    rebuild.clock = clock;
    rebuild.counter = counter;
    if (!rebuild.first) return;
    this.#clock = clock;
    this.#clockCounter = Math.max(this.#clockCounter, counter);
  }

  /** Up to which dot all that lives is held, so that pages need only name it. */
  #heldBase(): number {
    if (!this.#partial) return this.#clock;
    // A first sync that has all its pages, and that deltas could not carry on, need not fetch them again.
    const { first = false, until = 0, next = 0, base = 0 } = this.#rebuild ?? {};
    if (!first) return base;
    return next >= until ? until : 0;
  }

  /** Remembers which of the entries that are held went with their session. */
  #noteClosed(rebuild: Rebuild, clocks: Iterable<number>): void {
    if (rebuild.first) return;
    for (const clock of clocks) if (this.entries.has(clock)) (rebuild.closed ??= new Set()).add(clock);
  }

  #learnTarget(clock: number, counter: number): void {
    if (this.#rules.isLate(counter, this.#targetCounter)) return;
    this.#target = clock;
    this.#targetCounter = counter;
  }

  #birth(birth: WireBirth): Birth<ReplicatedEntry> {
    const { clock, topic, key, session, meta } = birth;
    const held = this.entries.get(clock);
    // What stays through a rebuild has to stay the same object, or it would seem to have changed.
    if (held !== undefined && this.#rules.isSameRevision(held, birth)) return { clock, value: held };
    const { owner, refPrefixOf } = this.#of;
    this.#origin ??= { owner, shard: this.shard, refPrefix: refPrefixOf(this.shard) };
    return { clock, value: new ReplicatedEntry(this.#origin, clock, topic, key, session, meta) };
  }

  get #author(): string {
    return this.#of.author;
  }

  get #rules(): Rules {
    return this.#of.rules;
  }

  #heldSet(): Orswot<ReplicatedEntry> {
    this.#set ??= this.#emptySet();
    return this.#set;
  }

  #emptySet(): Orswot<ReplicatedEntry> {
    // Nobody relays another's slice, so no removal has to be remembered here.
    return new Orswot<ReplicatedEntry>(this.#of.holder, { removalsKept: 0, hash: this.#rules.hashOf });
  }
}

function identityOf(entry: ReplicatedEntry): string {
  return JSON.stringify([entry.session, ReplicatedEntry.topicOf(entry), entry.key]);
}
