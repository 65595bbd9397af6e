/**
 * The replication of one tracker: its own shards, the slices of all others, who is alive, and what is shown.
 *
 * A deterministic machine: an event and the time go in, random is a function, and effects come out. A frame is decoded,
 * heard, merged, shown; what it changed waits in the view until the tracker takes it.
 * Knows no pubsub, no timer, no session's lifetime and no handler.
 */
import { Allowance } from "./allowance.js";
import type { AuthoredShard } from "./authoring/authored-shard.js";
import { SeenTimes } from "./authoring/seen-times.js";
import { Authorship } from "./authoring/authorship.js";
import { Border } from "./border.js";
import { areCaughtUpWith } from "./catch-up.js";
import { Connection } from "./lives/connection.js";
import { Contact } from "./lives/contact.js";
import { EarlierWindows } from "./earlier-windows.js";
import type { ReplicatedEntry } from "./entry.js";
import { HeardOut } from "./heard-out.js";
import { Greetings } from "./lives/greetings.js";
import { useOfLate } from "./late.js";
import { replicaOf } from "./life.js";
import { Membership } from "./lives/membership.js";
import type { MembershipListener } from "./lives/membership-listener.js";
import { Versions } from "./lives/versions.js";
import { Merging, type MergingListener, type SummaryWay } from "./merging.js";
import { expectedWithinMs, spokenBy, type Frame, type Heartbeat } from "./message.js";
import { Outbox } from "./wire/outbox.js";
import { countSent, noCounts, type Counters } from "./counters.js";
import type { ReplicatorOptions } from "./options.js";
import { Questions } from "./questions.js";
import { Replica } from "./replica.js";
import type { Rules } from "./rules.js";
import { ShownLives } from "./shown-lives.js";
import { Effects, type LocalChange, type ReplicationEvent, type Step, type VoiceWay } from "./step.js";
import { View } from "./showing/view.js";

export class Replicator {
  readonly view: View;
  readonly counters: Counters = noCounts();
  readonly membership: Membership<Replica>;
  readonly connection: Connection;
  readonly versions: Versions;
  readonly border: Border;
  readonly heardOut: HeardOut;
  readonly seenTimes = new SeenTimes();
  readonly #options: ReplicatorOptions;
  readonly #effects = new Effects();
  readonly #allowance: Allowance;
  /** What the last step came to: one for all, as a local change is to cost nothing beside itself. */
  readonly #step: { -readonly [Field in keyof Step]: Step[Field] } = { made: undefined, effects: [] };
  readonly #rules: Rules;
  readonly #shown: ShownLives;
  readonly #outbox: Outbox;
  readonly merging: Merging;
  readonly #authorship: Authorship;
  readonly #greetings: Greetings;
  readonly #contact: Contact;
  readonly #questions: Questions;
  readonly #earlierWindows: EarlierWindows;
  /** Whether another node was ever heard: then it may hear this one, whatever is heard of it later. */
  #hasHeard = false;

  constructor(options: ReplicatorOptions, nowMs: number) {
    const { life, protocol } = options;
    const { rules } = protocol;
    this.#options = options;
    this.#rules = rules;
    this.view = new View(rules);
    const effects = this.#effects;
    this.#allowance = new Allowance(protocol.limits.entriesPerStep);
    this.#shown = new ShownLives(this.view, effects, this.#allowance);
    this.connection = new Connection(options, rules, effects, nowMs);
    const carry = (payload: string, to?: string): void => {
      if (!this.connection.isAttached) return;
      countSent(this.counters, payload);
      effects.add(to === undefined ? { type: "broadcast", payload } : { type: "send", to, payload });
    };
    const { healthy } = this.connection;
    this.versions = new Versions(protocol, options.heartbeatPeriodMs, healthy.at(nowMs), (peer) =>
      this.#contact.isLeftOut(peer, this.versions.spoken),
    );
    this.#outbox = new Outbox(life, options.maxFrameBytes, carry, rules, options.observer, this.versions);
    this.#authorship = new Authorship(
      options,
      this.#outbox,
      effects,
      () => this.#hasHeard,
      () => this.connection.rhythm.lateMs,
      (timeMs) => this.#earlierWindows.ownMs(timeMs),
      this.seenTimes,
    );
    this.#greetings = new Greetings(options.random, rules);
    this.#contact = new Contact(options, effects, this.#outbox, this.counters, healthy);
    this.merging = new Merging(
      options,
      effects,
      this.#allowance,
      this.counters,
      this.#contact,
      this.#mergingListener(),
      nowMs,
    );
    const { downPeriodMs, permdownPeriodMs } = options;
    this.membership = new Membership(
      {
        self: life,
        downPeriodMs,
        permdownPeriodMs,
        healthy,
        delayMs: () => this.connection.delayMs,
        makePeer: (heard) => new Replica(heard, replicaOf(life), rules),
      },
      this.#membershipListener(),
      protocol,
    );
    const { counters, membership, versions } = this;
    const inside = { contact: this.#contact, membership, counters, effects, versions };
    this.border = new Border(options, inside);
    this.#questions = new Questions({ self: life, authorship: this.#authorship, ...inside }, rules);
    this.heardOut = new HeardOut(options, membership, this.#contact, this.connection);
    this.#earlierWindows = new EarlierWindows(this.membership, this.view, options, nowMs);
  }

  #mergingListener(): MergingListener {
    return {
      changed: (replica, change) => {
        this.#options.tracing?.merged(replica.life, change);
        this.#shown.changed(replica, change);
      },
      letGo: (replica, entries) => this.#shown.letGo(replica, entries),
      silent: () => this.membership.silent(),
      forgetSilent: (replica) => this.membership.forgetSilent(replica),
      broughtOn: (replica) => this.#showIfCaughtUp(replica),
    };
  }

  #membershipListener(): MembershipListener<Replica> {
    return {
      appeared: (replica, timeMs) => this.#appeared(replica, timeMs),
      wentDown: (replica, timeMs, wasShown) => this.#wentDown(replica, timeMs, wasShown),
      cameBack: (replica, timeMs) => {
        replica.held.summedUp.clear();
        this.#contact.cameBack(replica);
        this.#greet(replica, timeMs);
      },
      departs: (replica, timeMs) => this.#departs(replica, timeMs),
      ended: (replica) => this.#ended(replica),
      missed: (replica, timeMs) => this.#contact.missed(replica, timeMs),
      stays: (replica) => this.#shown.stays(replica),
      insisted: (replica, timeMs) => {
        this.merging.doubtAll(replica, timeMs);
        this.#authorship.forget(replica.life);
        this.#effects.add({ type: "trouble", trouble: { kind: "counterAhead", life: replica.life } });
      },
      conflict: (name, incarnations) => this.#effects.add({ type: "nameConflict", name, incarnations }),
      clockAhead: (of) => this.#effects.add({ type: "trouble", trouble: { kind: "clockAhead", life: of } }),
      crowded: (table, timeMs) => this.#contact.reportRefusal({ kind: "crowded", table }, timeMs),
    };
  }

  /** Takes an event. What comes of it is told, and done by the caller; a frame that is none never throws. */
  step(event: ReplicationEvent, nowMs: number): Step {
    this.#allowance.renew();
    this.#step.made = this.#take(event, nowMs);
    if (!this.#shown.isDone || this.merging.isReplacing) this.#effects.wakeAt(nowMs);
    this.#step.effects = this.#effects.take();
    return this.#step;
  }

  #take(event: ReplicationEvent, nowMs: number): ReplicatedEntry | undefined {
    switch (event.type) {
      case "add":
      case "update":
      case "remove":
        return this.#change(event, nowMs);
      case "frame":
        this.#receive(event.payload, nowMs, event.way);
        break;
      case "turn":
        this.#turn(nowMs);
        break;
      case "connection":
        this.#attach(event.isAttached, nowMs);
        break;
      case "sound":
        this.connection.waits(nowMs);
        this.#sound(nowMs, event.ways);
        break;
      case "nodeGone":
        this.membership.gone(event.name, nowMs);
        break;
      case "follow":
      case "unfollow":
      case "followCount":
      case "unfollowCount":
        break; // Everything is held.
      case "evict":
        this.#outbox.sendEviction(event.eviction);
        break;
      case "goodbye":
        this.#authorship.flushAll(nowMs);
        if (this.#options.observer !== true) this.#outbox.send({ type: "goodbye", windowMs: event.windowMs });
        break;
      default:
        event satisfies never;
    }
    return undefined;
  }

  /** Synchronous, and flushed later. Returns the entry that it has made. */
  #change(change: LocalChange, nowMs: number): ReplicatedEntry | undefined {
    if (change.type === "add") {
      const { shard, topic, key, session, meta } = change;
      const entry = this.#authorship.add(shard, topic, key, session, meta, nowMs);
      this.view.join(entry);
      return entry;
    }
    if (change.type === "update") {
      const entry = this.#authorship.update(change.previous, change.meta, nowMs);
      this.view.update(entry, change.previous);
      return entry;
    }
    const { entry, reason } = change;
    this.#authorship.remove(entry, reason === "closed", nowMs);
    this.view.leave(entry, reason);
    return undefined;
  }

  #receive(payload: string, nowMs: number, way: VoiceWay): void {
    const frame = this.border.take(payload, way, nowMs);
    if (frame === undefined) return;
    const { from, message } = frame;
    const { life } = this.#options;
    const isOwn = from.name === life.name && from.incarnation === life.incarnation;
    if (!isOwn && this.#rules.isNobodysReplica(frame.observes === true)) {
      this.counters.framesReceived += 1;
      this.#hasHeard = true;
      return this.#questions.ofObserver(frame, nowMs);
    }
    const periodMs = message.type === "heartbeat" ? expectedWithinMs(message) : undefined;
    // What is said aloud is for one life, and takes the way of broadcasts; what is for all is one frame, however it comes.
    const isDirect = way === "inbox" && frame.to !== undefined;
    const hearing = this.membership.hear(from, frame.counter, isDirect, nowMs, periodMs);
    if (hearing.type === "own") return this.#hearOwn(frame, nowMs);
    this.counters.framesReceived += 1;
    this.#hasHeard = true;
    if (message.type === "delta" && !isDirect) this.#authorship.said(payload.length, nowMs);
    if (hearing.type === "late") this.#receiveLate(frame, hearing.replica, nowMs);
    else if (hearing.type !== "heard") this.#contact.refused(hearing.type, from, nowMs);
    else if (frame.to !== undefined && frame.to !== life.incarnation) {
      // For an earlier life of this node: it tells only that its sender is alive.
      this.counters.framesMisaddressed += 1;
      this.#showIfCaughtUp(hearing.replica);
    } else this.#dispatch(frame, hearing.replica, nowMs);
  }

  /** Does what is due, and asks to be woken for the rest. */
  #turn(nowMs: number): void {
    this.#shown.advance();
    this.merging.goOn(nowMs);
    if (nowMs >= this.connection.nextTickMs) this.#tick(nowMs);
    const flushMs = this.#authorship.flushDue(nowMs);
    if (this.connection.takeHeartbeat(nowMs)) {
      this.connection.speak(this.#outbox, nowMs, () => {
        // Who only looks on says nothing, but to hear itself.
        if (this.#options.observer !== true) this.#authorship.sendHeartbeat(nowMs);
        else if (this.#options.echoes) this.#authorship.sendSign(nowMs);
        if (this.#options.echoes) this.#authorship.sendSign(nowMs, this.#options.life);
      });
    }
    const greetingMs = this.#greetings.advance(nowMs, ({ life }) =>
      this.#authorship.sendHeartbeat(nowMs, life),
    );
    const missedMs = this.#contact.advance(nowMs);
    let nextMs = Math.min(this.connection.dueMs, flushMs, greetingMs, missedMs);
    // What is asked without a connection would be lost, and count as not answered.
    const requestMs = this.connection.isAttached ? this.merging.advance(nowMs) : undefined;
    if (requestMs !== undefined) nextMs = Math.min(nextMs, requestMs);
    this.#authorship.answerSome(nowMs);
    this.#effects.wakeAt(Math.min(nextMs, this.#authorship.answerDue(nowMs)));
  }

  #attach(isAttached: boolean, nowMs: number): void {
    if (isAttached === this.connection.isAttached) return;
    // What was healthy until now counts; nothing does while it is disconnected.
    this.#tick(nowMs);
    this.connection.attach(isAttached);
    if (isAttached) this.#resume(nowMs);
  }

  #sound(nowMs: number, ways: readonly VoiceWay[]): void {
    this.connection.speak(this.#outbox, nowMs, () => {
      for (const way of ways)
        this.#authorship.sendSign(nowMs, way === "inbox" ? this.#options.life : undefined);
    });
  }

  /**
   * Whether every life that is up has been caught up with since it appeared or came back, and nothing is missing
   * that was known to be missing a `downPeriodMs` ago.
   */
  hasCaughtUp(nowMs: number): boolean {
    const isOverdue = (): boolean => this.merging.isOverdue(nowMs - this.#options.downPeriodMs);
    return areCaughtUpWith(this.membership.replicas()) && !isOverdue();
  }

  /** For how long entries wait elsewhere, as others say, of which this node could not hear. */
  earlierWindowMs(nowMs: number): number {
    return this.#earlierWindows.leftMs(nowMs);
  }

  /** What this node has said of itself, by shard. */
  get shards(): readonly AuthoredShard[] {
    return this.#authorship.shards;
  }

  // Frames.

  #dispatch({ message, counter, to, from, version }: Frame, replica: Replica, nowMs: number): void {
    const isDirect = to !== undefined;
    this.#contact.heard(replica, message, isDirect, nowMs);
    switch (message.type) {
      case "heartbeat":
        this.versions.learn(replica, spokenBy(message, version), this.connection.healthy.at(nowMs));
        if (isDirect) this.merging.greetedBy(replica, nowMs);
        this.#earlierWindows.told(replica, message.waitsMs, nowMs);
        return this.#receiveHeartbeat(replica, message, counter, isDirect ? "direct" : "broadcast", nowMs);
      case "delta":
        return this.merging.delta(replica, message, counter, isDirect, nowMs);
      case "page":
        return this.merging.page(replica, message, counter, nowMs);
      case "far":
        return this.merging.far(replica, message.shard, nowMs);
      case "deltaRequest":
      case "pageRequest":
        return this.#questions.ask(from, message, counter, nowMs);
      case "evict":
        return this.#effects.add({ type: "evict", by: from, eviction: message });
      case "goodbye":
        return this.membership.goodbye(replica, message.windowMs, nowMs);
      default:
        return message satisfies never;
    }
  }

  /** A frame that was overtaken says nothing of who is alive; what it tells nevertheless is in late.ts. */
  #receiveLate(frame: Frame, replica: Replica, nowMs: number): void {
    const use = useOfLate(frame, replica, this.#options.life, this.#rules);
    if (use === "none") this.#contact.refused("late", frame.from, nowMs);
    else if (use === "whole") this.#dispatch(frame, replica, nowMs);
    else
      this.#receiveHeartbeat(replica, use, frame.counter, frame.to === undefined ? "late" : "direct", nowMs);
  }

  #receiveHeartbeat(
    replica: Replica,
    heartbeat: Heartbeat,
    counter: number,
    way: SummaryWay,
    nowMs: number,
  ): void {
    this.#contact.learnPeriod(replica, heartbeat);
    replica.version = heartbeat.version ?? replica.version;
    this.merging.heartbeat(replica, heartbeat, counter, way, nowMs, this.connection.mayBeSlow);
  }

  // Who is alive.

  #tick(nowMs: number): void {
    const { hides, graceMs, soundings } = this.connection.tick(nowMs);
    this.membership.pass(nowMs, hides, graceMs);
    if (this.connection.isAttached) this.#contact.tryDoubted(nowMs);
    this.heardOut.pass(nowMs);
    if (soundings.length > 0) this.#sound(nowMs, soundings);
    this.#authorship.rest();
    this.versions.advance(this.connection.healthy.passedMs);
    this.border.foreign.pass(nowMs);
  }

  /** A frame of this node's own name came: of this life, it shows that this node is heard. */
  #hearOwn(frame: Frame, nowMs: number): void {
    if (frame.to === undefined && frame.from.incarnation === this.#options.life.incarnation)
      this.seenTimes.heard(frame.counter, nowMs);
    // Of the time until now nothing counts in which it could not hear.
    if (this.connection.isCuredBy(frame)) this.#tick(nowMs);
    if (this.connection.hear(frame, nowMs)) this.#resume(nowMs);
  }

  /** Nothing could be heard until now. */
  #resume(nowMs: number): void {
    this.membership.forgiveSilence(nowMs);
    this.heardOut.resume(this.#outbox.counter, nowMs);
    this.merging.resume(nowMs);
    // What happened meanwhile is told by the first heartbeat.
    this.#effects.wakeAt(this.connection.resume(nowMs));
  }

  #appeared(replica: Replica, nowMs: number): void {
    this.#shown.appeared(replica);
    this.border.foreign.delete(replica.life.name);
    this.heardOut.met(replica);
    this.#greet(replica, nowMs);
    this.#effects.add({ type: "replicaUp", life: replica.life });
  }

  #greet(replica: Replica, nowMs: number): void {
    this.merging.met(replica, nowMs);
    if (this.#options.observer === true) this.#contact.missed(replica, nowMs);
    else this.#effects.wakeAt(this.#greetings.want(replica, nowMs));
  }

  #wentDown(replica: Replica, nowMs: number, wasShown: boolean): void {
    this.merging.dropRequests(replica);
    if (wasShown) this.#contact.wentDown(replica, nowMs);
    if (wasShown) this.#shown.wentDown(replica);
  }

  #departs(replica: Replica, nowMs: number): void {
    this.versions.forget(replica, this.connection.healthy.passedMs);
    this.#earlierWindows.departs(replica, nowMs);
    this.merging.departs(replica, nowMs);
    this.#shown.departs(replica);
  }

  #ended(replica: Replica): void {
    this.versions.forget(replica, this.connection.healthy.passedMs);
    this.merging.forget(replica);
    this.#authorship.forget(replica.life);
    this.#greetings.drop(replica);
    this.#contact.drop(replica);
    this.#shown.ended(replica);
  }

  /** One that was down shows all it has, once that is what it had when it was heard again. */
  #showIfCaughtUp(replica: Replica): void {
    if (replica.status !== "returning" || !this.#rules.isShownAgain(replica.held)) return;
    this.membership.caughtUp(replica);
    this.#shown.returned(replica);
  }
}
