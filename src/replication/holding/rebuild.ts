/**
 * A slice under construction: from pages, beside the held one, and carried on by deltas to the highest clock that a
 * page spoke of. Knows no frame and no time, and of the held slice only what it is told.
 */
import type { Birth, Orswot } from "../../crdt/index.js";
import { ReplicatedEntry } from "../entry.js";
import type { Page, SliceRequest } from "../message.js";
import type { Rules } from "../rules.js";
import { WaitingDeltas, type Delta } from "./delta.js";
import { identityText, type SliceChange } from "./identity.js";

/** Deltas that wait for a rebuild to reach them: those of some minutes; more than that are asked for again. */
const MAX_DELTAS_AHEAD = 64;

/** Births that closed before they came, or came early: those of some long deltas. Of more it is not known that they closed. */
const MAX_CLOSED_AHEAD = 16_384;

export class Rebuild {
  readonly #id: number;
  /** Whether nothing stood before it: then its set is the held one. */
  readonly first: boolean;
  /** What is held may be wrong. */
  readonly doubted: boolean;
  /** Made with the first page. */
  set: Orswot<ReplicatedEntry> | undefined;
  /** Births that came for it and are not held. */
  #fresh = 0;
  /** Dots up to here are only named by the pages, their values are held; 0 where the held ones are doubted. */
  readonly base: number;
  /** The clock at which `set` stands, as far as pages have come, and the highest counter that moved it. */
  clock = 0;
  counter = 0;
  /** The flushed clock of the author at the first page: pages cover the dots up to it. */
  #until: number | undefined;
  /** Where the next page begins. */
  #next = 0;
  /** The highest clock that a page spoke of: deltas have to carry the set on to it. Fixed with the last page. */
  #highestAsOf = 0;
  /** Deltas above `clock` that the held slice has merged: the set must not lag behind it for ever. */
  readonly #ahead: WaitingDeltas;
  readonly #rules: Rules;
  /** Held births that went with their session while deltas did not reach. */
  #closed: Set<number> | undefined;
  /** The identities of what did so in a revision that only the new slice had, or that was updated before it was told. */
  #closedLater: Set<string> | undefined;
  /**
   * Held births that deltas have taken meanwhile. A page of an earlier time names them as kept, and its deltas take them
   * again; or it tells that they closed, in a later revision.
   */
  #gone: Map<number, ReplicatedEntry> | undefined;
  /** Births in deltas that came early: of what is held, one of them may be a later revision, which closed. */
  #born: Map<number, ReplicatedEntry> | undefined;
  /** The highest clock of what is shown that the author was told of: of later births no page tells that they closed. */
  #shown = 0;

  constructor(id: number, first: boolean, doubted: boolean, base: number, rules: Rules) {
    this.#id = id;
    this.first = first;
    this.doubted = doubted;
    this.base = base;
    this.#rules = rules;
    this.#ahead = new WaitingDeltas(MAX_DELTAS_AHEAD, rules);
  }

  /** Entries that it keeps beside those that are held. */
  get weight(): number {
    return this.#fresh + this.#ahead.weight + (this.#gone?.size ?? 0);
  }

  /** What to ask the author for next; `shown` is the clock of what is shown, of which it tells the sessions that closed. */
  nextRequest(shard: number, shown: number): SliceRequest {
    if (this.hasAllPages) return { type: "deltaRequest", shard, clock: this.clock };
    const { base } = this;
    this.#shown = Math.max(this.#shown, shown);
    const request = {
      type: "pageRequest",
      shard,
      rebuild: this.#id,
      base,
      from: this.#next,
      until: this.#until ?? 0,
    } as const;
    return this.first ? request : { ...request, shown };
  }

  get hasAllPages(): boolean {
    return this.#until !== undefined && this.#next >= this.#until;
  }

  /** Up to which dot all that lives is held, if this is a first sync: nothing before the last page. */
  get heldBase(): number {
    return this.hasAllPages ? (this.#until ?? 0) : 0;
  }

  /** Whether it is the page that was asked for. */
  takes(page: Page): boolean {
    if (page.rebuild !== this.#id || page.from !== this.#next) return false;
    if (this.#until !== undefined && page.until !== this.#until) return false;
    return page.to > page.from || page.to >= page.until;
  }

  /** A page has come. Returns whether it was the first. */
  turn(page: Page, asOf: number, counter: number): boolean {
    const isFirst = this.#until === undefined;
    if (isFirst) {
      this.#until = page.until;
      this.clock = asOf;
      this.counter = counter;
    }
    this.#next = page.to;
    this.#highestAsOf = Math.max(this.#highestAsOf, asOf);
    return isFirst;
  }

  /** A delta came for the held slice, which this one will need as well, if it is not the first. */
  keep(delta: Delta, held: ReadonlyMap<number, unknown>, heldClock: number): void {
    this.noteClosed(delta.closed, held, heldClock);
    if (this.first || delta.upTo <= this.clock) return;
    this.#ahead.add(delta);
    for (const { clock, value } of delta.part.births) {
      if (clock > heldClock) this.#noteBorn(clock, value);
    }
  }

  #noteBorn(clock: number, entry: ReplicatedEntry): void {
    if (this.#closed?.has(clock) === true) this.#noteClosedLater(entry);
    else if ((this.#born?.size ?? 0) < MAX_CLOSED_AHEAD) (this.#born ??= new Map()).set(clock, entry);
  }

  #noteClosedLater(entry: ReplicatedEntry): void {
    (this.#closedLater ??= new Set()).add(identityText(entry));
  }

  /** Births have come, of which those that are held cost nothing. */
  noteFresh(births: readonly Birth<ReplicatedEntry>[], held: ReadonlyMap<number, ReplicatedEntry>): void {
    if (this.first) return;
    for (const { clock, value } of births) if (held.get(clock) !== value) this.#fresh += 1;
  }

  /** Merges what has waited for it to come so far. Returns how many deltas. */
  catchUp(held: ReadonlyMap<number, ReplicatedEntry>): number {
    let merged = 0;
    if (this.first || this.set === undefined) return merged;
    for (let next = this.#ahead.take(this.clock); next !== undefined; next = this.#ahead.take(this.clock)) {
      const births = sameObjects(next.part.births, held, this.#rules);
      const { removed } = this.set.mergePart({ ...next.part, births });
      this.noteFresh(births, held);
      for (const { dot, value } of removed) {
        if (next.closed.has(dot.clock)) this.#noteClosedLater(value);
      }
      this.clock = next.upTo;
      this.counter = Math.max(this.counter, next.counter);
      merged += 1;
    }
    return merged;
  }

  /**
   * Whether it stands at one clock and can take the place of a slice that stands at `heldClock`. Never back: what is held
   * may have gone on meanwhile. Its clock counts as far as the author confirms it by the clock that it told.
   */
  isThrough(heldClock: number, toldClock: number): boolean {
    if (!this.hasAllPages || this.clock < this.#highestAsOf) return false;
    return this.first || this.clock >= Math.min(heldClock, toldClock);
  }

  /**
   * Remembers which births went with their session: those that are held, as they are or as what a delta has put in their
   * place, and those above the clock of what is held, which may come yet.
   */
  noteClosed(clocks: Iterable<number>, held: ReadonlyMap<number, unknown>, heldClock: number): void {
    if (this.first) return;
    for (const clock of clocks) {
      const known = this.#gone?.get(clock) ?? this.#born?.get(clock);
      if (known !== undefined) this.#noteClosedLater(known);
      const mayCome = clock > heldClock && (this.#closed?.size ?? 0) < MAX_CLOSED_AHEAD;
      if (mayCome || held.has(clock)) (this.#closed ??= new Set()).add(clock);
    }
  }

  /** Remembers what a delta has taken from what is held, as far as a page may speak of it. */
  noteGone({ removed, updated }: SliceChange): void {
    for (const { entry } of removed) this.#noteGone(entry);
    for (const { previous } of updated) this.#noteGone(previous);
  }

  #noteGone(entry: ReplicatedEntry): void {
    const birth = ReplicatedEntry.clockOf(entry);
    const spokenOf = this.first ? this.base : Math.max(this.base, this.#shown);
    if (birth <= spokenOf) (this.#gone ??= new Map()).set(birth, entry);
  }

  /** The entry of a birth that was held, and that a delta has taken since this began. */
  goneAt(birth: number): ReplicatedEntry | undefined {
    return this.#gone?.get(birth);
  }

  /** Whether an entry that is held and gone from the new slice went with its session. */
  hasClosed(clock: number, entry: ReplicatedEntry): boolean {
    if (this.#closed?.has(clock) === true) return true;
    return this.#closedLater?.has(identityText(entry)) === true;
  }
}

/**
 * The births, each by the object that stands for it already, if one does: a birth may come in several deltas and pages, and
 * what is held and what is built anew have to have the same, or an entry would seem to have changed.
 */
export function sameObjects(
  births: readonly Birth<ReplicatedEntry>[],
  present: ReadonlyMap<number, ReplicatedEntry>,
  rules: Rules,
): readonly Birth<ReplicatedEntry>[] {
  return births.map((birth) => {
    const value = present.get(birth.clock);
    const { key, session, meta } = birth.value;
    const topic = ReplicatedEntry.topicOf(birth.value);
    const isSame =
      value !== undefined && rules.isSameRevision(value, { clock: birth.clock, topic, key, session, meta });
    return isSame ? { ...birth, value } : birth;
  });
}
