/** The words of a machine that follows, for those around it: its options, its events, and how much it keeps. Types only. */
import type { Life } from "../life.js";
import type { Protocol } from "../rules.js";
import type { BeginEvent, BesideEvent, ReplicationEvent } from "../step.js";
import type { Lingering } from "./follows.js";
import type { Begun } from "./message.js";
import type { FollowingProtocol } from "./rules.js";

export interface FollowerOptions {
  readonly life: Life;
  /** Whether this node hears itself as others hear it; if not, it believes what it is told of its connection. */
  readonly echoes: boolean;
  readonly maxFrameBytes: number;
  /** How many entries of other lives are kept. */
  readonly maxEntries: number;
  readonly heartbeatPeriodMs: number;
  readonly tickPeriodMs: number;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
  /** After a frame to a peer further news for it are collected for so long at the most. */
  readonly windowMs: number;
  /** How long a follow without a handle, and a stake without an entry, are kept. */
  readonly lingering: Lingering;
  /** How long a count takes to tell a number that has changed. */
  readonly countPeriodMs: number;
  /**
   * Whether this node holds everything, and is there for those that follow: it follows nothing, and each topic of theirs
   * is open to it.
   */
  readonly holdsEverything: boolean;
  readonly random: () => number;
  /** The version of the library, told to all. */
  readonly version?: string | undefined;
  /** The numbers of the machine that had its life before. */
  readonly begun?: Begun | undefined;
  readonly protocol?: Protocol;
  readonly following?: FollowingProtocol;
}

/** Adds say no shard, as there is one. */
export type FollowerEvent =
  | Exclude<ReplicationEvent | BesideEvent | BeginEvent, { type: "add" | "frame" }>
  | Omit<Extract<ReplicationEvent, { type: "add" }>, "shard">
  | Omit<Extract<ReplicationEvent, { type: "frame" }>, "way">;

/** How many of each there are. */
export interface FollowerSizes {
  readonly follows: number;
  readonly stakes: number;
  readonly registrarRows: number;
  readonly peers: number;
  readonly hints: number;
  /** What is told, heard, open and opened, over all pairs. */
  readonly pairTopics: number;
  readonly watches: number;
  /** Topics of which somebody is told a sample. */
  readonly samples: number;
  /** Topics that this node counts; who wants to know that of it as the registrar; and who asks it as an author. */
  readonly counts: number;
  readonly countsWanted: number;
  readonly countsAsked: number;
}
