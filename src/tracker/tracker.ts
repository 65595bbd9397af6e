/**
 * The tracker: the public face of replication. It checks arguments, ties entries to sessions, owns the one
 * timer and the two subscriptions, and delivers diffs: every change is committed first, then delivered, in
 * order, one at a time.
 */
import { TrackerError } from "../errors.js";
import type { Unsubscribe } from "../pubsub/pubsub.js";
import { fitsJsonText } from "../replication/bytes.js";
import { ReplicatedEntry } from "../replication/entry.js";
import { INCARNATION_RANDOM_LENGTH, makeIncarnation } from "../replication/life.js";
import { GREETINGS_AWAITED_MS, MAX_NAME_BYTES } from "../replication/limits.js";
import { Replicator } from "../replication/replicator.js";
import type { Replica } from "../replication/replica.js";
import { randomText } from "../runtime.js";
import type { AnyMeta, Diff, Entry, Meta, TrackerBehaviour } from "./behaviour.js";
import type { Explanation, Health, ReplicaHealth } from "./health.js";
import { equalMetas } from "./equal.js";
import { explain } from "./explain.js";
import { copyMeta } from "./meta.js";
import { checkOptions } from "./options.js";
import type { CheckedOptions, TrackerOptions } from "./options.js";
import { OwnedEntries } from "./owned.js";
import { Publisher } from "./publisher.js";
import { Reporter } from "./reporter.js";
import type { TrackerEvents } from "./reporter.js";
import { isSession } from "./session.js";
import type { Session, SessionOwner } from "./session.js";
import { subscribeAll } from "./subscribe.js";
import { shardOf } from "./topic-hash.js";

export type { TrackerOptions } from "./options.js";

/** A tick looks for silence; so many fit a heartbeat period. */
const TICKS_PER_HEARTBEAT = 4;

/** Frames that are held until `start` has resolved: those of one turn of the event loop. */
const MAX_EARLY_FRAMES = 1_000;

/** The trackers that run, by their pubsub: a name may be used once on each. */
const namesInUse = new WeakMap<object, Set<string>>();

export interface StopOptions {
  /**
   * For how long this node's entries stay in the others' lists, waiting for their keys to come back on another
   * node. Default `downPeriodMs`: a rolling deploy flickers for nobody. 0: they leave at once.
   */
  readonly handoffMs?: number;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: TrackerError) => void;
}

/**
 * Tells who is here, now, on every node. A tracker that exists is running: make one with {@link Tracker.start}.
 *
 * All but `start`, `stop` and `whenComplete` is synchronous, answers from memory, and works with every other
 * node dead. `M` is the type of the metas.
 */
export class Tracker<M extends Meta<M> = AnyMeta> implements AsyncDisposable {
  readonly name: string;
  readonly #behaviour: TrackerBehaviour<M>;
  readonly #options: CheckedOptions;
  readonly #replicator: Replicator;
  readonly #reporter: Reporter;
  readonly #publisher: Publisher;
  readonly #owned = new OwnedEntries();
  readonly #owner: SessionOwner = { sessionClosed: (session) => this.#sessionClosed(session) };
  readonly #unsubscribes: Unsubscribe[] = [];
  readonly #waiters = new Set<Waiter>();
  /** Diffs and events that wait while another is delivered. */
  readonly #deliveries: (Diff | (() => void))[] = [];
  #delivering = false;
  #listening = false;
  /** What came before `start` had resolved. */
  readonly #early: string[] = [];
  #stopped: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #timerDueMs = Infinity;
  /** Until then, others may not have had the time to say that they are there. */
  #greetingsUntilMs: number;
  #closedSessionCalls = 0;

  private constructor(behaviour: TrackerBehaviour<M>, options: CheckedOptions) {
    const { name, pubsub, runtime, heartbeatPeriodMs } = options;
    const { nodeName } = pubsub;
    const nowMs = runtime.monotonicMs();
    this.name = name;
    this.#behaviour = behaviour;
    this.#options = options;
    this.#reporter = new Reporter(`rollcall tracker ${name} on ${nodeName}`, runtime);
    this.#publisher = new Publisher(pubsub, name, (error) => this.#reporter.error(error));
    this.#greetingsUntilMs = nowMs + GREETINGS_AWAITED_MS;
    const incarnation = makeIncarnation(
      runtime.wallClockMs(),
      randomText(INCARNATION_RANDOM_LENGTH, runtime.random),
    );
    this.#replicator = new Replicator(
      {
        ...options,
        life: { name: nodeName, incarnation },
        tickPeriodMs: heartbeatPeriodMs / TICKS_PER_HEARTBEAT,
        random: () => runtime.random(),
      },
      {
        broadcast: (payload) => this.#publisher.broadcast(payload),
        send: (node, payload) => this.#publisher.send(node, payload),
        wakeAt: (timeMs) => this.#wakeAt(timeMs),
        replicaUp: (news) => this.#enqueue(() => this.#reporter.emit("replicaUp", news)),
        replicaDown: (news) => this.#enqueue(() => this.#reporter.emit("replicaDown", news)),
        replicaGone: (news) => this.#enqueue(() => this.#reporter.emit("replicaGone", news)),
        divergence: (news) => this.#diverged(news),
        nameConflict: (conflicting, incarnations) => this.#nameConflict(conflicting, incarnations),
        refused: (reason, version) => this.#refused(reason, version),
      },
      nowMs,
    );
  }

  /**
   * Starts a tracker. No diff is delivered before the promise has resolved; other nodes are heard after it.
   *
   * @throws TrackerError `INVALID_OPTION`; `NAME_IN_USE` if a tracker of this name runs on this pubsub;
   *   `PUBSUB_UNAVAILABLE` if the pubsub refuses, or does not answer within `startTimeoutMs`.
   */
  static async start<M extends Meta<M> = AnyMeta>(
    behaviour: TrackerBehaviour<M>,
    options: TrackerOptions,
  ): Promise<Tracker<M>> {
    const checked = checkOptions(options);
    if (typeof behaviour !== "object" || behaviour === null) {
      throw new TrackerError(
        "INVALID_ARGUMENT",
        "A tracker needs a behaviour: an object, with handleDiff or empty",
        {
          argument: "behaviour",
        },
      );
    }
    const release = reserveName(checked);
    const tracker = new Tracker<M>(behaviour, checked);
    try {
      tracker.#unsubscribes.push(...(await tracker.#subscribe()), release);
    } catch (error) {
      release();
      throw error;
    }
    // Nothing is received, and so nothing delivered, before whoever waits for the promise has gone on.
    tracker.#timerDueMs = 0;
    tracker.#cancelTimer = checked.runtime.schedule(0, () => {
      tracker.#listening = true;
      for (const payload of tracker.#early.splice(0)) tracker.#receive(payload);
      tracker.#timer();
    });
    return tracker;
  }

  /** The name of this node: the pubsub's. */
  get nodeName(): string {
    return this.#options.pubsub.nodeName;
  }

  /** Whether `stop` was called. */
  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  /**
   * Says that `key` is here, under `topic`, for as long as the session lives. One session may be tracked under
   * many topics and keys, and a key by many sessions. Returns the ref of the entry; `undefined`, and does
   * nothing, if the session has closed: handlers outlive their sockets.
   *
   * @throws TrackerError `ALREADY_TRACKED` if this session is tracked under this topic and key (see `set`),
   *   `INVALID_ARGUMENT` (topic and key are texts of at most 512 bytes), `INVALID_META`, `META_TOO_LARGE`,
   *   `TRACKER_STOPPED`.
   */
  track(session: Session, topic: string, key: string, meta: M): string | undefined {
    if (!this.#accepts(session, topic, key)) return undefined;
    const copy = copyMeta(meta, this.#options.maxMetaBytes);
    if (this.#owned.find(session, topic, key) !== undefined) {
      throw new TrackerError(
        "ALREADY_TRACKED",
        `This session is tracked under topic ${JSON.stringify(topic)} and key ${JSON.stringify(key)} already; use set or update`,
        { topic, key, session: session.id },
      );
    }
    return this.#add(session, topic, key, copy);
  }

  /**
   * Like `track` if the session is not tracked under this topic and key, else like `update`. Does nothing if
   * the meta is what it was, so it may be called again and again.
   *
   * @throws TrackerError as `track` does, but for `ALREADY_TRACKED`.
   */
  set(session: Session, topic: string, key: string, meta: M): string | undefined {
    if (!this.#accepts(session, topic, key)) return undefined;
    const copy = copyMeta(meta, this.#options.maxMetaBytes);
    const present = this.#owned.find(session, topic, key);
    if (present === undefined) return this.#add(session, topic, key, copy);
    if (equalMetas(present.meta, copy)) return present.ref;
    return this.#replace(session, present, copy);
  }

  /**
   * Changes the meta of an entry: to the given one, or to what a function makes of the present one. Returns the
   * new ref; `undefined`, and does nothing, if the session has closed.
   *
   * @throws TrackerError `NOT_TRACKED` if this session is not tracked under this topic and key; otherwise as
   *   `track`. What the function throws passes through, and nothing is changed.
   */
  update(
    session: Session,
    topic: string,
    key: string,
    meta: M | ((present: Readonly<M>) => M),
  ): string | undefined {
    if (!this.#accepts(session, topic, key)) return undefined;
    const before = this.#present(session, topic, key);
    const next = typeof meta === "function" ? meta(before.meta as Readonly<M>) : meta;
    const copy = copyMeta(next, this.#options.maxMetaBytes);
    // The function may have changed anything.
    if (!this.#accepts(session, topic, key)) return undefined;
    return this.#replace(session, this.#present(session, topic, key), copy);
  }

  /**
   * Takes back what was tracked: one entry, all of the session's under a topic, or all of the session's.
   * Returns how many left; what is not there is no error.
   *
   * @throws TrackerError `INVALID_ARGUMENT`, `TRACKER_STOPPED`.
   */
  untrack(session: Session, topic?: string, key?: string): number {
    this.#requireRunning();
    requireSession(session);
    if (topic !== undefined) requireName("topic", topic);
    if (key !== undefined) requireName("key", key);
    if (topic !== undefined && key !== undefined) {
      const entry = this.#owned.find(session, topic, key);
      return entry === undefined ? 0 : this.#remove(session, [entry], "untracked");
    }
    return this.#remove(session, this.#owned.entries(session, topic), "untracked");
  }

  /** All entries under a topic, of all nodes, in no promised order. The array is the caller's. */
  list(topic: string): readonly Entry<M>[] {
    return this.#replicator.view.list(topic) as readonly Entry[] as readonly Entry<M>[];
  }

  /** The entries of one key under a topic. */
  getByKey(topic: string, key: string): readonly Entry<M>[] {
    return this.#replicator.view.getByKey(topic, key) as readonly Entry[] as readonly Entry<M>[];
  }

  /** How many entries are under a topic. */
  count(topic: string): number {
    return this.#replicator.view.count(topic);
  }

  /** How many different keys are under a topic. */
  countKeys(topic: string): number {
    return this.#replicator.view.countKeys(topic);
  }

  /** Whether a key is under a topic. */
  has(topic: string, key: string): boolean {
    return this.#replicator.view.has(topic, key);
  }

  /** The topics that have an entry, in no promised order. */
  topics(): readonly string[] {
    return this.#replicator.view.topics();
  }

  /**
   * Why entries of a key are under a topic, or hidden from it: who owns them, their dots, and when their owner
   * was heard last. For people: it searches all that is hidden.
   */
  explain(topic: string, key: string): readonly Explanation[] {
    const shown = new Set(this.#replicator.view.getByKey(topic, key));
    const explanations: Explanation[] = [];
    for (const entry of shown) explanations.push(explain(entry, true));
    for (const replica of this.#replicator.membership.replicas()) {
      if (replica.status === "up") continue;
      for (const entry of replica.entries()) {
        const isMeant = entry.key === key && ReplicatedEntry.topicOf(entry) === topic;
        if (isMeant && !shown.has(entry)) explanations.push(explain(entry, false));
      }
    }
    return explanations;
  }

  /** How this tracker is, and what it knows of the other nodes. */
  health(): Health {
    const { membership, counters, connected } = this.#replicator;
    return {
      complete: this.#isComplete(),
      connected,
      replicas: Array.from(membership.replicas(), healthOf),
      counters: { ...counters, closedSessionCalls: this.#closedSessionCalls },
    };
  }

  /**
   * Resolves when this node has heard and caught up with everyone who announced himself: a readiness probe.
   * Default of `timeoutMs`: it waits for ever.
   *
   * @throws TrackerError `TIMEOUT`; `TRACKER_STOPPED` if the tracker is stopped meanwhile.
   */
  async whenComplete(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#requireRunning();
    if (this.#isComplete()) return;
    const { timeoutMs } = options;
    const { runtime } = this.#options;
    let cancel: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter: Waiter = { resolve, reject };
        this.#waiters.add(waiter);
        if (timeoutMs === undefined) return;
        cancel = runtime.schedule(timeoutMs, () => {
          this.#waiters.delete(waiter);
          const health = this.health();
          reject(new TrackerError("TIMEOUT", `Not complete within ${timeoutMs} ms`, { timeoutMs, health }));
        });
      });
    } finally {
      cancel?.();
    }
  }

  /**
   * Listens to what a tracker tells besides diffs. Returns what ends the listening. A listener is synchronous;
   * one that throws, or whose promise rejects, is reported.
   */
  on<Event extends keyof TrackerEvents>(
    event: Event,
    listener: (payload: TrackerEvents[Event]) => void,
  ): () => void {
    if (typeof listener !== "function") {
      throw new TrackerError("INVALID_ARGUMENT", "A listener has to be a function", { argument: "listener" });
    }
    return this.#reporter.on(event, listener);
  }

  /**
   * Ends this life: says goodbye to the others, and resolves when that is sent. From its call on nothing is
   * announced any more, also no session that closes; `list` and its kin keep answering with what was last.
   * Stopping twice is the same as once.
   */
  stop(options: StopOptions = {}): Promise<void> {
    const { handoffMs = this.#options.downPeriodMs } = options;
    if (typeof handoffMs !== "number" || !(handoffMs >= 0) || handoffMs >= 2 ** 31) {
      throw new TrackerError("INVALID_ARGUMENT", "handoffMs has to be a number of milliseconds, 0 or more", {
        argument: "handoffMs",
        value: handoffMs,
      });
    }
    this.#stopped ??= this.#stop(handoffMs);
    return this.#stopped;
  }

  /** Stops without a handoff. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop({ handoffMs: 0 });
  }

  async #stop(handoffMs: number): Promise<void> {
    for (const session of this.#owned.sessions()) session.detach(this.#owner);
    this.#listening = false;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#replicator.goodbye(handoffMs, this.#now());
    for (const { reject } of this.#waiters) {
      reject(new TrackerError("TRACKER_STOPPED", "The tracker was stopped"));
    }
    this.#waiters.clear();
    await this.#publisher.settled(this.#options.runtime, this.#options.startTimeoutMs);
    for (const unsubscribe of this.#unsubscribes.splice(0)) {
      try {
        await unsubscribe();
      } catch (cause) {
        this.#reporter.error(new TrackerError("PUBSUB_UNAVAILABLE", "Unsubscribing failed", {}, { cause }));
      }
    }
  }

  /** @internal Reports what went wrong in a layer above, as this tracker's own errors. */
  report(error: TrackerError): void {
    this.#reporter.error(error);
  }

  // Local changes.

  #add(session: Session, topic: string, key: string, meta: Readonly<AnyMeta>): string {
    const shard = shardOf(topic, this.#options.poolSize);
    const entry = this.#replicator.add(shard, topic, key, session.id, meta);
    if (this.#owned.put(session, entry)) session.attach(this.#owner);
    this.#deliver();
    return entry.ref;
  }

  #replace(session: Session, previous: ReplicatedEntry, meta: Readonly<AnyMeta>): string {
    const entry = this.#replicator.update(previous, meta);
    this.#owned.put(session, entry);
    this.#deliver();
    return entry.ref;
  }

  #remove(session: Session, entries: readonly ReplicatedEntry[], reason: "untracked" | "closed"): number {
    for (const entry of entries) {
      this.#replicator.remove(entry, reason);
      if (this.#owned.delete(session, entry)) session.detach(this.#owner);
    }
    this.#deliver();
    return entries.length;
  }

  #sessionClosed(session: Session): void {
    if (this.stopped) return;
    this.#setTime();
    this.#remove(session, this.#owned.entries(session), "closed");
  }

  #present(session: Session, topic: string, key: string): ReplicatedEntry {
    const entry = this.#owned.find(session, topic, key);
    if (entry !== undefined) return entry;
    throw new TrackerError(
      "NOT_TRACKED",
      `This session is not tracked under topic ${JSON.stringify(topic)} and key ${JSON.stringify(key)}`,
      { topic, key, session: session.id },
    );
  }

  /** Checks what every change begins with; says whether to go on: a closed session changes nothing. */
  #accepts(session: Session, topic: string, key: string): boolean {
    this.#requireRunning();
    requireSession(session);
    requireName("topic", topic);
    requireName("key", key);
    this.#setTime();
    if (!session.closed) return true;
    this.#closedSessionCalls += 1;
    return false;
  }

  #requireRunning(): void {
    if (this.stopped) throw new TrackerError("TRACKER_STOPPED", `The tracker ${this.name} was stopped`);
  }

  // Delivery: what is committed is delivered, in order, before the outermost call returns.

  #enqueue(delivery: Diff | (() => void)): void {
    this.#deliveries.push(delivery);
  }

  #deliver(): void {
    const { view } = this.#replicator;
    if (this.#behaviour.handleDiff === undefined) view.dropDiff();
    else {
      const diff = view.takeDiff();
      if (diff !== undefined) this.#deliveries.push(diff);
    }
    if (this.#delivering) return;
    this.#delivering = true;
    // What is delivered may add more; a throwing handler was reported by the guard.
    for (let next = this.#deliveries.shift(); next !== undefined; next = this.#deliveries.shift()) {
      if (typeof next === "function") next();
      else this.#handleDiff(next);
    }
    this.#delivering = false;
    this.#resolveWaiters();
  }

  #handleDiff(diff: Diff): void {
    // Listed as of what the tracker of this type was given.
    this.#reporter.guard("handleDiff", () => this.#behaviour.handleDiff?.(diff as Diff<M>, this));
  }

  #resolveWaiters(): void {
    if (this.#waiters.size === 0 || !this.#isComplete()) return;
    for (const { resolve } of this.#waiters) resolve();
    this.#waiters.clear();
  }

  #isComplete(): boolean {
    if (!this.#replicator.connected || !this.#listening || this.#now() < this.#greetingsUntilMs) return false;
    for (const replica of this.#replicator.membership.replicas()) {
      if (replica.status === "returning" || (replica.status === "up" && !replica.isComplete)) return false;
    }
    return true;
  }

  // From outside.

  async #subscribe(): Promise<Unsubscribe[]> {
    const { pubsub, runtime, startTimeoutMs } = this.#options;
    const receive = (payload: string): void => this.#receive(payload);
    const { broadcastChannel, inboxChannel } = this.#publisher;
    const unsubscribes = await subscribeAll(
      [() => pubsub.subscribe(broadcastChannel, receive), () => pubsub.subscribe(inboxChannel, receive)],
      runtime,
      startTimeoutMs,
    );
    const listeners = [
      pubsub.onStatus?.((status) => this.#setConnected(status === "connected")),
      pubsub.onNodeGone?.((nodeName) => this.#nodeGone(nodeName)),
      pubsub.onError?.((cause) => this.#pubsubFailed(cause)),
    ];
    for (const unsubscribe of listeners) if (unsubscribe !== undefined) unsubscribes.push(unsubscribe);
    return unsubscribes;
  }

  #receive(payload: string): void {
    if (!this.#listening) {
      // Whatever is too much is lost, as any frame may be.
      if (!this.stopped && this.#early.length < MAX_EARLY_FRAMES) this.#early.push(payload);
      return;
    }
    this.#replicator.receive(payload, this.#now());
    this.#deliver();
  }

  #setConnected(connected: boolean): void {
    if (this.stopped) return;
    const nowMs = this.#now();
    if (connected) this.#greetingsUntilMs = nowMs + GREETINGS_AWAITED_MS;
    this.#replicator.setConnected(connected, nowMs);
    this.#deliver();
  }

  #nodeGone(nodeName: string): void {
    if (!this.#listening) return;
    this.#replicator.nodeGone(nodeName, this.#now());
    this.#deliver();
  }

  #pubsubFailed(cause: unknown): void {
    if (this.stopped) return;
    if (cause instanceof TrackerError) this.#reporter.error(cause);
    else {
      this.#reporter.error(
        new TrackerError("PUBSUB_UNAVAILABLE", "The pubsub reports a failure", {}, { cause }),
      );
    }
  }

  #diverged(news: TrackerEvents["divergence"]): void {
    this.#enqueue(() => {
      this.#reporter.emit("divergence", news);
      const text = `The entries of ${news.name} in shard ${news.shard} differed from its own and are rebuilt`;
      this.#reporter.error(new TrackerError("DIVERGENCE", text, { ...news }));
    });
  }

  #nameConflict(name: string, incarnations: readonly [string, string]): void {
    this.#enqueue(() => {
      this.#reporter.emit("nameConflict", { name, incarnations });
      const text = `Two nodes have the name ${name}; only the one that started last is listened to`;
      this.#reporter.error(new TrackerError("NAME_CONFLICT", text, { name, incarnations }));
    });
  }

  #refused(reason: string, version: unknown): void {
    const error =
      version === undefined
        ? new TrackerError("INVALID_FRAME", `A payload that is no frame of rollcall: ${reason}`, { reason })
        : new TrackerError("UNKNOWN_PROTOCOL", "A node speaks another protocol version", { version });
    this.#enqueue(() => this.#reporter.error(error));
  }

  // Time.

  #now(): number {
    return this.#options.runtime.monotonicMs();
  }

  #setTime(): void {
    this.#replicator.setTime(this.#now());
  }

  #wakeAt(timeMs: number): void {
    if (!this.#listening || timeMs >= this.#timerDueMs) return;
    this.#cancelTimer?.();
    this.#timerDueMs = timeMs;
    this.#cancelTimer = this.#options.runtime.schedule(timeMs - this.#now(), () => this.#timer());
  }

  #timer(): void {
    this.#timerDueMs = Infinity;
    this.#cancelTimer = undefined;
    if (!this.#listening) return;
    const nowMs = this.#now();
    this.#replicator.advance(nowMs);
    if (this.#waiters.size > 0 && nowMs < this.#greetingsUntilMs) this.#wakeAt(this.#greetingsUntilMs);
    this.#deliver();
  }
}

function reserveName({ pubsub, name }: CheckedOptions): () => void {
  let names = namesInUse.get(pubsub);
  if (names === undefined) {
    names = new Set();
    namesInUse.set(pubsub, names);
  }
  if (names.has(name)) {
    throw new TrackerError("NAME_IN_USE", `A tracker named ${name} runs on this pubsub already`, { name });
  }
  names.add(name);
  return () => {
    names.delete(name);
  };
}

function requireSession(session: unknown): asserts session is Session {
  if (isSession(session)) return;
  throw new TrackerError("INVALID_ARGUMENT", "Expected a Session: new Session() or Session.from(…)", {
    argument: "session",
    value: session,
  });
}

function requireName(argument: string, value: unknown): asserts value is string {
  if (typeof value === "string" && fitsJsonText(value, MAX_NAME_BYTES)) return;
  throw new TrackerError(
    "INVALID_ARGUMENT",
    `Expected \`${argument}\` to be a text of at most ${MAX_NAME_BYTES} bytes; got ${typeof value === "string" ? `one of ${value.length} units` : typeof value}`,
    { argument, value },
  );
}

function healthOf(replica: Replica): ReplicaHealth {
  const { life, status, silentMs, lagDots, isComplete } = replica;
  let entries = 0;
  for (const slice of replica.slices.values()) entries += slice.entries.size;
  return { ...life, status, silentMs, lagDots, complete: isComplete, entries };
}
