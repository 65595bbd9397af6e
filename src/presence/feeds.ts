/**
 * The feeds of all topics that anyone follows. It promises that a topic nobody follows costs nothing, and
 * that every callback comes asynchronously. It does not know the tracker, only its diffs and entries.
 */
import type { Diff, Entry } from "../words.js";
import { Follower, type PresenceSubscriber } from "./follower.js";
import type { Holds } from "./holds.js";
import { PartFeed, type PartFollower } from "./part-feed.js";
import { Rounds } from "./rounds.js";
import { TopicFeed, type FeedSettings } from "./topic-feed.js";
import type { TopicReader } from "./topic-part.js";
import type { PresenceCount, Presences } from "./wire.js";

export class Feeds<M, X extends object> {
  readonly #settings: FeedSettings<M, X>;
  readonly holds: Pick<Holds, "hold" | "holdUntilEnded" | "during">;
  readonly #feeds = new Map<string, TopicFeed<M, X>>();
  /** By topic and limit. */
  readonly #parts = new Map<string, Map<number, PartFeed<M, X>>>();
  readonly #rounds: Rounds;
  #closed = false;

  constructor(settings: FeedSettings<M, X>, holds: Feeds<M, X>["holds"]) {
    this.#settings = settings;
    this.holds = holds;
    this.#rounds = new Rounds(settings.runtime, settings.reporter);
  }

  /** How many follow a topic or its first keys, over all topics. */
  get followers(): number {
    let followers = 0;
    for (const feed of this.#feeds.values()) followers += feed.followers;
    for (const parts of this.#parts.values()) for (const part of parts.values()) followers += part.followers;
    return followers;
  }

  /** Takes a diff of the tracker. With `handleMetas` every topic has a feed as long as it has entries. */
  change(diff: Diff<M>): void {
    if (this.#closed) return;
    for (const [topic, topicDiff] of diff) {
      // It is followed no longer, so nobody looks at it: what there is of it is forgotten.
      if (topicDiff.ended === true) {
        this.#feeds.get(topic)?.close();
        this.#feeds.delete(topic);
      }
      const feed = this.#feeds.get(topic) ?? (this.#settings.handleMetas && this.#open(topic, []));
      feed?.change(topicDiff);
      for (const part of this.#parts.get(topic)?.values() ?? []) part.change(topicDiff);
    }
  }

  /**
   * Follows a topic. `list` returns its entries; it is called when no handler of the tracker is running, because
   * only then do they agree with the diffs so far.
   */
  subscribe(topic: string, subscriber: PresenceSubscriber<M, X>, list: () => Iterable<Entry<M>>): () => void {
    const follower = new Follower(topic, subscriber, this.#settings.reporter);
    queueMicrotask(() => {
      this.#begin(topic, follower, () => {
        const feed = this.#feeds.get(topic) ?? this.#open(topic, list());
        feed.add(follower);
      });
    });
    return follower.end;
  }

  /** Follows the first keys of a topic; `tellRest` hears how many there are beside them. */
  subscribePart(
    topic: string,
    limit: number,
    subscriber: PresenceSubscriber<M, X>,
    tellRest: (count: PresenceCount) => unknown,
    reader: TopicReader<M>,
  ): () => void {
    let part: PartFeed<M, X> | undefined;
    const state = (presences: Presences<M, X>): unknown => {
      queueMicrotask(() => part?.begun(followed));
      return subscriber.state(presences);
    };
    const follower = new Follower<M, X>(topic, { ...subscriber, state }, this.#settings.reporter);
    const followed: PartFollower<M, X> = { follower, tellRest };
    queueMicrotask(() => {
      this.#begin(topic, follower, () => {
        part = this.#parts.get(topic)?.get(limit) ?? this.#openPart(topic, limit, reader);
        part.add(followed);
      });
    });
    return follower.end;
  }

  /** Ends all subscriptions: no callback comes any more, no timer is left. */
  close(): void {
    this.#closed = true;
    this.#rounds.close();
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
    for (const parts of this.#parts.values()) for (const part of parts.values()) part.close();
    this.#parts.clear();
  }

  /** Calls `begin` once the topic may be read, if the follower has not ended until then. */
  #begin(topic: string, follower: Follower<M, X>, begin: () => void): void {
    if (this.#closed) follower.endFor("stopped");
    if (follower.ended) return;
    const letGo = this.holds.hold(topic, () => {
      if (this.#closed) follower.endFor("stopped");
      if (!follower.ended) begin();
    });
    follower.onceEnded(letGo);
  }

  #openPart(topic: string, limit: number, reader: TopicReader<M>): PartFeed<M, X> {
    const parts = this.#parts.get(topic) ?? new Map<number, PartFeed<M, X>>();
    const part = new PartFeed(topic, limit, this.#settings, this.#rounds, reader, () => {
      parts.delete(limit);
      if (parts.size === 0) this.#parts.delete(topic);
    });
    this.#parts.set(topic, parts.set(limit, part));
    return part;
  }

  #open(topic: string, entries: Iterable<Entry<M>>): TopicFeed<M, X> {
    const feed = new TopicFeed(topic, this.#settings, this.#rounds, entries, () => this.#feeds.delete(topic));
    this.#feeds.set(topic, feed);
    return feed;
  }
}
