/**
 * The replication of a node that holds everything: that of the replicator; and beside it, once some follow, a side that
 * speaks with them as they do. What this node has is known on both sides, and what others have is shown in one view. Each
 * life is on one side, and no entry passes from one to the other.
 *
 * As long as nobody follows there is no side, and nothing is done beside what the replicator does. When somebody does, the side
 * learns what this node has in parts, and is heard when it knows all of it; when nobody has followed for long, it is let go.
 * Knows no pubsub.
 */
import type { SeenTimes } from "./authoring/seen-times.js";
import type { Border } from "./border.js";
import type { Counters } from "./counters.js";
import { ReplicatedEntry } from "./entry.js";
import type { Follower } from "./follower.js";
import type { Begun } from "./following/message.js";
import type { FollowerEvent } from "./following/port.js";
import type { FollowingRules } from "./following/rules.js";
import type { Connection } from "./lives/connection.js";
import type { Peer } from "./lives/peer.js";
import type { Versions } from "./lives/versions.js";
import type { Goal, Lives, Machine, MachineEvent, Waits } from "./machine.js";
import { Partner } from "./partner.js";
import type { Replica } from "./replica.js";
import type { Replicator } from "./replicator.js";
import type { View } from "./showing/view.js";
import type { Effect, ReplicationEvent, Step } from "./step.js";

/** Makes the side of a node that those hear that follow; its numbers go on from those of the one before. */
export type MakeSide = (replicator: Replicator, nowMs: number, begun: Begun | undefined) => Follower;

/** How the holder of a side is set up. */
export interface HolderOptions {
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
  /** Entries that the side learns of in one turn. */
  readonly entriesPerStep: number;
  readonly rules: FollowingRules;
}

export class Holder implements Machine {
  readonly view: View;
  readonly counters: Counters;
  readonly connection: Connection;
  readonly seenTimes: SeenTimes;
  readonly versions: Versions;
  readonly border: Border;
  readonly heardOut: Waits;
  readonly membership: Lives;
  readonly #replicator: Replicator;
  readonly #makeSide: MakeSide;
  readonly #options: HolderOptions;
  /** What those hear that follow, while there are some, and for a while after that. */
  #side: Follower | undefined;
  /** What the side is still to learn of what this node has. */
  #toLearn: Iterator<ReplicatedEntry> | undefined;
  /** The numbers of the side that was let go. */
  #begun: Begun | undefined;
  /** Whether this node hears them: while it does not, the side is as without a connection. */
  #isOpen = false;
  /** When it was told last that some follow, and when it ceased to hear them. */
  #toldMs = -Infinity;
  #closedMs = -Infinity;
  /** What this node has, and as what the side knows it. */
  #onSide = new Map<ReplicatedEntry, ReplicatedEntry>();

  constructor(replicator: Replicator, makeSide: MakeSide, options: HolderOptions) {
    this.#replicator = replicator;
    this.#makeSide = makeSide;
    this.#options = options;
    const { view, counters, connection, seenTimes, versions, border, heardOut, membership } = replicator;
    this.view = view;
    this.counters = counters;
    this.connection = connection;
    this.seenTimes = seenTimes;
    this.versions = versions;
    this.border = border;
    this.heardOut = {
      get since() {
        return heardOut.since;
      },
      catchUp: (asOfNow, since) => this.#bothReached(heardOut.catchUp(asOfNow, since)),
    };
    this.membership = {
      presentOf: (name) => presentOf(membership.presentOf(name), this.#side?.membership.presentOf(name)),
      replicas: () => this.#peers(),
      silenceOf: (peer, nowMs) =>
        peer instanceof Partner
          ? (this.#side?.membership.silenceOf(peer, nowMs) ?? Infinity)
          : membership.silenceOf(peer as Replica, nowMs),
      windowOf: (peer, nowMs) =>
        peer instanceof Partner
          ? (this.#side?.membership.windowOf(peer, nowMs) ?? 0)
          : membership.windowOf(peer as Replica, nowMs),
    };
  }

  step(event: MachineEvent, nowMs: number): Step {
    // Its tracker counts how long it has heard all others; its side begins when it is attached.
    if (event.type === "begin") return { made: undefined, effects: [] };
    if (event.type === "followers") return { made: undefined, effects: this.#hear(event.areHeard, nowMs) };
    if (event.type === "frame" && event.way === "followers")
      return { made: undefined, effects: this.#hearFollower(event.payload, nowMs) };
    const side = this.#side;
    return side === undefined ? this.#replicator.step(event, nowMs) : this.#stepOnBoth(side, event, nowMs);
  }

  #stepOnBoth(side: Follower, event: ReplicationEvent, nowMs: number): Step {
    const { made, effects } = this.#replicator.step(event, nowMs);
    const both = effects.filter((effect) => !this.#isKnown(effect, nowMs));
    for (const effect of effects) if (effect.type === "replicaUp") side.appearedElsewhere(effect.life);
    this.#changeOnSide(side, event, made, nowMs, both);
    const further = this.#furtherOnSide(side, event, both);
    if (further !== undefined) both.push(...this.#onSideStep(side, further, nowMs));
    if (event.type === "turn") {
      if (this.#toLearn !== undefined) both.push(...this.#learn(side, nowMs));
      else if (this.#isIdle(side, nowMs))
        both.push(...this.#hear(false, nowMs), { type: "followers", areThere: false });
      else this.#letGoIfUnheard(side, nowMs);
    }
    return { made, effects: both };
  }

  /** Whether all is held that is to be held, of those that follow as well. */
  hasCaughtUp(nowMs: number): boolean {
    if (!this.#replicator.hasCaughtUp(nowMs)) return false;
    const side = this.#isOpen ? this.#side : undefined;
    if (side === undefined) return true;
    return this.#isHeard && side.connection.status === "connected" && side.hasCaughtUp(nowMs);
  }

  earlierWindowMs(nowMs: number): number {
    return this.#replicator.earlierWindowMs(nowMs);
  }

  *#peers(): Generator<Peer> {
    yield* this.#replicator.membership.replicas();
    if (this.#side !== undefined) yield* this.#side.membership.replicas();
  }

  /** A wait for what is known now: on the side, for those that are there and have not told all that they have. */
  #bothReached(goal: Goal): Goal {
    const awaited = new Set(this.#side?.membership.replicas());
    return {
      get isReached() {
        for (const partner of awaited) {
          if (partner.isAlive && !partner.pair.hasCaughtUp) return false;
          awaited.delete(partner);
        }
        return goal.isReached;
      },
    };
  }

  // The side of those that follow.

  /** This node hears those that follow from now on, or no longer. */
  #hear(areHeard: boolean, nowMs: number): Effect[] {
    this.#isOpen = areHeard;
    this.#toldMs = nowMs;
    if (!areHeard) this.#closedMs = nowMs;
    const side = this.#side ?? this.#begin(nowMs);
    return this.#toLearn === undefined ? this.#attach(side, nowMs) : this.#learn(side, nowMs);
  }

  #attach(side: Follower, nowMs: number): Effect[] {
    const attached = { type: "connection", isAttached: this.#isSideAttached } as const;
    return [...this.#onSideStep(side, attached, nowMs), ...this.#onSideStep(side, { type: "turn" }, nowMs)];
  }

  #hearFollower(payload: string, nowMs: number): Effect[] {
    // What was under way when this node ceased to hear them, or comes before all is known that it has.
    if (this.#side === undefined || !this.#isHeard) return [];
    const effects = this.#onSideStep(this.#side, { type: "frame", payload }, nowMs);
    // One that was replaced is on the other side.
    if (effects.some(isAppearance)) effects.push(...this.#replicator.step({ type: "turn" }, nowMs).effects);
    return effects;
  }

  /** Whether the side speaks and hears: not before it knows all that this node has, or others would be complete without. */
  get #isHeard(): boolean {
    return this.#isOpen && this.#toLearn === undefined;
  }

  get #isSideAttached(): boolean {
    return this.#isHeard && this.connection.isAttached;
  }

  /** Some follow: what this node has is to be known to them. */
  #begin(nowMs: number): Follower {
    const { membership } = this.#replicator;
    const side = this.#makeSide(this.#replicator, nowMs, this.#options.rules.goesOnFrom(this.#begun));
    this.#side = side;
    side.membership.others = membership;
    membership.others = side.membership;
    this.#toLearn = this.#ownEntries();
    return side;
  }

  /** All that there is, and what comes meanwhile. */
  *#ownEntries(): Generator<ReplicatedEntry> {
    for (const { entries } of this.#replicator.shards) yield* entries.values();
  }

  /** The side learns of some more entries; with the last it is heard. */
  #learn(side: Follower, nowMs: number): Effect[] {
    for (let count = 0; count < this.#options.entriesPerStep; count++) {
      const next = this.#toLearn?.next();
      if (next === undefined || next.done === true) {
        this.#toLearn = undefined;
        return this.#attach(side, nowMs);
      }
      const { key, session, meta } = next.value;
      if (this.#onSide.has(next.value)) continue;
      const topic = ReplicatedEntry.topicOf(next.value);
      this.#keep(next.value, side.step({ type: "add", topic, key, session, meta }, nowMs).made);
    }
    return [{ type: "wake", atMs: nowMs }];
  }

  /** R112: a side that nobody has heard for long is let go; its numbers are kept for the next one. */
  #letGoIfUnheard(side: Follower, nowMs: number): void {
    const { rules, permdownPeriodMs } = this.#options;
    if (this.#isOpen || !rules.isSideLetGo(nowMs - this.#closedMs, permdownPeriodMs)) return;
    this.#begun = side.begun;
    this.#side = undefined;
    this.#onSide = new Map();
    this.#replicator.membership.others = undefined;
  }

  #keep(entry: ReplicatedEntry, onSide: ReplicatedEntry | undefined): void {
    if (onSide !== undefined) this.#onSide.set(entry, onSide);
  }

  /** What this node's own sessions have changed. */
  #changeOnSide(
    side: Follower,
    event: ReplicationEvent,
    made: ReplicatedEntry | undefined,
    nowMs: number,
    effects: Effect[],
  ): void {
    if (event.type === "add" && made !== undefined) {
      const step = side.step(event, nowMs);
      this.#keep(made, step.made);
      effects.push(...step.effects.flatMap(fromSide));
    }
    if (event.type !== "update" && event.type !== "remove") return;
    const before = event.type === "update" ? event.previous : event.entry;
    const onSide = this.#onSide.get(before);
    if (onSide === undefined) return;
    this.#onSide.delete(before);
    const change =
      event.type === "update" ? { ...event, previous: onSide } : ({ ...event, entry: onSide } as const);
    const step = side.step(change, nowMs);
    if (made !== undefined) this.#keep(made, step.made);
    effects.push(...step.effects.flatMap(fromSide));
  }

  /** What else is to be known on the side, of an event and of what came of it. */
  #furtherOnSide(
    side: Follower,
    event: ReplicationEvent,
    effects: readonly Effect[],
  ): FollowerEvent | undefined {
    // What it has begun to hide or to show goes on, whether it is heard or not.
    if (!this.#isHeard) return event.type === "turn" && side.isShowing ? event : undefined;
    switch (event.type) {
      case "connection":
        return { type: "connection", isAttached: this.#isSideAttached };
      case "turn":
      case "nodeGone":
      case "evict":
      case "goodbye":
        return event;
      case "frame":
        // One that was replaced is on the other side.
        return effects.some(isAppearance) ? { type: "turn" } : undefined;
      default:
        return undefined;
    }
  }

  #onSideStep(side: Follower, event: FollowerEvent, nowMs: number): Effect[] {
    return side.step(event, nowMs).effects.flatMap(fromSide);
  }

  /** That some follow is known, where they are heard. */
  #isKnown({ type }: Effect, nowMs: number): boolean {
    if (type !== "followers") return false;
    this.#toldMs = nowMs;
    return this.#isOpen;
  }

  /** Whether nobody has followed for a while, and nothing is left of those who have. */
  #isIdle(side: Follower, nowMs: number): boolean {
    return this.#isOpen && side.membership.size === 0 && nowMs - this.#toldMs > this.#options.downPeriodMs;
  }
}

/** What comes of the side, as what comes of this node: it is said where those speak that follow. */
function fromSide(effect: Effect): Effect[] {
  switch (effect.type) {
    case "broadcast":
      return [{ type: "notice", payload: effect.payload }];
    case "send":
      return [{ type: "notice", to: effect.to, payload: effect.payload }];
    case "connection":
      // How this node is connected the replicator says.
      return [];
    default:
      return [effect];
  }
}

function isAppearance({ type }: Effect): boolean {
  return type === "replicaUp";
}

/** Of one name on both sides, the life that is there. */
function presentOf(replica: Peer | undefined, partner: Peer | undefined): Peer | undefined {
  return replica === undefined || partner?.isAlive === true ? (partner ?? replica) : replica;
}
