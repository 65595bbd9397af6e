/**
 * The rules of replication by interest, by the numbers that they have in docs/protocol.md: pure functions, each with the
 * failure that it prevents, as those of `src/replication/rules.ts`, which hold here too.
 */
import { FOLLOWING_LIMITS, STREAMS_OF_PAIRS } from "./limits.js";
import type { FollowingLimits } from "./limits.js";
import type { Begun, Heard, Hearing, Place, ShareFrame, ShareSummary, Stake } from "./message.js";

/** A roll may come a little late. */
const HEARTBEATS_TO_NEXT_ROLL = 1.25;
/** A beat may come just after the roll, and one of either may be lost. */
const HEARTBEATS_UNNAMED = 2;

export const FOLLOWING_RULES = {
  // Shares.

  /**
   * R63: A share joins on in both its numbers. Neither the clock nor the version at which a frame begins is above what is
   * held. Else an open that was lost leaves a topic without its beginning, and a lost change stays lost.
   */
  joinsOn: (frame: Pick<ShareFrame, "since" | "from">, held: Pick<Place, "clock" | "version">): boolean =>
    frame.since <= held.clock && frame.from <= held.version,

  /**
   * R64: An open lists everything of its topic. What is held of it and not listed is dead. Else a topic that was closed
   * and opened again brings back who left meanwhile.
   */
  diesByOpen: (isListed: boolean): boolean => !isListed,

  /**
   * R65: Where a frame overlaps with what is held, an entry that it covers and does not list is dead. In every topic that
   * it does not open. Else a birth that was removed between two answers stays.
   */
  diesByOverlap: (clock: number, since: number, isListed: boolean, isOpened: boolean): boolean =>
    clock > since && !isListed && !isOpened,

  /**
   * R66: Follows have generations. Content counts only in the present one. Else a node that follows again while the end
   * of its last follow is under way gets changes without their beginning.
   */
  isOfPresentFollow: (opened: number, followed: number | undefined): boolean => opened === followed,

  /**
   * R67: What is begun anew is not continued. Places and numbers are those of one stream. Else after one side has
   * forgotten the other, equal numbers mean different things, and a gap is taken for none.
   */
  isSameStream: (stream: number, held: number): boolean => stream === held,

  /**
   * R116: Who tells its stakes anew has begun its share anew. It says so where the share has nothing to say. Else an author that has
   * forgotten a node, and has nothing any more, leaves there what it had. Returns the stream of the share.
   */
  shareBegunWith: (streamOfStakes: number): number => streamOfStakes % STREAMS_OF_PAIRS,

  /**
   * R68: A doubt lasts until a whole share came. Else the request for everything is overtaken by one for what is missing,
   * for ever.
   */
  endsDoubt: (isWhole: boolean): boolean => isWhole,

  /** R69: No digest is compared while an open is ignored. Else a stale hint is reported as a divergence. */
  isComparable: (ignoredOpens: number): boolean => ignoredOpens === 0,

  /** R12: At an equal place of a share another count or digest is a divergence. */
  agrees: ({ count, digest }: ShareSummary, entries: number, heldDigest: number): boolean =>
    count === entries && digest === heldDigest,

  /**
   * R109: A large topic is told in stretches. From its latest births down, and each is asked for. Else a topic of a hundred
   * thousand is told and merged in one turn, and one lost frame costs all of it. Returns how many births a frame may have of what it
   * opens.
   */
  stretchBirths: ({ stretchBirths }: FollowingLimits): number => stretchBirths,

  /** R109: The same for an answer to a follower that lacks much: whether so many changes are told, or everything is, anew. */
  isTold: (changes: number, { changesTold }: FollowingLimits): boolean => changes <= changesTold,

  /**
   * R110: What was shown is shown until its turn comes. What is held of a topic that is told anew, and stands below its floor, is set aside
   * until it is told, or all is. Else a node that was cut off for a while shows everybody who was there as leaving, and
   * coming again.
   */
  isSetAside: (clock: number, floor: number): boolean => clock <= floor,

  /** R110: Whether all is set aside at once, as everything comes anew: in stretches, or where much was held. */
  isBesideHeld: (held: number, floors: number, { stretchBirths }: FollowingLimits): boolean =>
    floors > 0 || held > stretchBirths,

  /**
   * R111: A topic is complete when its last stretch has come. Else the first follower of a large topic is told that it is complete
   * after the first thousand.
   */
  isToldWhole: (floor: number): boolean => floor === 0,

  // What one peer is told.

  /**
   * R70: What was not confirmed is said again. With growing patience, as final values since the last confirmed number, and
   * not before an answer had the time that answers take under such load. Else one lost wish, and a topic stays empty for
   * ever.
   */
  repeatAfterMs: (
    tries: number,
    answeredWithinMs: number,
    { repeatMs, repeatDoublings }: FollowingLimits,
  ): number => answeredWithinMs + repeatMs * 2 ** Math.min(tries, repeatDoublings),

  /**
   * R71: What is said from the beginning is everything. What it does not name is not there. Else a node that has
   * forgotten, and then hears a frame of before, keeps what has ended since.
   */
  isEverything: (since: number): boolean => since === 0,

  /**
   * R72: A greeting says what was heard. It is answered with what was not. Else a node that was forgotten believes what it
   * said to be known.
   */
  heardOf: (heard: Heard): Heard | undefined => heard,

  /**
   * R73: A share sums itself up after its last frame, and goes on to. Also when it is empty. Else a lost last frame is
   * never missed: a ghost stays, or an entry that nobody sees. Returns after how long, once that was confirmed or not.
   */
  summaryDelayMs: (isConfirmed: boolean, limits: FollowingLimits): number =>
    isConfirmed ? limits.summaryPeriodMs : limits.summaryDelayMs,

  /** R73: How long before it is due a summary goes with a frame that leaves anyway. */
  alongMs: ({ summaryDelayMs }: FollowingLimits): number => summaryDelayMs / 2,

  /**
   * R87: A summary is confirmed, or said again. The follower says so where it stands as the author does. Else one whose last
   * frame and summaries were lost says for a minute that it is complete.
   */
  isConfirmed: (stands: Place | undefined, told: Place): boolean =>
    stands?.stream === told.stream && stands.clock === told.clock && stands.version === told.version,

  /**
   * R90: What nobody waits for goes with what somebody waits for. Ends, and the confirmations of these and of summaries,
   * leave with the next frame, and alone when they have waited for a heartbeat, or those of summaries for longer. Else a node whose users come and go sends a
   * frame for each end, and is sent one back.
   */
  aloneMs: (sinceMs: number, patienceMs: number): number => sinceMs + patienceMs,

  /** R90: How long the confirmation of a summary waits: until shortly before that is said again. */
  confirmsWithinMs: ({ summaryDelayMs }: FollowingLimits): number => 0.8 * summaryDelayMs,

  /**
   * R89: A greeting, and what answers it, begin no window. What somebody waits for comes right behind. Else a node that starts
   * waits with each of its first steps for the window of a frame that told nothing.
   */
  beginsWindow: (isGreeting: boolean): boolean => !isGreeting,

  // Who meets whom.

  /**
   * R74: Registrars are chosen anew with every change of membership. What changed is enlisted again. Else two halves of a
   * cluster never meet again.
   */
  registrarsNow: (ranked: readonly string[], _before: readonly string[]): readonly string[] => ranked,

  /**
   * R75: Every topic has two registrars. Else what is enlisted at one that has died is not met until its death is
   * noticed.
   */
  registrars: ({ registrars }: FollowingLimits): number => registrars,

  /**
   * R76: The registrar's answer is the confirmation. One cannot come without the other. Else the list is lost, the
   * confirmation is not, and nobody asks again. Whether a topic that was enlisted again is answered again.
   */
  isAnsweredAgain: (hearing: Hearing): boolean => hearing !== "gap",

  /**
   * R77: Forgotten is not over. What was told of a life is kept until it is heard, or another life has its name. Else two
   * that forgot each other in a long partition know of nothing to ask for.
   */
  keepsHints: (stake: Stake): boolean => stake.roles !== 0,

  /**
   * R78: Every author that is listed is asked, and answers, be it that it has nothing. That a follow is complete is concluded from
   * answers, never from lists. Else a follower waits for ever for an author that has just left the topic.
   */
  hasAnswered: (isOpen: boolean, isWishAnswered: boolean): boolean => isOpen || isWishAnswered,

  /**
   * R88: A close is the last word only of one that nobody has named since. Who was named is asked. Else an author that
   * closed a topic, and came to it again before the close was heard, is taken for one that has nothing.
   */
  isAskedAgain: (isListed: boolean): boolean => isListed,

  /**
   * R115: Whom a registrar names and a node has not heard yet is waited for, for two heartbeats after it began to hear: with each
   * heartbeat a life says that it is there. Where the connection is lost again before, twice that time is enough in all. Else a node
   * that has just started is complete without those whom it is about to hear.
   */
  isWaitedForUnheard: (
    sinceHearingMs: number,
    inAllMs: number,
    heartbeatPeriodMs: number,
    { heartbeatsToSettle }: FollowingLimits,
  ): boolean => {
    const enoughMs = heartbeatsToSettle * heartbeatPeriodMs;
    return sinceHearingMs < enoughMs && inAllMs < 2 * enoughMs;
  },

  /**
   * R79: A registrar is settled when it has heard the stakes of all that are up, and nobody has gone for two heartbeats.
   * A list of one that is not counts, but completes nothing. Else the first follower after a restart is told that a full
   * room is empty and complete.
   */
  isSettled: (
    unheard: number,
    sinceGoneMs: number,
    heartbeatPeriodMs: number,
    limits: FollowingLimits,
  ): boolean => unheard === 0 && sinceGoneMs >= limits.heartbeatsToSettle * heartbeatPeriodMs,

  /**
   * R114: A registrar names lives by their places only to one that takes the same lives for up. Else who is answered meets somebody
   * else, and not who is there. Returns the view that both have.
   */
  sharedView: (own: number, heard: number | undefined): number | undefined =>
    heard === own ? own : undefined,

  // Who is alive, in a large cluster.

  /**
   * R95: In a large cluster three lives call the roll. Each node sends its beat to those alone, and they tell all whom they
   * have heard; with hysteresis, as a cluster at the border would change between the two. Else each of a thousand nodes hears
   * five hundred beats a second.
   */
  callsTheRoll: (up: number, calls: boolean, { callsFrom, callsUntil }: FollowingLimits): boolean =>
    up >= (calls ? callsUntil : callsFrom),

  /**
   * R96: A life counts as heard when its counter grows, whichever node says so. It grows by its owner's doing alone. Else a roll that
   * comes late, or a caller that repeats itself, keeps the dead.
   */
  isHeardThroughRoll: (counter: number, highest: number): boolean => counter > highest,

  /**
   * R96: A caller tells of those whom it has heard lately. Within two heartbeats. Else one that begins to call, as others have died, tells
   * news of who died with them.
   */
  isToldOf: (sinceHeardMs: number, heartbeatPeriodMs: number): boolean =>
    sinceHeardMs <= HEARTBEATS_UNNAMED * heartbeatPeriodMs,

  /**
   * R96: A counter that was told of a life is not above what it sends a down period later. Such a one was made up, and is forgotten. Else
   * after one roll that somebody has made up all ask those that it named, for days.
   */
  wasMadeUp: (counter: number, told: number, sinceToldMs: number, downPeriodMs: number): boolean =>
    counter < told && sinceToldMs > downPeriodMs,

  /**
   * R97: The silence of one that a caller has named counts while that caller calls the roll, or is down itself, or while anybody calls that is
   * to call. Else all are asked, or taken for dead, when the callers have died, or do not get through; or who dies as a newcomer takes
   * the place of a caller is noticed a down period too late. The rolls are the latest of that caller, and of anybody else.
   */
  countsUnnamed: (sinceRollMs: number, sinceAnyRollMs: number, heartbeatPeriodMs: number): boolean =>
    Math.min(sinceRollMs, sinceAnyRollMs) <= HEARTBEATS_TO_NEXT_ROLL * heartbeatPeriodMs,

  /**
   * R97: A caller that has called no roll for a down period has ceased to, and so has one that is heard when its next roll is overdue. The
   * silence of those whom it named counts again. Else one that dies as its cluster becomes a small one is there for as long as its last
   * caller is, or for two down periods.
   */
  hasCeasedToCall: (
    sinceRollMs: number,
    heardAfterRollMs: number,
    heartbeatPeriodMs: number,
    downPeriodMs: number,
  ): boolean => sinceRollMs > downPeriodMs || heardAfterRollMs > HEARTBEATS_TO_NEXT_ROLL * heartbeatPeriodMs,

  /**
   * R97: One that calls the roll is judged by its own silence. Whichever caller has named it. Else callers that tell of each
   * other, and die at once, excuse each other: their deaths are noticed one after the other.
   */
  speaksForItself: (sinceItsRollMs: number, downPeriodMs: number): boolean => sinceItsRollMs <= downPeriodMs,

  /** R97: A roll that is called late proves life, and never silence. Else a caller that stood still accuses all others. */
  provesSilence: (isLate: boolean): boolean => !isLate,

  /**
   * R98: A node that none of its callers has named for two heartbeats says to all that it is there. Until one does. Else one
   * whose callers do not hear it, or have died, is asked by all, and taken for dead.
   */
  speaksToAll: (sinceNamedMs: number, heartbeatPeriodMs: number): boolean =>
    sinceNamedMs > HEARTBEATS_UNNAMED * heartbeatPeriodMs,

  // Nodes that hold everything.

  /**
   * R99: To a node that holds everything each topic is open, without a wish. It cannot wish for what it has not heard of. Else
   * it lacks what others track in topics of their own.
   */
  isOpenUnasked: (holdsEverything: boolean): boolean => holdsEverything,

  /**
   * R100: A node that holds everything is no registrar. Of others that do it hears nothing of what they enlist. Else a topic
   * at two of them is complete for its followers without what a third one has in it.
   */
  mayRegister: (holdsEverything: boolean): boolean => !holdsEverything,

  /**
   * R112: What nobody listens to is let go. The side of a node that holds everything which those hear that follow, when nobody has for the
   * time after which the silent are forgotten; it is begun anew, with numbers that go on. Else one visit of a node that follows doubles
   * what such a node keeps of its own, for good.
   */
  isSideLetGo: (sinceClosedMs: number, permdownPeriodMs: number): boolean => sinceClosedMs > permdownPeriodMs,

  /** R112: The numbers of the side that is begun anew go on. Else a ref means two entries, and who knows the one before drops its frames. */
  goesOnFrom: (begun: Begun | undefined): Begun | undefined => begun,

  /**
   * R113: What changes at once is told in portions. Each up to the clock of its last change, and the next one in the next turn. Else a
   * session of a hundred thousand entries is told and merged in one turn. Returns how many changes a portion has.
   */
  changesAtOnce: ({ changesTold }: FollowingLimits): number => changesTold,

  // Follows with a limit.

  /**
   * R102: A follow with a limit takes one author more while it has less than its limit. Those that have not answered count as
   * what they offered. Else a full room lists nobody but the users of this node.
   */
  takesMore: (expected: number, limit: number): boolean => expected < limit,

  /**
   * R103: Above twice its limit it lets an author go, if without that it still has its limit. Else what it holds grows without
   * end; or authors come and go with every user.
   */
  letsGo: (held: number, without: number, limit: number): boolean => held > 2 * limit && without >= limit,

  /**
   * R104: An author that alone has more than twice the limit tells a sample: the smallest that reaches the limit. It keeps one
   * until that has less than the limit, or more than twice of it where half of the sample were enough. Else the limit of a
   * follow is that of its largest author.
   */
  keepsSample: (entries: number, halved: number, sample: number, limit: number): boolean =>
    (sample === 0 || entries >= limit) && (entries <= 2 * limit || halved < limit),

  /**
   * R108: A sample that is all there is is told as none. And told anew when others come beside it. Else a follow that lists
   * everybody says that there are others.
   */
  isAllAsTold: (isAll: boolean, wasAll: boolean): boolean => isAll === wasAll,

  /**
   * R105: An author that is not chosen offers what it has, as a number. It says it anew when it has twice as many, or half as
   * many, or anything again. Else a follow below its limit does not know of those who could fill it.
   */
  isOfferedAnew: (entries: number, told: number): boolean =>
    entries > 0 && (entries > 2 * told || 2 * entries < told),

  /**
   * R106: Within a generation only a wish changes what is told of a topic, and only what answers the present one counts. What a
   * registrar says of a follow may be older. Else a follow is complete with what it was told by another limit.
   */
  isOpenedOtherwise: (isWish: boolean, before: number, limit: number): boolean => isWish && before !== limit,

  /** R106: Whether an open is what was wished. */
  isAsWished: (open: number, wished: number): boolean => open === wished,

  /**
   * R107: A follow that has others to choose from wants no more than offers of authors that come. Else each of them tells what
   * it has, and is let go.
   */
  wantsOffers: (offering: number): boolean => offering > 0,

  /** R80: All stakes are enlisted again every 10 minutes, spread evenly. Else a mistake that nobody has thought of stays. */
  renewals: (stakes: number, elapsedMs: number, { renewalMs }: FollowingLimits): number =>
    (stakes * elapsedMs) / renewalMs,

  // How many entries a topic has.

  /**
   * R91: A number answers an ask, and a sum a want, of the present one only. Else a count that begins anew takes for an
   * answer what was said before.
   */
  isOfPresentCount: (answers: number, asked: number): boolean => answers === asked,

  /**
   * R92: A count is settled when its registrar is (R79), and every author that is up has answered. Else the first who looks at a
   * full room is told that it is empty, and that this is so.
   */
  isCountSettled: (isRegistrarSettled: boolean, unanswered: number): boolean =>
    isRegistrarSettled && unanswered === 0,

  /**
   * R93: A number that changes waits at its author, and then the sum at its registrar. For parts of `countPeriodMs`; what
   * settles a count waits for nothing. Else each user who comes or goes is a frame to the registrar, and one to everybody
   * who looks on. Returns for how long.
   */
  countWindowMs: (isSum: boolean, countPeriodMs: number): number => (isSum ? 0.75 : 0.5) * countPeriodMs,

  /**
   * R94: What is not settled does not take the place of what was. For a down period; until then the number stands still
   * that was settled last. Else a count begins again at nothing when its registrar dies.
   */
  isCountShown: (isSettled: boolean, sinceSettledMs: number, downPeriodMs: number): boolean =>
    isSettled || sinceSettledMs >= downPeriodMs,
};

export type FollowingRules = Readonly<typeof FOLLOWING_RULES>;

/** What replication by interest runs by. */
export interface FollowingProtocol {
  readonly rules: FollowingRules;
  readonly limits: FollowingLimits;
}

export const FOLLOWING_PROTOCOL: FollowingProtocol = { rules: FOLLOWING_RULES, limits: FOLLOWING_LIMITS };
