/**
 * The rules of the protocol, by the numbers that they have in docs/protocol.md: pure functions, each with the failure
 * that it prevents. A replicator is given them, so that a test can run it with others.
 *
 * Some rules are no decision but the shape of a structure, and are kept there:
 *
 * - R3: A delta is self-contained. (src/crdt/orswot.ts)
 * - R4: The set counts the dots, and nobody else does. (src/replication/authoring/authored-shard.ts)
 * - R5: How an entry ended is told of all its revisions. (src/replication/authoring/endings.ts)
 * - R6: A dot is a birth or a removal, never both. (src/crdt/orswot.ts)
 * - R24: What gets through is told. (src/replication/lives/link.ts)
 * - R27: Nobody speaks for another. (src/replication/authoring/authorship.ts)
 * - R28: An update is one change. (src/replication/holding/identity.ts)
 * - R46: A node that asks for completeness hears the others out first. (src/tracker/hearing-out.ts)
 * - R47: What was accepted can be sent. (src/replication/wire/codec.ts)
 * - R48: A payload is measured before it is parsed. (src/replication/wire/codec.ts)
 * - R49: What comes in is bounded as what `track` accepts. (src/replication/wire/births.ts)
 * - R50: A frame expands to at most 4 Mi UTF-16 units. (src/replication/wire/births.ts)
 * - R52: Names of nodes and trackers have no control characters and no line separators. (src/replication/wire/codec.ts)
 */
import { fitsUtf8 } from "./bytes.js";
import { ReplicatedEntry } from "./entry.js";
import { equalMetas } from "./equal.js";
import { HEARING_RULES } from "./hearing-rules.js";
import {
  ABSENT_HEARTBEATS,
  ABSENT_MS,
  COUNTER_JUMP,
  COUNTER_JUMP_PER_MS,
  DELAYS_TO_OUTLIVE,
  GREETING_DELAY_MAX_MS,
  EVICTIONS_ASKED,
  HEARTBEATS_TO_ASK,
  HEARTBEATS_TO_BE_LATE,
  HEARTBEATS_TO_DOWN,
  LIMITS,
  REQUEST_DELAY_MAX_MS,
  REQUEST_DELAY_MIN_MS,
  REQUEST_PATIENCE_MAX_MS,
  REQUEST_RETRY_MAX_MS,
  REQUEST_RETRY_MS,
  SHARE_OF_PERMDOWN,
  UNSTEADY_ABSENT_HEARTBEATS,
  UNSTEADY_HEARTBEATS,
  type Limits,
} from "./limits.js";
import type { Message, ShardSummary, SliceRequest, VersionRange, WireBirth } from "./message.js";
import { SAYING_RULES } from "./saying-rules.js";
import { VERSION_RULES } from "./version-rules.js";

export const RULES = {
  ...VERSION_RULES,
  ...HEARING_RULES,
  ...SAYING_RULES,

  // What a frame says, and when it counts.

  /** R1: A late frame is a lost frame. Else an old heartbeat makes a dead life look alive, and a join comes back. */
  isLate: (counter: number, lastCounter: number): boolean => counter <= lastCounter,

  /** R1: Broadcasts and direct frames are late each by themselves, as they take different ways. */
  lastCounter: (direct: boolean, lastDirect: number, lastBroadcast: number): number =>
    direct ? lastDirect : lastBroadcast,

  /** R1: What names its clocks holds however late it comes. Else of many answers that are reordered the last few count. */
  holdsLate: (message: Message, isDirect: boolean): boolean => {
    switch (message.type) {
      case "deltaRequest":
      case "pageRequest":
      case "page":
      case "far":
        return isDirect;
      case "delta":
        return message.parts === 1;
      default:
        return false;
    }
  },

  /** R1: A heartbeat that was overtaken still sums up for the first time. Else a life that tells much is not shown. */
  sumsUpLate: (counter: number, metCounter: number, hasSummedUpAll: boolean): boolean =>
    !hasSummedUpAll && counter > metCounter,

  /** R1: After a goodbye, too, but for questions. Else a goodbye that overtakes the last changes takes them away. */
  holdsAfterGoodbye: (message: Message): boolean => message.type === "delta" || message.type === "page",

  /** R2: Only what joins on is merged. Else a gap stays for ever, and what ends at or below the clock brings back. */
  joinsOn: (delta: { readonly since: number; readonly upTo: number }, clock: number): boolean =>
    delta.since <= clock && delta.upTo > clock,

  /** R2: What came before the delta that it joins on waits for it. Else what a goodbye has overtaken never comes. */
  isEarly: (delta: { readonly since: number }, clock: number): boolean => delta.since > clock,

  /** R7: A delta in parts is merged whole or not at all. Else the slice stands between two clocks. */
  isWhole: (part: number, parts: number): boolean => part === parts,

  /** R8: An answer that came in parts, not all or not in order, is fetched as pages. Else it fails again and again. */
  isFetchedAsPages: (direct: boolean): boolean => direct,

  /** R9: What is seen was flushed. Else a requester stands at a clock that no broadcast ends at. */
  isFlushedFirst: (pendingDots: number): boolean => pendingDots > 0,

  /** R58: A newcomer is not complete while windows are open that it could not know of. Else it lacks those who wait there. */
  earlierWindowMs: (nowMs: number, untilMs: number): number => Math.max(0, untilMs - nowMs),

  /** R26: An echo is dropped. Else a node lists its own entries twice. */
  isOwn: (name: string, ownName: string): boolean => name === ownName,

  // How a slice is held.

  /** R10: Rebuild beside. The clock at which a page was cut, up to which deltas have to carry the new slice. */
  standsAt: ({ asOf }: { readonly asOf: number; readonly until: number }): number => asOf,

  /** R10: What a page says is kept has to be held. Else a hole is built into the new slice. */
  isUnusable: (held: ReplicatedEntry | undefined): boolean => held === undefined,

  /** R10: What stays through a rebuild stays the same. Else everybody is told of an update that there was not. */
  isSameRevision: (held: ReplicatedEntry, { topic, key, session, meta }: WireBirth): boolean =>
    ReplicatedEntry.isOf(held, topic, key, session) && equalMetas(held.meta, meta),

  /** R11: The first sync shows its pages as they come. Else a newcomer lists nobody until everything is there. */
  isFirstSync: (clock: number, isPartial: boolean, entries: number): boolean =>
    clock === 0 && !isPartial && entries === 0,

  /** R12: An equal clock with another count or digest is a divergence. Else what went wrong once stays for weeks. */
  agrees: (summary: ShardSummary, entries: number, digest: number): boolean =>
    summary.count === entries && summary.digest === digest,

  /** R12: What is doubted is built from nothing that is held; what is not, from what is, or all travels again. */
  rebuildBase: (isDoubted: boolean, heldBase: number): number => (isDoubted ? 0 : heldBase),

  /** R13: A digest is of the values too. Else a value that was altered on its way stays, because its dot is right. */
  hashOf: (entry: ReplicatedEntry): number => ReplicatedEntry.hashOf(entry),

  /** R25: Slices are kept by the author's numbering. Else nodes of another `poolSize` lose each other's entries. */
  sliceNumber: (shardOfAuthor: number): number => shardOfAuthor,

  /** R25: A life has as many shards as it says first, or twice in a row. Else one frame takes away what others are in. */
  isPoolSize: (said: number, believed: number | undefined, saidBefore: number | undefined): boolean =>
    believed === undefined || said === believed || said === saidBefore,

  /** R25: What it is said to have beyond them is not kept. Else it is a ghost, or missing, for as long as the life lasts. */
  isBeyond: (shard: number, poolSize: number | undefined): boolean =>
    poolSize !== undefined && shard >= poolSize,

  // Asking and answering.

  /** R14: A gap is asked for after 20 to 60 ms at random. Else a lost broadcast makes all ask at once; no greeting does. */
  requestDelayMs: (random: number, isToldAlone: boolean): number =>
    isToldAlone ? 0 : REQUEST_DELAY_MIN_MS + random * (REQUEST_DELAY_MAX_MS - REQUEST_DELAY_MIN_MS),

  /**
   * R15: Every life is asked in its own turn. How many slices at a time: one, of a life that fails, or that is not trusted
   * to answer. Else thousands of made-up names cost as many times sixteen questions.
   */
  requestPlaces: (failures: number, isTrusted: boolean, limits: Limits): number =>
    isTrusted && failures < limits.failuresOfSlowLives ? limits.requestsPerLife : 1,

  /** R15: How many lives of the slow lane are asked at a time: fewer where they are asked more often. */
  slowPlaces: (retryMaxMs: number, limits: Limits): number =>
    Math.max(1, Math.floor((limits.slowRequests * retryMaxMs) / REQUEST_RETRY_MAX_MS)),

  /**
   * R16: Patience follows the round trip. What RFC 6298 expects of it; what never varied may still meet a long turn.
   * Else over a slow link everything is sent several times.
   */
  likelyAnswerMs: (smoothedMs: number, variationMs: number): number =>
    Math.min(REQUEST_PATIENCE_MAX_MS, smoothedMs + Math.max(REQUEST_RETRY_MS, 4 * variationMs)),

  /** R16: Patience is doubled with each failure, up to a bound: of one that never answered, a shorter one. */
  patienceMs: (likelyMs: number, doublings: number, hasAnswered: boolean, retryMaxMs: number): number =>
    Math.min(likelyMs * 2 ** doublings, Math.max(retryMaxMs, hasAnswered ? 2 * likelyMs : likelyMs)),

  /** R17: A requester has an account. What it may have at most. Else sixty bytes ask for a page, without end. */
  answerCredit: (entries: number, limits: Limits): number => limits.answerCreditItems + 2 * entries,

  /** R17: What of it comes back in each millisecond. */
  answerRefillPerMs: (entries: number, limits: Limits): number =>
    (limits.answerItemsPerSecond + entries / limits.answerRefillSeconds) / 1_000,

  /** R18: Goals stand still. A slice has reached one, whatever came since. Else on a busy network nobody is shown. */
  hasReached: (clock: number, goal: number, target: number): boolean => clock >= Math.min(goal, target),

  /** R19: One answer per turn of the event loop. A newer request takes the place of one that waits. */
  isNewerRequest: (counter: number, lastCounter: number): boolean => counter > lastCounter,

  /** R23: A request that stays unanswered is made aloud. Else one lost delta stops a slice for good. */
  asksAloud: (isMissing: boolean, unanswered: number, unansweredMs: number, patienceMs: number): boolean =>
    isMissing && unanswered > 3 && unansweredMs > patienceMs / 2,

  /** R23: A question is no answer. Else who is asked by a node that does not hear it never asks aloud. */
  isAnswer: (message: Message): boolean => message.type !== "deltaRequest" && message.type !== "pageRequest",

  /** R24: A link in doubt is tried by time, not by what is heard. Else one lost question ends the chain of them. */
  triedAfterMs: (isDown: boolean, patienceMs: number): number => (isDown ? patienceMs / 2 : patienceMs / 8),

  /** R23: What is asked for aloud is answered aloud. Else the answer takes the way on which frames get lost. */
  answersAloud: ({ aloud }: SliceRequest): boolean => aloud === true,

  // Saying.

  /** R21: Heartbeats come whatever else is sent. Else in an idle cluster a loss is noticed late. */
  heartbeatDueMs: (nowMs: number, heartbeatPeriodMs: number): number => nowMs + heartbeatPeriodMs,

  /** R21: An unknown life is greeted after up to 60 ms at random. Else all greet a newcomer at once, or late. */
  greetingDelayMs: (random: number): number => random * GREETING_DELAY_MAX_MS,

  /** R29: What does not fit one frame is cut. Counted in bytes of UTF-8, as pubsubs do, or wide letters are lost. */
  fitsFrame: (text: string, maxBytes: number): boolean => fitsUtf8(text, maxBytes),

  /** R22: An author is silent only until it hears another node for the first time. Else who forgot all is mute. */
  isSpokenTo: (hasHeard: boolean): boolean => hasHeard,

  // Who is alive.

  /** R30: Silence hides, it does not delete. Else the dead are listed for ever. */
  isSilent: (silentMs: number, downPeriodMs: number): boolean => silentMs > downPeriodMs,

  /** R30: One that is down is forgotten after `permdownPeriodMs`. Else every hiccup costs a full transfer. */
  isForgotten: (silentMs: number, permdownPeriodMs: number): boolean => silentMs > permdownPeriodMs,

  /** R31: One that is heard again is shown when it has caught up. Else its stale entries flash by. */
  isShownAgain: ({ hasCaughtUp }: { readonly hasCaughtUp: boolean; readonly isComplete: boolean }): boolean =>
    hasCaughtUp,

  /** R32: Silence is counted in healthy time. Else a node that stalls declares everybody else dead. */
  healthyMs: (elapsedMs: number, tickPeriodMs: number, isConnected: boolean): number =>
    isConnected ? Math.min(elapsedMs, 2 * tickPeriodMs) : 0,

  /** R32: A tick that comes late hides nobody: frames wait behind it. But a node that stalls all the time does hide. */
  hides: (isLate: boolean, sinceLateMs: number, tickPeriodMs: number, isConnected: boolean): boolean =>
    isConnected && isLate === sinceLateMs < tickPeriodMs,

  /** R33: After a reconnect a heartbeat is sent at once. But not if the last one is what broke the connection. */
  reconnectHeartbeatDueMs: (nowMs: number, lastMs: number, tickPeriodMs: number): number =>
    Math.max(nowMs, lastMs + tickPeriodMs),

  /** R34: Reconnecting forgives the silence of those that were up, once. Else the dead stay up while it flaps. */
  isForgiven: (forgivenMs: number | undefined): boolean => forgivenMs === undefined,

  /** R35: One that is missed is asked, at half of its down period and at three quarters. */
  isMissed: (silentMs: number, downPeriodMs: number, timesMissed: number): boolean =>
    silentMs > (downPeriodMs * (2 + timesMissed)) / 4,

  /** R36: A node is judged by its own period. Else nodes of different periods flicker. */
  downPeriodOf: (periodMs: number | undefined, downPeriodMs: number, permdownPeriodMs: number): number =>
    Math.max(downPeriodMs, Math.min(HEARTBEATS_TO_DOWN * (periodMs ?? 0), permdownPeriodMs)),

  /**
   * R60: A node that is often late says so. Twice late among its last heartbeats, it says the time that the second of
   * them took. Else a page that is hidden, with timers that ring once a minute, comes and goes in all lists.
   */
  saidPeriodMs: (periodMs: number, tookMs: readonly number[], permdownPeriodMs: number): number => {
    const [, secondMs = 0] = [...tookMs].sort((a, b) => b - a);
    if (secondMs <= HEARTBEATS_TO_BE_LATE * periodMs) return periodMs;
    return Math.max(periodMs, Math.min(secondMs, SHARE_OF_PERMDOWN * permdownPeriodMs));
  },

  /** R36: Another period is reported. */
  isOtherPeriod: (periodMs: number, ownPeriodMs: number): boolean => periodMs !== ownPeriodMs,

  /**
   * R37: A larger incarnation replaces a smaller at once. It departs with what is left of its down period. Else a crash
   * and restart makes every user leave and rejoin.
   */
  restOfWindowMs: (patienceMs: number, silentMs: number): number => patienceMs - silentMs,

  /** R38: A smaller incarnation is ignored beside a larger one. Else old frames evict a new life, or show a dead one. */
  isSuperseded: (incarnation: string, presentIncarnation: string): boolean =>
    incarnation < presentIncarnation,

  /**
   * R101: A name has one life, whatever its nodes hold. One that is heard replaces the one before it among those that hold
   * otherwise, too. Else a node that was restarted with another `holds` is listed twice.
   */
  isOneLife: (isThere: boolean): boolean => isThere,

  /**
   * R38: The larger yields to one that insists when it has not been heard for the down period of the listener, whatever
   * it said of its own period or its window. Else a node whose wall clock went back never returns, or one forged frame
   * of a later life hides a node until that is forgotten.
   */
  yields: (silentMs: number, downPeriodMs: number): boolean => silentMs > downPeriodMs,

  /** R39: A life that was replaced, or whose window has ended, is over. Else a delayed frame brings back the dead. */
  isOver: (isKnown: boolean, hasLaterEnded: boolean, isAlone: boolean): boolean =>
    isKnown || (isAlone && hasLaterEnded),

  /** R39: One that was taken for over and insists is heard. */
  insists: (insistedMs: number, patienceMs: number): boolean => insistedMs > patienceMs,

  /**
   * R40: A life that is heard after later lives of its name have ended was not before them. Whether one that is over
   * says so of those before it: not once it was overtaken. Else one start with a clock ahead delays all that follow.
   */
  endsEarlier: (wasOvertaken: boolean): boolean => !wasOvertaken,

  /** R41: A counter runs ahead by what its life can have sent in the time. Else one forged frame closes the ears. */
  isImplausible: (counter: number, highest: number, sinceMs: number): boolean =>
    highest > 0 && counter - highest > COUNTER_JUMP + COUNTER_JUMP_PER_MS * sinceMs,

  /** R41: Late frames that were never heard are heard if they go on for longer than the down period. */
  goesOn: (insistedMs: number, patienceMs: number): boolean => insistedMs > patienceMs,

  /** R42: A table of lives that is full makes room. Else names that somebody made up keep out nodes that start. */
  isSpare: (isEmpty: boolean, isAlive: boolean, silentMs: number, downPeriodMs: number): boolean =>
    isEmpty && (!isAlive || silentMs > downPeriodMs / 2),

  /** R42: Claims are bounded over all lives. Else a frame that names a thousand shards costs 400 times its bytes. */
  isClaimKept: (claimed: number, claimedByLife: number, limits: Limits): boolean =>
    claimed < limits.claimedSlices || claimedByLife < limits.requestsPerLife,

  /**
   * R43: An entry that comes after a goodbye takes the place of one entry of the departing life. Of that topic and key,
   * and no more than one. Else a rolling deploy flickers for every user or every second device, or ghosts stay.
   */
  takesPlace: (isOfThatLife: boolean, wasThere: boolean): boolean => !isOfThatLife && !wasThere,

  /** R43: So many of those that wait are hidden, where so many came, of whom some have taken other places. */
  placesTaken: (waiting: number, came: number, takenElsewhere: number): number =>
    Math.min(waiting, Math.max(0, came - takenElsewhere)),

  /** R43: Whose life departs waits, and takes over from nobody who waited with it. */
  stays: (entry: ReplicatedEntry): boolean => !ReplicatedEntry.departs(entry),

  /** R43: A repeated goodbye does not extend the window. */
  countsGoodbye: (departs: boolean): boolean => !departs,

  /**
   * R43: A life that sends ever newer frames after its goodbye, for longer than the down period, has not ended. Else
   * nobody asks for what is lost of it, until the window that somebody made up ends.
   */
  hasNotEnded: (insistedMs: number, downPeriodMs: number): boolean => insistedMs > downPeriodMs,

  /**
   * R83: Who is heard after its goodbye is judged by its silence. A life sends nothing after its own. Else whoever dies
   * after somebody said goodbye in its name is listed for as long as that said.
   */
  isJudged: (outlivesGoodbye: boolean): boolean => outlivesGoodbye,

  /**
   * R83: What was never heard and comes later than frames take was sent after the goodbye, though its counter is lower:
   * then that of the goodbye was made up.
   */
  outlives: (sinceGoodbyeMs: number, delayMs: number): boolean =>
    sinceGoodbyeMs > REQUEST_RETRY_MS + DELAYS_TO_OUTLIVE * delayMs,

  /** R83: Of two goodbyes the shorter window holds: one of them is its own. */
  endsMs: (untilMs: number, otherUntilMs: number): number => Math.min(untilMs, otherUntilMs),

  /** R43: What departs goes when its window ends. */
  hasEnded: (windowMs: number): boolean => windowMs <= 0,

  /** R44: A rival is a conflict only if it is heard for longer than twice `downPeriodMs`. Else slow frames are. */
  isConflict: (insistedMs: number, downPeriodMs: number): boolean => insistedMs > 2 * downPeriodMs,

  // Who has ended.

  /**
   * R57: A silent node of which the pubsub says for a while that it does not listen has ended. Else a kill is noticed
   * only by its silence. Those that are overdue are asked about.
   */
  isMissing: (silentMs: number, heartbeatPeriodMs: number): boolean =>
    silentMs > HEARTBEATS_TO_ASK * heartbeatPeriodMs,

  /** R57: A node that has reconnected lately asks nobody: others may be about to. */
  mayAskForDeaths: (sinceConnectedMs: number, downPeriodMs: number): boolean =>
    sinceConnectedMs > downPeriodMs,

  /** R57: An answer that does not know this node itself is none. */
  isBelieved: (knowsSelf: boolean): boolean => knowsSelf,

  /** R57: One answer is not enough: a connection that is cut for a moment comes back. */
  isAbsent: (answers: number, absentMs: number, absenceMs: number): boolean =>
    answers > 1 && absentMs >= absenceMs,

  /** R57: For how long nobody has to listen where somebody did: longer where it was absent before, and came back. */
  absenceMs: (heartbeatPeriodMs: number, isUnsteady: boolean): number =>
    Math.max(ABSENT_MS, (isUnsteady ? UNSTEADY_ABSENT_HEARTBEATS : ABSENT_HEARTBEATS) * heartbeatPeriodMs),

  /** R57: Whose connection was cut once may be cut again soon. */
  isUnsteady: (sinceReturnMs: number, heartbeatPeriodMs: number): boolean =>
    sinceReturnMs < UNSTEADY_HEARTBEATS * heartbeatPeriodMs,

  // Who is to go.

  /** R61: A node that wants an entry of another to end asks its owner. Five times in all, or a lost frame saves it. */
  asksAgain: (asked: number): boolean => asked < EVICTIONS_ASKED,

  // The border.

  /** R62: An observer is nobody's replica. Else an observer is listed, waited for and missed. */
  isNobodysReplica: (observes: boolean): boolean => observes,

  /** R62: Nobody who is heard as a node only looks on. Else questions in its name are answered to it. */
  mayOnlyLookOn: (isNode: boolean): boolean => !isNode,

  /** R51: A goodbye is granted `permdownPeriodMs` at the most. Else two frames list somebody for 24 days. */
  windowMs: (askedMs: number, permdownPeriodMs: number): number => Math.min(askedMs, permdownPeriodMs),

  // What there is room for.

  /**
   * R59: What others have is kept as far as there is room. Else anybody who can publish fills the memory of every node.
   * What makes room is always taken.
   */
  hasRoom: (kept: number, growth: number, maxEntries: number): boolean =>
    growth <= 0 || kept + growth <= maxEntries,
};

export type Rules = Readonly<typeof RULES>;

/** What a replicator runs by. */
export interface Protocol {
  readonly rules: Rules;
  readonly limits: Limits;
}

export const PROTOCOL: Protocol = { rules: RULES, limits: LIMITS };

/** The versions that are spoken by a protocol. */
export function versionsOf({ limits }: Protocol): VersionRange {
  return { oldest: limits.oldestVersion, newest: limits.newestVersion };
}
