/** The rules of when changes are said: those of rules.ts, which has them all. */
import { PERIODS_TO_PAY, SAID_BY_A_FRAME, SAID_PER_SECOND } from "./limits.js";

export const SAYING_RULES = {
  /** R20: Flush on the leading edge. Else every change waits for a period, or every change is a message. */
  flushDueMs: (nowMs: number, quietUntilMs: number): number => Math.max(nowMs, quietUntilMs),

  /**
   * R89: The window follows the load. What all have said lately is paid with time: until when, after a frame of so many
   * units. Never further than some periods ahead: it is forgotten as fast. Else a busy minute delays the next.
   */
  paidUntilMs: (paidUntilMs: number, nowMs: number, units: number, periodMs: number): number =>
    Math.min(
      nowMs + PERIODS_TO_PAY * periodMs,
      Math.max(paidUntilMs, nowMs) + ((SAID_BY_A_FRAME + units) * 1_000) / SAID_PER_SECOND,
    ),

  /**
   * R89: Further changes wait until that is paid, and for a period at the most. Else a change in a quiet cluster waits as
   * long as in a busy one; or a busy one says many times as much.
   */
  quietUntilMs: (flushedMs: number, periodMs: number, paidUntilMs: number): number =>
    Math.min(flushedMs + periodMs, paidUntilMs),
};
