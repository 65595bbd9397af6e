/**
 * A peer: one life of another node, as far as it is alive: since when, heard when, and how frames get through. A record
 * with a few questions it can answer; who changes its status is membership's business. Knows nothing of what is held.
 */
import type { Departure, EntryOwner, ReplicatedEntry } from "../entry.js";
import { replicaOf, type Life } from "../life.js";
import type { VersionRange } from "../message.js";
import { RULES, type Rules } from "../rules.js";
import { Link } from "./link.js";
import { UnheardCounters } from "./unheard.js";

/**
 * - `up`: heard lately; shown.
 * - `down`: silent for `downPeriodMs`; hidden.
 * - `returning`: heard again; hidden until its slices have caught up.
 * - `departing`: ended, by a goodbye or a restart; shown until its window ends or its places are taken.
 */
export type PeerStatus = "up" | "down" | "returning" | "departing";

/** What a node holds of others. */
export type PeerHolds = "everything" | "followed";

/** How far what it has is held here. */
export interface PeerHolding {
  readonly entries: number;
  /** Events it is known to have had that are not held here. */
  readonly lagDots: number;
  /** Whether all is held that it has said it has. */
  readonly isComplete: boolean;
  /** What is waited for: that it says what it has, that it comes, or that there is room for it. */
  readonly waitsFor: "summary" | "entries" | "room" | undefined;
}

export abstract class Peer implements EntryOwner {
  readonly life: Life;
  /** The life as the author of dots. */
  readonly id: string;
  status: PeerStatus = "up";
  /** Whether it is up again, and what it has is shown in parts, of which some are still to come. */
  isShownInPart = false;
  departure: Departure | undefined;
  /** When it was heard last, in healthy time. */
  heardHealthyMs = 0;
  /** How much of this silence a reconnect has forgiven; undefined while none has. */
  forgivenMs: number | undefined;
  /** How often it was missed in this silence. */
  missed = 0;
  /** When it was heard last, by the clock. */
  heardAtMs = 0;
  /** How often it sends a heartbeat, if it has said so. */
  heartbeatPeriodMs: number | undefined;
  /** The version of its library, if it has said so. */
  version: string | undefined;
  /** Which versions of the protocol it speaks, if it has said so. */
  speaks: VersionRange | undefined;
  /** When the window of a departing life ends, in healthy time. */
  endsHealthyMs = 0;
  /** The highest counter heard of a departing life when it began to: one that has ended sends no higher one. */
  goodbyeCounter = 0;
  /** When it began to, by the clock. */
  departsAtMs = 0;
  /** Whether it certainly has sent something since. */
  outlivesGoodbye = false;
  /** The highest counters heard: of its broadcasts, and of what it sent to this node. */
  broadcastCounter = 0;
  directCounter = 0;
  /** And the highest that a caller has heard, and when that was told, in healthy time. */
  relayedCounter = 0;
  relayedHealthyMs = 0;
  /** The counter of the frame by which it appeared or came back: whatever has a higher one was sent after it. */
  metCounter = 0;
  readonly unheardBroadcasts = new UnheardCounters();
  readonly unheardDirect = new UnheardCounters();
  /** How frames get through, as long as it is up. */
  link: Link;

  constructor(life: Life, rules: Rules = RULES) {
    this.life = life;
    this.id = replicaOf(life);
    this.link = new Link(rules);
  }

  /** Whether nothing it has was ever received: then it may have been made up. */
  abstract get isEmpty(): boolean;

  abstract get holding(): PeerHolding;

  abstract get holds(): PeerHolds;

  /** What is held of it, shown or hidden. */
  abstract entries(): Iterable<ReplicatedEntry>;

  get name(): string {
    return this.life.name;
  }

  /** The highest counter that was heard of it here. */
  get heardCounter(): number {
    return Math.max(this.directCounter, this.broadcastCounter);
  }

  /** And here or by a caller. */
  get highestCounter(): number {
    return Math.max(this.heardCounter, this.relayedCounter);
  }

  /** Whether its entries are shown, those apart that were handed off. */
  get isShown(): boolean {
    return this.status === "up" || this.status === "departing";
  }

  /** Whether it is taken for running: its silence is counted, and it can be asked. */
  get isAlive(): boolean {
    return this.status === "up" || this.status === "returning";
  }

  /** So much healthy time does not count as silence, as nobody could tell of it. */
  excuse(healthyMs: number): void {
    this.heardHealthyMs += healthyMs;
  }

  /** A caller has told how far it was heard. */
  relayed(counter: number, healthyMs: number): void {
    this.relayedCounter = counter;
    this.relayedHealthyMs = healthyMs;
  }

  /** A frame of it was heard. */
  heard(nowMs: number, healthyMs: number): void {
    this.heardHealthyMs = healthyMs;
    this.forgivenMs = undefined;
    this.missed = 0;
    this.heardAtMs = nowMs;
  }
}
