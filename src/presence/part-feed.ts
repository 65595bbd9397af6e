/**
 * Everything that follows the first keys of one topic: a feed of those keys alone, and how many there are of the rest.
 *
 * It promises that only what is followed is fetched and sent, that the state comes before the count of the rest, and
 * that this count is told when it has changed: at once after a quiet time, else once in a period. It knows neither the
 * tracker nor other topics.
 */
import type { CancelTimer } from "../runtime.js";
import type { TopicDiff } from "../words.js";
import { DiffWindow, isEmpty } from "./diff-window.js";
import type { Follower } from "./follower.js";
import type { Rounds } from "./rounds.js";
import { TopicFeed, type FeedSettings } from "./topic-feed.js";
import { TopicPart, type TopicReader } from "./topic-part.js";
import type { PresenceCount } from "./wire.js";

/** People read no faster. */
const REST_PERIOD_MS = 1_000;

/** One that follows a part: it has a state, diffs, and this. */
export interface PartFollower<M, X extends object> {
  readonly follower: Follower<M, X>;
  readonly tellRest: (count: PresenceCount) => unknown;
}

export class PartFeed<M, X extends object> {
  readonly #topic: string;
  readonly #settings: FeedSettings<M, X>;
  readonly #part: TopicPart<M>;
  readonly #feed: TopicFeed<M, X>;
  /** Those who have their state, with the count that each was told last. */
  readonly #told = new Map<PartFollower<M, X>, PresenceCount>();
  #window: DiffWindow<M> | undefined;
  #cancelWindow: CancelTimer | undefined;
  #cancelPeriod: CancelTimer | undefined;
  #closed = false;

  /** To be made when `reader` has all that the diffs so far come to. `onClose` is told when nobody needs it any more. */
  constructor(
    topic: string,
    limit: number,
    settings: FeedSettings<M, X>,
    rounds: Rounds,
    reader: TopicReader<M>,
    onClose: () => void,
  ) {
    this.#topic = topic;
    this.#settings = settings;
    this.#part = new TopicPart(reader, limit);
    const own = { ...settings, handleMetas: undefined, diffPeriodMs: 0 };
    this.#feed = new TopicFeed(topic, own, rounds, this.#part.first, () => {
      this.#end();
      onClose();
    });
  }

  get followers(): number {
    return this.#feed.followers;
  }

  /**
   * Takes a diff of the tracker. What it comes to is asked when no handler of the tracker is running: only then is what
   * the tracker lists what its diffs so far come to.
   */
  change(diff: TopicDiff<M>): void {
    if (this.#window === undefined) {
      const { diffPeriodMs, runtime } = this.#settings;
      this.#window = new DiffWindow();
      if (diffPeriodMs === 0) queueMicrotask(() => this.#advance());
      else this.#cancelWindow = runtime.schedule(diffPeriodMs, () => this.#advance());
    }
    this.#window.add(diff);
  }

  add(followed: PartFollower<M, X>): void {
    const { follower } = followed;
    this.#feed.add(follower);
    const forget = follower.onEnd;
    follower.onEnd = () => {
      this.#told.delete(followed);
      forget?.();
    };
  }

  /** A follower has been given its state. */
  begun(followed: PartFollower<M, X>): void {
    if (!this.#closed && !followed.follower.ended) this.#tell(followed, this.#part.rest());
  }

  /** Ends the feed, and all subscriptions with it: no callback comes any more, no timer is left. */
  close(): void {
    this.#end();
    this.#feed.close();
  }

  #end(): void {
    this.#closed = true;
    this.#window = undefined;
    this.#cancelWindow?.();
    this.#cancelPeriod?.();
    this.#told.clear();
  }

  #advance(): void {
    const diff = this.#window?.toDiff();
    this.#window = undefined;
    if (this.#closed || diff === undefined) return;
    const changed = this.#part.advance(diff);
    if (!isEmpty(changed)) this.#feed.change(changed);
    if (this.#cancelPeriod === undefined) this.#tellRest();
  }

  #tellRest(): void {
    this.#cancelPeriod = undefined;
    const rest = this.#part.rest();
    const behind = [...this.#told].filter(([, told]) => told !== rest);
    if (behind.length === 0) return;
    this.#cancelPeriod = this.#settings.runtime.schedule(REST_PERIOD_MS, () => this.#tellRest());
    for (const [followed] of behind) this.#tell(followed, rest);
  }

  /** A follower may end any other, or all. */
  #tell(followed: PartFollower<M, X>, rest: PresenceCount): void {
    if (this.#closed || followed.follower.ended) return;
    this.#told.set(followed, rest);
    const what = `a callback of who follows a part of topic ${JSON.stringify(this.#topic)}`;
    this.#settings.reporter.guard(what, () => followed.tellRest(rest));
  }
}
