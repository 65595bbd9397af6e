/**
 * All that this node shares with one life of another: what it tells it and hears of it as its author, its follower, its
 * stakeholder and its registrar, and the outbox in which all of that waits for one frame.
 *
 * Knows no membership and no pubsub; time comes in as an argument.
 */
import type { EntryOrigin } from "../entry.js";
import type { Life } from "../life.js";
import { replicaOf } from "../life.js";
import type { Protocol } from "../rules.js";
import { ITEMS_OF_A_COUNT } from "./limits.js";
import type {
  Letters,
  MemberList,
  Members,
  Place,
  ShareFrame,
  Stake,
  Stakes,
  Tally,
  Wish,
  WishesHeard,
} from "./message.js";
import type { OwnEntries } from "./own-entries.js";
import type { FollowingProtocol } from "./rules.js";
import { AuthoredShare } from "./share-author.js";
import { FollowedShare } from "./share-follower.js";
import type { GenerationOf } from "./share-follower.js";
import { NO_TALLY, isNoTally, isSameTally } from "./tally.js";
import { HeardSet, Patience, Told } from "./told.js";
import type { Answering } from "./told.js";
import type { Views } from "./views.js";

/** What the pairs of a node have in common. */
export interface PairsOf {
  readonly own: OwnEntries;
  readonly generationOf: GenerationOf;
  /** Whom this node knows of a topic, as its registrar. */
  readonly listOf: (topic: string, nowMs: number) => MemberList;
  /** There is something to say to a pair. */
  readonly hasNews: (pair: Pair) => void;
  /** For how long that waits for which nobody waits. */
  readonly patienceMs: number;
  readonly views: Views;
  readonly protocol: Protocol;
  readonly following: FollowingProtocol;
  /** Whether this node holds everything: it does not know what others have until they have said it. */
  readonly holdsEverything: boolean;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

export class Pair {
  readonly life: Life;
  readonly id: string;
  /** Whether the other holds everything. */
  readonly holdsEverything: boolean;
  readonly #of: PairsOf;
  /** As author of what the other follows. */
  readonly authored: AuthoredShare;
  readonly wishesHeard: HeardSet<Wish>;
  /** As follower of what the other has. */
  readonly followed: FollowedShare;
  readonly wishes: Told<Wish>;
  /** This node's stakes, with the other as registrar; and the other's, with this node as one. */
  readonly stakes: Told<Stake>;
  readonly stakesHeard: HeardSet<Stake>;
  /** What each tells the other of how many entries topics have. */
  readonly counts: Told<Tally>;
  readonly countsHeard: HeardSet<Tally>;
  /** Whether the other has told which stakes it has here. */
  hasToldStakes = false;
  /** Whether the share was found to be as its author says, since the other was heard again. */
  isChecked: boolean;
  /** When it was sent the last frame that begins a window. */
  saidMs = -Infinity;

  /** Whom the other takes for up, as it said last. */
  #viewHeard: number | undefined;
  /** What the author said when it confirmed the wishes that it has heard. */
  #wishesAnswer: WishesHeard | undefined;
  #greets = false;
  #introduces = false;
  readonly #topicsToList = new Set<string>();
  #owesMembers = false;
  #owesWishesHeard = false;
  #owesCountsHeard = false;
  /** Whether the other waits for one of these. */
  #owesSoon = false;
  /** Since when there is something to say for which nobody waits, if there is. */
  #patientSinceMs: number | undefined;
  #toAnswer: Place | undefined;
  /** Where the follower stands, as it said last; and how many summaries it has not confirmed. */
  #stands: Place | undefined;
  #tries = 0;
  #summaryMs = Infinity;
  /** Since when it is owed a word that its summary was heard. */
  #standsSinceMs = Infinity;
  /** There is no room for what is missing of the share: it is not asked for. */
  isCrowded = false;
  readonly #question: Patience;
  readonly #introduction: Patience;

  /** @param stream is one that this node has not used before. */
  constructor(life: Life, origin: EntryOrigin, stream: number, of: PairsOf, holdsEverything: boolean) {
    const { own, generationOf, protocol, following } = of;
    this.life = life;
    this.holdsEverything = holdsEverything;
    this.isChecked = !of.holdsEverything;
    this.id = replicaOf(life);
    this.#of = of;
    this.authored = new AuthoredShare(own, stream, () => of.hasNews(this), following);
    this.followed = new FollowedShare(origin, generationOf, following, protocol.rules);
    const isNoStake = ({ roles }: Stake): boolean => roles === 0;
    const isNoWish = ({ generation }: Wish): boolean => generation < 0;
    this.wishes = new Told(stream, isNoWish, following);
    this.wishesHeard = new HeardSet(isNoWish, following);
    this.stakes = new Told(stream, isNoStake, following);
    this.stakesHeard = new HeardSet(isNoStake, following);
    this.counts = new Told(stream, isNoTally, following);
    this.countsHeard = new HeardSet(isNoTally, following);
    this.#question = new Patience(following);
    this.#introduction = new Patience(following);
  }

  /** How many topics are told, heard, open or opened: nothing of it is left when no topic is. */
  get size(): number {
    const told = this.wishes.size + this.wishesHeard.size + this.stakes.size + this.stakesHeard.size;
    const counted = this.counts.size + this.countsHeard.size;
    return told + counted + this.authored.openCount + this.followed.openedCount;
  }

  /** How many topics the other has told, wished for, counted and opened, by what is kept of them. */
  get heardSize(): number {
    const told = this.wishesHeard.size + this.stakesHeard.size + ITEMS_OF_A_COUNT * this.countsHeard.size;
    return told + this.followed.openedCount;
  }

  /** Whether all was heard that the other tells, from its beginning: until then it is greeted (R72). */
  get isIntroduced(): boolean {
    return this.hasToldStakes && this.wishesHeard.hasBegun && this.countsHeard.hasBegun;
  }

  /** Whether the author has told what is wished of it in a topic: possibly that it has nothing. */
  hasAnswered(topic: string, wish: Wish): boolean {
    const { followed, wishes } = this;
    if (!this.hasCaughtUp || !followed.isWhole(topic)) return false;
    const isWishConfirmed = isSameWish(wishes.get(topic), wish) && wishes.isKnown(topic);
    const answer = this.#wishesAnswer;
    const isAnswered =
      isWishConfirmed && answer?.share === followed.stream && followed.version >= answer.version;
    return this.#of.following.rules.hasAnswered(this.isOpenAs(topic, wish), isAnswered);
  }

  /** Whether anything that is wished of the author may not be answered. */
  get isAwaited(): boolean {
    return !this.hasCaughtUp || this.followed.isUnfinished || !this.wishes.isConfirmed;
  }

  /** Whether the author has opened a topic as is wished of it. */
  isOpenAs(topic: string, { generation, limit }: Wish): boolean {
    const { followed } = this;
    if (followed.openedIn(topic) !== generation) return false;
    return this.#of.following.rules.isAsWished(followed.limitIn(topic), limit);
  }

  /** Whether what is held of the other is as it says, as far as is known. */
  get hasCaughtUp(): boolean {
    return this.isChecked && !this.followed.isBehind;
  }

  // What is to be said.

  /** The other is to be told what was heard of it, and to say what it has not confirmed. */
  greet(): void {
    this.#greets = true;
    this.#introduces = true;
  }

  /** The other has met this node anew. */
  introduce(): void {
    this.#introduces = true;
    this.#of.hasNews(this);
  }

  /** Changes parts of what the other is told of a topic's count, if that is another one. */
  tellCount(topic: string, parts: Partial<Tally>): void {
    const before = this.counts.get(topic) ?? NO_TALLY;
    const after = { ...before, ...parts };
    if (isSameTally(before, after)) return;
    // Who wants to know, or asks, waits for it. That it is over nobody does; a number is told, and the next one soon.
    const isAwaited = (parts.want ?? 0) > 0 || (parts.ask ?? 0) > 0;
    this.counts.set(topic, after, isAwaited, !isNoTally(after));
    this.#of.hasNews(this);
  }

  /** The other enlisted stakes, of which these are to be answered with lists; it may wait for the answer. */
  owesMembers(topics: Iterable<string>, isAwaited: boolean): void {
    for (const topic of topics) this.#topicsToList.add(topic);
    this.#owesMembers = true;
    this.#owesSoon ||= isAwaited;
    this.#of.hasNews(this);
  }

  /** What a registrar lists; nothing, where it names lives by a view that this node does not know: what it confirms is said again. */
  listed(members: Members): readonly MemberList[] | undefined {
    return this.#of.views.read(members);
  }

  /** The other tells its stakes, and whom it takes for up; its share it tells in the same stream. */
  toldStakes({ stream, view }: Stakes): void {
    this.#viewHeard = view;
    this.followed.hearOf(this.#of.following.rules.shareBegunWith(stream), 0);
  }

  owesWishesHeard(isAwaited: boolean): void {
    this.#owesWishesHeard = true;
    this.#owesSoon ||= isAwaited;
    this.#of.hasNews(this);
  }

  owesCountsHeard(isAwaited: boolean): void {
    this.#owesCountsHeard = true;
    this.#owesSoon ||= isAwaited;
    this.#of.hasNews(this);
  }

  /** The other asks what came after a place. */
  asked(place: Place): void {
    this.stands(place);
    this.#toAnswer = place;
  }

  /** The author has confirmed wishes, and said where its share stands since. */
  confirmed(answer: WishesHeard): void {
    this.wishes.confirm(answer);
    this.#wishesAnswer = answer;
    this.followed.hearOf(answer.share, answer.version);
  }

  /** The author has summed its share up, and what is held is as it says. */
  owesStands(nowMs: number): void {
    this.#standsSinceMs = Math.min(this.#standsSinceMs, nowMs);
    this.#of.hasNews(this);
  }

  /** The follower says where it stands. */
  stands(place: Place): void {
    const { rules, limits } = this.#of.following;
    const wasConfirmed = this.#isConfirmed;
    this.#stands = place;
    this.authored.stands(place);
    if (this.#isConfirmed && !wasConfirmed) this.#summaryMs += rules.summaryDelayMs(true, limits);
  }

  /** Nothing was heard for a while: where the share stands is said anew, as is asked for what the other has. */
  resume(): void {
    this.checkAnew();
    this.#stands = undefined;
    this.#tries = 0;
    if (this.authored.version > 0) this.#summaryMs = -Infinity;
  }

  /** Something of the author's share came: what is missing still is asked for anew. */
  broughtOn(): void {
    this.#question.end();
  }

  /** The share is to be held against what its author says now. */
  checkAnew(): void {
    this.isChecked = false;
    this.#question.end();
  }

  /**
   * When the next frame is due, of all that is known now; `isAlive`: it may answer. That for which somebody waits may be
   * said from `soonMs` on, and all else from `laterMs` on (R89).
   */
  dueMs(nowMs: number, isAlive: boolean, soonMs: number, laterMs: number): number {
    const restMs = this.authored.isNews ? laterMs : Math.max(laterMs, this.#patientMs(nowMs, isAlive));
    return Math.min(Math.max(soonMs, this.#awaitedMs(isAlive)), restMs);
  }

  #awaitedMs(isAlive: boolean): number {
    const isUrgent = this.#greets || this.#introduces || this.#toAnswer !== undefined;
    if (isUrgent || this.#owesSoon || this.authored.isAwaited) return -Infinity;
    if (!isAlive) return Infinity;
    const askMs = this.#asks ? this.#question.dueMs : Infinity;
    const introductionMs = this.isIntroduced ? Infinity : this.#introduction.dueMs;
    const toldMs = Math.min(this.stakes.urgentMs, this.wishes.urgentMs, this.counts.urgentMs);
    return Math.min(toldMs, askMs, introductionMs);
  }

  /** R90: What nobody waits for goes with the next frame, and alone when it has waited long enough. */
  #patientMs(nowMs: number, isAlive: boolean): number {
    const { patienceMs, following } = this.#of;
    const toldMs = isAlive ? Math.min(this.stakes.dueMs, this.wishes.dueMs, this.counts.dueMs) : Infinity;
    const owes = this.#owesMembers || this.#owesWishesHeard || this.#owesCountsHeard;
    if (owes || this.authored.isPending || toldMs === -Infinity) this.#patientSinceMs ??= nowMs;
    const sinceMs = Math.min(this.#patientSinceMs ?? Infinity, toldMs === -Infinity ? Infinity : toldMs);
    const { rules, limits } = following;
    const standsMs = rules.aloneMs(this.#standsSinceMs, rules.confirmsWithinMs(limits));
    return Math.min(this.#summaryMs, rules.aloneMs(sinceMs, patienceMs), standsMs);
  }

  /** Whether more is to be said at once, in the next turns. */
  get isToldInPart(): boolean {
    return this.authored.isToldInPart;
  }

  /** When there is a question or an answer that waits for no window: now, later or never. */
  urgentMs(nowMs: number): number {
    if (this.#toAnswer !== undefined) return nowMs;
    return this.#asks ? Math.max(nowMs, this.#question.dueMs) : Infinity;
  }

  /** Takes all that is to be said, if anything is. `loadMs`: so long the other may wait with what it says, as this node does. */
  take(nowMs: number, isAlive: boolean, loadMs: number): Letters | undefined {
    if (isAlive && !this.isIntroduced && this.#introduction.dueMs <= nowMs) this.greet();
    const { rules, limits } = this.#of.following;
    const { heardOf } = rules;
    const awaitedMs = Math.min(loadMs, limits.awaitedWindowMs);
    const answering: Answering = { awaitedMs, restMs: this.#of.patienceMs + loadMs };
    const letters: Writable<Letters> = {};
    if (this.#greets) {
      const sets = [this.stakesHeard, this.wishesHeard, this.countsHeard];
      const [stakes, wishes, counts] = sets.map(({ heard }) => heardOf(heard));
      if (stakes !== undefined && wishes !== undefined && counts !== undefined)
        letters.greeting = { stakes, wishes, counts };
      this.#introduction.said(nowMs, false, awaitedMs);
    }
    if (this.#introduces || (isAlive && this.stakes.dueMs <= nowMs))
      letters.stakes = { ...this.stakes.say(nowMs, answering), view: this.#of.views.tell() };
    if (this.#owesMembers) {
      const { views } = this.#of;
      const view = rules.sharedView(views.digest, this.#viewHeard);
      const lists = Array.from(this.#topicsToList, (topic) => {
        const list = this.#of.listOf(topic, nowMs);
        return view === undefined ? list : views.byPlace(list);
      });
      letters.members = { ...this.stakesHeard.heard, lists, view };
      this.#topicsToList.clear();
    }
    // Also where there are none: the other may know of some that were told before this node forgot it.
    if (this.#introduces || (isAlive && this.wishes.dueMs <= nowMs))
      letters.wishes = this.wishes.say(nowMs, answering);
    if (this.#introduces || (isAlive && this.counts.dueMs <= nowMs))
      letters.counts = this.counts.say(nowMs, { awaitedMs, restMs: awaitedMs });
    const isBeside =
      Object.keys(letters).length > 0 || this.#owesWishesHeard || this.#standsSinceMs < Infinity;
    this.#takeShare(letters, isBeside ? nowMs + rules.alongMs(limits) : nowMs, nowMs, isAlive);
    if (this.#owesWishesHeard) {
      const { version } = this.authored.summary;
      letters.wishesHeard = { ...this.wishesHeard.heard, share: this.authored.stream, version };
    }
    if (this.#standsSinceMs < Infinity) letters.stands = this.followed.place;
    if (this.#owesCountsHeard) letters.countsHeard = this.countsHeard.heard;
    if (isAlive && this.#asks && this.#question.dueMs <= nowMs) {
      letters.question = this.followed.question;
      this.#question.said(nowMs, false, 0);
    }
    const isGreeting = this.#greets || this.#introduces;
    this.#greets = this.#introduces = this.#owesMembers = this.#owesWishesHeard = false;
    this.#standsSinceMs = Infinity;
    this.#owesCountsHeard = this.#owesSoon = false;
    this.#patientSinceMs = undefined;
    if (Object.keys(letters).length === 0) return undefined;
    if (rules.beginsWindow(isGreeting)) this.saidMs = nowMs;
    return letters;
  }

  get #asks(): boolean {
    const { isBehind, isUnfinished } = this.followed;
    return !this.isCrowded && (isBehind || isUnfinished || !this.isChecked);
  }

  get #isConfirmed(): boolean {
    return this.#of.following.rules.isConfirmed(this.#stands, this.authored.summary);
  }

  /** @param soonMs a summary that is due until then goes along. */
  #takeShare(letters: Writable<Letters>, soonMs: number, nowMs: number, isAlive: boolean): void {
    const { authored } = this;
    const place = this.#toAnswer;
    this.#toAnswer = undefined;
    let share: ShareFrame | undefined;
    if (place !== undefined) share = authored.answer(place);
    else if (authored.isPending) share = authored.next();
    if (share !== undefined) {
      letters.share = share;
      this.#tries = 0;
    } else if (place !== undefined || this.#summaryMs <= soonMs) {
      letters.summary = this.#isConfirmed ? authored.summary : { ...authored.summary, isAsking: true };
      this.#tries += 1;
    } else return;
    const { rules, limits } = this.#of.following;
    // One that is not heard confirms nothing.
    const isConfirmed = this.#isConfirmed || (!isAlive && this.#tries > 1);
    this.#summaryMs = authored.version === 0 ? Infinity : nowMs + rules.summaryDelayMs(isConfirmed, limits);
  }
}

function isSameWish(one: Wish | undefined, other: Wish): boolean {
  return one?.generation === other.generation && one.limit === other.limit;
}
