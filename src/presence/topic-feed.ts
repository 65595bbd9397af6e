/**
 * Everything that follows one topic: takes the tracker's diffs of it, has them fetched, and releases them in
 * their order to subscribers, then to `handleMetas`.
 *
 * The view advances when a change is released, not when it is made. A state is a copy of the view, so a follower
 * misses nothing and hears nothing twice: a change that the view has is in the state, and any other is still to be
 * released. Of one turn of the event loop there are two states at most: the first is taken at once, and whoever comes
 * after a change shares the one that is taken when the turn ends, so that a crowd that joins, and is told of itself,
 * costs two states and not one each. It knows neither the tracker nor other topics.
 */
import type { CancelTimer, Runtime } from "../runtime.js";
import type { Entry, TopicDiff } from "../words.js";
import type { Reporter } from "../reports.js";
import { DiffWindow, isEmpty } from "./diff-window.js";
import type { Fetcher } from "./fetcher.js";
import type { Follower } from "./follower.js";
import { keysOf } from "./presences.js";
import type { Rounds } from "./rounds.js";
import { TopicView } from "./topic-view.js";
import { toPresenceDiff, type PresenceDiff, type PresenceMeta, type Presences } from "./wire.js";

/**
 * Called after every change of a topic, once its subscribers have heard of it, in the order of the changes.
 * `presences` holds the metas of every key of the topic as of this diff; it is live, so copy what is to be
 * kept. A key that has left is not in it.
 */
export type HandleMetas<M, X extends object> = (
  topic: string,
  diff: PresenceDiff<M, X>,
  presences: ReadonlyMap<string, readonly PresenceMeta<M>[]>,
) => void;

/** What all feeds of a presence have in common. */
export interface FeedSettings<M, X extends object> {
  readonly fetcher: Fetcher<X>;
  readonly handleMetas: HandleMetas<M, X> | undefined;
  readonly diffPeriodMs: number;
  readonly runtime: Runtime;
  readonly reporter: Reporter;
}

/** A diff on its way; it may go out once its extras are there and all before it have gone. */
interface Pending<M, X> {
  readonly diff: TopicDiff<M>;
  extras: ReadonlyMap<string, X> | undefined;
}

/** A state on its way to those who asked for it while nothing changed. */
interface SharedState<M, X extends object> {
  readonly waiting: Set<Follower<M, X>>;
  presences: Presences<M, X> | undefined;
}

export class TopicFeed<M, X extends object> {
  readonly #topic: string;
  readonly #settings: FeedSettings<M, X>;
  readonly #rounds: Rounds;
  readonly #onClose: () => void;
  readonly #view: TopicView<M>;
  readonly #followers = new Set<Follower<M, X>>();
  /** Those for whom a state is taken when this turn of the event loop ends. */
  readonly #late = new Set<Follower<M, X>>();
  /** In a turn in which a state was taken. */
  #cancelTurn: CancelTimer | undefined;
  #queue: Pending<M, X>[] = [];
  #window: DiffWindow<M> | undefined;
  #cancelWindow: CancelTimer | undefined;
  #state: SharedState<M, X> | undefined;
  #releasing = false;
  #closed = false;

  /** `entries` are what the diffs so far came to. `onClose` is told when nobody needs this feed any more. */
  constructor(
    topic: string,
    settings: FeedSettings<M, X>,
    rounds: Rounds,
    entries: Iterable<Entry<M>>,
    onClose: () => void,
  ) {
    this.#topic = topic;
    this.#settings = settings;
    this.#rounds = rounds;
    this.#onClose = onClose;
    this.#view = new TopicView(entries);
  }

  /** How many follow it. */
  get followers(): number {
    return this.#followers.size + this.#late.size;
  }

  /** Takes a diff of the tracker. Without a period every diff goes its own way, at once. */
  change(diff: TopicDiff<M>): void {
    const { diffPeriodMs, runtime } = this.#settings;
    if (diffPeriodMs === 0) {
      this.#enqueue(diff);
      return;
    }
    if (this.#window === undefined) {
      this.#window = new DiffWindow();
      this.#cancelWindow = runtime.schedule(diffPeriodMs, () => this.#closeWindow());
    }
    this.#window.add(diff);
  }

  /** Adds a follower, which gets the state as of this turn as soon as that is fetched. */
  add(follower: Follower<M, X>): void {
    follower.onEnd = () => {
      this.#followers.delete(follower);
      this.#late.delete(follower);
      this.#closeIfUnused();
    };
    if (this.#state === undefined && this.#cancelTurn !== undefined) this.#late.add(follower);
    else this.#tellState(follower);
  }

  #tellState(follower: Follower<M, X>): void {
    this.#followers.add(follower);
    const state = (this.#state ??= this.#takeState());
    if (state.presences === undefined) state.waiting.add(follower);
    else follower.begin(state.presences);
  }

  /** Ends the feed, and all subscriptions with it: no callback comes any more, no timer is left. */
  close(): void {
    this.#closed = true;
    this.#cancelWindow?.();
    this.#cancelTurn?.();
    this.#window = undefined;
    this.#queue = [];
    for (const follower of [...this.#followers, ...this.#late]) follower.endFor("stopped");
    this.#followers.clear();
    this.#late.clear();
  }

  #closeWindow(): void {
    const diff = this.#window?.toDiff();
    this.#window = undefined;
    if (diff !== undefined && !isEmpty(diff)) this.#enqueue(diff);
    else this.#closeIfUnused();
  }

  #enqueue(diff: TopicDiff<M>): void {
    this.#rounds.changed();
    const pending: Pending<M, X> = { diff, extras: undefined };
    this.#queue.push(pending);
    void this.#settings.fetcher.fetch(this.#topic, keysOf(diff)).then((extras) => {
      pending.extras = extras;
      this.#release();
    });
  }

  readonly #release = (): void => {
    if (this.#rounds.mustWait(this.#release)) return;
    this.#releasing = true;
    for (let head = this.#queue[0]; head?.extras !== undefined; head = this.#queue[0]) {
      this.#queue.shift();
      this.#deliver(head.diff, head.extras);
    }
    this.#releasing = false;
    this.#closeIfUnused();
  };

  #deliver(topicDiff: TopicDiff<M>, extras: ReadonlyMap<string, X>): void {
    const { handleMetas, reporter } = this.#settings;
    this.#state = undefined;
    const { places, ...keyChanges } = this.#view.apply(topicDiff);
    const change = { diff: toPresenceDiff(topicDiff, extras, places), ...keyChanges };
    this.#rounds.released();
    for (const follower of this.#followers) follower.change(change);
    if (handleMetas === undefined || this.#closed) return;
    const what = `handleMetas of topic ${JSON.stringify(this.#topic)}`;
    reporter.guard(what, () => handleMetas(this.#topic, change.diff, this.#view.metas));
  }

  /**
   * Starts to fetch the state as of now. Followers that ask while the fetch runs share its state. Without a fetch all
   * share one state until the next change. Fetched data is not kept longer, since nothing says when it is out of date.
   */
  #takeState(): SharedState<M, X> {
    const { fetcher, runtime } = this.#settings;
    this.#cancelTurn ??= runtime.schedule(0, () => this.#turned());
    const state: SharedState<M, X> = { waiting: new Set(), presences: undefined };
    const snapshot = this.#view.snapshot();
    void fetcher.fetch(this.#topic, snapshot.keys).then((extras) => {
      const presences = snapshot.presences(extras);
      if (fetcher.enabled && this.#state === state) this.#state = undefined;
      else state.presences = presences;
      for (const follower of state.waiting) if (!follower.ended) follower.begin(presences);
      state.waiting.clear();
    });
    return state;
  }

  #turned(): void {
    this.#cancelTurn = undefined;
    const late = [...this.#late];
    this.#late.clear();
    for (const follower of late) this.#tellState(follower);
  }

  #closeIfUnused(): void {
    if (this.#closed || this.followers > 0) return;
    if (this.#settings.handleMetas !== undefined) {
      // The view is what handleMetas gets, so it is kept for as long as there is anything in it or on its way.
      const busy = this.#releasing || this.#queue.length > 0 || this.#window !== undefined;
      if (busy || this.#view.metas.size > 0) return;
    }
    this.close();
    this.#onClose();
  }
}
