/**
 * The feeds of all topics that anyone follows. It promises that a topic nobody follows costs nothing, and
 * that every callback comes asynchronously. It does not know the tracker, only its diffs and entries.
 */
import type { Diff, Entry } from "../words.js";
import { Follower, type PresenceSubscriber } from "./follower.js";
import { Rounds } from "./rounds.js";
import { TopicFeed, type FeedSettings } from "./topic-feed.js";

export class Feeds<M, X extends object> {
  readonly #settings: FeedSettings<M, X>;
  readonly #feeds = new Map<string, TopicFeed<M, X>>();
  readonly #rounds: Rounds;
  #closed = false;

  constructor(settings: FeedSettings<M, X>) {
    this.#settings = settings;
    this.#rounds = new Rounds(settings.runtime, settings.reporter);
  }

  /** How many follow a topic, over all topics. */
  get followers(): number {
    let followers = 0;
    for (const feed of this.#feeds.values()) followers += feed.followers;
    return followers;
  }

  /** Takes a diff of the tracker. With `handleMetas` every topic has a feed as long as it has entries. */
  change(diff: Diff<M>): void {
    if (this.#closed) return;
    for (const [topic, topicDiff] of diff) {
      const feed = this.#feeds.get(topic) ?? (this.#settings.handleMetas && this.#open(topic, []));
      feed?.change(topicDiff);
    }
  }

  /**
   * Follows a topic. `list` gives its entries; it is asked when no handler of the tracker is running, because
   * only then are they what the diffs so far come to.
   */
  subscribe(topic: string, subscriber: PresenceSubscriber<M, X>, list: () => Iterable<Entry<M>>): () => void {
    const follower = new Follower(topic, subscriber, this.#settings.reporter);
    queueMicrotask(() => {
      if (this.#closed) follower.endFor("stopped");
      if (follower.ended) return;
      const feed = this.#feeds.get(topic) ?? this.#open(topic, list());
      feed.add(follower);
    });
    return follower.end;
  }

  /** Ends all subscriptions: no callback comes any more, no timer is left. */
  close(): void {
    this.#closed = true;
    this.#rounds.close();
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }

  #open(topic: string, entries: Iterable<Entry<M>>): TopicFeed<M, X> {
    const feed = new TopicFeed(topic, this.#settings, this.#rounds, entries, () => this.#feeds.delete(topic));
    this.#feeds.set(topic, feed);
    return feed;
  }
}
