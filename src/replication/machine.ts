/**
 * What a tracker runs, whatever it holds: full replication, or replication by interest. An event and the time go in, and
 * effects come out. Types only.
 */
import type { SeenTimes } from "./authoring/seen-times.js";
import type { Counters } from "./counters.js";
import type { ReplicatedEntry } from "./entry.js";
import type { Connection } from "./lives/connection.js";
import type { ForeignNodes } from "./lives/foreign-nodes.js";
import type { Peer } from "./lives/peer.js";
import type { VersionRange } from "./message.js";
import type { View } from "./showing/view.js";
import type { BeginEvent, BesideEvent, Count, ReplicationEvent, Step } from "./step.js";

export type MachineEvent = ReplicationEvent | BesideEvent | BeginEvent;

/** What a wait is for. */
export interface Goal {
  readonly isReached: boolean;
}

/** How much a node has to do with others that holds what it follows. */
interface FollowingCounts {
  readonly follows: number;
  readonly stakes: number;
  readonly registrarRows: number;
  readonly peers: number;
  readonly counts: number;
}

/** The lives of others, whatever they hold. */
export interface Lives {
  /** The present life of a name. */
  presentOf(name: string): Peer | undefined;
  /** All lives that something is held of. */
  replicas(): Iterable<Peer>;
  /** Healthy time since one was heard. */
  silenceOf(replica: Peer, nowMs: number): number;
  /** How much is left of the window of a departing one. */
  windowOf(replica: Peer, nowMs: number): number;
}

/** Waits for what others have. Connections are numbered, as a wait may last longer than one of them. */
export interface Waits {
  /** The connection since which others are to be heard out, if that is asked for now. */
  readonly since: number;
  /** Begins a wait for what is known now; or, if it began before anybody was known, for what they had at first. */
  catchUp(asOfNow: boolean, since: number): Goal;
}

export interface Machine {
  readonly view: View;
  readonly counters: Counters;
  readonly membership: Lives;
  readonly connection: Connection;
  readonly seenTimes: SeenTimes;
  /** The version of the protocol that this node speaks at present, and all that it reads. */
  readonly versions: { readonly spoken: number; readonly own: VersionRange };
  /** Who is heard, and speaks none of them. */
  readonly border: { readonly foreign: Pick<ForeignNodes, "told"> };
  readonly heardOut: Waits;
  /** Of a machine that holds what it follows. */
  readonly following?: FollowingCounts | undefined;
  /** Of those that concern a node beside others that follow nothing comes where it follows itself. */
  step(event: MachineEvent, nowMs: number): Step;
  /** Whether all is held that is to be held, as far as is known. */
  hasCaughtUp(nowMs: number): boolean;
  /** Whether all of a followed topic is held that anybody has who is up; not asked where everything is held. */
  isComplete?(topic: string, nowMs: number): boolean;
  /** Whether anybody is known to have more in a followed topic than is held; not asked where everything is held. */
  isPartial?(topic: string): boolean;
  /** What is known of how many entries a topic has whose count is followed; not asked where everything is held. */
  countOf?(topic: string): Count;
  /** What this node has in a topic itself; not asked where everything is shown. */
  ownOf?(topic: string): Iterable<ReplicatedEntry>;
  /** For how long entries wait elsewhere, as others say, of which this node could not hear. */
  earlierWindowMs(nowMs: number): number;
}
