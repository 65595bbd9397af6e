/**
 * The words of replication for those around it: its options, how it is connected, what goes wrong, and what it counts.
 * Types, and a fresh set of counters.
 */
import { utf8Length } from "./bytes.js";
import type { Life } from "./life.js";
import type { DeltaMessage } from "./message.js";
import type { Protocol } from "./rules.js";

/**
 * - `whole`: nothing is known to be missing.
 * - `noBroadcasts`: only what it sends to this node alone is heard, and no broadcast of it.
 * - `noDirect`: requests to it, or its answers, get through only as broadcasts.
 * - `oneWay`: it is heard and answers nothing, so it does not hear this node.
 */
export type ReplicaLink = "whole" | "noBroadcasts" | "noDirect" | "oneWay";

/**
 * - `connected`: as the pubsub says, and this node hears itself.
 * - `disconnected`: as the pubsub says.
 * - `deaf`: the pubsub says that it is connected, and this node does not hear itself: nor may others, or it them.
 */
export type ConnectionStatus = "connected" | "disconnected" | "deaf";

/** The two ways on which a node hears: what is broadcast, and what is sent to it alone. */
export type VoiceWay = "broadcasts" | "inbox";

/** Where payloads go. */
export interface Carrier {
  broadcast(payload: string): void;
  send(node: string, payload: string): void;
}

export interface ReplicatorOptions {
  readonly life: Life;
  readonly poolSize: number;
  /** Whether this node only looks on: it has nothing, asks others, and is nobody's replica. Default false. */
  readonly observer?: boolean | undefined;
  /** Whether this node hears itself as others hear it; if not, it believes what it is told of its connection. */
  readonly echoes: boolean;
  readonly maxFrameBytes: number;
  readonly broadcastPeriodMs: number;
  readonly heartbeatPeriodMs: number;
  readonly tickPeriodMs: number;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
  /** How many entries of other lives are kept. */
  readonly maxEntries: number;
  readonly random: () => number;
  /** The version of the library, told to each life that is met. */
  readonly version?: string | undefined;
  readonly tracing?: Tracing | undefined;
  /** Default: the rules and limits of this release. */
  readonly protocol?: Protocol | undefined;
}

/** What goes wrong between the nodes, to be reported. */
export type Trouble =
  | { readonly kind: "link"; readonly life: Life; readonly link: Exclude<ReplicaLink, "whole"> }
  | { readonly kind: "period"; readonly life: Life; readonly periodMs: number }
  | { readonly kind: "clockAhead" | "counterAhead" | "implausible"; readonly life: Life }
  | { readonly kind: "full"; readonly life: Life; readonly maxEntries: number }
  | { readonly kind: "crowded"; readonly table: "lives" | "livesOver" | "claims" | "observers" };

/** Is told what happens inside, in the middle of it: it only looks, and does nothing but note it. */
export interface Tracing {
  /** What was changed here was told to all. */
  flushed(delta: DeltaMessage): void;
  /** Something of a life was merged, shown or not. */
  merged(
    life: Life,
    change: { readonly [What in "added" | "updated" | "removed"]: readonly unknown[] },
  ): void;
  /** A slice is begun anew, from pages. */
  rebuilding(life: Life, shard: number): void;
}

/** What was sent, received and not listened to, by reason. Counts since the start. */
export interface Counters {
  /** Of all nodes but this one. */
  framesReceived: number;
  framesRefused: number;
  framesLate: number;
  framesOver: number;
  framesSuperseded: number;
  framesMisaddressed: number;
  /** Of lives for which there was no room, and of observers. */
  framesCrowded: number;
  /** Shards that were claimed, by a heartbeat or a delta, and for which there was no room. */
  claimsCrowded: number;
  /** Entries that came, and for which there was no room. */
  entriesCrowded: number;
  /** With a counter that their life cannot have reached. */
  framesImplausible: number;
  deltasMerged: number;
  pagesMerged: number;
  requestsSent: number;
  /** Handed to the pubsub while it was connected; a broadcast is one, however many hear it. */
  framesSent: number;
  /** Of these, in UTF-8, without what the pubsub adds. */
  bytesSent: number;
  /** Slices that were begun anew, from pages. */
  rebuilds: number;
  divergences: number;
}

export function noCounts(): Counters {
  return {
    framesReceived: 0,
    framesRefused: 0,
    framesLate: 0,
    framesOver: 0,
    framesSuperseded: 0,
    framesMisaddressed: 0,
    framesCrowded: 0,
    claimsCrowded: 0,
    entriesCrowded: 0,
    framesImplausible: 0,
    deltasMerged: 0,
    pagesMerged: 0,
    requestsSent: 0,
    framesSent: 0,
    bytesSent: 0,
    rebuilds: 0,
    divergences: 0,
  };
}

/** A payload goes to the pubsub. */
export function countSent(counters: Counters, payload: string): void {
  counters.framesSent += 1;
  counters.bytesSent += utf8Length(payload);
}
