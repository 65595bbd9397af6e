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
import { EarlierWindows } from "./earlier-windows.js";
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
  readonly #earlierWindows: EarlierWindows;
  /** Whether another node was ever heard: then it may hear this one, whatever is heard of it later. */
  #hasHeard = false;

  constructor(options: ReplicatorOptions, port: ReplicatorPort, nowMs: number) {
    const { life, protocol = PROTOCOL } = options;
    const { rules } = protocol;
    this.#options = options;
    this.#rules = rules;
    this.view = new View(rules);
    this.#port = port;
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
      (timeMs) => this.#earlierWindows.ownMs(timeMs),
      () => this.connection.rhythm.saidMs,
      protocol,
      port.flushed?.bind(port),
    );
    this.#greetings = new Greetings(options.random, rules);
    const { healthy } = this.connection;
    this.#contact = new Contact(options, port, this.#outbox, this.counters, healthy, protocol);
    const listener = {
      changed: (replica: Replica, change: SliceChange) => {
        port.merged?.(replica.life, change);
        this.#show(replica, change);
      },
      letGo: (replica: Replica, entries: Iterable<ReplicatedEntry>) => {
        if (replica.isShown) for (const entry of entries) this.view.leave(entry, "down");
      },
      silent: () => this.membership.silent(),
      forgetSilent: (replica: Replica) => this.membership.forgetSilent(replica),
      broughtOn: (replica: Replica) => this.#showIfCaughtUp(replica),
    };
    this.#merging = new Merging(options, port, this.counters, this.#contact, listener, protocol, nowMs);
    const { downPeriodMs, permdownPeriodMs } = options;
    this.membership = new Membership(
      {
        self: life,
        downPeriodMs,
        permdownPeriodMs,
        healthy,
        makePeer: (heard) => new Replica(heard, replicaOf(life), rules),
      },
      {
        appeared: (replica, timeMs) => this.#appeared(replica, timeMs),
        wentDown: (replica, timeMs) => this.#wentDown(replica, timeMs),
        cameBack: (replica, timeMs) => {
          replica.held.summedUp.clear();
          this.#contact.cameBack(replica);
          this.#greet(replica, timeMs);
        },
        departs: (replica, timeMs) => this.#departs(replica, timeMs),
        ended: (replica) => this.#ended(replica),
        missed: (replica, timeMs) => this.#contact.missed(replica, timeMs),
        insisted: (replica, timeMs) => {
          this.#merging.doubtAll(replica, timeMs);
          port.trouble({ kind: "counterAhead", life: replica.life });
        },
        conflict: (name, incarnations) => port.nameConflict(name, incarnations),
        clockAhead: (ahead) => port.trouble({ kind: "clockAhead", life: ahead }),
        crowded: (table, timeMs) => this.#contact.reportRefusal({ kind: "crowded", table }, timeMs),
      },
      protocol,
    );
    this.#earlierWindows = new EarlierWindows(this.membership, this.view, options, rules, nowMs);
  }

  // Local changes: synchronous, and flushed later.

  add(
    shard: number,
    topic: string,
    key: string,
    session: string,
    meta: Readonly<AnyMeta>,
    nowMs: number,
  ): ReplicatedEntry {
    const entry = this.#authorship.add(shard, topic, key, session, meta, nowMs);
    this.view.join(entry);
    return entry;
  }

  update(previous: ReplicatedEntry, meta: Readonly<AnyMeta>, nowMs: number): ReplicatedEntry {
    const entry = this.#authorship.update(previous, meta, nowMs);
    this.view.update(entry, previous);
    return entry;
  }

  remove(entry: ReplicatedEntry, reason: "untracked" | "closed", nowMs: number): void {
    this.#authorship.remove(entry, reason === "closed", nowMs);
    this.view.leave(entry, reason);
  }

  // From outside.

  /** Takes a payload from the pubsub. Never throws: what no replica could have sent is counted. */
  receive(payload: string, nowMs: number, way: VoiceWay): void {
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
    if (!isOwn && this.#rules.isNobodysReplica(frame.observes === true))
      return this.#receiveQuestion(frame, nowMs);
    const periodMs = message.type === "heartbeat" ? message.periodMs : undefined;
    // What is said aloud is for one life, and takes the way of broadcasts; what is for all is one frame, however it comes.
    const isDirect = way === "inbox" && frame.to !== undefined;
    const replica = this.membership.hear(from, frame.counter, isDirect, nowMs, periodMs);
    if (replica === "own") return this.#hearOwn(frame, nowMs);
    this.counters.framesReceived += 1;
    this.#hasHeard = true;
    if (replica === "late") this.#receiveLate(frame, nowMs);
    else if (typeof replica === "string") this.#contact.refused(replica, from, nowMs);
    else if (frame.to !== undefined && frame.to !== this.#options.life.incarnation) {
      // For an earlier life of this node: it tells only that its sender is alive.
      this.counters.framesMisaddressed += 1;
      this.#showIfCaughtUp(replica);
    } else this.#dispatch(frame, replica, nowMs);
  }

  /** Does what is due, and asks to be woken for the rest. */
  advance(nowMs: number): void {
    if (nowMs >= this.connection.nextTickMs) this.#tick(nowMs);
    const flushMs = this.#authorship.flushDue(nowMs);
    if (this.connection.takeHeartbeat(nowMs)) {
      this.connection.voice.speaks(this.#outbox.counter);
      // Who only looks on says nothing, but to hear itself.
      if (this.#options.observer !== true) this.#authorship.sendHeartbeat(nowMs);
      else if (this.#options.echoes) this.#authorship.sendSign(nowMs);
      if (this.#options.echoes) this.#authorship.sendSign(nowMs, this.#options.life);
    }
    const greetingMs = this.#greetings.advance(nowMs, ({ life }) =>
      this.#authorship.sendHeartbeat(nowMs, life),
    );
    const missedMs = this.#contact.advance(nowMs);
    let nextMs = Math.min(this.connection.dueMs, flushMs, greetingMs, missedMs);
    const requestMs = this.#merging.advance(nowMs);
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
    if (connected) this.#resume(nowMs);
  }

  /** Says no more than that this node is there, so that it may hear itself. */
  sound(nowMs: number, ways: readonly VoiceWay[] = VOICE_WAYS): void {
    this.connection.voice.speaks(this.#outbox.counter);
    for (const way of ways)
      this.#authorship.sendSign(nowMs, way === "inbox" ? this.#options.life : undefined);
  }

  /** The pubsub knows that a node has ended. */
  nodeGone(name: string, nowMs: number): void {
    this.membership.gone(name, nowMs);
  }

  /** Flushes, and says that this life ends. */
  goodbye(windowMs: number, nowMs: number): void {
    this.#authorship.flushAll(nowMs);
    if (this.#options.observer !== true) this.#outbox.send({ type: "goodbye", windowMs });
  }

  /**
   * Whether every life that is up has been caught up with since it appeared or came back, and nothing is missing
   * that was known to be missing a `downPeriodMs` ago.
   */
  hasCaughtUp(nowMs: number): boolean {
    for (const replica of this.membership.replicas()) {
      if (!isAwaited(replica)) continue;
      const { hasBeenHeardOut, hasCaughtUp, isCrowded } = replica.held;
      if (!hasBeenHeardOut || !hasCaughtUp || isCrowded) return false;
    }
    return !this.#merging.isOverdue(nowMs - this.#options.downPeriodMs);
  }

  /** For how long entries wait elsewhere, as others say, of which this node could not hear. */
  earlierWindowMs(nowMs: number): number {
    return this.#earlierWindows.leftMs(nowMs);
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

  #dispatch({ message, counter, to, from }: Frame, replica: Replica, nowMs: number): void {
    this.#contact.heard(replica, message, to !== undefined, nowMs);
    switch (message.type) {
      case "heartbeat":
        if (to !== undefined) this.#merging.greetedBy(replica, nowMs);
        this.#earlierWindows.told(replica, message.waitsMs, nowMs);
        return this.#receiveHeartbeat(
          replica,
          message,
          counter,
          to === undefined ? "broadcast" : "direct",
          nowMs,
        );
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
        return this.membership.goodbye(replica, message.windowMs, nowMs);
      default:
        return message satisfies never;
    }
  }

  /** A frame of somebody who only looks on: what it asks of this life is answered, and nothing is kept of it. */
  #receiveQuestion({ from, to, message, counter }: Frame, nowMs: number): void {
    this.counters.framesReceived += 1;
    // It hears what is broadcast from now on.
    this.#hasHeard = true;
    if (to !== this.#options.life.incarnation) return;
    if (message.type !== "deltaRequest" && message.type !== "pageRequest") return;
    if (!this.#observers.admits(from, nowMs)) this.counters.framesCrowded += 1;
    else if (!this.#authorship.ask(from, message, counter, nowMs)) this.counters.framesRefused += 1;
  }

  /** A frame that was overtaken says nothing of who is alive; what it tells nevertheless is in late.ts. */
  #receiveLate(frame: Frame, nowMs: number): void {
    const replica = this.membership.presentOf(frame.from.name);
    const use = useOfLate(frame, replica, this.#options.life, this.#rules);
    if (replica === undefined || use === "none") this.#contact.refused("late", frame.from, nowMs);
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
    this.#contact.learnPeriod(replica, heartbeat.periodMs);
    replica.version = heartbeat.version ?? replica.version;
    this.#merging.heartbeat(replica, heartbeat, counter, way, nowMs);
  }

  // Who is alive.

  #tick(nowMs: number): void {
    const { hides, graceMs, soundings } = this.connection.tick(nowMs);
    this.membership.pass(nowMs, hides, graceMs);
    if (this.connection.isAttached) this.#contact.tryDoubted(nowMs);
    if (soundings.length > 0) this.sound(nowMs, soundings);
    this.#authorship.rest();
  }

  /** A frame of this node's own name came: of this life, it shows that this node is heard. */
  #hearOwn(frame: Frame, nowMs: number): void {
    if (frame.to === undefined && frame.from.incarnation === this.#options.life.incarnation)
      this.#authorship.seenTimes.heard(frame.counter, nowMs);
    // Of the time until now nothing counts in which it could not hear.
    if (this.connection.voice.isDeaf) this.#tick(nowMs);
    const hearsAgain = this.connection.hear(frame, nowMs);
    if (hearsAgain) this.#resume(nowMs);
  }

  /** Nothing could be heard until now. */
  #resume(nowMs: number): void {
    this.membership.forgiveSilence(nowMs);
    // What others have now is known again when they have summed it up.
    for (const { status, held } of this.membership.replicas()) held.hearOutAnew(status === "up");
    // What happened meanwhile is told by the first heartbeat.
    this.#port.wakeAt(this.connection.resume(nowMs));
  }

  #appeared(replica: Replica, nowMs: number): void {
    this.#greet(replica, nowMs);
    this.#port.replicaUp(replica.life);
  }

  #greet(replica: Replica, nowMs: number): void {
    this.#merging.met(replica, nowMs);
    if (this.#options.observer === true) this.#contact.missed(replica, nowMs);
    else this.#port.wakeAt(this.#greetings.want(replica, nowMs));
  }

  #wentDown(replica: Replica, nowMs: number): void {
    this.#merging.dropRequests(replica);
    this.#contact.wentDown(replica, nowMs);
    for (const entry of replica.held.entries()) this.view.leave(entry, "down");
    this.#port.replicaDown(replica.life);
  }

  #departs(replica: Replica, nowMs: number): void {
    this.view.departingLives += 1;
    this.#earlierWindows.departs(replica, nowMs);
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
