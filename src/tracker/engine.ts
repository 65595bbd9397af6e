/**
 * The engine of a tracker: runs the replicator on a pubsub and a runtime. It owns the one timer and the two
 * subscriptions, hands what comes in to the replicator, and delivers what has changed. Knows no session.
 */
import { TrackerError } from "../errors.js";
import type { Unsubscribe } from "../pubsub/pubsub.js";
import { INCARNATION_RANDOM_LENGTH, makeIncarnation } from "../replication/life.js";
import { GREETINGS_AWAITED_MS, MAX_FRAME_BYTES } from "../replication/limits.js";
import { Replicator } from "../replication/replicator.js";
import { randomText } from "../runtime.js";
import { Alarm } from "./alarm.js";
import type { Diff } from "./behaviour.js";
import { Delivery } from "./delivery.js";
import { reserveName } from "./names-in-use.js";
import type { CheckedOptions } from "./options.js";
import { Publisher } from "./publisher.js";
import { Readiness } from "./readiness.js";
import { Reporter } from "./reporter.js";
import type { TrackerEvents } from "./reporter.js";
import { subscribeAll } from "./subscribe.js";

/** A tick looks for silence; so many fit a heartbeat period. */
const TICKS_PER_HEARTBEAT = 4;

/** Frames that are held until the start is through: those of one turn of the event loop. */
const MAX_EARLY_FRAMES = 1_000;
/** And so many UTF-16 units in all. */
const MAX_EARLY_LENGTH = 16 * MAX_FRAME_BYTES;

export class Engine {
  readonly replicator: Replicator;
  readonly reporter: Reporter;
  readonly #options: CheckedOptions;
  readonly #publisher: Publisher;
  readonly #alarm: Alarm;
  readonly #delivery: Delivery;
  readonly #readiness: Readiness;
  readonly #wantsDiffs: boolean;
  readonly #unsubscribes: Unsubscribe[] = [];
  #status: "starting" | "listening" | "stopped" = "starting";
  /** What came before the start was through. */
  readonly #early: string[] = [];
  #earlyLength = 0;
  /** Until then, others may not have had the time to say that they are there. */
  #greetingsUntilMs: number;

  /** Without `handleDiff` no diff is made. */
  constructor(options: CheckedOptions, handleDiff: ((diff: Diff) => unknown) | undefined) {
    const { name, pubsub, runtime, heartbeatPeriodMs } = options;
    const { nodeName } = pubsub;
    this.#options = options;
    this.#wantsDiffs = handleDiff !== undefined;
    this.reporter = new Reporter(`rollcall tracker ${name} on ${nodeName}`, runtime);
    this.#publisher = new Publisher(pubsub, name, (error) => this.reporter.error(error));
    this.#alarm = new Alarm(runtime, () => this.#advance());
    this.#delivery = new Delivery(
      () => this.#takeDiff(),
      (diff) => {
        if (handleDiff !== undefined) this.reporter.guard("handleDiff", handleDiff, diff);
      },
    );
    this.#readiness = new Readiness(runtime);
    const nowMs = this.now();
    this.#greetingsUntilMs = nowMs + GREETINGS_AWAITED_MS;
    const random = (): number => runtime.random();
    const incarnation = makeIncarnation(runtime.wallClockMs(), randomText(INCARNATION_RANDOM_LENGTH, random));
    this.replicator = new Replicator(
      {
        ...options,
        life: { name: nodeName, incarnation },
        tickPeriodMs: heartbeatPeriodMs / TICKS_PER_HEARTBEAT,
        random,
      },
      {
        broadcast: (payload) => this.#publisher.broadcast(payload),
        send: (node, payload) => this.#publisher.send(node, payload),
        wakeAt: (timeMs) => this.#alarm.wakeAt(timeMs),
        replicaUp: (news) => this.#delivery.add(() => this.reporter.emit("replicaUp", news)),
        replicaDown: (news) => this.#delivery.add(() => this.reporter.emit("replicaDown", news)),
        replicaGone: (news) => this.#delivery.add(() => this.reporter.emit("replicaGone", news)),
        divergence: (news) => this.#diverged(news),
        nameConflict: (conflicting, incarnations) => this.#nameConflict(conflicting, incarnations),
        refused: (reason, version) => this.#refused(reason, version),
      },
      nowMs,
    );
  }

  /**
   * Subscribes. Others are heard after the promise has resolved, and whoever waited for it has gone on.
   *
   * @throws TrackerError `NAME_IN_USE`, `PUBSUB_UNAVAILABLE`
   */
  async start(): Promise<void> {
    const { pubsub, name, runtime, startTimeoutMs } = this.#options;
    this.#unsubscribes.push(reserveName(pubsub, name));
    const receive = (payload: string): void => this.#receive(payload);
    const { broadcastChannel, inboxChannel } = this.#publisher;
    try {
      const subscriptions = await subscribeAll(
        [() => pubsub.subscribe(broadcastChannel, receive), () => pubsub.subscribe(inboxChannel, receive)],
        runtime,
        startTimeoutMs,
      );
      this.#unsubscribes.push(...subscriptions);
    } catch (error) {
      await this.#unsubscribe();
      throw error;
    }
    const listeners = [
      pubsub.onStatus?.((status) => this.#setConnected(status === "connected")),
      pubsub.onNodeGone?.((nodeName) => this.#nodeGone(nodeName)),
      pubsub.onError?.((cause) => this.#pubsubFailed(cause)),
    ];
    for (const unsubscribe of listeners) if (unsubscribe !== undefined) this.#unsubscribes.push(unsubscribe);
    this.#alarm.wakeAt(this.now());
  }

  /** Says goodbye, and resolves when that is sent and nothing is subscribed any more. Never rejects. */
  async stop(handoffMs: number): Promise<void> {
    this.#status = "stopped";
    this.#alarm.stop();
    this.replicator.goodbye(handoffMs, this.now());
    this.#readiness.stop();
    await this.#publisher.settled(this.#options.runtime, this.#options.startTimeoutMs);
    await this.#unsubscribe();
  }

  now(): number {
    return this.#options.runtime.monotonicMs();
  }

  /** To be called before what reads or changes the replicator from within the process. */
  setTime(): void {
    this.replicator.setTime(this.now());
  }

  /** Delivers what has changed. */
  deliver(): void {
    this.#delivery.deliver();
    if (this.#readiness.isAwaited && this.isComplete()) this.#readiness.reached();
  }

  /** Whether everyone who announced himself was heard and caught up with. */
  isComplete(): boolean {
    const { connected, membership } = this.replicator;
    if (!connected || this.#status !== "listening" || this.now() < this.#greetingsUntilMs) return false;
    for (const replica of membership.replicas()) {
      if (replica.status === "returning" || (replica.status === "up" && !replica.isComplete)) return false;
    }
    return true;
  }

  async whenComplete(timeoutMs: number | undefined, details: () => Record<string, unknown>): Promise<void> {
    if (this.isComplete()) return;
    this.#alarm.wakeAt(this.#greetingsUntilMs);
    await this.#readiness.wait(timeoutMs, details);
  }

  #takeDiff(): Diff | undefined {
    if (this.#wantsDiffs) return this.replicator.view.takeDiff();
    this.replicator.view.dropDiff();
    return undefined;
  }

  /** Does what is due; the first time, hears what came meanwhile. */
  #advance(): void {
    if (this.#status === "starting") {
      this.#status = "listening";
      for (const payload of this.#early.splice(0)) this.#receive(payload);
    }
    const nowMs = this.now();
    this.replicator.advance(nowMs);
    if (this.#readiness.isAwaited && nowMs < this.#greetingsUntilMs)
      this.#alarm.wakeAt(this.#greetingsUntilMs);
    this.deliver();
  }

  #receive(payload: string): void {
    if (this.#status === "listening") {
      this.replicator.receive(payload, this.now());
      this.deliver();
    } else if (this.#status === "starting" && this.#early.length < MAX_EARLY_FRAMES) {
      // Whatever is too much is lost, as any frame may be.
      const length = typeof payload === "string" ? payload.length : 0;
      if (this.#earlyLength + length > MAX_EARLY_LENGTH) return;
      this.#early.push(payload);
      this.#earlyLength += length;
    }
  }

  #setConnected(connected: boolean): void {
    if (this.#status === "stopped") return;
    const nowMs = this.now();
    if (connected) this.#greetingsUntilMs = nowMs + GREETINGS_AWAITED_MS;
    this.replicator.setConnected(connected, nowMs);
    this.deliver();
  }

  #nodeGone(nodeName: string): void {
    if (this.#status !== "listening") return;
    this.replicator.nodeGone(nodeName, this.now());
    this.deliver();
  }

  #pubsubFailed(cause: unknown): void {
    if (this.#status === "stopped") return;
    if (cause instanceof TrackerError) return this.reporter.error(cause);
    const text = "The pubsub reports a failure";
    this.reporter.error(new TrackerError("PUBSUB_UNAVAILABLE", text, {}, { cause }));
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

  async #unsubscribe(): Promise<void> {
    for (const unsubscribe of this.#unsubscribes.splice(0)) {
      try {
        await unsubscribe();
      } catch (cause) {
        this.reporter.error(new TrackerError("PUBSUB_UNAVAILABLE", "Unsubscribing failed", {}, { cause }));
      }
    }
  }
}
