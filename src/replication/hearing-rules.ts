/**
 * The rules of whether this node hears, and of what it has heard since it could: those of rules.ts, which has them all.
 */
import {
  HEARTBEATS_OF_SOUNDING,
  HEARTBEATS_TO_DEAF,
  HEARTBEATS_TO_DOUBT,
  REQUEST_RETRY_MS,
} from "./limits.js";

export const HEARING_RULES = {
  // Whether others are heard out.

  /**
   * R45: One heartbeat that all hear may be older than this life, or than its last reconnect. Else a node whose frames
   * are late is complete without what changed before it started.
   */
  isHeardOut: (shardsSure: number, poolSize: number): boolean => shardsSure >= poolSize,

  /**
   * R81: Who was not heard out when the connection was lost goes on where it was. Else nobody is heard out where the
   * connection comes and goes with the heartbeats.
   */
  beginsAnew: (isHeardOut: boolean): boolean => isHeardOut,

  /** R81: And it is asked, no more often than this node ticks. Else one is never heard whose heartbeats fall between. */
  asksToSumUp: (isHeardOut: boolean, sinceAskedMs: number, tickPeriodMs: number): boolean =>
    !isHeardOut && sinceAskedMs >= tickPeriodMs,

  /** R81: What was asked for and not answered is asked for again: the answer may have been lost. */
  asksAgainMs: (nowMs: number, sentMs: number, delayMs: number): number =>
    Math.max(nowMs + delayMs, sentMs + REQUEST_RETRY_MS),

  /**
   * R82: Where frames take their time, only an answer tells what was there since. It names its question, which was asked
   * since. Else two heartbeats that were sent before count for what others have now.
   */
  isSure: (direct: boolean, answers: number | undefined, since: number, isSlow: boolean): boolean =>
    answers === undefined ? direct && (!isSlow || since === 0) : answers > since,

  /** R82: There no heartbeat that all hear counts for it. */
  countsTwice: (isSlow: boolean): boolean => !isSlow,

  /** R82: Frames take their time if they take longer than the shortest time between two heartbeats of one node (R33). */
  isSlow: (ownDelayMs: number, tickPeriodMs: number): boolean => ownDelayMs > tickPeriodMs,

  /**
   * R82: They may as long as nothing has come back that was said since. Else what was slow enough to make this node deaf
   * counts as fast when it hears again.
   */
  mayBeSlow: (isUnknown: boolean): boolean => isUnknown,

  /** R82: And who was not heard out is asked, again when the answer should have been here. */
  asksSlowly: (sinceAskedMs: number, ownDelayMs: number, heartbeatPeriodMs: number): boolean =>
    sinceAskedMs >= Math.max(heartbeatPeriodMs, 2 * ownDelayMs),

  // Whether this node is heard.

  /**
   * R54: A node is connected as far as it hears itself. Not heard for 2.25 heartbeats, on either way, it is deaf. Else a
   * node that hears nobody says that it is connected and complete.
   */
  isDeaf: (unheardMs: number, heartbeatPeriodMs: number): boolean =>
    unheardMs > HEARTBEATS_TO_DEAF * heartbeatPeriodMs,

  /** R54: Before that it doubts its connection. */
  isOverdue: (unheardMs: number, heartbeatPeriodMs: number): boolean =>
    unheardMs > HEARTBEATS_TO_DOUBT * heartbeatPeriodMs,

  /** R54: A node that doubts its connection speaks with every tick, for a while: one frame may have been lost. */
  soundsAgain: (unheardMs: number, heartbeatPeriodMs: number): boolean =>
    unheardMs < HEARTBEATS_OF_SOUNDING * heartbeatPeriodMs,

  /**
   * R54: But no sooner than a tick after it did last, whatever makes time pass in between. Else it speaks with every frame
   * of its own that it hears, and forgets which of them are recent: so it stays deaf though it hears itself.
   */
  soundingDueMs: (lastMs: number, tickPeriodMs: number): number => lastMs + tickPeriodMs,

  /** R55: A node that does not hear itself counts nobody's silence. Else, without a connection, it declares all others dead. */
  countsSilence: (isDeaf: boolean): boolean => !isDeaf,

  /** R55: While it doubts its connection it hides nobody. */
  hidesUnheard: (isDoubted: boolean): boolean => !isDoubted,

  /** R55: And it waits for a round of heartbeats more, in which those that it may not have heard can speak. */
  graceMs: (sinceDoubtMs: number, heartbeatPeriodMs: number): number =>
    sinceDoubtMs < HEARTBEATS_TO_DOUBT * heartbeatPeriodMs ? HEARTBEATS_TO_DOUBT * heartbeatPeriodMs : 0,

  /** R56: A node that hears itself again is as after a reconnect. Else those that hear it later than this node are hidden. */
  isAsReconnected: (wasDeaf: boolean, isDeaf: boolean): boolean => wasDeaf && !isDeaf,
};
