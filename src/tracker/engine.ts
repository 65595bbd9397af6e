/**
 * The engine of a tracker: runs the replicator on a pubsub and a runtime. It owns the one timer and the two
 * subscriptions, hands what comes in to the replicator, and delivers what has changed. Knows no session.
 */
import { TrackerError } from "../errors.js";
import { promiseOf } from "../pubsub/returned.js";
import { INCARNATION_RANDOM_LENGTH, makeIncarnation } from "../replication/life.js";
import type { Life } from "../replication/life.js";
import { MAX_FRAME_BYTES } from "../replication/limits.js";
import type { ConnectionStatus, VoiceWay } from "../replication/port.js";
import { Replicator } from "../replication/replicator.js";
import { isFrameOf } from "../replication/wire/own-frame.js";
import { randomText } from "../runtime.js";
import { askToReconnect } from "./asking.js";
import { Alarm } from "./alarm.js";
import type { Diff } from "../words.js";
import { Deaths } from "./deaths.js";
import { Delivery } from "./delivery.js";
import type { DiffFollower } from "./diffs.js";
import { HearingOut } from "./hearing-out.js";
import { reserveName } from "./names-in-use.js";
import { protocolOf } from "./options.js";
import type { CheckedOptions } from "./options.js";
import { Publisher } from "./publisher.js";
import { Readiness, type NotComplete } from "./readiness.js";
import { Reporter } from "../reports.js";
import { trackerEventNames } from "./events.js";
import type { TrackerEvents } from "./events.js";
import { deaf, Sounding } from "./sounding.js";
import { subscribeAll } from "./subscribe.js";
import { errorOfTrouble, tooManyChanges, unavailable } from "./troubles.js";
import { settlesWithin } from "./within.js";

/** A tick looks for silence; so many fit a heartbeat period. */
const TICKS_PER_HEARTBEAT = 4;

const REFUSED_LISTENER = "The pubsub refused a listener";

/** Frames that wait until they can be taken: those of one turn of the event loop. */
const MAX_WAITING_FRAMES = 1_000;
/** And so many UTF-16 units in all. */
const MAX_WAITING_LENGTH = 16 * MAX_FRAME_BYTES;

/**
 * Who is told of each change when it is committed, before and apart from those to whom diffs are delivered. Does not
 * throw.
 */
export interface ChangeObserver {
  isWanted(): boolean;
  change(diff: Diff): void;
}

export class Engine {
  readonly replicator: Replicator;
  readonly reporter: Reporter<TrackerEvents>;
  readonly #options: CheckedOptions;
  readonly #tickPeriodMs: number;
  readonly #publisher: Publisher;
  readonly #alarm: Alarm;
  readonly #delivery: Delivery;
  readonly #readiness: Readiness;
  readonly #hasHandler: boolean;
  readonly #followers = new Set<DiffFollower>();
  readonly #observer: ChangeObserver;
  /** What the pubsub returned to end its subscriptions: functions, if it keeps its word. */
  readonly #unsubscribes: unknown[] = [];
  readonly #life: Life;
  readonly #sounding: Sounding;
  readonly #deaths: Deaths;
  #status: "sounding" | "starting" | "listening" | "stopped" = "sounding";
  #hasStarted = false;
  #wasComplete = false;
  /** What came before the start was through, or while the pubsub was being called. */
  #waiting: (() => void)[] = [];
  /** How many UTF-16 units of frames wait, and whether more came than can. */
  #waitingLength = 0;
  #overflows = false;
  /** Whether it was reported that this node does not hear itself. */
  #isToldDeaf = false;
  readonly #hearingOut: HearingOut;

  /**
   * Without `handleDiff`, and while nobody follows and the observer wants none, no diff is made.
   */
  constructor(
    options: CheckedOptions,
    handleDiff: ((diff: Diff) => unknown) | undefined,
    observer: ChangeObserver,
  ) {
    const { name, pubsub, runtime, heartbeatPeriodMs } = options;
    const { nodeName } = pubsub;
    this.#options = options;
    this.#tickPeriodMs = heartbeatPeriodMs / TICKS_PER_HEARTBEAT;
    this.#hasHandler = handleDiff !== undefined;
    this.#observer = observer;
    this.reporter = new Reporter(`rollcall tracker ${name} on ${nodeName}`, runtime, trackerEventNames);
    this.#publisher = new Publisher(pubsub, name, (error) => this.#failed(error, error.cause ?? error));
    this.#alarm = new Alarm(runtime, () => this.#advance());
    this.#delivery = new Delivery(
      () => this.#takeDiff(),
      (diff) => {
        if (handleDiff !== undefined) this.reporter.guard("handleDiff", handleDiff, diff);
        for (const follower of this.#followers) follower.changed(diff);
      },
      () => this.reporter.error(tooManyChanges()),
    );
    this.#readiness = new Readiness(runtime);
    const nowMs = this.now();
    this.#hearingOut = new HearingOut(
      protocolOf(options).limits.hearingOutHeartbeats * heartbeatPeriodMs,
      options.expect?.filter((other) => other !== nodeName),
    );
    const random = (): number => runtime.random();
    const incarnation = makeIncarnation(runtime.wallClockMs(), randomText(INCARNATION_RANDOM_LENGTH, random));
    this.#life = { name: nodeName, incarnation };
    this.replicator = new Replicator(
      {
        ...options,
        life: this.#life,
        tickPeriodMs: this.#tickPeriodMs,
        random,
        protocol: protocolOf(options),
      },
      {
        broadcast: (payload) => this.#publisher.broadcast(payload),
        send: (node, payload) => this.#publisher.send(node, payload),
        wakeAt: (timeMs) => this.#alarm.wakeAt(timeMs),
        connection: (status, unheard) => this.#connectionChanged(status, unheard),
        reconnect: () => {
          askToReconnect(pubsub, (cause) => this.#unavailable("The pubsub refused to reconnect", cause));
        },
        replicaUp: (news) => this.#delivery.add(() => this.reporter.emit("replicaUp", news)),
        replicaDown: (news) => this.#delivery.add(() => this.reporter.emit("replicaDown", news)),
        replicaGone: (news) => this.#delivery.add(() => this.reporter.emit("replicaGone", news)),
        divergence: (news) => this.#diverged(news),
        replicaLink: (news) => this.#delivery.add(() => this.reporter.emit("replicaLink", news)),
        trouble: (trouble) => this.#delivery.add(() => this.reporter.error(errorOfTrouble(trouble))),
        nameConflict: (conflicting, incarnations) => this.#nameConflict(conflicting, incarnations),
        refused: (reason, version) => this.#refused(reason, version),
      },
      nowMs,
    );
    this.#deaths = new Deaths({
      ...options,
      channel: this.#publisher.inboxChannel,
      replicator: this.replicator,
      rules: protocolOf(options).rules,
      now: () => this.now(),
      wakeAt: (timeMs) => this.#alarm.wakeAt(timeMs),
      gone: (name) => this.#nodeGone(name),
      failed: (cause) => {
        if (this.#status === "listening")
          this.#unavailable("The pubsub does not say who is listening", cause);
      },
    });
    this.#sounding = new Sounding(
      runtime,
      (ways) => this.replicator.sound(this.now(), ways),
      () => this.replicator.connection.voice.unproven,
    );
  }

  /**
   * Subscribes, and waits until this node hears itself. Others are heard after the promise has resolved, and whoever waited for it has gone on.
   *
   * @throws TrackerError `NAME_IN_USE`, `PUBSUB_UNAVAILABLE`
   */
  async start(): Promise<void> {
    const { pubsub, name, runtime, startTimeoutMs } = this.#options;
    this.#unsubscribes.push(reserveName(pubsub, name));
    const { broadcastChannel, inboxChannel } = this.#publisher;
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
      this.#unsubscribes.push(...subscriptions);
      this.#listen();
      await this.#sounding.run(Math.max(0, beganMs + startTimeoutMs - this.now()), startTimeoutMs);
    } catch (error) {
      // Whoever heard it shall not wait for it.
      if (this.#sounding.hasBegun) this.replicator.goodbye(0, this.now());
      this.#status = "stopped";
      this.#alarm.stop();
      await this.#unsubscribe(startTimeoutMs);
      throw error;
    }
    this.#hasStarted = true;
    this.#status = "starting";
    this.#hearingOut.begin(this.now());
    this.#alarm.wakeAt(this.now());
  }

  /**
   * Says goodbye, and resolves when that is sent and nothing is subscribed any more, after `startTimeoutMs` at
   * the latest. Never rejects.
   */
  async stop(handoffMs: number): Promise<void> {
    const { runtime, startTimeoutMs } = this.#options;
    const beganMs = this.now();
    this.#status = "stopped";
    this.#alarm.stop();
    this.#waiting = [];
    this.replicator.goodbye(handoffMs, beganMs);
    this.deliver();
    this.#readiness.stop();
    for (const follower of this.#followers) follower.ended();
    this.#followers.clear();
    if (!(await this.#publisher.settled(runtime, startTimeoutMs))) {
      this.#unavailable(`The pubsub has not sent the goodbye within ${startTimeoutMs} ms`);
    }
    await this.#unsubscribe(Math.max(0, beganMs + startTimeoutMs - this.now()));
  }

  /** Tells of every diff from now on, until what is returned is called or the tracker stops. */
  follow(follower: DiffFollower): () => void {
    if (this.#status === "stopped") {
      follower.ended();
      return () => undefined;
    }
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  now(): number {
    return this.#options.runtime.monotonicMs();
  }

  /** To be called before what reads or changes the replicator from within the process. */
  setTime(): void {
    this.replicator.setTime(this.now());
  }

  /**
   * To be called before a handler or a listener adds to the list or changes it.
   *
   * @throws TrackerError `TOO_MANY_CHANGES`
   */
  requireEnd(): void {
    if (!this.#delivery.mayContinue()) throw tooManyChanges();
  }

  /** Does something in its turn, before what is delivered next. */
  tell(run: () => void): void {
    this.#delivery.add(run);
  }

  /** Has whoever observes told of what has changed and is not delivered yet: a pubsub may ask in the middle of it. */
  observeChanges(): void {
    this.#delivery.collect();
  }

  /** Delivers what has changed. */
  deliver(): void {
    this.#delivery.deliver();
    if (this.#readiness.isAwaited && this.hasHeardOut()) {
      this.#readiness.look(() => this.replicator.catchUp(false));
    }
  }

  /** Whether everybody who is there had the time to say so: a round of heartbeats, or all who are expected. */
  hasHeardOut(): boolean {
    const { status, voice } = this.replicator.connection;
    if (status !== "connected" || voice.unproven.length > 0 || this.#status !== "listening") return false;
    return this.#hearingOut.isOver(this.now(), (name) => this.#isHeard(name));
  }

  /** Whether everybody was heard out and caught up with, and nothing has been missing for long. */
  isComplete(): boolean {
    return this.hasHeardOut() && this.replicator.hasCaughtUp;
  }

  /** Whether it was complete once, and runs. */
  isReady(): boolean {
    this.#wasComplete ||= this.isComplete();
    return this.#wasComplete && this.#status !== "stopped";
  }

  /** The nodes of `expect` that were not heard since it began to hear the others out. */
  expectedAndUnheard(): readonly string[] {
    return this.#hearingOut.unheard((name) => this.#isHeard(name));
  }

  #isHeard(name: string): boolean {
    return this.replicator.membership.presentOf(name) !== undefined;
  }

  /** Resolves when what is known now has been caught up with or, before all were heard out, what is known then. */
  async whenComplete(timeoutMs: number | undefined, why: () => NotComplete): Promise<void> {
    const goal = this.hasHeardOut() ? this.replicator.catchUp(true) : undefined;
    if (goal?.isReached === true) return;
    this.#alarm.wakeAt(this.#hearingOut.untilMs);
    await this.#readiness.wait(goal, timeoutMs, why);
  }

  #takeDiff(): Diff | undefined {
    const { view } = this.replicator;
    const isWanted = this.#hasHandler || this.#followers.size > 0;
    if (!isWanted && !this.#observer.isWanted()) {
      view.dropDiff();
      return undefined;
    }
    const diff = view.takeDiff();
    if (diff !== undefined) this.#observer.change(diff);
    return isWanted ? diff : undefined;
  }

  /** @throws TrackerError `PUBSUB_UNAVAILABLE` */
  #listen(): void {
    const { pubsub } = this.#options;
    const keep = (unsubscribe: unknown): void => {
      this.#unsubscribes.push(unsubscribe);
      promiseOf(unsubscribe)?.catch((cause: unknown) => this.#unavailable(REFUSED_LISTENER, cause));
    };
    try {
      if (pubsub.onStatus !== undefined) keep(pubsub.onStatus((status) => this.#heardStatus(status)));
      if (pubsub.onNodeGone !== undefined) keep(pubsub.onNodeGone((nodeName) => this.#nodeGone(nodeName)));
      if (pubsub.onError !== undefined) keep(pubsub.onError((cause) => this.#pubsubFailed(cause)));
    } catch (cause) {
      throw new TrackerError("PUBSUB_UNAVAILABLE", REFUSED_LISTENER, {}, { cause });
    }
  }

  /** Does what is due, and first what waited. */
  #advance(): void {
    if (this.#status === "sounding") return;
    const nowMs = this.now();
    try {
      if (this.#status === "starting") this.#status = "listening";
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#waitingLength = 0;
      this.#overflows = false;
      for (const take of waiting) take();
      if (this.#status !== "listening") return;
      this.replicator.advance(this.now());
      this.#deaths.look(nowMs);
      const { untilMs } = this.#hearingOut;
      if (!this.#wasComplete) this.isReady();
      if (this.#readiness.isAwaited && nowMs < untilMs) this.#alarm.wakeAt(untilMs);
      this.deliver();
    } finally {
      // Whatever happened, there is a next time.
      this.#alarm.wakeAt(nowMs + this.#tickPeriodMs);
    }
  }

  /** Whether what the pubsub tells now would come in the middle of something, or before what waits already. */
  get #isBusy(): boolean {
    return this.#publisher.isPublishing || (this.#status === "listening" && this.#waiting.length > 0);
  }

  /** For the next turn. */
  #wait(take: () => void): void {
    this.#waiting.push(take);
    if (this.#status === "listening") this.#alarm.wakeAt(this.now());
  }

  #receive(payload: unknown, way: VoiceWay): void {
    if (this.#status === "stopped") return;
    if (this.#status === "sounding" && isFrameOf(this.#life, payload)) {
      this.replicator.receive(payload, this.now(), way);
      return this.#sounding.look();
    }
    if (this.#status !== "listening" || this.#isBusy) {
      const length = typeof payload === "string" ? payload.length : 0;
      const fits = this.#waitingLength + length <= MAX_WAITING_LENGTH;
      if (fits && this.#waiting.length < MAX_WAITING_FRAMES) {
        this.#waitingLength += length;
        return this.#wait(() => this.#receive(payload, way));
      }
      const most = `${MAX_WAITING_FRAMES} frames or ${MAX_WAITING_LENGTH} characters`;
      this.#refuse(`more than ${most} came at once`, !this.#overflows);
      this.#overflows = true;
      return;
    }
    if (typeof payload === "string") this.replicator.receive(payload, this.now(), way);
    else this.#refuse(`no text but ${typeof payload}`);
    this.deliver();
  }

  /** Counts a payload that the replicator does not get to see, and reports it if it is the first of many. */
  #refuse(reason: string, isFirst = true): void {
    this.replicator.counters.framesReceived += 1;
    this.replicator.counters.framesRefused += 1;
    if (isFirst) this.#refused(reason, undefined);
  }

  #heardStatus(status: unknown): void {
    if (status === "connected" || status === "disconnected") this.#setConnected(status === "connected");
    else if (this.#status !== "stopped")
      this.#unavailable(`The pubsub tells a status that is none: ${typeof status}`);
  }

  #setConnected(connected: boolean): void {
    if (this.#status === "stopped") return;
    if (this.#isBusy) return this.#wait(() => this.#setConnected(connected));
    this.replicator.setConnected(connected, this.now());
    if (this.#status !== "sounding") this.deliver();
  }

  #connectionChanged(status: ConnectionStatus, unheard: readonly VoiceWay[]): void {
    this.#deaths.reconnected(this.now());
    if (status === "connected") {
      this.#hearingOut.begin(this.now());
      this.#readiness.startAnew();
    }
    this.#delivery.add(() => this.reporter.emit("connection", { status, unheard }));
    if (status === "deaf" && !this.#isToldDeaf)
      this.#delivery.add(() => this.reporter.error(deaf(unheard, this.#options.pubsub)));
    if (status !== "disconnected") this.#isToldDeaf = status === "deaf";
  }

  #nodeGone(nodeName: string): void {
    if (this.#status !== "listening") return;
    if (this.#isBusy) return this.#wait(() => this.#nodeGone(nodeName));
    this.replicator.nodeGone(nodeName, this.now());
    this.deliver();
  }

  #pubsubFailed(cause: unknown): void {
    if (this.#status === "stopped") return;
    const error = cause instanceof TrackerError ? cause : undefined;
    this.#failed(error ?? unavailable("The pubsub reports a failure", cause), cause);
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
    this.#delivery.add(() => this.reporter.error(error));
    if (!this.#publisher.isPublishing) this.#delivery.deliver();
  }

  #diverged(news: TrackerEvents["divergence"]): void {
    const text = `The entries of ${news.name} in shard ${news.shard} differed from its own and are rebuilt`;
    this.#delivery.add(() => {
      this.reporter.emit("divergence", news);
      this.reporter.error(new TrackerError("DIVERGENCE", text, { ...news }));
    });
  }

  #nameConflict(name: string, incarnations: readonly [string, string]): void {
    const text = `Two nodes have the name ${name}; only the one that started last is listened to`;
    this.#delivery.add(() => {
      this.reporter.emit("nameConflict", { name, incarnations });
      this.reporter.error(new TrackerError("NAME_CONFLICT", text, { name, incarnations }));
    });
  }

  #refused(reason: string, version: unknown): void {
    const error =
      version === undefined
        ? new TrackerError("INVALID_FRAME", `A payload that is no frame of rollcall: ${reason}`, { reason })
        : new TrackerError("UNKNOWN_PROTOCOL", "A node speaks another protocol version", { version });
    this.#delivery.add(() => this.reporter.error(error));
  }

  async #unsubscribe(timeoutMs: number): Promise<void> {
    const ends = this.#unsubscribes.splice(0).map((unsubscribe) => this.#end(unsubscribe));
    if (await settlesWithin(this.#options.runtime, timeoutMs, Promise.all(ends))) return;
    this.#unavailable(`The pubsub has not ended all subscriptions within ${this.#options.startTimeoutMs} ms`);
  }

  /** Never rejects. */
  async #end(unsubscribe: unknown): Promise<void> {
    try {
      // A promise of one is waited for.
      const end: unknown = typeof unsubscribe === "object" ? await unsubscribe : unsubscribe;
      if (typeof end !== "function") throw new TypeError(`${typeof end} is not a function`);
      await (end as () => unknown)();
    } catch (cause) {
      this.#unavailable("Unsubscribing failed", cause);
    }
  }
}
