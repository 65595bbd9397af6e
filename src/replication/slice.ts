/**
 * A slice as it is held away from its author: what one life has in one shard.
 *
 * It serves the one invariant of the protocol: what is held is exactly what the author had at one flushed
 * clock. So only a delta that joins on is merged, and where deltas cannot reach, a new slice is built beside
 * the old one and takes its place in one step, once it stands at one clock too. The one exception is a slice
 * that never stood: its pages become visible as they come.
 *
 * Knows no time, no pubsub and no other slice. What it lacks it tells when asked: `nextRequest`.
 */
import { faultOf } from "../crdt/delta.js";
import { Orswot } from "../crdt/index.js";
import type { Birth, Part } from "../crdt/index.js";
import { ReplicatedEntry } from "./entry.js";
import { equalMetas } from "./equal.js";
import type { EntryOrigin, EntryOwner } from "./entry.js";
import type {
  DeltaMessage,
  DeltaRequest,
  Page,
  PageRequest,
  ShardSummary,
  WireBirth,
  WireRemoval,
} from "./message.js";

/** What a merge changed, paired by identity: the same topic, session and key is an update. */
export interface SliceChange {
  readonly added: readonly ReplicatedEntry[];
  readonly updated: readonly { readonly entry: ReplicatedEntry; readonly previous: ReplicatedEntry }[];
  readonly removed: readonly { readonly entry: ReplicatedEntry; readonly closed: boolean }[];
}

const NO_CHANGE: SliceChange = { added: [], updated: [], removed: [] };

/** A slice under construction. For a first sync its set is the held one. */
interface Rebuild {
  readonly id: number;
  readonly first: boolean;
  readonly set: Orswot<ReplicatedEntry>;
  /** Dots up to here are only named by the pages, their values are held; 0 where the held ones are doubted. */
  readonly base: number;
  /** The flushed clock of the author at the first page: pages cover the dots up to it. */
  until: number | undefined;
  /** Where the next page begins. */
  next: number;
  /** The clock at which `set` stands, as far as pages have come. */
  clock: number;
  /** The highest clock that a page spoke of: deltas have to carry the set on to it. */
  highestAsOf: number;
}

/** The parts of a delta that have come so far. */
interface Assembly {
  readonly since: number;
  readonly upTo: number;
  readonly parts: number;
  part: number;
  readonly births: WireBirth[];
  readonly removed: WireRemoval[];
}

export class RemoteSlice {
  readonly shard: number;
  readonly #origin: EntryOrigin;
  readonly #author: string;
  readonly #holder: string;
  #set: Orswot<ReplicatedEntry>;
  #clock = 0;
  /** Until the first sync is through: what is held stands at no one clock yet. */
  #partial = false;
  /** The counter of the frame that moved the clock last. */
  #clockCounter = 0;
  /** The author's clock as it was last heard, and the counter of the frame that told. */
  #target = 0;
  #targetCounter = 0;
  #rebuild: Rebuild | undefined;
  #assembly: Assembly | undefined;
  #directAssembly: Assembly | undefined;

  constructor(owner: EntryOwner, author: string, holder: string, shard: number, refPrefix: string) {
    this.shard = shard;
    this.#origin = { owner, shard, refPrefix };
    this.#author = author;
    this.#holder = holder;
    this.#set = this.#emptySet();
  }

  /** The live entries by clock. */
  get entries(): ReadonlyMap<number, ReplicatedEntry> {
    return this.#set.live(this.#author);
  }

  get clock(): number {
    return this.#clock;
  }

  get digest(): number {
    return this.#set.digest(this.#author);
  }

  /** Dots that the author is known to have and that are not held. */
  get lag(): number {
    return Math.max(0, this.#target - this.#clock);
  }

  /** Whether the slice stands where its author was last heard to stand, and is not doubted. */
  get caughtUp(): boolean {
    return this.#rebuild === undefined && !this.#partial && this.#clock >= this.#target;
  }

  /** Whether nothing was ever held of it: then its pages are shown as they come. */
  get isNew(): boolean {
    return this.#clock === 0 && !this.#partial && this.entries.size === 0;
  }

  /** What to ask the author for, if anything is missing. */
  nextRequest(): DeltaRequest | PageRequest | undefined {
    const { shard } = this;
    const rebuild = this.#rebuild;
    if (rebuild === undefined) {
      return this.#target > this.#clock ? { type: "deltaRequest", shard, clock: this.#clock } : undefined;
    }
    if (rebuild.until === undefined || rebuild.next < rebuild.until) {
      const { id, base, next } = rebuild;
      return { type: "pageRequest", shard, rebuild: id, base, from: next, until: rebuild.until ?? 0 };
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
    if (summary.clock < this.#clock) return counter > this.#clockCounter ? "diverged" : "equal";
    const { count, digest } = summary;
    return count === this.entries.size && digest === this.digest ? "equal" : "diverged";
  }

  /**
   * Takes a delta, or a part of one; `broken` if it was the last part and not all before it came in their order.
   * Whether something is missing after it, `nextRequest` tells.
   */
  receiveDelta(message: DeltaMessage, counter: number, direct: boolean): SliceChange | "broken" {
    this.#learnTarget(message.upTo, counter);
    const whole = this.#assemble(message, direct);
    if (whole !== undefined) return this.#applyDelta(whole, counter);
    return message.part === message.parts ? "broken" : NO_CHANGE;
  }

  /** Begins to build anew, from what is held or, where that is doubted, from nothing. */
  startRebuild(id: number, doubted: boolean): void {
    const first = this.isNew;
    this.#rebuild = {
      id,
      first,
      set: first ? this.#set : this.#emptySet(),
      base: doubted || this.#partial ? 0 : this.#clock,
      until: undefined,
      next: 0,
      clock: 0,
      highestAsOf: 0,
    };
    if (first) this.#partial = true;
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
        if (value === undefined) return "unusable";
        births.push({ clock, value });
      }
    }
    for (const birth of page.births) births.push(this.#birth(birth));
    const part = { replica: this.#author, since: page.from, upTo: page.to, births, removed: [] };
    if (faultOf(part) !== undefined) return "foreign";
    if (rebuild.until === undefined) {
      rebuild.until = page.until;
      this.#moveRebuild(rebuild, page.asOf, counter);
    }
    rebuild.next = page.to;
    rebuild.highestAsOf = Math.max(rebuild.highestAsOf, page.asOf);
    const { added } = rebuild.set.mergePart(part);
    const change = rebuild.first
      ? pair(
          added.map(({ value }) => value),
          [],
        )
      : NO_CHANGE;
    return join(change, this.#finishRebuild(counter));
  }

  /**
   * The entry of a birth, if it is held already: what stays through a rebuild has to stay the same object, or it
   * would seem to have changed.
   */
  heldAs({ clock, topic, key, session, meta }: WireBirth): ReplicatedEntry | undefined {
    const held = this.entries.get(clock);
    if (held === undefined || !ReplicatedEntry.isOf(held, topic, key, session)) return undefined;
    return equalMetas(held.meta, meta) ? held : undefined;
  }

  /** Only what joins on is merged: a gap before it would stay for ever, and what ends below is old. */
  joinsOn(delta: { since: number; upTo: number }, clock: number): boolean {
    return delta.since <= clock && delta.upTo > clock;
  }

  #applyDelta(delta: Assembly, counter: number): SliceChange {
    const part: Part<ReplicatedEntry> = {
      replica: this.#author,
      since: delta.since,
      upTo: delta.upTo,
      births: delta.births.map((birth) => this.#birth(birth)),
      removed: delta.removed.map(({ clock, removed }) => ({
        clock,
        dot: { replica: this.#author, clock: removed },
      })),
    };
    // Parts of different deltas, put together, may contradict each other.
    if (faultOf(part) !== undefined) return NO_CHANGE;
    let change = NO_CHANGE;
    const waitsForFirstPage = this.#partial && this.#clock === 0;
    if (!waitsForFirstPage && this.joinsOn(delta, this.#clock)) {
      const { added, updated, removed } = this.#set.mergePart(part);
      this.#clock = delta.upTo;
      this.#clockCounter = counter;
      const closed = new Set<number>();
      for (const removal of delta.removed) if (removal.closed) closed.add(removal.removed);
      const gone = [...removed, ...updated.map(({ previous }) => previous)];
      change = pair(
        [...added, ...updated].map(({ value }) => value),
        gone.map(({ dot, value }) => ({ entry: value, closed: closed.has(dot.clock) })),
      );
    }
    const rebuild = this.#rebuild;
    if (rebuild === undefined) return change;
    if (rebuild.first) rebuild.clock = this.#clock;
    else if (rebuild.until !== undefined && this.joinsOn(delta, rebuild.clock)) {
      rebuild.set.mergePart(part);
      rebuild.clock = delta.upTo;
    }
    return join(change, this.#finishRebuild(counter));
  }

  /** Puts the new slice in the place of the old one, if it stands at one clock. */
  #finishRebuild(counter: number): SliceChange {
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
    this.#clockCounter = counter;
    const after = this.entries;
    const added: ReplicatedEntry[] = [];
    const removed: { entry: ReplicatedEntry; closed: boolean }[] = [];
    for (const [clock, entry] of before)
      if (after.get(clock) !== entry) removed.push({ entry, closed: false });
    for (const [clock, entry] of after) if (before.get(clock) !== entry) added.push(entry);
    return pair(added, removed);
  }

  #moveRebuild(rebuild: Rebuild, clock: number, counter: number): void {
    rebuild.clock = clock;
    if (!rebuild.first) return;
    this.#clock = clock;
    this.#clockCounter = counter;
  }

  /** A delta in parts is merged when its last part has come, or not at all. */
  #assemble(message: DeltaMessage, direct: boolean): Assembly | undefined {
    const { since, upTo, part, parts } = message;
    let assembly = direct ? this.#directAssembly : this.#assembly;
    if (part === 1) {
      const { births, removed } = message;
      assembly = { since, upTo, parts, part, births: [...births], removed: [...removed] };
    } else if (
      assembly?.since === since &&
      assembly.upTo === upTo &&
      assembly.parts === parts &&
      assembly.part === part - 1
    ) {
      assembly.part = part;
      for (const birth of message.births) assembly.births.push(birth);
      for (const removal of message.removed) assembly.removed.push(removal);
    } else assembly = undefined;
    const whole = assembly?.part === parts ? assembly : undefined;
    const waiting = whole === undefined ? assembly : undefined;
    if (direct) this.#directAssembly = waiting;
    else this.#assembly = waiting;
    return whole;
  }

  #learnTarget(clock: number, counter: number): void {
    if (counter < this.#targetCounter) return;
    this.#target = clock;
    this.#targetCounter = counter;
  }

  #birth(birth: WireBirth): Birth<ReplicatedEntry> {
    const { clock, topic, key, session, meta } = birth;
    const value = this.heldAs(birth) ?? new ReplicatedEntry(this.#origin, clock, topic, key, session, meta);
    return { clock, value };
  }

  #emptySet(): Orswot<ReplicatedEntry> {
    // Nobody relays another's slice, so no removal has to be remembered here.
    return new Orswot<ReplicatedEntry>(this.#holder, { removalsKept: 0, hash: ReplicatedEntry.hashOf });
  }
}

function join(a: SliceChange, b: SliceChange): SliceChange {
  if (b === NO_CHANGE) return a;
  if (a === NO_CHANGE) return b;
  return {
    added: [...a.added, ...b.added],
    updated: [...a.updated, ...b.updated],
    removed: [...a.removed, ...b.removed],
  };
}

/**
 * Finds the updates: an entry that went and one that came of the same topic, session and key. Seals what
 * came, with the ref of what it replaced.
 */
function pair(
  added: readonly ReplicatedEntry[],
  removed: readonly { entry: ReplicatedEntry; closed: boolean }[],
): SliceChange {
  if (removed.length === 0) {
    for (const entry of added) ReplicatedEntry.seal(entry, undefined);
    return added.length === 0 ? NO_CHANGE : { added, updated: [], removed: [] };
  }
  if (added.length === 0) return { added: [], updated: [], removed };
  const bySession = new Map<string, Set<{ entry: ReplicatedEntry; closed: boolean }>>();
  for (const gone of removed) {
    const ofSession = bySession.get(gone.entry.session);
    if (ofSession === undefined) bySession.set(gone.entry.session, new Set([gone]));
    else ofSession.add(gone);
  }
  const updated: { entry: ReplicatedEntry; previous: ReplicatedEntry }[] = [];
  const joined: ReplicatedEntry[] = [];
  for (const entry of added) {
    const ofSession = bySession.get(entry.session);
    const gone = ofSession === undefined ? undefined : sameIdentity(ofSession, entry);
    ReplicatedEntry.seal(entry, gone?.entry.ref);
    if (gone === undefined) joined.push(entry);
    else {
      ofSession?.delete(gone);
      updated.push({ entry, previous: gone.entry });
    }
  }
  const left: { entry: ReplicatedEntry; closed: boolean }[] = [];
  for (const ofSession of bySession.values()) for (const gone of ofSession) left.push(gone);
  return { added: joined, updated, removed: left };
}

function sameIdentity<T extends { entry: ReplicatedEntry }>(
  candidates: Iterable<T>,
  entry: ReplicatedEntry,
): T | undefined {
  const topic = ReplicatedEntry.topicOf(entry);
  for (const candidate of candidates) {
    if (ReplicatedEntry.isOf(candidate.entry, topic, entry.key, entry.session)) return candidate;
  }
  return undefined;
}
