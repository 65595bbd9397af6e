/**
 * What replication is given and what it tells: its options, its way out, and what it counts. Types, and a fresh
 * set of counters.
 */
import type { Life } from "./life.js";
import type { Carrier } from "./outbox.js";

export interface ReplicatorOptions {
  readonly life: Life;
  readonly poolSize: number;
  readonly maxFrameBytes: number;
  readonly broadcastPeriodMs: number;
  readonly heartbeatPeriodMs: number;
  readonly tickPeriodMs: number;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
  readonly random: () => number;
}

/** What is told about other lives, for the tracker's events. */
export interface ReplicaNews {
  readonly name: string;
  readonly incarnation: string;
}

/** The way out. */
export interface ReplicatorPort extends Carrier {
  /** Asks to be advanced at that time, or sooner. */
  wakeAt(timeMs: number): void;
  replicaUp(news: ReplicaNews): void;
  replicaDown(news: ReplicaNews): void;
  replicaGone(news: ReplicaNews): void;
  divergence(news: ReplicaNews & { readonly shard: number }): void;
  nameConflict(name: string, incarnations: readonly [string, string]): void;
  refused(reason: string, version: unknown): void;
}

/** What was received and not listened to, by reason. Counts since the start. */
export interface Counters {
  framesReceived: number;
  framesRefused: number;
  framesLate: number;
  framesOver: number;
  framesSuperseded: number;
  framesMisaddressed: number;
  deltasMerged: number;
  pagesMerged: number;
  requestsSent: number;
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
    deltasMerged: 0,
    pagesMerged: 0,
    requestsSent: 0,
    divergences: 0,
  };
}
