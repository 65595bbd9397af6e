/**
 * A share on its follower's side: what one author has in the topics that it has opened to this node.
 *
 * It serves one invariant: what is held is exactly what the author had at one clock, in the topics that were open to
 * this node at one version and are followed in the generation in which they were opened. So only a frame that joins on
 * in both numbers is merged, and what is missing is asked for from the place at which the share stands.
 *
 * Knows no time and no pubsub.
 */
import { Digest } from "../../crdt/digest.js";
import { ReplicatedEntry } from "../entry.js";
import type { EntryOrigin } from "../entry.js";
import { NO_CHANGE, pairByIdentity } from "../holding/identity.js";
import type { Gone, SliceChange } from "../holding/identity.js";
import type { WireBirth } from "../message.js";
import { PROTOCOL } from "../rules.js";
import type { Rules } from "../rules.js";
import { NO_LIMIT, OFFER_ONLY } from "./message.js";
import type { Cut, Place, ShareFrame, ShareSummary } from "./message.js";
import { FOLLOWING_PROTOCOL } from "./rules.js";
import type { FollowingProtocol } from "./rules.js";
import { samplesOf } from "./samples.js";

/** The generation in which this node follows a topic, if it does. */
export type GenerationOf = (topic: string) => number | undefined;

interface Opening {
  readonly generation: number;
  /** What is held of the topic: nothing, if the open is ignored. */
  readonly entries: Set<ReplicatedEntry>;
  /** Whether a registrar has named the author since it was opened. */
  isListed: boolean;
  /** What of it is told, where the follow has a limit. */
  readonly cut: Cut | undefined;
}

/** What came of a frame. */
export interface Merged {
  readonly change: SliceChange;
  /** Topics in which the author has nothing any more; and whether a registrar has named it since it had. */
  readonly closed: readonly (readonly [topic: string, isListed: boolean])[];
  /** Topics that it opened in another generation than the present one. */
  readonly ignored: readonly (readonly [topic: string, generation: number])[];
  /** Topics that it opened in the present one. */
  readonly opened: readonly string[];
}

const NO_ENTRIES: ReadonlySet<ReplicatedEntry> = new Set();

export class FollowedShare {
  readonly #origin: EntryOrigin;
  readonly #generationOf: GenerationOf;
  readonly #protocol: FollowingProtocol;
  readonly #rules: Rules;
  readonly #entries = new Map<number, ReplicatedEntry>();
  readonly #opened = new Map<string, Opening>();
  /** Opened topics that are not followed in the generation in which they were opened. */
  readonly #ignored = new Set<string>();
  readonly #digest = new Digest();
  #stream = 0;
  #clock = 0;
  #version = 0;
  /** The furthest place that its author was heard to have reached, in the present stream. */
  #targetClock = 0;
  #targetVersion = 0;
  /** Another stream was heard of. */
  #isAnew = false;
  /** What is held may be wrong, so that only everything helps. */
  #isDoubted = false;

  constructor(
    origin: EntryOrigin,
    generationOf: GenerationOf,
    protocol: FollowingProtocol = FOLLOWING_PROTOCOL,
    rules: Rules = PROTOCOL.rules,
  ) {
    this.#origin = origin;
    this.#generationOf = generationOf;
    this.#protocol = protocol;
    this.#rules = rules;
  }

  get stream(): number {
    return this.#stream;
  }

  get version(): number {
    return this.#version;
  }

  get place(): Place {
    return { stream: this.#stream, clock: this.#clock, version: this.#version };
  }

  /** What is held, by clock, in no promised order. */
  get entries(): ReadonlyMap<number, ReplicatedEntry> {
    return this.#entries;
  }

  /** What is held of a topic. */
  of(topic: string): ReadonlySet<ReplicatedEntry> {
    return this.#opened.get(topic)?.entries ?? NO_ENTRIES;
  }

  get openedCount(): number {
    return this.#opened.size;
  }

  /** The generation in which a topic is open. */
  openedIn(topic: string): number | undefined {
    return this.#opened.get(topic)?.generation;
  }

  /** The limit with which a topic is open, if it is: `NO_LIMIT`, one of a follow's, or `OFFER_ONLY`. */
  limitIn(topic: string): number | undefined {
    const opening = this.#opened.get(topic);
    return opening === undefined ? undefined : (opening.cut?.limit ?? NO_LIMIT);
  }

  /** What is told of an open topic, where its follow has a limit. */
  cutOf(topic: string): Cut | undefined {
    return this.#opened.get(topic)?.cut;
  }

  /** The topics that are open. */
  topics(): IterableIterator<string> {
    return this.#opened.keys();
  }

  /** A registrar names the author: it may have come to the topic anew, after a close that is still under way. */
  listed(topic: string): void {
    const opening = this.#opened.get(topic);
    if (opening !== undefined) opening.isListed = true;
  }

  /** Whether it lacks something that it knows of. */
  get isBehind(): boolean {
    if (this.#isDoubted || this.#isAnew) return true;
    return this.#targetClock > this.#clock || this.#targetVersion > this.#version;
  }

  /** How many events of its author it is known to lack. */
  get lag(): number {
    return Math.max(0, this.#targetClock - this.#clock);
  }

  /** From where the author is to tell what came after: from the beginning, where what is held is doubted. */
  get question(): Place {
    return this.#isDoubted ? { stream: 0, clock: 0, version: 0 } : this.place;
  }

  /**
   * Takes a frame. `gap`: it does not join on, and the author is to be asked; `old`: it says nothing new.
   */
  merge(frame: ShareFrame): Merged | "gap" | "old" {
    const { rules } = this.#protocol;
    const { isWhole, stream, upTo, to } = frame;
    const isSameStream = rules.isSameStream(stream, this.#stream);
    // A later stream is its author's word; what is doubted may have come by a stream that there never was.
    if (!isSameStream && stream < this.#stream && !(isWhole && this.#isDoubted)) return "old";
    if (isSameStream) this.#learn(upTo, to);
    if (isWhole) {
      if (isSameStream && !this.#isDoubted && (upTo < this.#clock || to < this.#version)) return "old";
    } else {
      if (!isSameStream) {
        this.#isAnew = true;
        return "gap";
      }
      if (!rules.joinsOn(frame, { clock: this.#clock, version: this.#version })) return "gap";
      if (upTo <= this.#clock && to <= this.#version) return "old";
    }
    const merged = this.#take(frame);
    if (!isSameStream) {
      this.#stream = stream;
      this.#targetClock = upTo;
      this.#targetVersion = to;
      this.#isAnew = false;
    }
    this.#clock = isWhole ? upTo : Math.max(this.#clock, upTo);
    this.#version = isWhole ? to : Math.max(this.#version, to);
    if (rules.endsDoubt(isWhole)) this.#isDoubted = false;
    return merged;
  }

  /** By how many entries more would be held after a frame: at the most, where it overlaps with what is held. */
  growthBy({ isWhole, births, removals }: ShareFrame): number {
    if (isWhole) return births.length - this.#entries.size;
    let growth = 0;
    for (const { removed } of removals) if (this.#entries.has(removed)) growth -= 1;
    for (const { clock, topic } of births)
      if (!this.#entries.has(clock) && this.#generationOf(topic) !== undefined) growth += 1;
    return growth;
  }

  /** Its author has come so far, as it says beside a frame. */
  hearOf(stream: number, version: number): void {
    if (this.#protocol.rules.isSameStream(stream, this.#stream)) this.#learn(this.#clock, version);
    else if (stream > this.#stream && (version > 0 || this.#opened.size > 0)) this.#isAnew = true;
  }

  /** What it was told may not have been its author's: everything is to come anew. */
  doubt(): void {
    this.#isDoubted = true;
  }

  /**
   * Compares with what the author says of the share, which is its latest word (R1): what differs and is explained by
   * nothing that was lost is a divergence. Whenever they differ, the share is behind afterwards.
   */
  compare(summary: ShareSummary): "equal" | "behind" | "diverged" {
    const { rules } = this.#protocol;
    const { stream, clock, version } = summary;
    if (!rules.isSameStream(stream, this.#stream)) {
      if (stream < this.#stream) return this.#diverges();
      if (version > 0 || this.#opened.size > 0 || this.#entries.size > 0) {
        this.#isAnew = true;
        return "behind";
      }
      // A share to which nothing was ever opened.
      this.#stream = stream;
      this.#isAnew = false;
      this.#clock = clock;
      this.#version = version;
    }
    this.#targetClock = clock;
    this.#targetVersion = version;
    if (clock > this.#clock || version > this.#version || this.#isDoubted) return "behind";
    if (clock < this.#clock || version < this.#version) return this.#diverges();
    if (!rules.isComparable(this.#ignored.size)) return "equal";
    if (rules.agrees(summary, this.#entries.size, this.#digest.value)) return "equal";
    return this.#diverges();
  }

  /** A follow has ended: what was held of its topic is let go. Returns it. */
  letGo(topic: string): readonly ReplicatedEntry[] {
    const opening = this.#opened.get(topic);
    if (opening === undefined) return [];
    const entries = [...opening.entries];
    for (const entry of entries) this.#drop(entry);
    this.#ignored.add(topic);
    return entries;
  }

  #diverges(): "diverged" {
    this.#isDoubted = true;
    return "diverged";
  }

  #learn(clock: number, version: number): void {
    this.#targetClock = Math.max(this.#targetClock, clock);
    this.#targetVersion = Math.max(this.#targetVersion, version);
  }

  #take({ isWhole, since, opens, closes, removals, births }: ShareFrame): Merged {
    const { rules } = this.#protocol;
    const gone: Gone[] = [];
    const dropped = (entry: ReplicatedEntry, isClosed = false, isLimited = false): void => {
      this.#drop(entry);
      gone.push(isLimited ? { entry, closed: false, limited: true } : { entry, closed: isClosed });
    };
    const listed = new Set<number>();
    for (const { clock } of births) listed.add(clock);
    const opening = new Set<string>();
    for (const [topic] of opens) opening.add(topic);
    // First what the removals name: they alone tell how an entry ended.
    for (const removal of removals) {
      const entry = this.#entries.get(removal.removed);
      if (entry !== undefined) dropped(entry, removal.closed);
    }
    const closed: [string, boolean][] = [];
    for (const topic of isWhole ? [...this.#opened.keys()] : closes) {
      if (opening.has(topic)) continue;
      for (const entry of this.of(topic)) dropped(entry);
      const isListed = this.#opened.get(topic)?.isListed;
      if (isListed !== undefined) closed.push([topic, isListed]);
      this.#opened.delete(topic);
      this.#ignored.delete(topic);
    }
    const ignored: [string, number][] = [];
    const opened: string[] = [];
    for (const [topic, generation, cut] of opens) {
      const { entries = new Set<ReplicatedEntry>(), isListed = false } = this.#opened.get(topic) ?? {};
      this.#opened.set(topic, { generation, entries, isListed, cut });
      for (const entry of entries) {
        if (rules.diesByOpen(listed.has(ReplicatedEntry.clockOf(entry))))
          dropped(entry, false, cut !== undefined && isCutOff(entry, cut));
      }
      if (this.#counts(topic)) {
        this.#ignored.delete(topic);
        opened.push(topic);
      } else {
        for (const entry of entries) dropped(entry);
        this.#ignored.add(topic);
        ignored.push([topic, generation]);
      }
    }
    if (!isWhole && since < this.#clock) {
      for (const [clock, entry] of this.#entries) {
        const isOpened = opening.has(ReplicatedEntry.topicOf(entry));
        if (rules.diesByOverlap(clock, since, listed.has(clock), isOpened)) dropped(entry);
      }
    }
    const came: ReplicatedEntry[] = [];
    for (const birth of births) {
      const opened = this.#opened.get(birth.topic);
      if (opened === undefined || !this.#counts(birth.topic)) continue;
      const held = this.#entries.get(birth.clock);
      if (held !== undefined) {
        if (this.#rules.isSameRevision(held, birth)) continue;
        // It was altered on its way, then or now.
        dropped(held);
      }
      came.push(this.#insert(birth, opened.entries));
    }
    const change = came.length === 0 && gone.length === 0 ? NO_CHANGE : pairByIdentity(came, gone);
    return { change, closed, ignored, opened };
  }

  /** Whether what is told of an opened topic counts. */
  #counts(topic: string): boolean {
    const opened = this.#opened.get(topic);
    const { rules } = this.#protocol;
    return opened !== undefined && rules.isOfPresentFollow(opened.generation, this.#generationOf(topic));
  }

  #insert({ clock, topic, key, session, meta }: WireBirth, entries: Set<ReplicatedEntry>): ReplicatedEntry {
    const entry = new ReplicatedEntry(this.#origin, clock, topic, key, session, meta);
    this.#entries.set(clock, entry);
    entries.add(entry);
    this.#digest.add(clock, this.#rules.hashOf(entry));
    return entry;
  }

  #drop(entry: ReplicatedEntry): void {
    const clock = ReplicatedEntry.clockOf(entry);
    this.#entries.delete(clock);
    this.#opened.get(ReplicatedEntry.topicOf(entry))?.entries.delete(entry);
    this.#digest.subtract(clock, this.#rules.hashOf(entry));
  }
}

/** Whether an entry is none of those that are told. */
function isCutOff(entry: ReplicatedEntry, { limit, sample }: Cut): boolean {
  return limit === OFFER_ONLY || samplesOf(entry) < sample;
}
