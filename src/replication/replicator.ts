/**
 * The replication of one tracker: its own shards, the slices of all others, who is alive, and what is shown.
 *
 * Deterministic: time comes in as an argument, random as a function, and effects go out by a port. A frame
 * comes in, is decoded, heard, merged, shown; what it changed waits in the view until the tracker takes it.
 * Knows no pubsub, no timer, no session's lifetime and no handler.
 */
import type { Durations } from "../durations.js";
import type { AnyMeta, LeaveReason } from "../words.js";
import type { AuthoredShard } from "./authoring/authored-shard.js";
import { Authorship } from "./authoring/authorship.js";
import { utf8Length } from "./bytes.js";
import { CatchUp, isAwaited } from "./catch-up.js";
import { decodeFrame } from "./wire/codec.js";
import { Connection } from "./lives/connection.js";
import { Contact } from "./lives/contact.js";
import type { ReplicatedEntry } from "./entry.js";
import { Greetings } from "./lives/greetings.js";
import { useOfLate } from "./late.js";
import { replicaOf } from "./life.js";
import { Membership } from "./lives/membership.js";
import { Observers } from "./lives/observers.js";
import { VOICE_WAYS } from "./lives/own-voice.js";
import { Merging } from "./merging.js";
import type { SummaryWay } from "./merging.js";
import type { Frame, Heartbeat } from "./message.js";
import { Outbox } from "./wire/outbox.js";
import { noCounts } from "./port.js";
import type { Counters, ReplicatorOptions, ReplicatorPort, VoiceWay } from "./port.js";
import { Replica } from "./replica.js";
import { PROTOCOL } from "./rules.js";
import type { Rules } from "./rules.js";
import type { SliceChange } from "./holding/identity.js";
import { View } from "./showing/view.js";

export class Replicator {
  readonly view: View;
  readonly counters: Counters = noCounts();
  readonly membership: Membership<Replica>;
  readonly connection: Connection;
  readonly #options: ReplicatorOptions;
  readonly #port: ReplicatorPort;
  readonly #rules: Rules;
  readonly #outbox: Outbox;
  readonly #merging: Merging;
  readonly #authorship: Authorship;
  readonly #greetings: Greetings;
  readonly #contact: Contact;
  readonly #observers = new Observers((observer) => this.#authorship.forget(observer));
  /** Whether another node was ever heard: then it may hear this one, whatever is heard of it later. */
  #hasHeard = false;
  #nowMs: number;

  constructor(options: ReplicatorOptions, port: ReplicatorPort, nowMs: number) {
    const { life, protocol = PROTOCOL } = options;
    const { rules } = protocol;
    this.#options = options;
    this.#rules = rules;
    this.view = new View(rules);
    this.#port = port;
    this.#nowMs = nowMs;
    this.connection = new Connection(options, rules, port, nowMs);
    const carrier = {
      broadcast: (payload: string): void => {
        if (this.#counts(payload)) port.broadcast(payload);
      },
      send: (node: string, payload: string): void => {
        if (this.#counts(payload)) port.send(node, payload);
      },
    };
    this.#outbox = new Outbox(life, options.maxFrameBytes, carrier, rules, options.observer);
    this.#authorship = new Authorship(
      options,
      this.#outbox,
      (timeMs) => port.wakeAt(timeMs),
      () => this.#hasHeard,
      protocol,
      port.flushed?.bind(port),
    );
    this.#greetings = new Greetings(options.random, rules);
    this.#contact = new Contact(options, port, this.#outbox, this.counters, protocol);
    const listener = {
      changed: (replica: Replica, change: SliceChange) => {
        port.merged?.(replica.life, change);
        this.#show(replica, change);
      },
      broughtOn: (replica: Replica) => this.#showIfCaughtUp(replica),
    };
    this.#merging = new Merging(options, port, this.counters, this.#contact, listener, protocol, nowMs);
    const { downPeriodMs, permdownPeriodMs } = options;
    this.membership = new Membership(
      {
        self: life,
        downPeriodMs,
        permdownPeriodMs,
        makePeer: (heard) => new Replica(heard, replicaOf(life), rules),
      },
      {
        appeared: (replica) => this.#appeared(replica),
        wentDown: (replica) => this.#wentDown(replica),
        cameBack: (replica) => {
          replica.held.summedUp.clear();
          this.#contact.cameBack(replica);
          this.#greet(replica);
        },
        departs: (replica) => this.#departs(replica),
        ended: (replica) => this.#ended(replica),
        missed: (replica) => this.#contact.missed(replica, this.#nowMs),
        insisted: (replica) => {
          this.#merging.doubtAll(replica, this.#nowMs);
          port.trouble({ kind: "counterAhead", life: replica.life });
        },
        conflict: (name, incarnations) => port.nameConflict(name, incarnations),
        clockAhead: (ahead) => port.trouble({ kind: "clockAhead", life: ahead }),
        crowded: (table) => this.#contact.reportRefusal({ kind: "crowded", table }, this.#nowMs),
      },
      protocol,
    );
  }

  // Local changes: synchronous, and flushed later.

  add(shard: number, topic: string, key: string, session: string, meta: Readonly<AnyMeta>): ReplicatedEntry {
    const entry = this.#authorship.add(shard, topic, key, session, meta, this.#nowMs);
    this.view.join(entry);
    return entry;
  }

  update(previous: ReplicatedEntry, meta: Readonly<AnyMeta>): ReplicatedEntry {
    const entry = this.#authorship.update(previous, meta, this.#nowMs);
    this.view.update(entry, previous);
    return entry;
  }

  remove(entry: ReplicatedEntry, reason: "untracked" | "closed"): void {
    this.#authorship.remove(entry, reason === "closed", this.#nowMs);
    this.view.leave(entry, reason);
  }

  /** The time, as far as it is known here: set before local changes and questions. */
  setTime(nowMs: number): void {
    this.#nowMs = nowMs;
    this.membership.setNow(nowMs);
    this.membership.setSincePass(this.connection.healthyMs(nowMs));
  }

  // From outside.

  /** Takes a payload from the pubsub. Never throws: what no replica could have sent is counted. */
  receive(payload: string, nowMs: number, way: VoiceWay): void {
    this.setTime(nowMs);
    const decoded = decodeFrame(payload);
    if (decoded.frame === undefined) {
      this.counters.framesReceived += 1;
      this.counters.framesRefused += 1;
      this.#port.refused(decoded.refused, decoded.version);
      return;
    }
    const { frame } = decoded;
    const { from, message } = frame;
    const { life } = this.#options;
    const isOwn = from.name === life.name && from.incarnation === life.incarnation;
    if (!isOwn && this.#rules.isNobodysReplica(frame.observes === true)) return this.#receiveQuestion(frame);
    const periodMs = message.type === "heartbeat" ? message.periodMs : undefined;
    // What is said aloud is for one life, and takes the way of broadcasts; what is for all is one frame, however it comes.
    const isDirect = way === "inbox" && frame.to !== undefined;
    const replica = this.membership.hear(from, frame.counter, isDirect, periodMs);
    if (replica === "own") return this.#hearOwn(frame);
    this.counters.framesReceived += 1;
    this.#hasHeard = true;
    if (replica === "late") this.#receiveLate(frame);
    else if (typeof replica === "string") this.#contact.refused(replica, from, nowMs);
    else if (frame.to !== undefined && frame.to !== this.#options.life.incarnation) {
      // For an earlier life of this node: it tells only that its sender is alive.
      this.counters.framesMisaddressed += 1;
      this.#showIfCaughtUp(replica);
    } else this.#dispatch(frame, replica);
  }

  /** Does what is due, and asks to be woken for the rest. */
  advance(nowMs: number): void {
    this.setTime(nowMs);
    if (nowMs >= this.connection.nextTickMs) this.#tick(nowMs);
    const flushMs = this.#authorship.flushDue(nowMs);
    if (this.connection.takeHeartbeat(nowMs)) {
      this.connection.voice.speaks(this.#outbox.counter);
      // Who only looks on says nothing, but to hear itself.
      if (this.#options.observer !== true) this.#authorship.sendHeartbeat();
      else if (this.#options.echoes) this.#authorship.sendSign();
      if (this.#options.echoes) this.#authorship.sendSign(this.#options.life);
    }
    const greetingMs = this.#greetings.advance(nowMs, ({ life }) => this.#authorship.sendHeartbeat(life));
    const missedMs = this.#contact.advance(nowMs, this.membership);
    let nextMs = Math.min(this.connection.dueMs, flushMs, greetingMs, missedMs);
    const requestMs = this.#merging.advance(nowMs, this.membership);
    if (requestMs !== undefined) nextMs = Math.min(nextMs, requestMs);
    this.#authorship.answerSome(nowMs);
    this.#port.wakeAt(Math.min(nextMs, this.#authorship.answerDue(nowMs)));
  }

  /** The pubsub lost its connection, or has it back. */
  setConnected(connected: boolean, nowMs: number): void {
    if (connected === this.connection.isAttached) return;
    // What was healthy until now counts; nothing does while it is disconnected.
    this.#tick(nowMs);
    this.connection.attach(connected);
    this.setTime(nowMs);
    if (connected) this.#resume();
  }

  /** Says no more than that this node is there, so that it may hear itself. */
  sound(nowMs: number, ways: readonly VoiceWay[] = VOICE_WAYS): void {
    this.setTime(nowMs);
    this.connection.voice.speaks(this.#outbox.counter);
    for (const way of ways) this.#authorship.sendSign(way === "inbox" ? this.#options.life : undefined);
  }

  /** The pubsub knows that a node has ended. */
  nodeGone(name: string, nowMs: number): void {
    this.setTime(nowMs);
    this.membership.gone(name);
  }

  /** Flushes, and says that this life ends. */
  goodbye(windowMs: number, nowMs: number): void {
    this.setTime(nowMs);
    this.#authorship.flushAll(nowMs);
    if (this.#options.observer !== true) this.#outbox.send({ type: "goodbye", windowMs });
  }

  /**
   * Whether every life that is up has been caught up with since it appeared or came back, and nothing is missing
   * that was known to be missing a `downPeriodMs` ago.
   */
  get hasCaughtUp(): boolean {
    for (const replica of this.membership.replicas()) {
      if (isAwaited(replica) && !(replica.held.hasBeenHeardOut && replica.held.hasCaughtUp)) return false;
    }
    return !this.#merging.isOverdue(this.#nowMs - this.#options.downPeriodMs);
  }

  /** Begins a wait for what is known now; or, if it began before anybody was known, for what they had at first. */
  catchUp(asOfNow: boolean): CatchUp {
    return new CatchUp(this.membership.replicas(), asOfNow);
  }

  /** What this node has said of itself, by shard. */
  get shards(): readonly AuthoredShard[] {
    return this.#authorship.shards;
  }

  /** How long changes of this node take until they are seen. */
  get seenTimes(): Durations {
    return this.#authorship.seenTimes.durations;
  }

  // Frames.

  /** Whether a payload can be sent: then it is counted. */
  #counts(payload: string): boolean {
    if (!this.connection.isAttached) return false;
    this.counters.framesSent += 1;
    this.counters.bytesSent += utf8Length(payload);
    return true;
  }

  #dispatch({ message, counter, to, from }: Frame, replica: Replica): void {
    const nowMs = this.#nowMs;
    this.#contact.heard(replica, message, to !== undefined, this.membership);
    switch (message.type) {
      case "heartbeat":
        if (to !== undefined) this.#merging.greetedBy(replica, nowMs);
        return this.#receiveHeartbeat(replica, message, counter, to === undefined ? "broadcast" : "direct");
      case "delta":
        return this.#merging.delta(replica, message, counter, to !== undefined, nowMs);
      case "page":
        return this.#merging.page(replica, message, counter, nowMs);
      case "far":
        return this.#merging.far(replica, message.shard, nowMs);
      case "deltaRequest":
      case "pageRequest":
        if (!this.#authorship.ask(from, message, counter, nowMs)) this.counters.framesRefused += 1;
        return;
      case "goodbye":
        return this.membership.goodbye(replica, message.windowMs);
      default:
        return message satisfies never;
    }
  }

  /** A frame of somebody who only looks on: what it asks of this life is answered, and nothing is kept of it. */
  #receiveQuestion({ from, to, message, counter }: Frame): void {
    this.counters.framesReceived += 1;
    // It hears what is broadcast from now on.
    this.#hasHeard = true;
    if (to !== this.#options.life.incarnation) return;
    if (message.type !== "deltaRequest" && message.type !== "pageRequest") return;
    if (!this.#observers.admits(from, this.#nowMs)) this.counters.framesCrowded += 1;
    else if (!this.#authorship.ask(from, message, counter, this.#nowMs)) this.counters.framesRefused += 1;
  }

  /** A frame that was overtaken says nothing of who is alive; what it tells nevertheless is in late.ts. */
  #receiveLate(frame: Frame): void {
    const replica = this.membership.presentOf(frame.from.name);
    const use = useOfLate(frame, replica, this.#options.life, this.#rules);
    if (replica === undefined || use === "none") this.#contact.refused("late", frame.from, this.#nowMs);
    else if (use === "whole") this.#dispatch(frame, replica);
    else this.#receiveHeartbeat(replica, use, frame.counter, frame.to === undefined ? "late" : "direct");
  }

  #receiveHeartbeat(replica: Replica, heartbeat: Heartbeat, counter: number, way: SummaryWay): void {
    this.#contact.learnPeriod(replica, heartbeat.periodMs);
    replica.version = heartbeat.version ?? replica.version;
    this.#merging.heartbeat(replica, heartbeat, counter, way, this.#nowMs);
  }

  // Who is alive.

  #tick(nowMs: number): void {
    const { healthyMs, hides, graceMs, soundings } = this.connection.tick(nowMs);
    this.membership.pass(healthyMs, hides, graceMs);
    if (this.connection.isAttached) this.#contact.tryDoubted(this.membership);
    if (soundings.length > 0) this.sound(nowMs, soundings);
    this.#authorship.rest();
  }

  /** A frame of this node's own name came: of this life, it shows that this node is heard. */
  #hearOwn(frame: Frame): void {
    if (frame.to === undefined && frame.from.incarnation === this.#options.life.incarnation)
      this.#authorship.seenTimes.heard(frame.counter, this.#nowMs);
    // Of the time until now nothing counts in which it could not hear.
    if (this.connection.voice.isDeaf) this.#tick(this.#nowMs);
    const hearsAgain = this.connection.hear(frame, this.#nowMs);
    this.setTime(this.#nowMs);
    if (hearsAgain) this.#resume();
  }

  /** Nothing could be heard until now. */
  #resume(): void {
    this.membership.forgiveSilence();
    // What others have now is known again when they have summed it up.
    for (const { status, held } of this.membership.replicas()) held.hearOutAnew(status === "up");
    // What happened meanwhile is told by the first heartbeat.
    this.#port.wakeAt(this.connection.resume(this.#nowMs));
  }

  #appeared(replica: Replica): void {
    this.#greet(replica);
    this.#port.replicaUp(replica.life);
  }

  #greet(replica: Replica): void {
    this.#merging.met(replica, this.#nowMs);
    if (this.#options.observer === true) this.#contact.missed(replica, this.#nowMs);
    else this.#port.wakeAt(this.#greetings.want(replica, this.#nowMs));
  }

  #wentDown(replica: Replica): void {
    this.#merging.dropRequests(replica);
    this.#contact.wentDown(replica, this.membership);
    for (const entry of replica.held.entries()) this.view.leave(entry, "down");
    this.#port.replicaDown(replica.life);
  }

  #departs(replica: Replica): void {
    this.view.departingLives += 1;
    // It has ended, and answers nobody.
    this.#merging.dropRequests(replica);
    this.view.depart(replica.held.entries());
  }

  #ended(replica: Replica): void {
    if (replica.status === "departing") this.view.departingLives -= 1;
    this.#merging.forget(replica);
    this.#authorship.forget(replica.life);
    this.#greetings.drop(replica);
    this.#contact.drop(replica);
    const reason: LeaveReason = replica.departure ?? "down";
    for (const entry of replica.held.entries()) this.view.leave(entry, reason);
    this.#port.replicaGone(replica.life);
  }

  /** One that was down shows all it has, in one diff, once that is what it had when it was heard again. */
  #showIfCaughtUp(replica: Replica): void {
    if (replica.status !== "returning" || !this.#rules.isShownAgain(replica.held)) return;
    this.membership.caughtUp(replica);
    for (const entry of replica.held.entries()) this.view.join(entry);
    this.#port.replicaUp(replica.life);
  }

  #show(replica: Replica, change: SliceChange): void {
    if (!replica.isShown) return;
    for (const { entry, closed } of change.removed) this.view.leave(entry, closed ? "closed" : "untracked");
    for (const { entry, previous } of change.updated) this.view.update(entry, previous);
    for (const entry of change.added) this.view.join(entry);
  }
}
