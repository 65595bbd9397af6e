/**
 * A share on its author's side: what this node has in the topics that are open to one follower. It keeps which topics
 * are open, in which generation and since which version; what has changed there since the last frame; and the count and
 * digest of what the share holds. Every place and summary speaks of the last frame.
 *
 * A change costs one step per share, and a frame what has changed: nothing is searched but for an answer to a follower
 * that stands elsewhere. A topic that is large is told in stretches, each with an answer to the follower. Knows no time and no
 * pubsub.
 */
import { Digest } from "../../crdt/digest.js";
import { ReplicatedEntry } from "../entry.js";
import type { WireRemoval } from "../message.js";
import type { CutShare } from "./cut-topic.js";
import { NO_LIMIT } from "./message.js";
import type { Open, Place, ShareFrame, ShareSummary } from "./message.js";
import { OpenLog } from "./open-log.js";
import { OpenTopics } from "./open-topics.js";
import type { OwnEntries, OwnRemoval } from "./own-entries.js";
import { PendingChanges } from "./pending-changes.js";
import { FOLLOWING_PROTOCOL, type FollowingProtocol } from "./rules.js";
import { birthOf, contentOf, inOrder, latestBirths, type Content } from "./share-content.js";
import { Stretches } from "./stretches.js";
import { ToldPlace } from "./told-place.js";

export class AuthoredShare implements CutShare {
  readonly stream: number;
  readonly #own: OwnEntries;
  readonly #protocol: FollowingProtocol;
  readonly #hasNews: () => void;
  readonly #open: OpenTopics;
  /** When they were opened, and others closed. */
  readonly #log: OpenLog;
  /** Those that are told in stretches. */
  readonly #stretches: Stretches;
  #version = 0;
  #count = 0;
  readonly #digest = new Digest();
  /** As of the last frame. */
  readonly #told: ToldPlace;

  // Since the last frame.
  readonly #changes = new PendingChanges();
  readonly #opens = new Set<string>();
  readonly #closes = new Set<string>();
  #isPending = false;
  #isToldInPart = false;
  /** Topics of which another sample may be due. */
  readonly #uneven = new Set<string>();

  /** @param hasNews is called when there is something for a next frame. */
  constructor(
    own: OwnEntries,
    stream: number,
    hasNews: () => void,
    protocol: FollowingProtocol = FOLLOWING_PROTOCOL,
  ) {
    this.#own = own;
    this.stream = stream;
    this.#hasNews = hasNews;
    this.#protocol = protocol;
    this.#open = new OpenTopics(own, this, protocol.rules);
    this.#log = new OpenLog(protocol.limits.closesKept);
    this.#stretches = new Stretches(own);
    this.#told = new ToldPlace(stream);
  }

  /** How many opens and closes it has had. */
  get version(): number {
    return this.#version;
  }

  /** Whether something has changed since the last frame. */
  get isPending(): boolean {
    return this.#isPending;
  }

  /** Whether a topic was opened since then: the follower waits for it. */
  get isAwaited(): boolean {
    return this.#opens.size > 0;
  }

  /** Whether the last frame told a portion of what had changed: the rest of it waits for nothing. */
  get isToldInPart(): boolean {
    return this.#isToldInPart;
  }

  /** Whether the follower has something to show of what has changed since then: a close tells of an empty topic. */
  get isNews(): boolean {
    return this.isAwaited || this.#changes.size > 0;
  }

  /** Where the follower stands, if it has heard everything, and what it has then. */
  get summary(): ShareSummary {
    return this.#told.summary;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** The topics that are open, and the generation in which each is; where its follow has a limit, with what is told. */
  opened(): Iterable<Open> {
    return this.#open.wire();
  }

  generationOf(topic: string): number | undefined {
    return this.#open.generationOf(topic);
  }

  /**
   * Counts a topic to the share, in a generation of the follower's; anew, if it was open in an earlier one. What else is told
   * of the topic within a generation only a wish of the follower's can say.
   */
  open(topic: string, generation: number, limit = NO_LIMIT, isWish = false): void {
    const before = this.#open.generationOf(topic);
    if (before !== undefined) {
      // Of a later one somebody else may have told.
      if (before > generation && !isWish) return;
      const isOther = this.#protocol.rules.isOpenedOtherwise(
        isWish,
        this.#open.cutOf(topic)?.limit ?? NO_LIMIT,
        limit,
      );
      if (before === generation && !isOther) return;
      this.#letGo(topic);
    }
    this.#begin(topic, generation, limit);
  }

  offerAnew(topic: string): void {
    if (this.#open.generationOf(topic) !== undefined) this.#opened(topic);
  }

  uneven(topic: string): void {
    this.#uneven.add(topic);
    this.#change();
  }

  /** The topic counts to it no longer. */
  close(topic: string): void {
    if (this.#open.generationOf(topic) === undefined) return;
    this.#letGo(topic);
    this.#version += 1;
    this.#opens.delete(topic);
    this.#closes.add(topic);
    this.#log.closed(topic, this.#version);
    this.#change();
  }

  /** The follower is forgotten: nothing is told to it any more. */
  end(): void {
    this.#stretches.clear();
    this.#open.endAll();
    this.#uneven.clear();
  }

  born(entry: ReplicatedEntry, hash: number): void {
    const topic = topicOf(entry);
    const clock = ReplicatedEntry.clockOf(entry);
    if (!this.#opens.has(topic)) {
      this.#count += 1;
      this.#digest.add(clock, hash);
      this.#stretches.get(topic)?.include(clock, hash);
    }
    this.#changes.born(entry);
    this.#change();
  }

  removed(removal: OwnRemoval, hash: number): void {
    const { topic, removed } = removal;
    const stretch = this.#stretches.get(topic);
    if (!this.#opens.has(topic) && removed > (stretch?.floor ?? 0)) {
      this.#count -= 1;
      this.#digest.subtract(removed, hash);
      stretch?.exclude(removed, hash);
    }
    this.#changes.removed(removal, hash);
    this.#change();
  }

  /** The follower stands at a place: what it has heard is not told again. */
  stands({ stream, version }: Place): void {
    if (!this.#protocol.rules.isSameStream(stream, this.stream)) return;
    this.#stretches.heard(version);
    this.#log.forget(Math.min(version, this.#told.summary.version));
  }

  /** The frame of what has changed since the last one. `isAsked`: what is told in stretches goes on. */
  next(isAsked = false): ShareFrame {
    this.#even();
    const { clock, version } = this.#told.summary;
    if (version === 0) return this.#everything(true);
    const most = this.#protocol.rules.changesAtOnce(this.#protocol.limits);
    // What is opened is told as it is now, so no portion has any.
    if (this.#changes.size > most && version === this.#version) return this.#portion(most);
    const content = this.#news(clock, version);
    if (isAsked) this.#tellOn(content);
    return this.#frame(false, clock, version, content);
  }

  /** What a follower lacks that stands at a place; `undefined` if nothing. */
  answer({ stream, clock, version }: Place): ShareFrame | undefined {
    this.#even();
    const told = this.#told.summary;
    const isOwn = this.#protocol.rules.isSameStream(stream, this.stream);
    if (isOwn && clock === told.clock && version === told.version)
      return this.#isPending || this.#stretches.areOpen ? this.next(true) : undefined;
    // At version 0 nothing was open, whatever the clock.
    if (!isOwn || version === 0 || clock > told.clock || version > told.version) return this.#everything();
    const content = this.#since(clock, version);
    return content === undefined ? this.#everything() : this.#frame(false, clock, version, content);
  }

  #frame(isWhole: boolean, since: number, from: number, content: Content): ShareFrame {
    const { stream } = this;
    const { opens, floors, closes, removals, births, closed } = content;
    this.#told.tellAll(this.#own.clock, this.#version, this.#count, this.#digest);
    this.#isToldInPart = false;
    this.#changes.clear();
    this.#opens.clear();
    this.#closes.clear();
    this.#isPending = false;
    return {
      ...{ stream, isWhole, since, upTo: this.#told.summary.clock, from, to: this.#version },
      ...{ opens, floors, closes, removals, births: inOrder(births), closed },
    };
  }

  /** The share moves on to the clock of the last of so many changes. Tells all of them, and leaves the others. */
  #portion(most: number): ShareFrame {
    const { stream, clock: since, version } = this.#told.summary;
    const isSummedUp = ({ topic, removed }: OwnRemoval): boolean =>
      removed > (this.#stretches.get(topic)?.floor ?? 0);
    const { births, removals } = this.#told.tellPortion(this.#changes.take(most), isSummedUp);
    this.#isToldInPart = true;
    return {
      ...{ stream, isWhole: false, since, upTo: this.#told.summary.clock, from: version, to: version },
      ...{ opens: [], floors: [], closes: [], removals: removals.map((each) => this.#removalOf(each)) },
      ...{ births: births.map(birthOf), closed: [] },
    };
  }

  /** The usual case: what was noted since the last frame. */
  #news(since: number, from: number): Content {
    const closes = [...this.#closes].filter((topic) => this.#open.generationOf(topic) === undefined);
    const removals = this.#changes.removals
      .filter((removal) => this.#isToBeTold(removal, since, from))
      .map((removal) => this.#removalOf(removal));
    const content = contentOf({ closes, removals, closed: [] }, this.#room);
    for (const topic of this.#opens) this.#tellOpen(topic, content);
    for (const entry of this.#changes.births)
      if (this.#wasOpen(topicOf(entry), from) && this.#own.of(topicOf(entry)).has(entry))
        content.births.push(birthOf(entry));
    return content;
  }

  /**
   * The same for a follower that stands further back; `undefined` where what is kept does not reach back, or that is more
   * than to begin anew.
   */
  #since(since: number, from: number): Content | undefined {
    const changes = from < this.#log.reach ? undefined : this.#own.since(since);
    if (changes === undefined) return undefined;
    const closes = this.#log.closedSince(from);
    const removals = changes.removals.filter((removal) => this.#isToBeTold(removal, since, from));
    const closed = this.#own
      .closedSince(since)
      .filter(({ topic, removed }) => removed > since && this.#wasOpen(topic, from));
    const content = contentOf({ closes, removals, closed: latestBirths(closed) }, this.#room);
    const { births } = content;
    for (const entry of changes.births) {
      const topic = topicOf(entry);
      const floor = this.#wasOpen(topic, from) ? this.#stretches.floorAt(topic, from) : Infinity;
      if (floor === undefined) return undefined;
      if (ReplicatedEntry.clockOf(entry) > floor && this.#open.cutOf(topic)?.has(entry) !== false)
        births.push(birthOf(entry));
    }
    for (const { topic, floor, below, entries } of this.#stretches.since(from)) {
      if (!this.#wasOpen(topic, from)) continue;
      if (entries === undefined) return undefined;
      content.floors.push({ topic, floor, below });
      for (const entry of entries) births.push(birthOf(entry));
    }
    for (const topic of this.#log.openedSince(from)) {
      if (this.#opens.has(topic)) this.#tellOpen(topic, content);
      else this.#tellAgain(topic, content);
      if (!this.#protocol.rules.isTold(births.length + removals.length, this.#protocol.limits))
        return undefined;
    }
    return this.#protocol.rules.isTold(births.length + removals.length, this.#protocol.limits)
      ? content
      : undefined;
  }

  /** A whole frame: all topics are open anew. */
  #everything(isFirst = false): ShareFrame {
    // A follower that had nothing yet lists nobody who has closed.
    const ended = isFirst
      ? []
      : this.#own.closedSince(0).filter(({ topic }) => this.#open.generationOf(topic) !== undefined);
    const content = contentOf({ closes: [], removals: [], closed: latestBirths(ended) }, this.#room);
    let size = 0;
    for (const topic of this.#open.topics()) size += this.#open.sizeOf(topic);
    // What is told in part, or was and may be lost, is told from its beginning: at another version, as one place is one content.
    if (size > content.room || !this.#stretches.areHeard) {
      this.#version += 1;
      this.#log.forget(this.#version);
    }
    this.#stretches.clear();
    this.#count = 0;
    this.#digest.assume(new Digest());
    for (const topic of this.#open.topics()) this.#tellOpen(topic, content);
    return this.#frame(true, 0, 0, content);
  }

  get #room(): number {
    return this.#protocol.rules.stretchBirths(this.#protocol.limits);
  }

  /** Tells a topic for the first time: all of it, or as much as there is room for, from its latest births down. */
  #tellOpen(topic: string, content: Content): void {
    const open = this.#open.wireOf(topic);
    if (open === undefined) return;
    content.opens.push(open);
    const size = this.#open.sizeOf(topic);
    // What counts of a follow with a limit is never so much that it needs stretches.
    if (size > content.room && this.#open.cutOf(topic) === undefined) {
      this.#stretches.begin(topic, this.#own.clock, this.#version);
      this.#tellStretch(topic, content);
      return;
    }
    for (const entry of this.#open.entriesOf(topic)) content.births.push(birthOf(entry));
    content.room = Math.max(0, content.room - size);
    this.#count += size;
    this.#digest.addAll(this.#open.digestOf(topic));
  }

  /** What a frame has told of a topic that it opened, which was lost. */
  #tellAgain(topic: string, content: Content): void {
    const open = this.#open.wireOf(topic);
    if (open === undefined) return;
    content.opens.push(open);
    const floor = this.#stretches.get(topic)?.floor ?? 0;
    if (floor > 0) content.floors.push({ topic, floor, below: 0 });
    for (const entry of this.#open.entriesOf(topic))
      if (ReplicatedEntry.clockOf(entry) > floor) content.births.push(birthOf(entry));
  }

  /** Goes on with what is told in stretches, which is another version of the share. */
  #tellOn(content: Content): void {
    if (!this.#stretches.areOpen || content.room === 0) return;
    const began = new Set(content.opens.map(([topic]) => topic));
    this.#version += 1;
    for (const topic of this.#stretches.open()) {
      if (content.room === 0) break;
      if (!began.has(topic)) this.#tellStretch(topic, content);
    }
  }

  #tellStretch(topic: string, content: Content): void {
    const stretch = this.#stretches.next(topic, content.room, this.#version);
    if (stretch === undefined) return;
    const { entries, floor, below, sum } = stretch;
    content.floors.push({ topic, floor, below });
    for (const entry of entries) content.births.push(birthOf(entry));
    content.room -= entries.length;
    this.#count += entries.length;
    this.#digest.addAll(sum);
  }

  /** Whether a topic is open and was so at a version: then its changes are told, and not all of it. */
  #wasOpen(topic: string, version: number): boolean {
    return (
      this.#open.generationOf(topic) !== undefined &&
      !this.#opens.has(topic) &&
      this.#log.wasOpen(topic, version)
    );
  }

  #isToBeTold({ topic, removed }: OwnRemoval, since: number, from: number): boolean {
    return removed <= since && this.#wasOpen(topic, from) && this.#open.cutOf(topic)?.isOffer !== true;
  }

  /** Whether a session closed may have turned out later: when the entry ended, in a later revision. */
  #removalOf(removal: OwnRemoval): WireRemoval {
    return { ...removal, closed: this.#own.isClosed(removal.clock) };
  }

  #begin(topic: string, generation: number, limit: number): void {
    this.#open.begin(topic, generation, limit);
    this.#opened(topic);
  }

  /** All that counts of a topic is told with the next frame. */
  #opened(topic: string): void {
    this.#version += 1;
    this.#log.opened(topic, this.#version);
    this.#opens.add(topic);
    this.#change();
  }

  /** A topic is not open any more, and what was told of it is not summed up. */
  #letGo(topic: string): void {
    const stretch = this.#stretches.get(topic);
    if (stretch !== undefined) {
      this.#count -= stretch.count;
      this.#digest.subtractAll(stretch.digest);
      this.#stretches.end(topic);
    } else if (!this.#opens.has(topic)) {
      this.#count -= this.#open.sizeOf(topic);
      this.#digest.subtractAll(this.#open.digestOf(topic));
    }
    this.#uneven.delete(topic);
    this.#open.end(topic);
  }

  /** Opens anew what another sample is to be told of: with the frame, as an entry that is updated is none and one again. */
  #even(): void {
    for (const topic of this.#uneven) {
      this.#uneven.delete(topic);
      const generation = this.#open.generationOf(topic);
      const cut = this.#open.cutOf(topic);
      if (generation === undefined || cut?.isUneven !== true) continue;
      this.#letGo(topic);
      this.#begin(topic, generation, cut.limit);
    }
  }

  #change(): void {
    this.#isPending = true;
    this.#hasNews();
  }
}

function topicOf(entry: ReplicatedEntry): string {
  return ReplicatedEntry.topicOf(entry);
}
