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
import { ReplicatedEntry } from "../entry.js";
import type { EntryOwner } from "../entry.js";
import { incarnationOfRef } from "../life.js";
import type { Rules } from "../rules.js";

/** Where entries are shown and hidden. */
export interface Stage {
  show(entry: ReplicatedEntry): void;
  hide(entry: ReplicatedEntry): void;
}

/** Sessions, by the life to which their entries belong. */
type Sessions = Map<EntryOwner, Set<string>>;

/** What one departing life has under the key. */
interface Waiting {
  readonly owner: EntryOwner;
  /** Orders the lives that depart at once on all nodes alike. */
  readonly incarnation: string;
  /** Of others, who were there at the goodbye or have come of a life that was about to go: they take no place. */
  readonly companions: Sessions;
  /** By session; the first `hidden` are hidden. */
  readonly entries: ReplicatedEntry[];
  hidden: number;
  /** How many entries came after the goodbye, and are here. */
  came: number;
}

export class Places {
  readonly #rules: Rules;
  readonly #lives: Waiting[] = [];

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** Whether nobody waits here any more. */
  get isEmpty(): boolean {
    return this.#lives.length === 0;
  }

  /** A life departs that has these entries here, all of them shown, beside these others that are shown. */
  depart(own: readonly ReplicatedEntry[], others: readonly ReplicatedEntry[]): void {
    const first = own[0];
    if (first === undefined) return;
    const waiting = this.#begin(first, others);
    waiting.entries.push(...own);
    waiting.entries.sort(bySession);
  }

  /** An entry comes, beside these that are shown. Returns whether it is shown, until the next `settle`. */
  add(entry: ReplicatedEntry, shown: Iterable<ReplicatedEntry>): boolean {
    if (this.#rules.stays(entry)) {
      this.#count(entry, 1);
      return true;
    }
    const owner = ReplicatedEntry.ownerOf(entry);
    const waiting = this.#of(owner) ?? this.#begin(entry, shown);
    for (const other of this.#lives) if (other !== waiting) note(other.companions, entry);
    this.#count(entry, 1);
    const index = placeOf(waiting.entries, entry);
    waiting.entries.splice(index, 0, entry);
    const isShown = index >= waiting.hidden;
    if (!isShown) waiting.hidden += 1;
    return isShown;
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
      if (waiting.entries.length === 0) this.#lives.splice(this.#lives.indexOf(waiting), 1);
    }
    this.#count(entry, -1);
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

  /** Begins to keep the entries that a departing life has here. Sessions that are here now were here before. */
  #begin(first: ReplicatedEntry, others: Iterable<ReplicatedEntry>): Waiting {
    const owner = ReplicatedEntry.ownerOf(first);
    const companions: Sessions = new Map();
    for (const other of others) note(companions, other);
    for (const { entries } of this.#lives) for (const other of entries) note(companions, other);
    for (const { companions: before } of this.#lives) {
      for (const [life, sessions] of before)
        for (const session of sessions) noteSession(companions, life, session);
    }
    const incarnation = incarnationOfRef(first.ref);
    let came = 0;
    for (const { size } of companions.values()) if (this.#rules.takesPlace(false, true)) came += size;
    const waiting: Waiting = { owner, incarnation, companions, entries: [], hidden: 0, came };
    this.#lives.push(waiting);
    return waiting;
  }

  /** Counts an entry that comes or goes wherever it came after the goodbye. */
  #count(entry: ReplicatedEntry, by: 1 | -1): void {
    const owner = ReplicatedEntry.ownerOf(entry);
    for (const waiting of this.#lives) {
      const wasThere = waiting.companions.get(owner)?.has(entry.session) === true;
      if (this.#rules.takesPlace(waiting.owner === owner, wasThere)) waiting.came += by;
    }
  }
}

function note(sessions: Sessions, entry: ReplicatedEntry): void {
  noteSession(sessions, ReplicatedEntry.ownerOf(entry), entry.session);
}

function noteSession(sessions: Sessions, owner: EntryOwner, session: string): void {
  const present = sessions.get(owner);
  if (present === undefined) sessions.set(owner, new Set([session]));
  else present.add(session);
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
