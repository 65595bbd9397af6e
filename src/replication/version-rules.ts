/**
 * The rules of the protocol by which nodes of several versions understand each other, by their numbers in
 * docs/protocol.md; a part of `rules.ts`, and as pure.
 */
import { HEARTBEATS_TO_GO_UP, type Limits } from "./limits.js";
import type { VersionRange } from "./message.js";

export const VERSION_RULES = {
  /**
   * R53: What stands in a version that this node does not read is not guessed, heartbeats apart, which read the same in
   * every version. Else a node believes what it misreads.
   */
  isRead: (version: number, { oldestVersion, newestVersion }: Limits): boolean =>
    version >= oldestVersion && version <= newestVersion,

  /** R53: A node that has no version in common with this one is reported, and is nobody's replica. */
  isForeign: (others: VersionRange, own: VersionRange): boolean =>
    others.newest < own.oldest || others.oldest > own.newest,

  /** R84: A cluster speaks the newest version that all understand. Else those of before miss what newer ones say. */
  spokenVersion: (newestOfAll: number, { oldest, newest }: VersionRange): number =>
    Math.max(oldest, Math.min(newest, newestOfAll)),

  /** R85: A node begins with the oldest version that it speaks. Else those of before miss what it says at first. */
  versionAtStart: ({ oldest }: VersionRange): number => oldest,

  /** R85: And with a newer one, as soon as it hears somebody who reads nothing older. Else it is not understood at all. */
  neededVersion: (spoken: number, oldestOfAll: number): number => Math.max(spoken, oldestOfAll),

  /** R85: And goes up once it has heard the others out, and nobody was heard meanwhile who would not understand. */
  goesUp: (sinceMs: number, heartbeatPeriodMs: number): boolean =>
    sinceMs > HEARTBEATS_TO_GO_UP * heartbeatPeriodMs,

  /** R86: What is further is left alone, and counted: fields, parts, kinds. Else nothing can be added without a version of its own. */
  leavesFurther: (): boolean => true,
};
