/**
 * The places under one topic and key, while somebody there waits for a node that departs: an entry that came after a
 * goodbye takes the place of one entry of that life, which is hidden for as long as both are held.
 *
 * What is hidden is a function of what is held and of who was there at each goodbye, and of nothing else. Entries are
 * told apart by their sessions, which stay when a meta changes: a session that was there at the goodbye is another
 * connection of the user, and takes nobody's place; one that came later does, and goes on to when its own life departs.
 * An entry that comes of a life that has said goodbye was late, and takes no place. Of those that wait the same ones are
 * hidden on all nodes. Each change costs the number of departing lives, not of entries.
 *
 * Knows no other key and no diff; what is to be shown or hidden it says to its stage.
 */
import { ReplicatedEntry, type EntryOwner } from "../entry.js";
import { incarnationOfRef } from "../life.js";
import type { Rules } from "../rules.js";

/** Where entries are shown and hidden. */
export interface Stage {
  show(entry: ReplicatedEntry): void;
  hide(entry: ReplicatedEntry): void;
}

/** A session that has been here, of one life. */
interface Visit {
  /** It was there at the goodbye of this number and at all later ones; 0 for one that came of a life about to go. */
  since: number;
  /** How many entries of it are here. */
  here: number;
}

/** What one departing life has under the key. */
interface Waiting {
  readonly owner: EntryOwner;
  readonly slice: string;
  /** Orders the lives that depart at once on all nodes alike. */
  readonly incarnation: string;
  /** Counts the goodbyes. An entry that was there at this one takes no place. */
  readonly goodbye: number;
  /** By session; the first `hidden` are hidden. */
  readonly entries: ReplicatedEntry[];
  hidden: number;
  /** How many entries came after the goodbye, and are here. */
  came: number;
}

export class Places {
  readonly #rules: Rules;
  readonly #lives: Waiting[] = [];
  /**
   * By slice, which stands for its life, and session. Those that have gone are kept while a life waits at whose goodbye
   * they were there: a life that was forgotten and is heard again is no other one.
   */
  readonly #visits = new Map<string, Map<string, Visit>>();
  #goodbyes = 0;
  /** Whether a life has gone since, and some who were there at its goodbye alone may be kept. */
  #keepsGone = false;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** Whether nobody waits here any more. */
  get isEmpty(): boolean {
    return this.#lives.length === 0;
  }

  /** A life departs that has these entries here, all of them shown; at first, beside these others that are shown. */
  depart(own: readonly ReplicatedEntry[], others: readonly ReplicatedEntry[]): void {
    const first = own[0];
    if (first === undefined) return;
    if (this.#goodbyes === 0) for (const entry of own) this.#arrive(entry).since = 0;
    const waiting = this.#begin(first, others);
    waiting.entries.push(...own);
    waiting.entries.sort(bySession);
  }

  /** An entry comes; at first, beside these that are shown. Returns whether it is shown, until the next `settle`. */
  add(entry: ReplicatedEntry, shown: Iterable<ReplicatedEntry>): boolean {
    if (this.#rules.stays(entry)) {
      this.#count(entry, this.#arrive(entry), 1);
      return true;
    }
    const owner = ReplicatedEntry.ownerOf(entry);
    const waiting = this.#of(owner) ?? this.#begin(entry, shown);
    const visit = this.#arrive(entry);
    visit.since = 0;
    this.#count(entry, visit, 1);
    const index = placeOf(waiting.entries, entry);
    waiting.entries.splice(index, 0, entry);
    const isShown = index >= waiting.hidden;
    if (!isShown) waiting.hidden += 1;
    return isShown;
  }

  /** A life does not depart, and waits for nobody. Returns whether it did, here. */
  stay(owner: EntryOwner, stage: Stage): boolean {
    const waiting = this.#of(owner);
    if (waiting === undefined) return false;
    while (waiting.hidden > 0) stage.show(waiting.entries[--waiting.hidden]!);
    this.#lives.splice(this.#lives.indexOf(waiting), 1);
    this.#keepsGone = true;
    return true;
  }

  /** What waits here of a life, hidden or shown; undefined if nothing does. */
  waiting(owner: EntryOwner): readonly ReplicatedEntry[] | undefined {
    return this.#of(owner)?.entries;
  }

  /** Whether an entry waits here and is hidden. */
  isHidden(entry: ReplicatedEntry): boolean {
    const waiting = this.#of(ReplicatedEntry.ownerOf(entry));
    if (waiting === undefined) return false;
    const index = placeOf(waiting.entries, entry);
    return index < waiting.hidden && waiting.entries[index] === entry;
  }

  /** An entry that was here, hidden or shown, has gone. */
  remove(entry: ReplicatedEntry): void {
    const waiting = this.#of(ReplicatedEntry.ownerOf(entry));
    if (waiting !== undefined) {
      const index = placeOf(waiting.entries, entry);
      if (waiting.entries[index] !== entry) return;
      waiting.entries.splice(index, 1);
      if (index < waiting.hidden) waiting.hidden -= 1;
      if (waiting.entries.length === 0) {
        this.#lives.splice(this.#lives.indexOf(waiting), 1);
        this.#keepsGone = true;
      }
    }
    const visit = this.#visitOf(entry);
    if (visit === undefined) return;
    this.#count(entry, visit, -1);
    visit.here -= 1;
    if (visit.here === 0 && visit.since > this.#lastGoodbye(ReplicatedEntry.sliceOf(entry)))
      this.#forget(entry);
  }

  /**
   * A revision is here in the place of the one before, shown or hidden as that was. Returns false where it stands
   * elsewhere: beside a second entry of the same identity, which no author has.
   */
  update(entry: ReplicatedEntry, previous: ReplicatedEntry): boolean {
    const entries = this.#of(ReplicatedEntry.ownerOf(previous))?.entries;
    if (entries === undefined) return true;
    const index = placeOf(entries, previous);
    if (entries[index] !== previous) return true;
    const [before, after] = [entries[index - 1], entries[index + 1]];
    const isInOrder =
      (before === undefined || bySession(before, entry) < 0) &&
      (after === undefined || bySession(entry, after) < 0);
    if (isInOrder) entries[index] = entry;
    return isInOrder;
  }

  /** Hides whose place is taken, and shows whose place is free: to be called after each change. */
  settle(stage: Stage): void {
    const lives = this.#lives;
    // A session that came after a later goodbye came after an earlier one too, and is wanted where fewest others will do.
    if (lives.length > 1) lives.sort(byChoice);
    let taken = 0;
    for (const waiting of lives) {
      const { entries, came } = waiting;
      const hidden = this.#rules.placesTaken(entries.length, came, taken);
      taken += hidden;
      while (waiting.hidden < hidden) stage.hide(entries[waiting.hidden++]!);
      while (waiting.hidden > hidden) stage.show(entries[--waiting.hidden]!);
    }
  }

  #of(owner: EntryOwner): Waiting | undefined {
    for (const waiting of this.#lives) if (waiting.owner === owner) return waiting;
    return undefined;
  }

  /** Begins to keep the entries that a departing life has here. */
  #begin(first: ReplicatedEntry, others: Iterable<ReplicatedEntry>): Waiting {
    const owner = ReplicatedEntry.ownerOf(first);
    const slice = ReplicatedEntry.sliceOf(first);
    if (this.#goodbyes === 0) for (const other of others) this.#arrive(other).since = 0;
    if (this.#keepsGone) this.#forgetGone();
    const incarnation = incarnationOfRef(first.ref);
    this.#goodbyes += 1;
    const came = this.#rules.takesPlace(false, true) ? this.#countOthers(slice) : 0;
    const waiting: Waiting = {
      ...{ owner, slice, incarnation, goodbye: this.#goodbyes },
      ...{ entries: [], hidden: 0, came },
    };
    this.#lives.push(waiting);
    return waiting;
  }

  #visitOf(entry: ReplicatedEntry): Visit | undefined {
    return this.#visits.get(ReplicatedEntry.sliceOf(entry))?.get(entry.session);
  }

  /** One more entry of a session is here. */
  #arrive(entry: ReplicatedEntry): Visit {
    const slice = ReplicatedEntry.sliceOf(entry);
    let sessions = this.#visits.get(slice);
    if (sessions === undefined) this.#visits.set(slice, (sessions = new Map<string, Visit>()));
    let visit = sessions.get(entry.session);
    if (visit === undefined) sessions.set(entry.session, (visit = { since: this.#goodbyes + 1, here: 0 }));
    visit.here += 1;
    return visit;
  }

  #forget(entry: ReplicatedEntry): void {
    const slice = ReplicatedEntry.sliceOf(entry);
    const sessions = this.#visits.get(slice);
    sessions?.delete(entry.session);
    if (sessions?.size === 0) this.#visits.delete(slice);
  }

  /** Sessions that have gone, and were there at no goodbye of a life that still waits. */
  #forgetGone(): void {
    this.#keepsGone = false;
    for (const [slice, sessions] of this.#visits) {
      const last = this.#lastGoodbye(slice);
      for (const [session, { since, here }] of sessions)
        if (here === 0 && since > last) sessions.delete(session);
      if (sessions.size === 0) this.#visits.delete(slice);
    }
  }

  /** The newest goodbye of the others that still wait, if any does: at its own, nothing of a life takes a place. */
  #lastGoodbye(own: string): number {
    let last = -1;
    for (const { slice, goodbye } of this.#lives) if (slice !== own) last = Math.max(last, goodbye);
    return last;
  }

  #countOthers(own: string): number {
    let count = 0;
    for (const [slice, { size }] of this.#visits) if (slice !== own) count += size;
    return count;
  }

  /** Counts an entry that comes or goes wherever it came after the goodbye. */
  #count(entry: ReplicatedEntry, { since }: Visit, by: 1 | -1): void {
    const owner = ReplicatedEntry.ownerOf(entry);
    for (const waiting of this.#lives) {
      const isOwn = waiting.owner === owner;
      if (this.#rules.takesPlace(isOwn, !isOwn && since <= waiting.goodbye)) waiting.came += by;
    }
  }
}

/** Where an entry stands, or would stand, among others by session. */
function placeOf(entries: readonly ReplicatedEntry[], entry: ReplicatedEntry): number {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (bySession(entries[middle]!, entry) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** By what is the same for all revisions; two entries of one identity, which no author has, by their refs. */
function bySession(a: ReplicatedEntry, b: ReplicatedEntry): number {
  if (a.session !== b.session) return a.session < b.session ? -1 : 1;
  return a.ref < b.ref ? -1 : a.ref > b.ref ? 1 : 0;
}

/** Fewest choices first; where all have the same, by the lives. */
function byChoice(a: Waiting, b: Waiting): number {
  if (a.came !== b.came) return a.came - b.came;
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation ? -1 : 1;
  return a.owner.name < b.owner.name ? -1 : 1;
}
