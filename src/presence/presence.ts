/**
 * Presence: a tracker whose entries are grouped by key and may be enriched, in the shape and with the events
 * of Phoenix.Presence, so that every Phoenix client understands its messages.
 *
 * It has a tracker and keeps all promises of a tracker. It also promises that a follower of a topic gets the state once,
 * and then every change once, in order. It knows no socket and no channel.
 */
import {
  durationOption,
  functionOption,
  requireFunction,
  requireText,
  wholeOption,
  mustBeStarted,
} from "../checks.js";
import type { DurationCounts } from "../durations.js";
import { nodeRuntime } from "../runtime.js";
import type { AnyMeta, Entry, Meta } from "../words.js";
import type { TrackerBehaviour } from "../tracker/behaviour.js";
import type { Explanation, Health } from "../tracker/health.js";
import { readOptions } from "../known-names.js";
import { Reporter } from "../reports.js";
import { trackerEventNames, type TrackerEvents } from "../tracker/events.js";
import type { PageOptions } from "../tracker/pages.js";
import type { LastSeen } from "../tracker/last-seen.js";
import type { Session } from "../session.js";
import { Tracker, type StopOptions } from "../tracker/tracker.js";
import { endSignals, type ChangesOptions } from "../tracker/change-iterator.js";
import type { TrackerChange } from "../tracker/diffs.js";
import { changesOf, type PresenceChange } from "./changes.js";
import { Feeds } from "./feeds.js";
import { Holds } from "./holds.js";
import { Fetcher } from "./fetcher.js";
import { requireSubscriber, type PresenceSubscriber } from "./follower.js";
import { CountFollowers } from "./count-followers.js";
import {
  followCountOptionNames,
  forwardOptionNames,
  presenceSettings,
  trackerOptions,
  type FollowCountOptions,
  type ForwardOptions,
  type ForwardPartOptions,
  type PresenceOptions,
} from "./options.js";
import { compareEntries } from "./presences.js";
import {
  DIFF_EVENT,
  REST_EVENT,
  STATE_EVENT,
  metaOf,
  toKeyPresence,
  toPresences,
  toWireDiff,
  type KeyPresence,
  type NoExtra,
  type PresenceCount,
  type PresenceEvent,
  type PresenceMessage,
  type PresencePartMessage,
  type Presences,
} from "./wire.js";

/** How a presence is. `followers` are those of topics and of counts, and the readers of its tracker's diffs. */
export interface PresenceHealth extends Health {
  /** How long fetches took, those that failed among them. */
  readonly fetches: DurationCounts;
  /** Fetches that threw, rejected, returned no Map, or took longer than `fetchTimeoutMs`. */
  readonly fetchFailures: number;
}

const nothing: ReadonlyMap<string, NoExtra> = new Map();

export class Presence<M extends Meta<M> = AnyMeta, X extends object = NoExtra> implements AsyncDisposable {
  readonly #tracker: Tracker<M>;
  /** For failures of fetches, subscribers and `handleMetas`; the tracker reports its own. */
  readonly #reporter: Reporter<TrackerEvents>;
  readonly #fetcher: Fetcher<X>;
  readonly #feeds: Feeds<M, X>;
  readonly #counts: CountFollowers;

  private constructor(
    tracker: Tracker<M>,
    reporter: Reporter<TrackerEvents>,
    fetcher: Fetcher<X>,
    feeds: Feeds<M, X>,
    counts: CountFollowers,
  ) {
    if (!(tracker instanceof Tracker)) throw mustBeStarted("Presence");
    this.#tracker = tracker;
    this.#reporter = reporter;
    this.#fetcher = fetcher;
    this.#feeds = feeds;
    this.#counts = counts;
  }

  /**
   * Starts a presence: one that exists is running.
   *
   * @throws TrackerError `INVALID_OPTION` for a wrong option, and the errors with which the start of a tracker rejects:
   *   `PUBSUB_UNAVAILABLE`, `NAME_IN_USE`.
   */
  static async start<M extends Meta<M> = AnyMeta, X extends object = NoExtra>(
    options: PresenceOptions<M, X>,
  ): Promise<Presence<M, X>> {
    const settings = presenceSettings(options);
    const { runtime = nodeRuntime } = options;
    const where = `rollcall presence ${options.name}`;
    const reporter = new Reporter<TrackerEvents>(where, runtime, trackerEventNames);
    const fetcher = new Fetcher({ ...settings, runtime, reporter });
    const holds = new Holds<M>(options, settings.stateTimeoutMs, (topic) => tracker.follow(topic));
    const feeds = new Feeds({ ...settings, fetcher, runtime, reporter }, holds);
    const counts = new CountFollowers({
      runtime,
      reporter,
      countOf: (topic) => ({ metas: tracker.count(topic), keys: tracker.countKeys(topic) }),
    });
    const behaviour: TrackerBehaviour<M> = {
      handleDiff(diff) {
        feeds.change(diff);
        counts.change(diff);
      },
    };
    const tracker = await Tracker.start<M>(behaviour, trackerOptions(options));
    return new Presence(tracker, reporter, fetcher, feeds, counts);
  }

  get name(): string {
    return this.#tracker.name;
  }

  get nodeName(): string {
    return this.#tracker.nodeName;
  }

  get stopped(): boolean {
    return this.#tracker.stopped;
  }

  /**
   * Everybody under a topic, in the form of `presence_state`, so that it can be pushed as it is. An object
   * without a prototype, from key to `{ metas }`, frozen. The metas of a key stand in the same order on every
   * node that holds the same entries: by node name, then by the age of their session.
   */
  list(topic: string): Presences<M> {
    return toPresences(this.#tracker.list(topic), nothing);
  }

  /** The presence of one key, or `undefined` if the key is not there. */
  getByKey(topic: string, key: string): KeyPresence<M> | undefined {
    const entries = this.#tracker.getByKey(topic, key);
    if (entries.length === 0) return undefined;
    return toKeyPresence(entries.toSorted(compareEntries).map(metaOf), undefined);
  }

  /**
   * As {@link list}, with the additions of `fetch`: everybody who is here now, as soon as their data is fetched. Never
   * rejects because of the fetch: one that fails or takes longer than `fetchTimeoutMs` is reported through
   * `error`, and the presences are plain.
   */
  async fetchList(topic: string): Promise<Presences<M, X>> {
    return this.#feeds.holds.during(topic, async () => {
      const entries = this.#tracker.list(topic);
      const keys = [...new Set(entries.map(({ key }) => key))];
      return toPresences(entries, await this.#fetcher.fetch(topic, keys));
    });
  }

  /** As {@link getByKey}, with the additions of `fetch`, which is not called if the key is not there. */
  async fetchByKey(topic: string, key: string): Promise<KeyPresence<M, X> | undefined> {
    return this.#feeds.holds.during(topic, async () => {
      const presence = this.getByKey(topic, key);
      if (presence === undefined) return undefined;
      return toKeyPresence(presence.metas, (await this.#fetcher.fetch(topic, [key])).get(key));
    });
  }

  /**
   * Follows a topic: `state` once, then `diff` for every later change, once and in order, all fetched. No
   * callback is ever called synchronously, nor after `stop`. One that throws is reported through `error`. `stop` ends
   * all subscriptions; `ended` is told so, and of a signal or session that has ended one.
   *
   * @returns a function that ends the subscription; nothing is called afterwards.
   * @throws TrackerError `INVALID_ARGUMENT` for a topic that is no text, and for a callback that is no function;
   *   `state` and `diff` have to be there. `INVALID_OPTION` for a `signal` that is none, a `session` that is none, and a
   *   name that means nothing here; a subscriber that is an instance of a class may have any.
   */
  subscribe(topic: string, subscriber: PresenceSubscriber<M, X>): () => void {
    requireText("topic", topic);
    requireSubscriber(subscriber);
    return this.#feeds.subscribe(topic, subscriber, () => this.#tracker.list(topic));
  }

  /**
   * Follows a topic as a Phoenix client does: `presence_state` once, then a `presence_diff` for every change,
   * ready to push. All who forward a topic get the same payload object for one change, so that it needs to be
   * encoded only once. Otherwise as {@link subscribe}.
   *
   * With a `limit` only the first so many keys, in the order of their UTF-16 code units: who is pushed out by others
   * leaves, who moves up joins, and only they are fetched. `presence_rest` says how many there are beside them,
   * `{ metas, keys }`: after the state, then when that has changed, at most once a second after a change at once. It
   * costs what changes, however many are there.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for a topic that is no text, and a `push` that is no function;
   *   `INVALID_OPTION`, also for a limit that is not a whole number from 1.
   */
  forward(
    topic: string,
    push: (...message: PresenceMessage<M, X>) => unknown,
    options?: ForwardOptions & { readonly limit?: undefined },
  ): () => void;
  forward(
    topic: string,
    push: (...message: PresencePartMessage<M, X>) => unknown,
    options: ForwardPartOptions,
  ): () => void;
  forward(topic: string, push: (event: PresenceEvent) => unknown, options?: ForwardOptions): () => void;
  forward(
    topic: string,
    push: (event: PresencePartMessage[0]) => unknown,
    options: ForwardPartOptions,
  ): () => void;
  forward(
    topic: string,
    push: (event: never, payload: never) => unknown,
    options: ForwardPartOptions = {},
  ): () => void {
    requireFunction("push", push);
    // One of fewer parameters takes the same message.
    const tell = push as (...message: PresencePartMessage<M, X>) => unknown;
    const { ended, signal, session, limit } = readOptions(options, forwardOptionNames);
    const subscriber: PresenceSubscriber<M, X> = {
      state: (presences) => tell(STATE_EVENT, presences),
      diff: (diff) => tell(DIFF_EVENT, toWireDiff(diff)),
      ended,
      signal,
      session,
    };
    if (limit === undefined) return this.subscribe(topic, subscriber);
    requireText("topic", topic);
    functionOption("ended", ended);
    endSignals({ signal, session });
    wholeOption("limit", limit, 1, Infinity);
    const tellRest = (count: PresenceCount): unknown => tell(REST_EVENT, count);
    return this.#feeds.subscribePart(topic, limit, subscriber, tellRest, {
      has: (key) => this.#tracker.has(topic, key),
      getByKey: (key) => this.#tracker.getByKey(topic, key),
      entries: (after, most) => this.#tracker.entries(topic, { after, limit: most }),
      count: () => ({ metas: this.#tracker.count(topic), keys: this.#tracker.countKeys(topic) }),
    });
  }

  /**
   * Follows how many are under a topic, at the cost of a number however many they are: `{ metas, keys }` once, then
   * again when they have changed, at once after a quiet time and otherwise once in `periodMs`. Never called
   * synchronously, nor after `stop`, but for `ended`. Returns a function that ends it.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for a topic that is no text, and a callback that is no function;
   *   `INVALID_OPTION`.
   */
  followCount(
    topic: string,
    callback: (count: PresenceCount) => unknown,
    options: FollowCountOptions = {},
  ): () => void {
    requireText("topic", topic);
    requireFunction("callback", callback);
    const read = readOptions(options, followCountOptionNames);
    endSignals(read);
    functionOption("ended", read.ended);
    const periodMs = durationOption("periodMs", read.periodMs ?? 1_000, 0);
    return this.#feeds.holds.holdUntilEnded(topic, read, (given) =>
      this.#counts.follow(topic, callback, given, periodMs),
    );
  }

  /**
   * Reads the changes of a topic, each `{ event, payload }` as {@link forward} pushes it: the state first, then every
   * change, in order. Bounded: a reader for whom more than `maxBuffered` changes wait starts over with a state, whose
   * `restarted` says so. It follows the topic from the first read on, and ends when it is left, when its signal aborts
   * or its session closes, and when the presence stops.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for a topic that is no text; `INVALID_OPTION`.
   */
  changes(
    topic: string,
    options: ChangesOptions = {},
  ): AsyncIterableIterator<PresenceChange<M, X>, undefined> {
    requireText("topic", topic);
    return changesOf<M, X>(options, (subscriber) => this.subscribe(topic, subscriber));
  }

  /** Reads the changes of all topics, plain, as the tracker tells them. See `Tracker.diffs`. */
  diffs(options?: ChangesOptions): AsyncIterableIterator<TrackerChange<M>, undefined> {
    return this.#tracker.diffs(options);
  }

  /** Tracks a session; see `Tracker.track`. @throws TrackerError `ALREADY_TRACKED` if it is there. */
  track(session: Session, topic: string, key: string, meta: M): string | undefined {
    return this.#tracker.track(session, topic, key, meta);
  }

  /** Tracks or updates: it does not matter which. See `Tracker.set`. */
  set(session: Session, topic: string, key: string, meta: M): string | undefined {
    return this.#tracker.set(session, topic, key, meta);
  }

  /** Replaces a meta; see `Tracker.update`. @throws TrackerError `NOT_TRACKED` if it is not there. */
  update(
    session: Session,
    topic: string,
    key: string,
    meta: M | ((present: Readonly<M>) => M),
  ): string | undefined {
    return this.#tracker.update(session, topic, key, meta);
  }

  /** Untracks one key, all of a topic, or all of a session. See `Tracker.untrack`. */
  untrack(session: Session, topic?: string, key?: string): number {
    return this.#tracker.untrack(session, topic, key);
  }

  /** A page of the entries of a topic, by key. See `Tracker.entries`. */
  entries(topic: string, options?: PageOptions): readonly Entry<M>[] {
    return this.#tracker.entries(topic, options);
  }

  /** How many metas there are under a topic. */
  count(topic: string): number {
    return this.#tracker.count(topic);
  }

  /** How many keys there are under a topic. */
  countKeys(topic: string): number {
    return this.#tracker.countKeys(topic);
  }

  has(topic: string, key: string): boolean {
    return this.#tracker.has(topic, key);
  }

  /** The topics under which anybody is, in no promised order. */
  topics(): readonly string[] {
    return this.#tracker.topics();
  }

  /** Ends a user: on this node, and on those that own its metas. See `Tracker.evict`. */
  evict(topic: string, key: string, reason?: string): number {
    return this.#tracker.evict(topic, key, reason);
  }

  /** The session of this id, if it is tracked on this node. See `Tracker.session`. */
  session(id: string): Session | undefined {
    return this.#tracker.session(id);
  }

  /** The topics that a key is under. See `Tracker.topicsOf`. */
  topicsOf(key: string): readonly string[] {
    return this.#tracker.topicsOf(key);
  }

  /** The newest leave of a key that this node has seen. See `Tracker.lastSeen`. */
  lastSeen(topic: string, key: string): LastSeen<M> | undefined {
    return this.#tracker.lastSeen(topic, key);
  }

  /** The name of the node that should do the task that the text names. See `Tracker.responsible`. */
  responsible(text: string): string;
  responsible(text: string, among: Iterable<string>): string | undefined;
  responsible(text: string, among?: Iterable<string>): string | undefined {
    return among === undefined ? this.#tracker.responsible(text) : this.#tracker.responsible(text, among);
  }

  /** Whether that is this node. See `Tracker.isResponsible`. */
  isResponsible(text: string, among?: Iterable<string>): boolean {
    return this.#tracker.isResponsible(text, among);
  }

  /** Why entries of a key are under a topic, or hidden from it. See `Tracker.explain`. */
  explain(topic: string, key: string): readonly Explanation[] {
    return this.#tracker.explain(topic, key);
  }

  /** The condition of this node, of the others as far as it knows, and what is followed and fetched. See `Tracker.health`. */
  health(): PresenceHealth {
    const health = this.#tracker.health();
    return {
      ...health,
      followers: health.followers + this.#feeds.followers + this.#counts.size,
      fetches: this.#fetcher.durations.counts(),
      fetchFailures: this.#fetcher.failures,
    };
  }

  /** Resolves when this node has caught up with everyone: a readiness probe. See `Tracker.whenComplete`. */
  whenComplete(options?: { readonly timeoutMs?: number | undefined }): Promise<void> {
    return this.#tracker.whenComplete(options);
  }

  /**
   * Listens to the events of the tracker besides diffs; `error` is also told of a fetch that failed or took too
   * long, and of subscribers and a `handleMetas` that threw. Returns a function that ends the listening.
   */
  on<Event extends keyof TrackerEvents>(
    event: Event,
    listener: (payload: TrackerEvents[Event]) => void,
  ): () => void {
    const endings = [this.#tracker.on(event, listener), this.#reporter.on(event, listener)];
    return () => {
      for (const end of endings) end();
    };
  }

  /**
   * Stops the tracker. Subscriptions end with it: when this has resolved, no callback is called any more and
   * no fetch is running, which a fetch that hangs delays by `fetchTimeoutMs`.
   */
  async stop(options?: StopOptions): Promise<void> {
    const stopped = this.#tracker.stop(options);
    // Followers are told at once, however long the pubsub takes to close.
    this.#feeds.close();
    this.#counts.close();
    await stopped;
    await this.#fetcher.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ handoffMs: 0 });
  }
}
