/**
 * The engine of a tracker: runs the replicator on a pubsub and a runtime. It owns the one timer and the two
 * subscriptions, hands what comes in to the replicator, and delivers what has changed. Knows no session.
 */
import { isTrackerError, type TrackerError } from "../errors.js";
import type { ReplicatedEntry } from "../replication/entry.js";
import { INCARNATION_RANDOM_LENGTH, makeIncarnation, type Life } from "../replication/life.js";
import type { Goal, Machine, MachineEvent } from "../replication/machine.js";
import type { ConnectionStatus, Effect, VoiceWay } from "../replication/step.js";
import { randomText } from "../runtime.js";
import { askToReconnect } from "./asking.js";
import { Alarm } from "./alarm.js";
import { Announcer } from "./announcer.js";
import { CarryingOut } from "./carrying-out.js";
import type { Diff } from "../words.js";
import { deathsOf, type Deaths } from "./deaths.js";
import { FollowChannels } from "./follow-channels.js";
import { Delivery } from "./delivery.js";
import type { ChangeObserver, DiffFollower } from "./diffs.js";
import { HearingOut } from "./hearing-out.js";
import { Intake } from "./intake.js";
import { channelsOf, isOwnFrame, makeMachine, tickPeriodOf } from "./machines.js";
import { reserveName } from "./names-in-use.js";
import { protocolOf, type CheckedOptions } from "./options.js";
import { Publisher } from "./publisher.js";
import { Tracer } from "./tracer.js";
import { Readiness, type NotComplete } from "./readiness.js";
import { listenTo, Subscriptions } from "../pubsub/subscriptions.js";
import { Reporter } from "../reports.js";
import { errorTwins, trackerEventNames, type TrackerEvents } from "./events.js";
import { deaf, Sounding } from "./sounding.js";
import { subscribeAll } from "./subscribe.js";
import { tooManyChanges, unavailable } from "./troubles.js";

export class Engine {
  readonly replicator: Machine;
  readonly reporter: Reporter<TrackerEvents>;
  readonly #options: CheckedOptions;
  readonly publisher: Publisher;
  readonly #alarm: Alarm;
  readonly #delivery: Delivery;
  readonly #tracer: Tracer;
  readonly #announcer: Announcer;
  readonly #carryingOut = new CarryingOut((effect) => this.#carry(effect));
  readonly #readiness: Readiness;
  readonly #beginGoal = (since: number): Goal => this.replicator.heardOut.catchUp(false, since);
  readonly #hasHandler: boolean;
  readonly followers = new Set<DiffFollower>();
  readonly #observer: ChangeObserver;
  readonly #subscriptions = new Subscriptions((text, cause) => this.#unavailable(text, cause));
  readonly #life: Life;
  readonly #sounding: Sounding;
  readonly #deaths: readonly Deaths[];
  readonly #followChannels: FollowChannels;
  #status: "sounding" | "starting" | "listening" | "stopped" = "sounding";
  #hasStarted = false;
  #wasComplete = false;
  readonly #intake = new Intake({
    now: () => this.now(),
    isListening: () => this.#status === "listening",
    isPublishing: () => this.publisher.isPublishing,
    goOn: () => this.goOn(),
    refuse: (reason, isFirst) => this.#refuse(reason, isFirst),
  });
  /** Whether it was reported that this node does not hear itself. */
  #isToldDeaf = false;
  readonly #hearingOut: HearingOut;

  /** Without `handleDiff`, and while nobody follows and the observer wants none, no diff is made. */
  constructor(
    options: CheckedOptions,
    handleDiff: ((diff: Diff) => unknown) | undefined,
    observer: ChangeObserver,
  ) {
    const { name, pubsub, runtime, heartbeatPeriodMs } = options;
    const { nodeName } = pubsub;
    this.#options = options;
    this.#hasHandler = handleDiff !== undefined;
    this.#observer = observer;
    this.reporter = new Reporter(
      `rollcall tracker ${name} on ${nodeName}`,
      runtime,
      trackerEventNames,
      errorTwins,
    );
    this.publisher = new Publisher(pubsub, name, channelsOf(options), (error) =>
      this.#failed(error, error.cause ?? error),
    );
    this.#alarm = new Alarm(runtime, () => this.#advance());
    this.#delivery = new Delivery(
      () => this.#takeDiff(),
      (diff) => {
        if (handleDiff !== undefined) this.reporter.guard("handleDiff", handleDiff, diff);
        for (const follower of this.followers) follower.changed(diff);
      },
      () => this.reporter.error(tooManyChanges()),
    );
    this.#tracer = new Tracer(options, this.reporter, this.#delivery);
    this.#announcer = new Announcer(this.reporter, this.#delivery, this.#tracer);
    this.#readiness = new Readiness(runtime);
    this.#hearingOut = new HearingOut(
      {
        roundMs: protocolOf(options).limits.hearingOutHeartbeats * heartbeatPeriodMs,
        longMs: options.downPeriodMs,
        slowMs: () => this.replicator.connection.slowMs,
      },
      options.expect?.filter((other) => other !== nodeName),
      (other) => this.replicator.membership.presentOf(other) !== undefined,
    );
    const random = (): number => runtime.random();
    const incarnation = makeIncarnation(runtime.wallClockMs(), randomText(INCARNATION_RANDOM_LENGTH, random));
    this.#life = { name: nodeName, incarnation };
    this.replicator = makeMachine(options, this.#life, this.#tracer.tracing, this.now());
    this.#deaths = deathsOf(options.holds, this.publisher, {
      ...options,
      replicator: this.replicator,
      rules: protocolOf(options).rules,
      now: () => this.now(),
      wakeAt: (timeMs) => this.#alarm.wakeAt(timeMs),
      gone: (other) => this.#nodeGone(other),
      failed: (cause) => {
        if (this.#status === "listening")
          this.#unavailable("The pubsub does not say who is listening", cause);
      },
    });
    this.#followChannels = new FollowChannels(options, this.publisher, {
      receive: (payload) => this.#receive(payload, "followers"),
      changed: (areHeard) => void this.step({ type: "followers", areHeard }),
      failed: (text, cause) => this.#unavailable(text, cause),
    });
    this.#sounding = new Sounding(
      runtime,
      (ways) => void this.step({ type: "sound", ways }),
      () => this.replicator.connection.voice.unproven,
    );
  }

  /**
   * Subscribes, and waits until this node hears itself. Others are heard after the promise has resolved, and after the
   * code that waited for it has gone on.
   *
   * @throws TrackerError `NAME_IN_USE`, `PUBSUB_UNAVAILABLE`
   */
  async start(): Promise<void> {
    const { pubsub, name, runtime, startTimeoutMs } = this.#options;
    this.#subscriptions.add(reserveName(pubsub, name));
    const { broadcastChannel, inboxChannel } = this.publisher;
    const beganMs = this.now();
    try {
      const subscriptions = await subscribeAll(
        [
          () => pubsub.subscribe(broadcastChannel, (payload) => this.#receive(payload, "broadcasts")),
          () => pubsub.subscribe(inboxChannel, (payload) => this.#receive(payload, "inbox")),
        ],
        pubsub,
        runtime,
        startTimeoutMs,
      );
      this.#subscriptions.add(...subscriptions);
      listenTo(
        pubsub,
        {
          status: (status) => this.#heardStatus(status),
          nodeGone: (nodeName) => this.#nodeGone(nodeName),
          error: (cause) => this.#pubsubFailed(cause),
        },
        this.#subscriptions,
      );
      await this.#sounding.run(Math.max(0, beganMs + startTimeoutMs - this.now()), startTimeoutMs);
    } catch (error) {
      if (this.#sounding.hasBegun) this.step({ type: "goodbye", windowMs: 0 }); // nobody shall wait for it
      this.#status = "stopped";
      this.#alarm.stop();
      await this.#subscriptions.endAll(runtime, startTimeoutMs, startTimeoutMs);
      throw error;
    }
    this.#hasStarted = true;
    this.#status = "starting";
    this.#hearingOut.begin(this.now());
    this.step({ type: "begin" });
    this.#readiness.tellFirst(() => (this.#wasComplete = true));
    this.#alarm.wakeAt(this.now());
  }

  /** Says goodbye. Resolves when all is sent and ended, after `startTimeoutMs` at the latest; never rejects. */
  async stop(handoffMs: number): Promise<void> {
    const { runtime, startTimeoutMs } = this.#options;
    const beganMs = this.now();
    this.#status = "stopped";
    this.#alarm.stop();
    this.#intake.drop();
    this.step({ type: "goodbye", windowMs: handoffMs });
    this.deliver();
    this.#readiness.stop();
    for (const follower of this.followers) follower.ended();
    this.followers.clear();
    if (!(await this.publisher.settled(runtime, startTimeoutMs))) {
      this.#unavailable(`The pubsub has not sent the goodbye within ${startTimeoutMs} ms`);
    }
    const leftMs = Math.max(0, beganMs + startTimeoutMs - this.now());
    await this.#followChannels.stop(leftMs);
    await this.#subscriptions.endAll(runtime, leftMs, startTimeoutMs);
    this.reporter.tellRest();
  }

  /** Tells of every diff from now on, until what is returned is called or the tracker stops. */
  follow(follower: DiffFollower): () => void {
    if (this.#status === "stopped") {
      follower.ended();
      return () => undefined;
    }
    this.followers.add(follower);
    return () => void this.followers.delete(follower);
  }

  now(): number {
    return this.#options.runtime.monotonicMs();
  }

  /** Before a handler or a listener adds to the list or changes it. @throws TrackerError `TOO_MANY_CHANGES` */
  requireEnd(): void {
    if (!this.#delivery.mayContinue()) throw tooManyChanges();
  }

  /** Does something in its turn, before what is delivered next. */
  tell(run: () => void): void {
    this.#delivery.add(run);
  }

  /** Tells observers of all that has changed and is not delivered yet: a pubsub may ask in the middle of it. */
  observeChanges(): void {
    this.#delivery.collect();
  }

  /** Asks for a turn: there is more to do than this one may, or should, take. */
  goOn(): void {
    if (this.#status === "listening") this.#alarm.wakeAt(this.now());
  }

  /** Whether what changes now can be delivered now: no handler runs, and the pubsub is not being called. */
  get mayDeliver(): boolean {
    return !this.#delivery.isDelivering && !this.publisher.isPublishing;
  }

  /** Delivers what has changed. */
  deliver(): void {
    this.#observer.settle();
    this.#delivery.deliver();
    if (!this.#readiness.isAwaited || this.replicator.connection.status !== "connected") return;
    this.#readiness.look(this.hasHeardOut() ? this.#beginGoal : undefined);
  }

  /** Whether everybody who is there had the time to say so: a round of heartbeats, or all who are expected. */
  hasHeardOut(): boolean {
    const { status, voice } = this.replicator.connection;
    if (status !== "connected" || !voice.isProven || this.#status !== "listening") return false;
    const nowMs = this.now();
    if (!this.#hearingOut.mayBeOver(nowMs)) return false;
    return this.earlierWindowMs() === 0 && this.#hearingOut.isOver(nowMs);
  }

  /** Whether everybody was heard out and caught up with, and nothing has been missing for long. */
  isComplete(): boolean {
    return this.hasHeardOut() && this.replicator.hasCaughtUp(this.now());
  }

  /** R58, until it is complete for the first time. */
  earlierWindowMs(): number {
    return this.#wasComplete ? 0 : this.replicator.earlierWindowMs(this.now());
  }

  /** Whether it was complete once, and runs. */
  isReady(): boolean {
    this.#wasComplete ||= this.isComplete();
    return this.#wasComplete && this.#status !== "stopped";
  }

  /** The nodes of `expect` that were not heard since it began to hear the others out. */
  expectedAndUnheard(): readonly string[] {
    return this.#hearingOut.unheard();
  }

  /** Resolves when what is known now has been caught up with or, before all were heard out, what is known then. */
  async whenComplete(timeoutMs: number | undefined, why: () => NotComplete): Promise<void> {
    const { since } = this.replicator.heardOut;
    const goal = this.hasHeardOut() ? this.replicator.heardOut.catchUp(true, since) : undefined;
    if (goal?.isReached === true) return;
    this.#alarm.wakeAt(this.#hearingOut.untilMs);
    await this.#readiness.wait(since, goal, timeoutMs, why);
  }

  /** Hands an event to the replicator, and carries out what comes of it. Returns the entry that it has made. */
  step(event: MachineEvent, nowMs = this.now()): ReplicatedEntry | undefined {
    const { made, effects } = this.replicator.step(event, nowMs);
    this.#carryingOut.carryOut(effects);
    return made;
  }

  #carry(effect: Effect): void {
    switch (effect.type) {
      case "broadcast":
        return this.publisher.broadcast(effect.payload);
      case "send":
        return this.publisher.send(effect.to, effect.payload);
      case "notice":
        return this.publisher.notice(effect.payload, effect.to);
      case "followers":
        return this.#followChannels.set(effect.areThere);
      case "wake":
        return this.#alarm.wakeAt(effect.atMs);
      case "connection":
        return this.#connectionChanged(effect.status, effect.unheard);
      case "reconnect":
        return askToReconnect(this.#options.pubsub, (cause) =>
          this.#unavailable("The pubsub refused to reconnect", cause),
        );
      case "evict":
        if (!this.#observer.evict(effect.by, effect.eviction)) this.replicator.counters.framesRefused += 1;
        return;
      case "count":
        return this.#observer.counted(effect.topic);
      default:
        return this.#announcer.tell(effect);
    }
  }

  #takeDiff(): Diff | undefined {
    const { view } = this.replicator;
    const isWanted = this.#hasHandler || this.followers.size > 0;
    if (!isWanted && !this.#observer.isWanted()) return void view.dropDiff();
    const diff = view.takeDiff();
    if (diff !== undefined) this.#observer.change(diff);
    return isWanted ? diff : undefined;
  }

  /** Does what is due, and first what waited. */
  #advance(): void {
    if (this.#status === "sounding") return;
    const nowMs = this.now();
    try {
      if (this.#status === "starting") this.#status = "listening";
      this.#intake.beginTurn();
      if (this.#status !== "listening") return;
      this.step({ type: "turn" });
      if (this.#observer.advance()) this.goOn();
      for (const deaths of this.#deaths) deaths.look(nowMs);
      if (!this.#wasComplete) this.isReady();
      const { untilMs } = this.#hearingOut;
      if (this.#readiness.isAwaited && nowMs < untilMs) this.#alarm.wakeAt(untilMs);
      this.deliver();
    } finally {
      // Whatever happened, there is a next time.
      this.#alarm.wakeAt(this.#intake.isEmpty ? nowMs + tickPeriodOf(this.#options) : nowMs);
    }
  }

  #receive(payload: unknown, way: VoiceWay | "followers"): void {
    if (this.#status === "stopped") return;
    if (this.#status === "sounding" && isOwnFrame(this.#options, this.#life, payload)) {
      this.step({ type: "frame", payload, way });
      return this.#sounding.look();
    }
    if (this.#intake.mayTakeNow()) return this.#take(payload, way);
    const length = typeof payload === "string" ? payload.length : 0;
    this.#intake.addFrame(() => this.#take(payload, way), length);
  }

  #take(payload: unknown, way: VoiceWay | "followers"): void {
    const sinceMs = this.now();
    if (typeof payload === "string") this.step({ type: "frame", payload, way });
    else this.#refuse(`no text but ${typeof payload}`);
    this.#alarm.heard();
    this.deliver();
    this.#intake.took(sinceMs);
  }

  /** Counts a payload that the replicator does not get to see, and reports it if it is the first of many. */
  #refuse(reason: string, isFirst = true): void {
    this.replicator.counters.framesReceived += 1;
    this.replicator.counters.framesRefused += 1;
    if (isFirst) this.#announcer.tell({ type: "refused", reason });
  }

  #heardStatus(status: unknown): void {
    if (this.#status === "stopped") return;
    if (status !== "connected" && status !== "disconnected")
      return this.#unavailable(`The pubsub tells a status that is none: ${typeof status}`);
    this.#intake.inTurn(() => {
      this.step({ type: "connection", isAttached: status === "connected" });
      if (this.#status !== "sounding") this.deliver();
    });
  }

  #connectionChanged(status: ConnectionStatus, unheard: readonly VoiceWay[]): void {
    for (const deaths of this.#deaths) deaths.reconnected(this.now());
    if (status !== "connected") this.#hearingOut.interrupt(this.now());
    else if (this.#hearingOut.resume(this.now())) this.#readiness.startAnew(this.replicator.heardOut.since);
    this.#announcer.emit("connection", { status, unheard });
    if (status === "deaf" && !this.#isToldDeaf) {
      this.#announcer.report(() => deaf(unheard, this.#options.pubsub));
      this.#tracer.deaf(unheard);
    }
    if (status !== "disconnected") this.#isToldDeaf = status === "deaf";
  }

  #nodeGone(nodeName: string): void {
    if (this.#status !== "listening") return;
    this.#intake.inTurn(() => {
      this.step({ type: "nodeGone", name: nodeName });
      this.deliver();
    });
  }

  #pubsubFailed(cause: unknown): void {
    if (this.#status === "stopped") return;
    this.#failed(isTrackerError(cause) ? cause : unavailable("The pubsub reports a failure", cause), cause);
  }

  /** Reports what the pubsub has failed at; while it starts, that is why it does not. */
  #failed(error: TrackerError, cause: unknown): void {
    if (this.#hasStarted) this.#report(error);
    else this.#sounding.failure = cause;
  }

  #unavailable(text: string, cause?: unknown): void {
    this.#report(unavailable(text, cause));
  }

  /** Reports an error in its turn: at once, but not while the pubsub is being called. */
  #report(error: TrackerError): void {
    this.#announcer.report(() => error);
    if (!this.publisher.isPublishing) this.#delivery.deliver();
  }
}
