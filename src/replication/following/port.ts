/** The words of a machine that follows, for those around it: its options, its events, and how much it keeps. Types only. */
import type { Life } from "../life.js";
import type { Protocol } from "../rules.js";
import type { LocalChange } from "../step.js";
import type { FollowingFrame } from "./message.js";
import type { FollowingProtocol } from "./rules.js";

/** How frames become payloads, and back; `undefined`: it is none. */
interface FollowingWire {
  encode(frame: FollowingFrame): string;
  decode(payload: string): FollowingFrame | undefined;
}

export interface FollowerOptions {
  readonly life: Life;
  readonly wire: FollowingWire;
  readonly heartbeatPeriodMs: number;
  readonly tickPeriodMs: number;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
  /** After a frame to a peer further news for it are collected for so long. */
  readonly windowMs: number;
  /** How long a follow without a handle, and a stake without an entry, are kept. */
  readonly lingerMs: number;
  readonly random: () => number;
  readonly protocol?: Protocol;
  readonly following?: FollowingProtocol;
}

export type FollowerEvent =
  | Exclude<LocalChange, { type: "add" }>
  | Omit<Extract<LocalChange, { type: "add" }>, "shard">
  /** One handle more of a topic, or one less. */
  | { readonly type: "follow" | "unfollow"; readonly topic: string }
  /** A payload came from the pubsub: from anybody, in any state. */
  | { readonly type: "frame"; readonly payload: string }
  /** Something may be due: it was asked for by a `wake`. */
  | { readonly type: "turn" }
  /** The pubsub knows that a node has ended. */
  | { readonly type: "nodeGone"; readonly name: string }
  /** This life ends: it says all that it has to say, and that. */
  | { readonly type: "goodbye"; readonly windowMs: number };

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
}
