/**
 * What the letters of a peer change: in what this node knows of others, in what it holds of them, and in what it shows. As
 * far as there is room: anybody who can publish may send any number of entries and topics. Knows no pubsub and no timer.
 */
import type { Counters } from "./counters.js";
import { ReplicatedEntry } from "./entry.js";
import type { Interests } from "./following/interests.js";
import { ITEMS_OF_A_COUNT, type FollowingLimits } from "./following/limits.js";
import type { Letters, ShareFrame } from "./following/message.js";
import type { Merged } from "./following/merged.js";
import { NO_CHANGE } from "./holding/identity.js";
import type { SliceChange } from "./holding/identity.js";
import { Room } from "./holding/room.js";
import type { Refusals } from "./lives/refusals.js";
import type { Partner } from "./partner.js";
import type { Rules } from "./rules.js";
import type { ShownLives } from "./shown-lives.js";
import type { View } from "./showing/view.js";
import type { Effects } from "./step.js";

export interface ReadingOptions {
  /** How many entries of other lives are kept. */
  readonly maxEntries: number;
  readonly rules: Rules;
  readonly limits: FollowingLimits;
}

export class Reading {
  readonly #options: ReadingOptions;
  readonly #interests: Interests;
  readonly #view: View;
  readonly #shown: ShownLives;
  readonly #counters: Counters;
  readonly #refusals: Refusals;
  readonly #effects: Effects;
  readonly #room: Room;
  readonly #crowded = new Set<Partner>();
  /** Those of whom something was held that is told anew: to show it takes more than one turn. */
  readonly #working = new Set<Partner>();
  /** Topics that others have told, wished for and opened, over all lives. */
  #topicsHeard = 0;

  constructor(
    options: ReadingOptions,
    interests: Interests,
    view: View,
    shown: ShownLives,
    counters: Counters,
    refusals: Refusals,
    effects: Effects,
    room = new Room(options.maxEntries, options.rules),
  ) {
    this.#options = options;
    this.#interests = interests;
    this.#view = view;
    this.#shown = shown;
    this.#counters = counters;
    this.#refusals = refusals;
    this.#effects = effects;
    this.#room = room;
  }

  /** Reads what a peer says, in the order in which it is to be read. */
  read(partner: Partner, letters: Letters, nowMs: number): void {
    const { pair } = partner;
    const interests = this.#interests;
    const { greeting, stakes, members, wishes, wishesHeard, share, summary, stands, question } = letters;
    const { counts, countsHeard } = letters;
    const heardBefore = pair.heardSize;
    if (greeting !== undefined) {
      pair.stakes.heardAtMost(greeting.stakes);
      pair.wishes.heardAtMost(greeting.wishes);
      pair.counts.heardAtMost(greeting.counts);
      pair.introduce();
    }
    if (stakes !== undefined && this.#admitsTopics(pair.stakesHeard.growthBy(stakes), nowMs))
      interests.heardStakes(pair, stakes);
    if (members !== undefined && !interests.heardMembers(pair, members)) this.#topicsCrowded(nowMs);
    if (wishes !== undefined && this.#admitsTopics(pair.wishesHeard.growthBy(wishes), nowMs))
      interests.heardWishes(pair, wishes);
    if (share !== undefined && this.#admitsTopics(share.opens.length, nowMs))
      this.#readShare(partner, share, nowMs);
    if (summary !== undefined) {
      const verdict = pair.followed.compare(summary);
      if (verdict === "diverged") {
        this.#counters.divergences += 1;
        this.#effects.add({ type: "divergence", life: partner.life, shard: 0 });
      }
      // It may have less by now than what there was no room for.
      if (pair.isCrowded) partner.lacksRoomFor = summary.count - pair.followed.entries.size;
      if (verdict === "equal") {
        pair.isChecked = true;
        if (summary.isAsking === true) pair.owesStands(nowMs);
      }
    }
    if (wishesHeard !== undefined) pair.confirmed(wishesHeard);
    const counted = counts === undefined ? 0 : ITEMS_OF_A_COUNT * pair.countsHeard.growthBy(counts);
    if (counts !== undefined && this.#admitsTopics(counted, nowMs)) interests.counts.heard(pair, counts);
    if (countsHeard !== undefined) pair.counts.confirm(countsHeard);
    if (stands !== undefined) pair.stands(stands);
    if (question !== undefined) pair.asked(question);
    this.#topicsHeard += pair.heardSize - heardBefore;
    this.count(partner);
  }

  /** What is held of a peer may have changed. */
  count(partner: Partner): void {
    this.#room.count(partner);
  }

  /** Whether there is room for a piece of letters, which waits for the others. */
  admitsPiece({ share }: Letters, partner: Partner, nowMs: number): boolean {
    const births = share?.births.length ?? 0;
    if (this.#room.admits(births)) return true;
    this.#full(partner, births, nowMs);
    return false;
  }

  /** It is forgotten, with all that was heard of it. */
  forget(partner: Partner): void {
    this.#topicsHeard -= partner.pair.heardSize;
    this.#room.forget(partner);
    this.#crowded.delete(partner);
    this.#working.delete(partner);
  }

  /** What there was no room for is asked for where there is now. */
  lookForRoom(found: (partner: Partner) => void): void {
    for (const partner of this.#crowded) {
      if (!this.#room.admits(partner.lacksRoomFor)) continue;
      this.#crowded.delete(partner);
      partner.pair.isCrowded = false;
      found(partner);
    }
  }

  /** The follow of a generation has ended: what others have in its topic is let go. */
  letGo(topic: string, generation: number, partners: Iterable<Partner>): void {
    const isDropped = this.#view.dropTopic(topic);
    // Those that have ended are none of these, and leave in parts.
    if (!isDropped) this.#shown.finish();
    for (const partner of partners) {
      const heardBefore = partner.pair.heardSize;
      const entries = partner.pair.followed.letGo(topic, generation);
      if (!isDropped) for (const entry of entries) this.#view.leave(entry, "untracked");
      this.#topicsHeard += partner.pair.heardSize - heardBefore;
      this.count(partner);
    }
  }

  #readShare(partner: Partner, share: ShareFrame, nowMs: number): void {
    const { followed } = partner.pair;
    const growth = followed.growthBy(share);
    if (!this.#room.admits(growth)) return this.#full(partner, growth, nowMs);
    const merged = followed.merge(share);
    if (typeof merged !== "string") this.#merged(partner, merged);
    if (!followed.isBehind) partner.pair.isChecked = true;
    if (followed.hasWork) this.#working.add(partner);
  }

  /** Whether there is more to do than one turn should take. */
  get hasWork(): boolean {
    return this.#working.size > 0;
  }

  /** Does so much of it that no turn is long: for one life, in their order. */
  work(): void {
    for (const partner of this.#working) {
      const { followed } = partner.pair;
      const removed = followed.work(this.#options.limits.entriesPerTurn);
      this.#show(partner, { ...NO_CHANGE, removed });
      this.count(partner);
      this.#working.delete(partner);
      if (followed.hasWork) this.#working.add(partner);
      return;
    }
  }

  #full(partner: Partner, growth: number, nowMs: number): void {
    const { pair, life } = partner;
    partner.assembly.drop();
    this.count(partner);
    partner.lacksRoomFor = growth;
    pair.isCrowded = true;
    pair.isChecked = false;
    this.#crowded.add(partner);
    this.#counters.entriesCrowded += growth;
    this.#refusals.report({ kind: "full", life, maxEntries: this.#options.maxEntries }, nowMs);
  }

  #admitsTopics(count: number, nowMs: number): boolean {
    const { rules, limits } = this.#options;
    const hasRoom = rules.hasRoom(this.#topicsHeard, count, limits.topicsHeard);
    if (!hasRoom) this.#topicsCrowded(nowMs);
    return hasRoom;
  }

  #topicsCrowded(nowMs: number): void {
    this.#counters.claimsCrowded += 1;
    this.#refusals.report({ kind: "crowded", table: "claims" }, nowMs);
  }

  #merged(partner: Partner, merged: Merged): void {
    const { pair } = partner;
    const { change } = merged;
    this.#counters.deltasMerged += 1;
    pair.broughtOn();
    this.#interests.merged(pair, merged);
    this.#show(partner, change);
  }

  /** What is held of a peer has changed. */
  #show(partner: Partner, change: SliceChange): void {
    if (this.#interests.follows.countsChanges) this.#countChanges(change);
    this.#shown.changed(partner, change);
  }

  /** Topics that linger cost what changes in them. */
  #countChanges({ removed, updated, added }: SliceChange): void {
    const { follows } = this.#interests;
    for (const { entry } of removed) follows.changed(ReplicatedEntry.topicOf(entry));
    for (const { entry } of updated) follows.changed(ReplicatedEntry.topicOf(entry));
    for (const entry of added) follows.changed(ReplicatedEntry.topicOf(entry));
  }
}
