/**
 * A share on its author's side: what this node has in the topics that are open to one follower. It keeps which topics
 * are open, in which generation and since which version; what has changed there since the last frame; and the count and
 * digest of what the share holds. Every place and summary speaks of the last frame.
 *
 * A change costs one step per share, and a frame what has changed: nothing is searched but for an answer to a follower
 * that stands elsewhere. Knows no time and no pubsub.
 */
import { Digest } from "../../crdt/digest.js";
import { ReplicatedEntry } from "../entry.js";
import type { WireBirth, WireRemoval } from "../message.js";
import { CutTopic } from "./cut-topic.js";
import type { CutShare } from "./cut-topic.js";
import { NO_LIMIT } from "./message.js";
import type { Open as WireOpen, Place, ShareFrame, ShareSummary } from "./message.js";
import type { OwnEntries, OwnRemoval } from "./own-entries.js";
import { FOLLOWING_PROTOCOL } from "./rules.js";
import type { FollowingProtocol } from "./rules.js";

interface Open {
  readonly generation: number;
  /** The version of the share that opened it. */
  readonly version: number;
  /** What is told of it, where the follow has a limit. */
  readonly cut: CutTopic | undefined;
}

/** What a frame tells of, beside the range that it covers. */
type Content = Pick<ShareFrame, "opens" | "closes" | "removals" | "births">;

export class AuthoredShare implements CutShare {
  readonly stream: number;
  readonly #own: OwnEntries;
  readonly #protocol: FollowingProtocol;
  readonly #hasNews: () => void;
  readonly #open = new Map<string, Open>();
  /** The latest version at which a topic was closed, of those that are not open, oldest first. */
  readonly #closed = new Map<string, number>();
  /** Closes up to this version may be forgotten. */
  #closesReach = 0;
  #version = 0;
  #count = 0;
  readonly #digest = new Digest();
  /** As of the last frame. */
  #told: ShareSummary;

  // Since the last frame.
  readonly #births = new Set<ReplicatedEntry>();
  #removals: OwnRemoval[] = [];
  readonly #opens = new Set<string>();
  readonly #closes = new Set<string>();
  #isPending = false;
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
    this.#told = { stream, clock: 0, version: 0, count: 0, digest: 0 };
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

  /** Whether the follower has something to show of what has changed since then: a close tells of an empty topic. */
  get isNews(): boolean {
    return this.isAwaited || this.#births.size > 0 || this.#removals.length > 0;
  }

  /** Where the follower stands, if it has heard everything, and what it has then. */
  get summary(): ShareSummary {
    return this.#told;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** The topics that are open, and the generation in which each is; where its follow has a limit, with what is told. */
  *opened(): Generator<WireOpen> {
    for (const topic of this.#open.keys()) yield this.#wireOpen(topic);
  }

  generationOf(topic: string): number | undefined {
    return this.#open.get(topic)?.generation;
  }

  /**
   * Counts a topic to the share, in a generation of the follower's; anew, if it was open in an earlier one. What else is told
   * of the topic within a generation only a wish of the follower's can say.
   */
  open(topic: string, generation: number, limit = NO_LIMIT, isWish = false): void {
    const before = this.#open.get(topic);
    if (before !== undefined) {
      if (before.generation > generation) return;
      const isOther = this.#protocol.rules.isOpenedOtherwise(isWish, limitOf(before), limit);
      if (before.generation === generation && !isOther) return;
      this.#letGo(topic, before);
    }
    this.#begin(topic, generation, limit);
  }

  offerAnew(topic: string): void {
    const open = this.#open.get(topic);
    if (open === undefined) return;
    this.#version += 1;
    this.#open.set(topic, { ...open, version: this.#version });
    this.#opens.add(topic);
    this.#change();
  }

  uneven(topic: string): void {
    this.#uneven.add(topic);
  }

  /** The topic counts to it no longer. */
  close(topic: string): void {
    const open = this.#open.get(topic);
    if (open === undefined) return;
    this.#letGo(topic, open);
    this.#version += 1;
    this.#open.delete(topic);
    this.#opens.delete(topic);
    this.#closes.add(topic);
    this.#closed.set(topic, this.#version);
    if (this.#closed.size > this.#protocol.limits.closesKept) {
      for (const [oldest, version] of this.#closed) {
        this.#closed.delete(oldest);
        this.#closesReach = version;
        break;
      }
    }
    this.#change();
  }

  /** The follower is forgotten: nothing is told to it any more. */
  end(): void {
    for (const [topic, open] of this.#open) this.#unwatch(topic, open);
    this.#open.clear();
    this.#uneven.clear();
  }

  born(entry: ReplicatedEntry, hash: number): void {
    this.#include(entry, hash);
    this.#births.add(entry);
    this.#change();
  }

  removed(removal: OwnRemoval, hash: number): void {
    this.#count -= 1;
    this.#digest.subtract(removal.removed, hash);
    this.#removals.push(removal);
    this.#change();
  }

  /** The frame of what has changed since the last one. */
  next(): ShareFrame {
    this.#even();
    const { clock, version } = this.#told;
    const isFirst = version === 0;
    return this.#frame(isFirst, clock, version, isFirst ? this.#everything() : this.#news(clock, version));
  }

  /** What a follower lacks that stands at a place; `undefined` if nothing. */
  answer({ stream, clock, version }: Place): ShareFrame | undefined {
    this.#even();
    const told = this.#told;
    const isOwn = this.#protocol.rules.isSameStream(stream, this.stream);
    if (isOwn && clock === told.clock && version === told.version)
      return this.#isPending ? this.next() : undefined;
    // At version 0 nothing was open, whatever the clock.
    if (!isOwn || version === 0 || clock > told.clock || version > told.version) {
      return this.#frame(true, 0, 0, this.#everything());
    }
    const content = this.#since(clock, version);
    return content === undefined
      ? this.#frame(true, 0, 0, this.#everything())
      : this.#frame(false, clock, version, content);
  }

  #frame(isWhole: boolean, since: number, from: number, content: Content): ShareFrame {
    const { stream } = this;
    this.#told = {
      stream,
      clock: this.#own.clock,
      version: this.#version,
      count: this.#count,
      digest: this.#digest.value,
    };
    this.#births.clear();
    this.#removals = [];
    this.#opens.clear();
    this.#closes.clear();
    this.#isPending = false;
    return { stream, isWhole, since, upTo: this.#told.clock, from, to: this.#version, ...content };
  }

  /** The usual case: what was noted since the last frame. */
  #news(since: number, from: number): Content {
    const opens: WireOpen[] = [];
    const births: WireBirth[] = [];
    for (const topic of this.#opens) this.#tellOpen(topic, opens, births);
    for (const entry of this.#births)
      if (this.#wasOpen(topicOf(entry), from) && this.#isHere(entry)) births.push(birthOf(entry));
    const removals = this.#removals
      .filter((removal) => this.#isToBeTold(removal, since, from))
      .map((removal) => this.#removalOf(removal));
    return {
      opens,
      closes: [...this.#closes].filter((topic) => !this.#open.has(topic)),
      removals,
      births: inOrder(births),
    };
  }

  /** The same for a follower that stands further back; `undefined` where what is kept does not reach back. */
  #since(since: number, from: number): Content | undefined {
    const changes = from < this.#closesReach ? undefined : this.#own.since(since);
    if (changes === undefined) return undefined;
    const opens: WireOpen[] = [];
    const births: WireBirth[] = [];
    for (const [topic, { version }] of this.#open) if (version > from) this.#tellOpen(topic, opens, births);
    for (const entry of changes.births) {
      const topic = topicOf(entry);
      if (this.#wasOpen(topic, from) && this.#counts(topic, entry)) births.push(birthOf(entry));
    }
    const closes: string[] = [];
    for (const [topic, version] of this.#closed) if (version > from) closes.push(topic);
    const removals = changes.removals
      .filter((removal) => this.#isToBeTold(removal, since, from))
      .map(wireRemoval);
    return { opens, closes, removals, births: inOrder(births) };
  }

  #everything(): Content {
    const opens: WireOpen[] = [];
    const births: WireBirth[] = [];
    for (const topic of this.#open.keys()) this.#tellOpen(topic, opens, births);
    return { opens, closes: [], removals: [], births: inOrder(births) };
  }

  #tellOpen(topic: string, opens: WireOpen[], births: WireBirth[]): void {
    const open = this.#open.get(topic);
    if (open === undefined) return;
    opens.push(this.#wireOpen(topic));
    for (const entry of this.#entriesOf(topic, open)) births.push(birthOf(entry));
  }

  #wireOpen(topic: string): WireOpen {
    const { generation = 0, cut } = this.#open.get(topic) ?? {};
    return cut === undefined ? [topic, generation] : [topic, generation, cut.told];
  }

  /** What counts of an open topic. */
  #entriesOf(topic: string, { cut }: Open): Iterable<ReplicatedEntry> {
    return cut?.of() ?? this.#own.of(topic);
  }

  #counts(topic: string, entry: ReplicatedEntry): boolean {
    return this.#open.get(topic)?.cut?.has(entry) !== false;
  }

  /** Whether a topic is open and was so at a version: then its changes are told, and not all of it. */
  #wasOpen(topic: string, version: number): boolean {
    return (this.#open.get(topic)?.version ?? Infinity) <= version;
  }

  #isToBeTold({ topic, removed }: OwnRemoval, since: number, from: number): boolean {
    if (removed > since || !this.#wasOpen(topic, from)) return false;
    return this.#open.get(topic)?.cut?.isOffer !== true;
  }

  #isHere(entry: ReplicatedEntry): boolean {
    return this.#own.of(topicOf(entry)).has(entry);
  }

  /** Whether a session closed may have turned out later: when the entry ended, in a later revision. */
  #removalOf({ clock, removed }: OwnRemoval): WireRemoval {
    return { clock, removed, closed: this.#own.isClosed(clock) };
  }

  #include(entry: ReplicatedEntry, hash: number): void {
    this.#count += 1;
    this.#digest.add(ReplicatedEntry.clockOf(entry), hash);
  }

  #begin(topic: string, generation: number, limit: number): void {
    this.#version += 1;
    const { rules } = this.#protocol;
    const cut = limit === NO_LIMIT ? undefined : new CutTopic(topic, limit, this.#own, this, rules);
    const open = { generation, version: this.#version, cut };
    this.#open.set(topic, open);
    this.#opens.add(topic);
    this.#closed.delete(topic);
    for (const entry of this.#entriesOf(topic, open)) this.#include(entry, ReplicatedEntry.hashOf(entry));
    if (cut === undefined) this.#own.watch(topic, this);
    this.#change();
  }

  #letGo(topic: string, open: Open): void {
    this.#uneven.delete(topic);
    for (const entry of this.#entriesOf(topic, open)) {
      this.#count -= 1;
      this.#digest.subtract(ReplicatedEntry.clockOf(entry), ReplicatedEntry.hashOf(entry));
    }
    this.#unwatch(topic, open);
  }

  #unwatch(topic: string, { cut }: Open): void {
    if (cut === undefined) this.#own.unwatch(topic, this);
    else cut.end();
  }

  /** Opens anew what another sample is to be told of: with the frame, as an entry that is updated is none and one again. */
  #even(): void {
    for (const topic of this.#uneven) {
      this.#uneven.delete(topic);
      const open = this.#open.get(topic);
      if (open?.cut?.isUneven !== true) continue;
      this.#letGo(topic, open);
      this.#begin(topic, open.generation, open.cut.limit);
    }
  }

  #change(): void {
    this.#isPending = true;
    this.#hasNews();
  }
}

function limitOf({ cut }: Open): number {
  return cut?.limit ?? NO_LIMIT;
}

function topicOf(entry: ReplicatedEntry): string {
  return ReplicatedEntry.topicOf(entry);
}

function birthOf(entry: ReplicatedEntry): WireBirth {
  const { key, session, meta } = entry;
  return { clock: ReplicatedEntry.clockOf(entry), topic: topicOf(entry), key, session, meta };
}

function wireRemoval({ clock, removed, closed }: OwnRemoval): WireRemoval {
  return { clock, removed, closed };
}

/** By ascending clock, as births travel. */
function inOrder(births: WireBirth[]): WireBirth[] {
  return births.sort((one, other) => one.clock - other.clock);
}
