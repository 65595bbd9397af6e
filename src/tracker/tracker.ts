/**
 * The tracker: the public face of replication. It checks arguments, ties entries to sessions, and answers from
 * memory; what runs behind it is the engine's business.
 */
import {
  durationOption,
  mustBeStarted,
  requireDuration,
  requireFunction,
  requireText,
  started,
} from "../checks.js";
import { readOptions } from "../known-names.js";
import type { View } from "../replication/showing/view.js";
import { whyIncomplete } from "./incomplete.js";
import {
  alreadyTracked,
  madeBy,
  requireBehaviour,
  requireName,
  requireReason,
  requireSession,
} from "./arguments.js";
import type { AnyMeta, Diff, Entry, Meta } from "../words.js";
import type { TrackerBehaviour } from "./behaviour.js";
import { Engine } from "./engine.js";
import { equalMetas } from "../replication/equal.js";
import { Evictions } from "./evictions.js";
import type { FollowCount } from "./follow-count.js";
import { Follows, type Follow, type FollowOptions } from "./follows.js";
import { explanationsOf, healthOf } from "./explain.js";
import { Gate } from "./gate.js";
import type { Explanation, Health } from "./health.js";
import { Kept } from "./kept.js";
import type { LastSeen } from "./last-seen.js";
import { LocalEntries } from "./local-entries.js";
import type { ChangesOptions } from "./change-iterator.js";
import { diffsOf, type DiffFollower, type TrackerChange } from "./diffs.js";
import { checkOptions, stopOptionNames } from "./options.js";
import type { CheckedOptions, StopOptions, TrackerOptions } from "./options.js";
import type { TrackerEvents } from "./events.js";
import { checkPage, type PageOptions } from "./pages.js";
import { nodesOnDuty, responsibleOf } from "./responsible.js";
import type { Session } from "../session.js";
import { MetaChecks, type MetaSchema } from "./schema.js";

export type { StopOptions, TrackerOptions } from "./options.js";

/**
 * Tells who is here, now, on every node. A tracker that exists is running: make one with {@link Tracker.start}.
 *
 * All but `start`, `stop` and `whenComplete` is synchronous, answers from memory, and works with every other
 * node dead. `M` is the type of the metas.
 */
export class Tracker<M extends Meta<M> = AnyMeta> implements AsyncDisposable {
  readonly name: string;
  readonly #options: CheckedOptions;
  readonly #engine: Engine;
  readonly #view: View;
  readonly #kept: Kept;
  readonly #gate: Gate;
  readonly #checks: MetaChecks;
  readonly #local: LocalEntries;
  readonly #follows: Follows;
  readonly #evictions: Evictions;
  #stopped: Promise<void> | undefined;

  private constructor(behaviour: TrackerBehaviour<M>, options: CheckedOptions, by: symbol) {
    if (by !== started) throw mustBeStarted("Tracker");
    this.name = options.name;
    this.#options = options;
    this.#gate = new Gate(options.name, options.observer, () => this.stopped);
    const handleDiff = (diff: Diff): unknown => behaviour.handleDiff?.(diff as Diff<M>, this);
    this.#checks = new MetaChecks({
      ...options,
      nodeName: options.pubsub.nodeName,
      nowMs: () => this.#engine.now(),
      report: (error) => this.#engine.reporter.error(error),
    });
    this.#kept = new Kept(options, (topic, key) => this.#view.has(topic, key));
    this.#engine = new Engine(options, behaviour.handleDiff === undefined ? undefined : handleDiff, {
      isWanted: () =>
        options.schema !== undefined || this.#kept.isWanted() || this.#follows.counts.wantsDiffs,
      change: (diff) => {
        this.#kept.change(diff);
        this.#follows.counts.change(diff);
        const check = this.#checks.checkOf(diff);
        if (check !== undefined) this.#engine.tell(check);
      },
      settle: () => this.#follows.settle(),
      advance: () => this.#follows.advance(),
      counted: (topic) => this.#follows.counts.look(topic),
      evict: (by, eviction) => this.#evictions.heard(by, eviction),
    });
    this.#view = this.#engine.replicator.view;
    this.#checks.guard(this.#view, (tell) => this.#engine.tell(tell));
    this.#local = new LocalEntries(this.#engine, options);
    this.#follows = new Follows(this.#engine, this.#local, options, () =>
      whyIncomplete(this.health(), this.#engine),
    );
    this.#evictions = new Evictions(this.#engine, this.#local, this.nodeName, options);
  }

  /**
   * Starts a tracker. No diff is delivered before the promise has resolved; other nodes are heard after it.
   *
   * @throws TrackerError `INVALID_OPTION`; `INVALID_ARGUMENT` for a behaviour that is no object; `NAME_IN_USE`
   *   if a tracker of this name runs on this pubsub; `PUBSUB_UNAVAILABLE` if the pubsub refuses, or does not
   *   answer within `startTimeoutMs`.
   */
  static start<M extends Meta<M>>(
    behaviour: TrackerBehaviour<M>,
    options: TrackerOptions<M> & { readonly schema: MetaSchema<M> },
  ): Promise<Tracker<M>>;
  static start<M extends Meta<M> = AnyMeta>(
    behaviour: TrackerBehaviour<M>,
    options: TrackerOptions,
  ): Promise<Tracker<M>>;
  static async start<M extends Meta<M>>(
    behaviour: TrackerBehaviour<M>,
    options: TrackerOptions,
  ): Promise<Tracker<M>> {
    requireBehaviour(behaviour);
    const tracker = new Tracker<M>(behaviour, checkOptions(options), started);
    await tracker.#engine.start();
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
   *   `TRACKER_STOPPED`; `OBSERVER` on a node that only looks on; `TOO_MANY_CHANGES` in a handler that tracks or updates each time it is told of it, at
   *   the latest after 1,000 diffs in a chain.
   */
  track(session: Session, topic: string, key: string, meta: M): string | undefined {
    if (!this.#gate.accepts(session, topic, key)) return undefined;
    const copy = this.#checks.copyOf(meta);
    if (!this.#gate.acceptsStill(session)) return undefined;
    if (this.#local.find(session, topic, key) !== undefined) throw alreadyTracked(session, topic, key);
    return this.#local.add(session, topic, key, copy);
  }

  /**
   * Like `track` if the session is not tracked under this topic and key, else like `update`. Does nothing if
   * the meta is the same as before, so it may be called again and again.
   *
   * @throws TrackerError as `track` does, but for `ALREADY_TRACKED`.
   */
  set(session: Session, topic: string, key: string, meta: M): string | undefined {
    if (!this.#gate.accepts(session, topic, key)) return undefined;
    const copy = this.#checks.copyOf(meta);
    if (!this.#gate.acceptsStill(session)) return undefined;
    const present = this.#local.find(session, topic, key);
    if (present === undefined) return this.#local.add(session, topic, key, copy);
    if (equalMetas(present.meta, copy)) return present.ref;
    return this.#local.replace(session, present, copy);
  }

  /**
   * Changes the meta of an entry: to the given one, or to the one that a function makes of the present one. Returns the
   * new ref; `undefined`, and does nothing, if the session has closed.
   *
   * @throws TrackerError `NOT_TRACKED` if this session is not tracked under this topic and key; otherwise as
   *   `track`. An error of the function passes through, and nothing is changed.
   */
  update(
    session: Session,
    topic: string,
    key: string,
    meta: M | ((present: Readonly<M>) => M),
  ): string | undefined {
    if (!this.#gate.accepts(session, topic, key)) return undefined;
    const before = this.#local.present(session, topic, key);
    const next = typeof meta === "function" ? madeBy(meta, before.meta as Readonly<M>) : meta;
    const copy = this.#checks.copyOf(next);
    if (!this.#gate.acceptsStill(session)) return undefined;
    return this.#local.replace(session, this.#local.present(session, topic, key), copy);
  }

  /**
   * Untracks one entry, all entries of the session under a topic, or all entries of the session. Returns how many leave;
   * more than 1,024 do so in several diffs. An entry that is not there is no error.
   *
   * @throws TrackerError `INVALID_ARGUMENT`, also for a key without a topic; `TRACKER_STOPPED`.
   */
  untrack(session: Session, topic?: string, key?: string): number {
    this.#gate.requireRunning();
    requireSession(session);
    if (topic !== undefined || key !== undefined) requireName("topic", topic);
    if (key !== undefined) requireName("key", key);
    return this.#local.untrack(session, topic, key);
  }

  /**
   * Ends a user: asks the nodes that own the entries of a key under a topic to end them, those that are listed now, and
   * returns how many. Their applications hear it by the event `evicted`. Those that are listed still after five heartbeats
   * are reported as `NOT_EVICTED`; at once, with a `windowMs`, those that nobody can end, as their node has ended.
   *
   * @throws TrackerError `INVALID_ARGUMENT`, also for a reason of more than 128 bytes; `TRACKER_STOPPED`; `OBSERVER`.
   */
  evict(topic: string, key: string, reason = ""): number {
    this.#gate.requireTracking();
    requireName("topic", topic);
    requireName("key", key);
    requireReason(reason);
    this.#follows.requireFollowed(topic);
    return this.#evictions.ask(topic, key, reason);
  }

  /** The session of this id, if it has an entry of this node. */
  session(id: string): Session | undefined {
    requireText("id", id);
    return this.#local.session(id);
  }

  /**
   * Follows a topic until this handle and all others of it are closed: this node holds what others have in it. Reading a topic
   * that is not followed throws `NOT_FOLLOWED`; where a node holds everything every topic may be read. With a `limit` it holds
   * as many entries of a large topic, to about twice as many.
   *
   * @throws TrackerError `INVALID_ARGUMENT`, `INVALID_OPTION`, `TRACKER_STOPPED`
   */
  follow(topic: string, options: FollowOptions = {}): Follow<M> {
    this.#gate.requireRunning();
    requireName("topic", topic);
    return this.#follows.follow<M>(topic, options);
  }

  /**
   * Follows how many entries a topic has, until this handle and all others of it are closed, without holding any of them: where
   * nodes hold what they follow, one node counts what the others say that they have. `follow` is for who they are.
   *
   * @throws TrackerError `INVALID_ARGUMENT`, `TRACKER_STOPPED`
   */
  followCount(topic: string): FollowCount {
    this.#gate.requireRunning();
    requireName("topic", topic);
    return this.#follows.counts.followCount(topic);
  }

  /** What this node itself has tracked under a topic, followed or not, in no promised order. */
  listOwn(topic: string): readonly Entry<M>[] {
    return this.#follows.listOwn(topic, this.nodeName) as readonly Entry[] as readonly Entry<M>[];
  }

  /** All entries under a topic, of all nodes, in no promised order. The array is the caller's. */
  list(topic: string): readonly Entry<M>[] {
    return this.#follows.viewOf(topic).list(topic) as readonly Entry[] as readonly Entry<M>[];
  }

  /** The entries of one key under a topic. */
  getByKey(topic: string, key: string): readonly Entry<M>[] {
    return this.#follows.viewOf(topic).getByKey(topic, key) as readonly Entry[] as readonly Entry<M>[];
  }

  /**
   * A page of a topic: the entries of its first `limit` keys behind `after`, in the order of the keys' UTF-16 code
   * units, which is the same on all nodes; those of one key in no promised order. For the next page pass the last entry
   * or its key, whether or not that is still there; the pages have ended when one is empty. What comes and goes between
   * two pages is in its place or missing, and nothing is there twice. The first page of a topic sorts its keys; further
   * ones cost no more than themselves, as long as pages are read now and then.
   *
   * @throws TrackerError `INVALID_OPTION`
   */
  entries(topic: string, options: PageOptions = {}): readonly Entry<M>[] {
    this.#follows.requireFollowed(topic);
    const view = this.#local.observedView(topic);
    return this.#kept.page(topic, checkPage(options), view) as readonly Entry[] as readonly Entry<M>[];
  }

  /** How many entries are under a topic. */
  count(topic: string): number {
    return this.#follows.viewOf(topic).count(topic);
  }

  /** How many different keys are under a topic. */
  countKeys(topic: string): number {
    return this.#follows.viewOf(topic).countKeys(topic);
  }

  /** Whether a key is under a topic. */
  has(topic: string, key: string): boolean {
    return this.#follows.viewOf(topic).has(topic, key);
  }

  /** The topics that have an entry, in no promised order; where a node holds what it follows, of those. */
  topics(): readonly string[] {
    return this.#follows.topics();
  }

  /**
   * The topics that a key is under, in no promised order. It costs no more than their number.
   *
   * @throws TrackerError `INVALID_OPTION` without the option `indexKeys`.
   */
  topicsOf(key: string): readonly string[] {
    this.#local.observedView(undefined);
    return this.#kept.topicsOf(key);
  }

  /**
   * The newest leave of a key from a topic that this node has seen; `undefined` if it has seen none, or has forgotten
   * it: it keeps those of `lastSeenKept` pairs of topic and key. It says nothing about whether the key is here now: by
   * another session it may be (see `has`). It ends with the process.
   *
   * @throws TrackerError `INVALID_OPTION` without the option `lastSeenKept`.
   */
  lastSeen(topic: string, key: string): LastSeen<M> | undefined {
    this.#local.observedView(topic);
    return this.#kept.lastSeen(topic, key) as LastSeen<M> | undefined;
  }

  /**
   * The name of the one node, among those that are up and not departing, that should do what the text names: send a
   * mail, run a job. Nodes that agree on who is there agree on it, and when one of n comes or goes, 1/n of the texts
   * move. It is no lock: while nodes disagree, and on both sides of a partition, two may be responsible, and nobody
   * finishes what a node had begun when it died. A node that was stopped names another one, if it knows any.
   *
   * With `among`, only nodes of these names are considered, such as those that have said that they are ready; and
   * `undefined` is returned if none of them is up. An observer that is alone names itself, and is not responsible.
   *
   * @throws TrackerError `INVALID_ARGUMENT` if `text` is no text or the names cannot be iterated.
   */
  responsible(text: string): string;
  responsible(text: string, among: Iterable<string>): string | undefined;
  responsible(text: string, among?: Iterable<string>): string | undefined {
    requireText("text", text);
    const own = this.stopped || this.#options.observer ? undefined : this.nodeName;
    const nodes = nodesOnDuty(own, this.#engine.replicator.membership.replicas(), among);
    const responsible = responsibleOf(text, nodes);
    return among === undefined ? (responsible ?? this.nodeName) : responsible;
  }

  /** Whether this node is the one that {@link responsible} names; never once it was stopped. */
  isResponsible(text: string, among?: Iterable<string>): boolean {
    const responsible = among === undefined ? this.responsible(text) : this.responsible(text, among);
    return responsible === this.nodeName && !this.stopped && !this.#options.observer;
  }

  /**
   * Why entries of a key are under a topic, or hidden from it: who owns them, their dots, and when their owner
   * was heard last. For people: it searches all that is hidden.
   */
  explain(topic: string, key: string): readonly Explanation[] {
    this.#follows.requireFollowed(topic);
    return explanationsOf(topic, key, this.#engine.replicator, this.#engine.now());
  }

  /** The condition of this tracker, and of the other nodes as far as this one knows. */
  health(): Health {
    return healthOf(this.#engine, {
      own: this.#local.counts,
      closedSessionCalls: this.#gate.closedSessionCalls,
      invalidMetas: this.#checks.invalidMetas,
    });
  }

  /**
   * Resolves when this node has heard the others out and has caught up with what was known then, or at the call if
   * that is later, whatever comes meanwhile: a readiness probe. It hears out for a round of heartbeats (1.25
   * `heartbeatPeriodMs`) after the start and after each reconnect, or until it has heard all that `expect` names. It
   * cannot know of a node whose frames have all been lost until then. A life that ends or falls silent meanwhile is
   * not waited for. Default of `timeoutMs`: it waits for ever; with one, the process lives as long as it waits.
   *
   * @throws TrackerError `TIMEOUT`, with the `health` in its `details`, and the names of the missing nodes in `waitsFor`;
   *   `TRACKER_STOPPED` if the tracker is stopped meanwhile; `INVALID_OPTION` for another option.
   */
  async whenComplete(options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    const { timeoutMs } = readOptions(options, { timeoutMs: true });
    if (timeoutMs !== undefined) durationOption("timeoutMs", timeoutMs, 0);
    this.#gate.requireRunning();
    await this.#engine.whenComplete(timeoutMs, () => whyIncomplete(this.health(), this.#engine));
  }

  /**
   * Listens to the events of a tracker besides diffs. Returns a function that ends the listening. A listener is synchronous;
   * one that throws, or whose promise rejects, is reported.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for an event that there is not, and a listener that is no function.
   */
  on<Event extends keyof TrackerEvents>(
    event: Event,
    listener: (payload: TrackerEvents[Event]) => void,
  ): () => void {
    requireFunction("listener", listener);
    return this.#engine.reporter.on(event, listener);
  }

  /**
   * Reads all changes: `{ event: "state", payload }` first, with all entries as joins, then `{ event: "diff", payload }`
   * for every diff, in order. Bounded: a reader for whom more than `maxBuffered` changes wait starts over with a state,
   * whose `restarted` says so. It follows from the first read on, costs nothing before, and ends when it is left, when
   * its signal aborts or its session closes, and when the tracker stops.
   *
   * @throws TrackerError `INVALID_OPTION`
   */
  diffs(options: ChangesOptions = {}): AsyncIterableIterator<TrackerChange<M>, undefined> {
    const source = { view: this.#view, follow: (each: DiffFollower) => this.#engine.follow(each) };
    return diffsOf(source, options) as AsyncIterableIterator<TrackerChange<M>, undefined>;
  }

  /**
   * Ends this life: says goodbye to the others, and resolves when that is sent and the pubsub has ended the
   * subscriptions, after `startTimeoutMs` at the latest; a step that is not done by then is reported. After the call
   * the tracker announces no more changes, not even of sessions that close, and its reads keep returning the last list.
   * Stopping twice is the same as once.
   */
  stop(options: StopOptions = {}): Promise<void> {
    const { handoffMs = this.#options.downPeriodMs } = readOptions(options, stopOptionNames);
    requireDuration("handoffMs", handoffMs);
    if (this.#stopped !== undefined) return this.#stopped;
    let ends: ((ending: Promise<void>) => void) | undefined;
    // It is stopped before the stop begins: a listener that hears of a failed goodbye may stop it again, or close a session.
    this.#stopped = new Promise((resolve) => (ends = resolve));
    this.#local.end();
    this.#follows.stop();
    this.#evictions.stop();
    ends?.(this.#engine.stop(handoffMs));
    return this.#stopped;
  }

  /** Stops without a handoff. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop({ handoffMs: 0 });
  }
}
