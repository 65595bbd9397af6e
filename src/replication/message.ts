/**
 * The messages between replicas, decoded: who sends each, to whom and when. How they look on the wire is the
 * codec's business.
 */
import type { AnyMeta } from "../words.js";
import type { Life } from "./life.js";

/** A birth as it travels: its dot's clock and the value. The author and shard stand in the frame. */
export interface WireBirth {
  readonly clock: number;
  readonly topic: string;
  readonly key: string;
  readonly session: string;
  readonly meta: Readonly<AnyMeta>;
}

/** A removal as it travels: its own clock, the clock of the birth it removed, and whether a session closed. */
export interface WireRemoval {
  readonly clock: number;
  readonly removed: number;
  readonly closed: boolean;
}

/** What an author holds in one shard, as of its last flush. */
export interface ShardSummary {
  readonly clock: number;
  readonly count: number;
  readonly digest: number;
}

/** The versions of the protocol that a life reads and writes: these two and all between them. */
export interface VersionRange {
  readonly oldest: number;
  readonly newest: number;
}

/** To all, at start and every `heartbeatPeriodMs`; to one, when an unknown life was heard. */
export interface Heartbeat {
  readonly type: "heartbeat";
  readonly poolSize: number;
  /** The shards from `firstShard` on; one frame may not hold all. */
  readonly firstShard: number;
  readonly shards: readonly ShardSummary[];
  /** How often the sender says so. Not told by earlier releases. */
  readonly periodMs?: number | undefined;
  /** For how long entries of lives that have ended may still wait in the sender's list, if any do. */
  readonly waitsMs?: number | undefined;
  /** The version of the sender's library. Only to one life, as it does not change. */
  readonly version?: string | undefined;
  /** By how much the sender is often late with it, if it is. */
  readonly lateMs?: number | undefined;
  /** Absent in heartbeats of version 1: its nodes speak no other. */
  readonly speaks?: VersionRange | undefined;
  /** The counter of the question that it answers, if it does: it was sent after that was heard. */
  readonly answers?: number | undefined;
}

/** What the sender of a heartbeat speaks. One that does not say so speaks what it has written. */
export function spokenBy({ speaks }: Heartbeat, version: number): VersionRange {
  return speaks ?? { oldest: version, newest: version };
}

/** Within what time the next heartbeat may be expected, if the sender has said so. */
export function expectedWithinMs({ periodMs, lateMs = 0 }: Heartbeat): number | undefined {
  return periodMs === undefined ? undefined : periodMs + lateMs;
}

/** To all on flush, to one as the answer to a request. Merged when its last part has come. */
export interface DeltaMessage {
  readonly type: "delta";
  readonly shard: number;
  readonly since: number;
  readonly upTo: number;
  /** Counted from 1. */
  readonly part: number;
  readonly parts: number;
  readonly births: readonly WireBirth[];
  readonly removed: readonly WireRemoval[];
  /**
   * Births after `since` that went with their session, by ascending clock: a node that overlaps may show them.
   * Only in answers, and only if there are any.
   */
  readonly closed?: readonly number[];
}

/** To the author, on a gap: what came after `clock`? */
export interface DeltaRequest {
  readonly type: "deltaRequest";
  readonly shard: number;
  readonly clock: number;
  /** Whether it was broadcast, and the answer is to be, since direct messages get lost. */
  readonly aloud?: boolean | undefined;
}

/** To the author, while rebuilding: the live dots after `from`, up to `until` (0: your flushed clock). */
export interface PageRequest {
  readonly type: "pageRequest";
  readonly shard: number;
  readonly rebuild: number;
  readonly base: number;
  readonly from: number;
  readonly until: number;
  /** The requester shows an earlier state, as of this clock, and wants to know which sessions closed since. */
  readonly shown?: number;
  /** As in a delta request. */
  readonly aloud?: boolean | undefined;
}

/** What is asked of a slice's author. */
export type SliceRequest = DeltaRequest | PageRequest;

/** To a requester whose clock is too old for a delta: rebuild. */
export interface Far {
  readonly type: "far";
  readonly shard: number;
  readonly clock: number;
}

/** A run of dots, both ends included. */
export interface Interval {
  readonly first: number;
  readonly last: number;
}

/** To the requester: as of `asOf`, exactly the dots of (from, to] that live: new ones, and kept ones. */
export interface Page {
  readonly type: "page";
  readonly shard: number;
  readonly rebuild: number;
  readonly from: number;
  readonly to: number;
  readonly until: number;
  readonly asOf: number;
  readonly births: readonly WireBirth[];
  readonly kept: readonly Interval[];
  /**
   * The dots of (from, to] that are shown there and went with their session, by ascending clock, if any; on the last
   * page also those of earlier ones that did so since the first, and of those above what is shown the latest that did, as
   * they may have come meanwhile.
   */
  readonly closed?: readonly number[];
}

/** To all, on a graceful stop: how long the entries may wait for their keys to come back elsewhere. */
interface Goodbye {
  readonly type: "goodbye";
  readonly windowMs: number;
}

/**
 * To all: the entries of these sessions under a topic and key are to end. Their owner ends them, and says the same before
 * it does; the others know then why they have left.
 */
export interface Eviction {
  readonly type: "evict";
  readonly topic: string;
  readonly key: string;
  /** For the application of the owner. */
  readonly reason: string;
  readonly sessions: readonly string[];
}

export type Message = Heartbeat | DeltaMessage | SliceRequest | Far | Page | Goodbye | Eviction;

/** A message: its sender, the incarnation that it is for (or all), and its number among the frames of the sender. */
export interface Frame {
  readonly from: Life;
  readonly to: string | undefined;
  readonly counter: number;
  readonly message: Message;
  /** The version of the protocol that it is written in. */
  readonly version: number;
  /** Whether the sender only looks on: it has nothing, and is nobody's replica. */
  readonly observes?: boolean | undefined;
}

/**
 * A question for nothing but whether somebody is there: what comes after the last clock that there can be. The answer
 * is a heartbeat.
 */
export const WHETHER_THERE: DeltaRequest = {
  type: "deltaRequest",
  shard: 0,
  clock: Number.MAX_SAFE_INTEGER,
};

export function asksWhetherThere(request: SliceRequest): boolean {
  return request.type === "deltaRequest" && request.clock === WHETHER_THERE.clock;
}
