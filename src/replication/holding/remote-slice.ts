/**
 * A slice as it is held away from its author: what one life has in one shard.
 *
 * It serves the one invariant of the protocol: what is held is exactly what the author had at one flushed
 * clock. So only a delta that joins on is merged (one that has overtaken another waits for it), and where deltas
 * cannot reach, a new slice is built beside the old one and takes its place in one step, once it stands at one
 * clock too; what that changed is told in parts. The one exception is a slice that never stood: its pages become
 * visible as they come.
 *
 * Knows no time, no pubsub and no other slice. What it lacks it tells when asked: `nextRequest`.
 */
import { faultOf } from "../../crdt/delta.js";
import { Orswot, type Birth } from "../../crdt/index.js";
import { Assembly, type WholeDelta } from "./assembly.js";
import { WaitingDeltas, closedBy, closedOf, type Delta } from "./delta.js";
import { ReplicatedEntry, type EntryOrigin, type EntryOwner } from "../entry.js";
import { NO_CHANGE, pairByIdentity, type Gone, type SliceChange } from "./identity.js";
import type { DeltaMessage, Page, ShardSummary, SliceRequest, WireBirth } from "../message.js";
import type { DeltaOutcome, PageOutcome } from "./outcome.js";
import { Rebuild, sameObjects } from "./rebuild.js";
import { Replacement } from "./replacement.js";
import type { Rules } from "../rules.js";
import type { Allowance } from "../allowance.js";

/** Deltas that wait for one before them which they have overtaken: what a life sends within a reordering. */
const MAX_DELTAS_EARLY = 8;

/** What the slices of one life have in common: held once, not in each. */
export interface SlicesOf {
  readonly owner: EntryOwner;
  /** The life as the author of dots. */
  readonly author: string;
  readonly holder: string;
  readonly rules: Rules;
  readonly refPrefixOf: (shard: number) => string;
}

/** Whether there is room for so many more entries at the most, or for as many as it is found to be. */
export type HasRoom = (most: number, growth: () => number) => boolean;
const everything: HasRoom = () => true;

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
  /** What the last rebuild has changed, until all of it is told. */
  #replacement: Replacement | undefined;
  /** Deltas that came before the one which they join on. */
  #early: WaitingDeltas | undefined;
  #broadcast: Assembly | undefined;
  #direct: Assembly | undefined;
  /** Counts the answers and broadcasts that brought it on. */
  #steps = 0;
  /** How many of the entries that it keeps are counted, by the room of all lives. */
  counted = 0;
  /** Whether something of it came, or was told of, for which there is no room: it is not asked for. */
  isCrowded = false;

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

  /** Entries that it keeps: held, under construction, or in deltas that wait. */
  get weight(): number {
    const rebuilt = this.#rebuild?.weight ?? 0;
    const waiting = (this.#early?.weight ?? 0) + (this.#broadcast?.weight ?? 0) + (this.#direct?.weight ?? 0);
    return this.entries.size + rebuilt + waiting + (this.#replacement?.weight ?? 0);
  }

  /** Where its author stands for all that is known, when a frame says that it stood there: it may be an old one. */
  clockToldBy(clock: number, counter: number): number {
    return this.#rules.isLate(counter, this.#targetCounter) ? Math.max(clock, this.#target) : clock;
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
    const isDoubted = this.#rebuild?.doubted === true || this.#replacement?.doubted === true;
    if ((this.#partial && this.#heldBase() === 0) || isDoubted) return false;
    // Until all is told, nothing is shown for certain but what was before.
    return this.#rules.hasReached(this.#replacement?.clock ?? this.#clock, goal, this.#target);
  }

  /** Whether the slice stands where its author was last heard to stand, and is not doubted. */
  get caughtUp(): boolean {
    return this.#rebuild === undefined && !this.#isInParts && this.#clock >= this.#target;
  }

  /** What to ask the author for, if anything is missing. */
  nextRequest(): SliceRequest | undefined {
    const { shard } = this;
    if (this.#rebuild !== undefined) return this.#rebuild.nextRequest(shard, this.#clock);
    // What came meanwhile waits for the last part.
    if (this.isReplacing) return undefined;
    return this.#target > this.#clock ? { type: "deltaRequest", shard, clock: this.#clock } : undefined;
  }

  /**
   * Compares with what the author says of itself. A difference that no missing delta explains is a
   * divergence: another count or digest at the same clock, or a clock that lies ahead of the author's.
   */
  compare(summary: ShardSummary, counter: number): "equal" | "behind" | "diverged" {
    this.#learnTarget(summary.clock, counter);
    if (this.#rebuild !== undefined || this.#isInParts) return "behind";
    if (summary.clock > this.#clock) return "behind";
    if (summary.clock < this.#clock)
      return this.#rules.isLate(counter, this.#clockCounter) ? "equal" : "diverged";
    return this.#rules.agrees(summary, this.entries.size, this.digest) ? "equal" : "diverged";
  }

  /** Takes a delta, or a part of one. */
  receiveDelta(
    message: DeltaMessage,
    counter: number,
    direct: boolean,
    hasRoom: HasRoom = everything,
  ): DeltaOutcome {
    const before = this.#steps;
    this.#learnTarget(message.upTo, counter);
    const assembly = direct
      ? (this.#direct ??= new Assembly(this.#rules))
      : (this.#broadcast ??= new Assembly(this.#rules));
    if (!hasRoom(message.births.length, () => this.#growthBy(message))) {
      assembly.drop();
      this.#early = undefined;
      return { type: "crowded" };
    }
    const whole = assembly.add(message);
    if (whole !== undefined) return this.#taken(this.#applyDelta(whole, counter), before);
    return message.part === message.parts ? { type: "broken" } : this.#taken(NO_CHANGE, before);
  }

  /** Begins to build anew, from what is held or, where that is doubted, from nothing. */
  startRebuild(id: number, doubted: boolean): void {
    const first = !this.isReplacing && this.#rules.isFirstSync(this.#clock, this.#partial, this.entries.size);
    const base = this.#rules.rebuildBase(doubted, this.#heldBase());
    this.#rebuild = new Rebuild(id, first, doubted, base, this.#rules);
    for (const delta of this.#early?.all ?? []) this.#rebuild.keep(delta, this.entries, this.#clock);
    this.#early = undefined;
    if (first) this.#partial = true;
  }

  /** What told the clocks was not the author: whatever comes next is believed. */
  forgetCounters(): void {
    this.#clockCounter = 0;
    this.#targetCounter = 0;
    this.#target = 0;
  }

  /** Takes a page of the running rebuild. */
  receivePage(page: Page, counter: number, hasRoom: HasRoom = everything): PageOutcome {
    const before = this.#steps;
    const rebuild = this.#rebuild;
    if (rebuild?.takes(page) !== true) return { type: "foreign" };
    if (!hasRoom(page.births.length, () => this.#freshOf(page.births))) return { type: "crowded" };
    const births: Birth<ReplicatedEntry>[] = [];
    for (const { first, last } of page.kept) {
      if (last > rebuild.base) return { type: "foreign" };
      for (let clock = first; clock <= last; clock++) {
        const value = this.entries.get(clock) ?? rebuild.goneAt(clock);
        // Held where the author believes it is: else what is held is wrong, and has to come anew.
        if (this.#rules.isUnusable(value)) return { type: "unusable" };
        if (value !== undefined) births.push({ clock, value });
      }
    }
    const held = this.entries;
    for (const birth of page.births) births.push(this.#birth(birth, held));
    const part = { replica: this.#author, since: page.from, upTo: page.to, births, removed: [] };
    if (faultOf(part) !== undefined) return { type: "foreign" };
    const asOf = this.#rules.standsAt(page);
    if (rebuild.turn(page, asOf, counter) && rebuild.first) {
      this.#clock = asOf;
      this.#clockCounter = Math.max(this.#clockCounter, counter);
    }
    this.#steps += 1;
    rebuild.noteClosed(page.closed ?? [], this.entries, this.#clock);
    rebuild.noteFresh(births, this.entries);
    rebuild.set ??= rebuild.first ? this.#heldSet() : this.#emptySet();
    const { added } = rebuild.set.mergePart(part);
    const change = rebuild.first
      ? pairByIdentity(
          added.map(({ value }) => value),
          [],
        )
      : NO_CHANGE;
    this.#steps += rebuild.catchUp(this.entries);
    this.#finishRebuild();
    return this.#taken(change, before);
  }

  /** Whether it was built anew, and what this changed is not all told, or deltas wait for that. */
  get isReplacing(): boolean {
    return this.#replacement !== undefined;
  }

  /** What was held before it was replaced, as far as nothing else was told of it. */
  replaced(): Iterable<ReplicatedEntry> {
    return this.#replacement?.untold() ?? [];
  }

  /** Tells more of what a replacement has changed, then of what came meanwhile. */
  tellMore(allowance: Allowance): SliceChange {
    const replacement = this.#replacement;
    if (replacement === undefined) return NO_CHANGE;
    if (!replacement.isTold) return replacement.tell(allowance);
    const delta = replacement.waiting.take(this.#clock);
    if (delta !== undefined) {
      allowance.spend(delta.part.births.length + delta.part.removed.length);
      return this.#mergeAll([delta]);
    }
    this.#replacement = undefined;
    // The one before them may come yet.
    if (this.#rebuild === undefined && !replacement.waiting.isEmpty) this.#early = replacement.waiting;
    this.#finishRebuild();
    return NO_CHANGE;
  }

  #taken(change: SliceChange, stepsBefore: number): DeltaOutcome & PageOutcome {
    return { type: "taken", change, isNews: this.#steps > stepsBefore, request: this.nextRequest() };
  }

  /** Forgets all that is held and under construction. Returns what was held. */
  letGo(): Iterable<ReplicatedEntry> {
    const held = [...(this.#replacement?.before ?? []), ...this.entries.values()];
    this.#set = undefined;
    this.#replacement = undefined;
    this.#clock = 0;
    this.#clockCounter = 0;
    this.#partial = false;
    this.#rebuild = undefined;
    this.#early = undefined;
    this.#broadcast = undefined;
    this.#direct = undefined;
    return held;
  }

  /** By how many entries the slice grows by a delta: as far as it is merged at once, less those that it removes. */
  #growthBy({ since, upTo, parts, births, removed }: DeltaMessage): number {
    const isMerged =
      parts === 1 && this.#rebuild === undefined && this.#rules.joinsOn({ since, upTo }, this.#clock);
    if (!isMerged) return births.length;
    const gone = new Set<number>();
    for (const removal of removed) if (this.entries.has(removal.removed)) gone.add(removal.removed);
    return births.length - gone.size;
  }

  /** How many births of a page are not held. */
  #freshOf(births: readonly WireBirth[]): number {
    let fresh = 0;
    for (const birth of births) {
      const held = this.entries.get(birth.clock);
      if (held === undefined || !this.#rules.isSameRevision(held, birth)) fresh += 1;
    }
    return fresh;
  }

  #applyDelta(whole: WholeDelta, counter: number): SliceChange {
    const { since, upTo } = whole;
    const held = this.entries;
    const part = {
      replica: this.#author,
      since,
      upTo,
      births: whole.births.map((birth) => this.#birth(birth, held)),
      removed: whole.removed.map(({ clock, removed }) => ({
        clock,
        dot: { replica: this.#author, clock: removed },
      })),
    };
    // Parts of different deltas, put together, may contradict each other.
    if (faultOf(part) !== undefined) return NO_CHANGE;
    const closed = closedOf(whole);
    const delta: Delta = { since, upTo, counter, part, closed };
    const rebuild = this.#rebuild;
    rebuild?.keep(delta, held, this.#clock);
    const change = this.#merge(delta);
    if (rebuild === undefined) return change;
    if (rebuild.first) rebuild.clock = this.#clock;
    else this.#steps += rebuild.catchUp(this.entries);
    this.#finishRebuild();
    return change;
  }

  /** Merges a delta into what is held, if it joins on, and those that have waited for it. */
  #merge(delta: Delta): SliceChange {
    if (this.#partial && this.#clock === 0) return NO_CHANGE;
    if (this.#replacement !== undefined) {
      if (delta.upTo > this.#clock) this.#replacement.waiting.add(delta);
      return NO_CHANGE;
    }
    if (!this.#rules.joinsOn(delta, this.#clock)) {
      // The one before it may come yet: whose author has ended, nobody can be asked for it.
      if (this.#rebuild === undefined && !this.isCrowded && this.#rules.isEarly(delta, this.#clock)) {
        (this.#early ??= new WaitingDeltas(MAX_DELTAS_EARLY, this.#rules)).add(delta);
      }
      return NO_CHANGE;
    }
    const merges: Delta[] = [];
    for (let next: Delta | undefined = delta; next !== undefined; next = this.#early?.take(this.#clock)) {
      merges.push(next);
      this.#clock = next.upTo;
    }
    if (this.#early?.isEmpty === true) this.#early = undefined;
    // All in one: what was born and has died meanwhile was never here.
    return this.#mergeAll(merges);
  }

  #mergeAll(merges: readonly Delta[]): SliceChange {
    for (const { upTo, counter } of merges) {
      this.#clock = upTo;
      this.#clockCounter = Math.max(this.#clockCounter, counter);
      this.#steps += 1;
    }
    const built = this.#rebuild?.first === false ? this.#rebuild.set?.live(this.#author) : undefined;
    const parts = merges.map(({ part }) =>
      built === undefined ? part : { ...part, births: sameObjects(part.births, built, this.#rules) },
    );
    if (this.#set === undefined && parts.every(({ births }) => births.length === 0)) return NO_CHANGE;
    const closed = closedBy(merges, (clock) => this.entries.get(clock));
    const { added, updated, removed } = this.#heldSet().merge({ parts });
    const came: ReplicatedEntry[] = [];
    const gone: Gone[] = [];
    for (const { value } of added) came.push(value);
    for (const { dot, value } of removed) gone.push({ entry: value, closed: closed.has(dot.clock) });
    for (const { value, previous } of updated) {
      came.push(value);
      gone.push({ entry: previous.value, closed: closed.has(previous.dot.clock) });
    }
    const change = pairByIdentity(came, gone);
    this.#rebuild?.noteGone(change);
    return change;
  }

  /** Puts the new slice in the place of the old one, if it stands at one clock; what this changed is told in parts. */
  #finishRebuild(): void {
    const rebuild = this.#rebuild;
    if (rebuild?.isThrough(this.#clock, this.#target) !== true || this.isReplacing) return;
    this.#rebuild = undefined;
    this.#partial = false;
    if (rebuild.first) return;
    const { clock, entries } = this;
    this.#set = rebuild.set;
    this.#clock = rebuild.clock;
    this.#clockCounter = Math.max(this.#clockCounter, rebuild.counter);
    this.#replacement = new Replacement(entries, clock, this.entries, rebuild, this.#rules);
  }

  /** Whether what is shown of it stands at no one clock. */
  get #isInParts(): boolean {
    return this.#partial || this.isReplacing;
  }

  /** Up to which dot all that lives is held, so that pages need only name it. */
  #heldBase(): number {
    if (!this.#partial) return this.#clock;
    // A first sync that has all its pages, and that deltas could not carry on, need not fetch them again.
    return this.#rebuild?.first === true ? this.#rebuild.heldBase : (this.#rebuild?.base ?? 0);
  }

  #learnTarget(clock: number, counter: number): void {
    if (this.#rules.isLate(counter, this.#targetCounter)) return;
    this.#target = clock;
    this.#targetCounter = counter;
  }

  #birth(birth: WireBirth, entries: ReadonlyMap<number, ReplicatedEntry>): Birth<ReplicatedEntry> {
    const { clock, topic, key, session, meta } = birth;
    const held = entries.get(clock);
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
