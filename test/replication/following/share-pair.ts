/**
 * An author, a follower and what is under way between them, step by step; and beside them the author's history, so that
 * what is held can be held against it: exactly what the author had at one clock, in the topics that were open at one
 * version and are followed in the generation in which they were opened.
 */
import { ReplicatedEntry } from "../../../src/replication/entry.js";
import { identityText } from "../../../src/replication/holding/identity.js";
import type { Gone } from "../../../src/replication/holding/identity.js";
import { refPrefixOf } from "../../../src/replication/life.js";
import { NO_LIMIT, OFFER_ONLY } from "../../../src/replication/following/message.js";
import type { Place, ShareFrame, ShareSummary } from "../../../src/replication/following/message.js";
import { OwnEntries } from "../../../src/replication/following/own-entries.js";
import { samplesOf } from "../../../src/replication/following/samples.js";
import { FOLLOWING_PROTOCOL } from "../../../src/replication/following/rules.js";
import type { FollowingProtocol } from "../../../src/replication/following/rules.js";
import { AuthoredShare } from "../../../src/replication/following/share-author.js";
import { FollowedShare } from "../../../src/replication/following/share-follower.js";
import { ShareHistory } from "./share-history.js";

const AUTHOR = { name: "a", incarnation: "00000000000001" };
const TOPICS = ["t", "__proto__", "u"];
const LIMITS = [NO_LIMIT, OFFER_ONLY, 1, 2];

type ToFollower = {
  readonly counter: number;
  readonly share?: ShareFrame;
  readonly summary?: ShareSummary;
};

const doings = [
  ...(["track", "track", "track", "update", "untrack", "untrack", "follow", "unfollow"] as const),
  ...([
    "wish",
    "wish",
    "hint",
    "close",
    "send",
    "send",
    "summarize",
    "ask",
    "ask",
    "answer",
    "answer",
  ] as const),
  ...(["deliver", "deliver", "deliver", "deliver", "lose", "author forgets", "follower forgets"] as const),
];

/** The same where follows have limits, with more entries, so that limits and offers leave some away. */
const limitedDoings = [
  ...doings,
  ...(["limit", "limit", "track", "track", "track", "track", "catch up", "catch up", "catch up"] as const),
];

export interface Doing {
  readonly what: (typeof limitedDoings)[number];
  readonly which: number;
}

export const anyDoing = { doings, most: 11 };
export const anyLimitedDoing = { doings: limitedDoings, most: 35 };

export class SharePair {
  readonly #protocol: FollowingProtocol;
  readonly #own: OwnEntries;
  #authored: AuthoredShare;
  #followed: FollowedShare;
  readonly #history = new ShareHistory();
  readonly #follows = new Map<string, number>();
  /** The latest generation of each topic that was ever followed. */
  readonly #wished = new Map<string, number>();
  #generations = 0;
  #streams = 1;
  #metas = 0;
  /** What is open in the present share, as the history knows it. */
  readonly #opened = new Map<string, string>();
  /** The live entries, by slot: a model that is a map. */
  readonly #live = new Map<number, ReplicatedEntry>();
  #toFollower: ToFollower[] = [];
  #toAuthor: Place[] = [];
  #counter = 0;
  #heardCounter = 0;
  /** What an oracle has found. */
  readonly wrong: string[] = [];

  constructor(protocol: FollowingProtocol = FOLLOWING_PROTOCOL) {
    this.#protocol = protocol;
    const owner = { ...AUTHOR, departure: undefined };
    this.#own = new OwnEntries(owner, AUTHOR, protocol);
    this.#authored = this.#makeAuthored();
    this.#followed = this.#makeFollowed();
  }

  do({ what, which }: Doing): void {
    const topic = TOPICS[which % TOPICS.length] ?? "";
    const entry = this.#live.get(which);
    switch (what) {
      case "track":
        if (entry === undefined)
          this.#born(which, this.#own.add(topic, `k${which % 2}`, `s${which}`, this.#meta()));
        break;
      case "update":
        if (entry !== undefined) this.#update(which, entry);
        break;
      case "untrack":
        if (entry !== undefined) this.#untrack(which, entry);
        break;
      case "follow":
        if (this.#follows.has(topic)) break;
        this.#generations += 1;
        this.#follows.set(topic, this.#generations);
        this.#wished.set(topic, this.#generations);
        break;
      case "unfollow":
        this.#unfollow(topic);
        break;
      case "wish":
      case "hint": {
        // A hint may be of a follow that has ended.
        const generation = what === "wish" ? this.#follows.get(topic) : this.#wished.get(topic);
        if (generation !== undefined) this.#open(topic, generation, NO_LIMIT, what === "wish");
        break;
      }
      case "limit": {
        const generation = this.#follows.get(topic);
        const limit = LIMITS[Math.floor(which / TOPICS.length) % LIMITS.length];
        if (generation !== undefined) this.#open(topic, generation, limit);
        break;
      }
      case "close":
        this.#close(topic);
        break;
      case "send":
        if (this.#authored.isPending) this.#toFollower.push({ counter: this.#count(), share: this.#next() });
        break;
      case "summarize":
        if (!this.#authored.isPending) this.#sumUp();
        break;
      case "ask":
        this.#toAuthor.push(this.#followed.question);
        break;
      case "catch up": {
        // It asks, a frame is lost that was under way, and the answer tells what was in that.
        const place = this.#followed.question;
        if (this.#authored.isPending) this.#next();
        this.#answer(place);
        this.#deliver(this.#toFollower.at(-1));
        break;
      }
      case "answer":
        this.#answer(this.#toAuthor[which % Math.max(1, this.#toAuthor.length)], which % 3 === 0);
        break;
      case "deliver":
        // What was delivered stays, and may be delivered again.
        this.#deliver(this.#toFollower[this.#toFollower.length - 1 - (which % 4)]);
        break;
      case "lose":
        this.#toFollower.splice(which % Math.max(1, this.#toFollower.length), 1);
        break;
      case "author forgets":
        this.#authored.end();
        this.#opened.clear();
        this.#authored = this.#makeAuthored();
        break;
      case "follower forgets":
        this.#followed = this.#makeFollowed();
        this.#heardCounter = 0;
        break;
      default:
        what satisfies never;
    }
    this.#check(what);
  }

  /** Everything gets through from now on. */
  settle(): void {
    this.#toFollower = [];
    this.#toAuthor = [];
    for (const [topic] of [...this.#authored.opened()]) if (!this.#follows.has(topic)) this.#close(topic);
    for (const [topic, generation] of this.#follows) this.#open(topic, generation);
    for (let round = 0; round < 40; round++) {
      while (this.#authored.isPending) this.#deliver({ counter: this.#count(), share: this.#next() });
      this.#deliver({ counter: this.#count(), summary: this.#authored.summary });
      if (!this.#followed.isBehind && !this.#followed.isUnfinished) break;
      this.#answer(this.#followed.question);
      this.#deliver(this.#toFollower.at(-1));
    }
    this.#work(100);
    this.#check("settle");
    if (this.#followed.isBehind) this.wrong.push("the follower is behind at rest");
    for (const topic of this.#follows.keys())
      if (this.#followed.openedIn(topic) !== undefined && !this.#followed.isWhole(topic))
        this.wrong.push(`${topic} is not told to its end at rest`);
    const model = new Map<string, unknown>();
    for (const entry of this.#live.values()) {
      if (this.#follows.has(ReplicatedEntry.topicOf(entry))) model.set(entry.ref, entry.meta);
    }
    const held = new Map<string, unknown>();
    for (const entry of this.#followed.entries.values()) held.set(entry.ref, entry.meta);
    const [is, shouldBe] = [textOf(held), textOf(model)];
    if (is !== shouldBe) this.wrong.push(`at rest the follower holds ${is} instead of ${shouldBe}`);
  }

  #unfollow(topic: string): void {
    const generation = this.#follows.get(topic);
    if (generation === undefined) return;
    this.#follows.delete(topic);
    this.#followed.letGo(topic, generation);
  }

  #meta(): { readonly n: number } {
    return { n: (this.#metas += 1) };
  }

  #born(slot: number, entry: ReplicatedEntry): void {
    this.#live.set(slot, entry);
    this.#history.born(entry);
  }

  #update(slot: number, entry: ReplicatedEntry): void {
    const next = this.#own.update(entry, this.#meta());
    this.#history.removed(entry, ReplicatedEntry.clockOf(next) - 1);
    this.#born(slot, next);
  }

  #untrack(slot: number, entry: ReplicatedEntry): void {
    this.#own.remove(entry, false);
    this.#live.delete(slot);
    this.#history.removed(entry, this.#own.clock);
  }

  #open(topic: string, generation: number, limit = NO_LIMIT, isWish = true): void {
    this.#authored.open(topic, generation, limit, isWish);
    this.#note();
  }

  #close(topic: string): void {
    this.#authored.close(topic);
    this.#note();
  }

  #next(): ShareFrame {
    const share = this.#authored.next();
    this.#note();
    return this.#sent(share);
  }

  /** Tells the history what is open from now on; samples change with frames. */
  #note(): void {
    const authored = this.#authored;
    for (const topic of this.#opened.keys()) {
      if (authored.generationOf(topic) !== undefined) continue;
      this.#opened.delete(topic);
      this.#history.closed(authored, topic);
    }
    for (const [topic, generation, cut] of authored.opened()) {
      const text = JSON.stringify([generation, cut?.limit, cut?.sample]);
      if (this.#opened.get(topic) === text) continue;
      this.#opened.set(topic, text);
      this.#history.opened(authored, topic, generation, cut);
    }
  }

  #count(): number {
    return (this.#counter += 1);
  }

  #sumUp(): void {
    this.#toFollower.push({ counter: this.#count(), summary: this.#authored.summary });
  }

  /** `isHeard`: the author takes the place for what the follower has come to; late frames may ask from before it. */
  #answer(place: Place | undefined, isHeard = true): void {
    if (place === undefined) return;
    if (isHeard) this.#authored.stands(place);
    const share = this.#authored.answer(place);
    this.#note();
    if (share === undefined) this.#sumUp();
    else this.#toFollower.push({ counter: this.#count(), share: this.#sent(share) });
  }

  #sent(frame: ShareFrame): ShareFrame {
    this.#history.sent(frame);
    return frame;
  }

  #deliver(message: ToFollower | undefined): void {
    if (message === undefined) return;
    const { counter, share, summary } = message;
    if (share !== undefined) {
      const before = new Set(this.#followed.shown());
      const merged = this.#followed.merge(share);
      if (typeof merged !== "string") this.#checkChange(before, merged.change);
    }
    // What was set aside is indexed, and leaves, in parts.
    this.#work(counter % 4);
    // A summary that was overtaken is none (R1); of a share the places tell.
    if (summary !== undefined && counter > this.#heardCounter) {
      if (this.#followed.compare(summary) === "diverged") this.wrong.push("a divergence of nothing");
    }
    this.#heardCounter = Math.max(this.#heardCounter, counter);
  }

  #work(steps: number): void {
    for (let left = steps; left > 0 && this.#followed.hasWork; left--) {
      const shown = new Set(this.#followed.shown());
      this.#checkChange(shown, { added: [], updated: [], removed: this.#followed.work(2) });
    }
  }

  #checkChange(
    before: ReadonlySet<ReplicatedEntry>,
    change: {
      readonly added: readonly ReplicatedEntry[];
      readonly updated: readonly { readonly entry: ReplicatedEntry; readonly previous: ReplicatedEntry }[];
      readonly removed: readonly Gone[];
    },
  ): void {
    const sum = new Set(before);
    const gone = [
      ...change.removed.map(({ entry }) => entry),
      ...change.updated.map(({ previous }) => previous),
    ];
    for (const entry of gone) if (!sum.delete(entry)) this.wrong.push(`${entry.ref} left, and was not there`);
    for (const entry of [...change.added, ...change.updated.map(({ entry }) => entry)]) sum.add(entry);
    const live = new Set(Array.from(this.#live.values(), ({ ref }) => ref));
    for (const { entry, limited } of change.removed) {
      const topic = ReplicatedEntry.topicOf(entry);
      if (limited === true) {
        const { limit = NO_LIMIT, sample = 0 } = this.#followed.cutOf(topic) ?? {};
        if (limit !== OFFER_ONLY && samplesOf(entry) >= sample)
          this.wrong.push(`${entry.ref} left as limited, and is told`);
        continue;
      }
      const opened = this.#followed.openedIn(topic);
      if (live.has(entry.ref) && opened !== undefined && opened === this.#follows.get(topic))
        this.wrong.push(`${entry.ref} left, and is there`);
    }
    const held = new Set(this.#followed.shown());
    const identities = new Set(Array.from(held, identityText));
    if (identities.size < held.size) this.wrong.push("somebody is shown twice");
    if (sum.size !== held.size || [...sum].some((entry) => !held.has(entry)))
      this.wrong.push("what a frame is said to have changed does not add up to what is held");
  }

  #check(when: string): void {
    const { stream, clock, version } = this.#followed.place;
    const should = this.#history.at(stream, clock, version, (topic) => this.#follows.get(topic));
    const is = [...this.#followed.entries.keys()].sort((a, b) => a - b);
    if (is.join() !== should.join())
      this.wrong.push(
        `after ${when}, at ${stream}:${clock}/${version}, held ${is.join()} instead of ${should.join()}`,
      );
  }

  #makeAuthored(): AuthoredShare {
    this.#streams += 1;
    const share = new AuthoredShare(this.#own, this.#streams, () => undefined, this.#protocol);
    this.#history.begun(share);
    return share;
  }

  #makeFollowed(): FollowedShare {
    const owner = { ...AUTHOR, departure: undefined };
    const origin = { owner, shard: 0, refPrefix: refPrefixOf(AUTHOR, 0) };
    return new FollowedShare(origin, (topic) => this.#follows.get(topic), this.#protocol);
  }
}

function textOf(entries: ReadonlyMap<string, unknown>): string {
  return JSON.stringify([...entries].sort(([one], [other]) => (one < other ? -1 : 1)));
}
