/**
 * A share on its follower's side: what one author has in the topics that it has opened to this node.
 *
 * It serves one invariant: what is held is exactly what the author had at one clock, in the topics that were open to
 * this node at one version and are followed in the generation in which they were opened; of a topic that is told in stretches,
 * as far as it was told at that version. So only a frame that joins on in both numbers is merged, and what is missing is
 * asked for from the place at which the share stands. What was held before everything came anew is kept beside it.
 *
 * Knows no time and no pubsub.
 */
import { ReplicatedEntry } from "../entry.js";
import type { EntryOrigin } from "../entry.js";
import { NO_CHANGE, pairByIdentity } from "../holding/identity.js";
import type { Gone } from "../holding/identity.js";
import { PROTOCOL } from "../rules.js";
import type { Rules } from "../rules.js";
import { HeldEntries } from "./held-entries.js";
import type { Merged } from "./merged.js";
import { NO_LIMIT } from "./message.js";
import type { Cut, Place, ShareFrame, ShareSummary } from "./message.js";
import { FOLLOWING_PROTOCOL } from "./rules.js";
import type { FollowingProtocol } from "./rules.js";
import { isCutOff } from "./samples.js";
import { SetAside } from "./set-aside.js";

/** The generation in which this node follows a topic, if it does. */
export type GenerationOf = (topic: string) => number | undefined;

export class FollowedShare {
  readonly #origin: EntryOrigin;
  readonly #generationOf: GenerationOf;
  readonly #protocol: FollowingProtocol;
  readonly #rules: Rules;
  readonly #held: HeldEntries;
  /** Opened topics that are not followed in the generation in which they were opened, and that generation. */
  readonly #ignored = new Map<string, number>();
  /** Those of which more is to be told: what was born above the floor is. */
  readonly #floors = new Map<string, number>();
  /** What is told of those that have a limit. */
  readonly #cuts = new Map<string, Cut>();
  /** Those of which a registrar has named the author since it opened them. */
  readonly #listed = new Set<string>();
  /** What was held before its topic was told anew. */
  readonly #setAside = new SetAside();
  /** How often something was set aside. */
  #asides = 0;
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
    this.#held = new HeldEntries(rules.hashOf);
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
    return this.#held.byClock;
  }

  /** How many entries are kept: what is held, and what was before. */
  get weight(): number {
    return this.#held.byClock.size + this.#setAside.size;
  }

  /** What is shown: what is held, and what was before and was not told anew yet; some of it twice, if it changes meanwhile. */
  *shown(): Generator<ReplicatedEntry> {
    let asides;
    do {
      asides = this.#asides;
      // What is told anew meanwhile comes behind all that is held.
      for (const entry of this.#setAside.entries()) if (this.#has(entry)) yield entry;
      for (const entry of this.#held.byClock.values()) if (this.#has(entry)) yield entry;
    } while (asides !== this.#asides);
  }

  /** Whether a topic that is open is told to its end, and shown so. */
  isWhole(topic: string): boolean {
    const { rules } = this.#protocol;
    return rules.isToldWhole(this.#floors.get(topic) ?? 0) && !this.#setAside.has(topic);
  }

  /** Whether more of a topic is to be told, as soon as it is asked for. */
  get isUnfinished(): boolean {
    return this.#floors.size > 0;
  }

  /** Whether there is more to do with what was set aside than one turn should take. */
  get hasWork(): boolean {
    return this.#setAside.hasWork;
  }

  /** Does some of it, with so many entries: returns those that were not told anew, and are let go. */
  work(most: number): Gone[] {
    return this.#setAside.work(most).map((gone) => {
      const { entry } = gone;
      return isCutOff(entry, this.#cuts.get(ReplicatedEntry.topicOf(entry)))
        ? { ...gone, limited: true }
        : gone;
    });
  }

  /** How many entries are held of a topic. */
  sizeOf(topic: string): number {
    return this.#held.sizeOf(topic);
  }

  /** What is held of a topic. */
  of(topic: string): Iterable<ReplicatedEntry> {
    return this.#held.of(topic);
  }

  get openedCount(): number {
    return this.#held.topics.size + this.#ignored.size;
  }

  /** The generation in which a topic is open. */
  openedIn(topic: string): number | undefined {
    return this.#held.topics.has(topic) ? this.#generationOf(topic) : this.#ignored.get(topic);
  }

  /** The limit with which a topic is open, if it is: `NO_LIMIT`, one of a follow's, or `OFFER_ONLY`. */
  limitIn(topic: string): number {
    return this.#cuts.get(topic)?.limit ?? NO_LIMIT;
  }

  /** What is told of an open topic, where its follow has a limit. */
  cutOf(topic: string): Cut | undefined {
    return this.#cuts.get(topic);
  }

  /** The topics that are open. */
  topics(): string[] {
    return [...this.#held.topics.keys(), ...this.#ignored.keys()];
  }

  /** A registrar names the author: it may have come to the topic anew, after a close that is still under way. */
  listed(topic: string): void {
    if (this.openedIn(topic) !== undefined) this.#listed.add(topic);
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
  growthBy(frame: ShareFrame): number {
    const { isWhole, births, removals } = frame;
    if (isWhole && this.#isAllTold(frame)) return births.length - this.weight;
    let growth = 0;
    for (const { removed } of removals) if (this.#held.byClock.has(removed)) growth -= 1;
    for (const { clock, topic } of births)
      if (
        !this.#held.byClock.has(clock) &&
        this.#setAside.get(clock) === undefined &&
        this.#generationOf(topic) !== undefined
      )
        growth += 1;
    return growth;
  }

  #isAllTold({ floors }: ShareFrame): boolean {
    return floors.every(({ floor }) => floor === 0);
  }

  /** Its author has come so far, as it says beside a frame. */
  hearOf(stream: number, version: number): void {
    if (this.#protocol.rules.isSameStream(stream, this.#stream)) this.#learn(this.#clock, version);
    else if (stream > this.#stream && (version > 0 || this.openedCount > 0)) this.#isAnew = true;
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
      if (version > 0 || this.openedCount > 0 || this.#held.byClock.size > 0) {
        this.#isAnew = true;
        return "behind";
      }
      // A share to which nothing was ever opened.
      this.#stream = stream;
      this.#clock = clock;
      this.#version = version;
    }
    this.#isAnew = false;
    this.#targetClock = clock;
    this.#targetVersion = version;
    if (clock > this.#clock || version > this.#version || this.#isDoubted) return "behind";
    if (clock < this.#clock || version < this.#version) return this.#diverges();
    if (!rules.isComparable(this.#ignored.size)) return "equal";
    if (rules.agrees(summary, this.#held.byClock.size, this.#held.digest)) return "equal";
    return this.#diverges();
  }

  /** The follow of a generation has ended: what was held of its topic is let go. Returns it. */
  letGo(topic: string, generation: number): readonly ReplicatedEntry[] {
    if (!this.#held.topics.has(topic)) return [];
    this.#ignored.set(topic, generation);
    this.#floors.delete(topic);
    return [...this.#held.close(topic), ...this.#setAside.takeTopic(topic)];
  }

  #diverges(): "diverged" {
    this.#isDoubted = true;
    return "diverged";
  }

  #learn(clock: number, version: number): void {
    this.#targetClock = Math.max(this.#targetClock, clock);
    this.#targetVersion = Math.max(this.#targetVersion, version);
  }

  #take({ isWhole, since, opens, floors, closes, removals, births, closed: ended }: ShareFrame): Merged {
    const { rules } = this.#protocol;
    const gone: Gone[] = [];
    const dropped = (entry: ReplicatedEntry, isClosed = false, isLimited = false): void => {
      this.#held.drop(entry);
      gone.push(isLimited ? { entry, closed: false, limited: true } : { entry, closed: isClosed });
    };
    if (isWhole && rules.isBesideHeld(this.#held.byClock.size, floors.length, this.#protocol.limits))
      this.#setAllAside();
    const listed = new Set<number>();
    for (const { clock } of births) listed.add(clock);
    const opening = new Set<string>();
    for (const [topic] of opens) opening.add(topic);
    const floorOf = new Map(floors.map((each) => [each.topic, each]));
    // First what the removals name: they alone tell how an entry ended.
    for (const removal of [...removals, ...ended.map((removed) => ({ removed, closed: true }))]) {
      const entry = this.#held.byClock.get(removal.removed);
      if (entry !== undefined) dropped(entry, removal.closed);
      const before = this.#setAside.take(removal.removed);
      if (before !== undefined) gone.push({ entry: before, closed: removal.closed });
    }
    const left = (topic: string): void => {
      for (const entry of this.#held.close(topic)) gone.push({ entry, closed: false });
      for (const entry of this.#setAside.takeTopic(topic)) gone.push({ entry, closed: false });
      this.#floors.delete(topic);
    };
    const closed: [string, boolean][] = [];
    for (const topic of isWhole ? this.topics() : closes) {
      if (opening.has(topic)) continue;
      if (this.openedIn(topic) !== undefined) closed.push([topic, this.#listed.has(topic)]);
      left(topic);
      for (const kept of [this.#ignored, this.#cuts, this.#listed]) kept.delete(topic);
    }
    const ignored: [string, number][] = [];
    const answered: string[] = [];
    for (const [topic, generation, cut] of opens) {
      if (cut === undefined) this.#cuts.delete(topic);
      else this.#cuts.set(topic, cut);
      if (!rules.isOfPresentFollow(generation, this.#generationOf(topic))) {
        left(topic);
        this.#ignored.set(topic, generation);
        ignored.push([topic, generation]);
        continue;
      }
      const floor = floorOf.get(topic)?.floor ?? 0;
      this.#ignored.delete(topic);
      this.#held.open(topic);
      this.#held.sumUp(topic, floor > 0);
      for (const entry of this.#held.of(topic)) {
        const clock = ReplicatedEntry.clockOf(entry);
        if (rules.isSetAside(clock, floor)) {
          this.#held.drop(entry);
          this.#setAside.put(entry);
          this.#asides += 1;
        } else if (rules.diesByOpen(listed.has(clock))) dropped(entry, false, isCutOff(entry, cut));
      }
      answered.push(topic);
      this.#reached(topic, floor);
    }
    for (const { topic, floor, below } of floors) {
      const before = this.#floors.get(topic) ?? 0;
      if (opening.has(topic) || !this.#held.topics.has(topic) || floor > before) continue;
      // Where it was told further than that, what is held there and not listed is dead, as where a frame opens it.
      if (before < below) {
        for (const entry of this.#held.of(topic)) {
          const clock = ReplicatedEntry.clockOf(entry);
          if (clock > floor && clock <= below && rules.diesByOpen(listed.has(clock))) dropped(entry);
        }
      }
      this.#reached(topic, floor);
    }
    if (!isWhole && since < this.#clock) {
      for (const [clock, entry] of this.#held.byClock) {
        const isOpened = opening.has(ReplicatedEntry.topicOf(entry));
        if (rules.diesByOverlap(clock, since, listed.has(clock), isOpened)) dropped(entry);
      }
    }
    const came: ReplicatedEntry[] = [];
    for (const birth of births) {
      if (!this.#held.topics.has(birth.topic)) continue;
      const held = this.#held.byClock.get(birth.clock);
      if (held !== undefined) {
        if (this.#rules.isSameRevision(held, birth)) continue;
        // It was altered on its way, then or now.
        dropped(held);
      }
      const before = this.#setAside.take(birth.clock);
      if (before !== undefined && this.#rules.isSameRevision(before, birth)) {
        this.#held.hold(before);
        continue;
      }
      if (before !== undefined) gone.push({ entry: before, closed: false });
      const { clock, topic, key, session, meta } = birth;
      const entry = new ReplicatedEntry(this.#origin, clock, topic, key, session, meta);
      this.#held.hold(entry);
      came.push(entry);
    }
    for (const entry of this.#takeEarlier(came)) gone.push({ entry, closed: false });
    const change = came.length === 0 && gone.length === 0 ? NO_CHANGE : pairByIdentity(came, gone);
    return { change, closed, ignored, opened: answered };
  }

  /** Takes from what was set aside those of which entries are later revisions. */
  *#takeEarlier(came: readonly ReplicatedEntry[]): Generator<ReplicatedEntry> {
    if (this.#setAside.size === 0) return;
    const byTopic = new Map<string, ReplicatedEntry[]>();
    for (const entry of came) {
      const topic = ReplicatedEntry.topicOf(entry);
      const others = byTopic.get(topic);
      if (others === undefined) byTopic.set(topic, [entry]);
      else others.push(entry);
    }
    for (const [topic, entries] of byTopic) yield* this.#setAside.takeLike(topic, entries);
  }

  /** All that is held is told anew, in stretches, or there is too much of it to be let go in one turn. */
  #setAllAside(): void {
    const { byClock, topics } = this.#held.takeAll();
    this.#setAside.putAll(byClock, topics);
    this.#asides += 1;
  }

  #has(entry: ReplicatedEntry): boolean {
    const clock = ReplicatedEntry.clockOf(entry);
    return this.#held.byClock.get(clock) === entry || this.#setAside.get(clock) === entry;
  }

  /** A followed topic is told down to a floor. */
  #reached(topic: string, floor: number): void {
    if (floor > 0) {
      this.#floors.set(topic, floor);
      this.#setAside.goOn(topic);
      return;
    }
    this.#floors.delete(topic);
    this.#setAside.end(topic);
    // Of a small one the digest is not worth its place.
    if (this.#held.sizeOf(topic) <= this.#protocol.limits.stretchBirths) this.#held.sumUp(topic, false);
  }
}
