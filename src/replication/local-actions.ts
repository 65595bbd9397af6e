/**
 * What this node does itself, where nodes follow: what its sessions have, and which topics it follows; in what others are
 * told, and in what it shows. It shows what is its own in followed topics only, as it does what others have.
 */
import { ReplicatedEntry } from "./entry.js";
import type { Interests } from "./following/interests.js";
import { NO_LIMIT } from "./following/message.js";
import type { FollowerEvent } from "./following/port.js";
import type { View } from "./showing/view.js";

type LocalEvent = Extract<
  FollowerEvent,
  { type: "add" | "update" | "remove" | "follow" | "unfollow" | "followCount" | "unfollowCount" }
>;

export class LocalActions {
  readonly #interests: Interests;
  readonly #view: View;

  constructor(interests: Interests, view: View) {
    this.#interests = interests;
    this.#view = view;
  }

  /** Returns the entry that was made, if one was. */
  take(event: LocalEvent, nowMs: number): ReplicatedEntry | undefined {
    const { watches } = this.#interests.counts;
    switch (event.type) {
      case "add":
      case "update":
        return this.#change(event);
      case "remove":
        this.#remove(event, nowMs);
        break;
      case "follow":
        this.#follow(event.topic, event.limit ?? NO_LIMIT, nowMs);
        break;
      case "unfollow":
        this.#interests.unfollow(event.topic, event.limit ?? NO_LIMIT, this.#view.count(event.topic), nowMs);
        break;
      case "followCount":
        watches.open(event.topic);
        break;
      case "unfollowCount":
        watches.close(event.topic);
        break;
      default:
        event satisfies never;
    }
    return undefined;
  }

  /** A follow has ended: nothing of it is shown. */
  unfollowed(topic: string): void {
    for (const entry of this.#interests.own.of(topic)) this.#view.leave(entry, "untracked");
  }

  #change(change: Extract<FollowerEvent, { type: "add" | "update" }>): ReplicatedEntry {
    const { own } = this.#interests;
    if (change.type === "add") {
      const { topic, key, session, meta } = change;
      const entry = this.#interests.add(topic, key, session, meta);
      if (this.#isFollowed(topic)) this.#view.join(entry);
      // Who waits for somebody in its place on this node hears of it all the same.
      else this.#view.tracked?.(entry);
      return entry;
    }
    const { previous, meta } = change;
    const entry = own.update(previous, meta);
    if (this.#isFollowed(ReplicatedEntry.topicOf(entry))) this.#view.update(entry, previous);
    return entry;
  }

  #remove({ entry, reason }: Extract<FollowerEvent, { type: "remove" }>, nowMs: number): void {
    this.#interests.remove(entry, reason === "closed", nowMs);
    this.#view.leave(entry, reason);
  }

  /** One more handle of a topic. What this node has itself is there at once. */
  #follow(topic: string, limit: number, nowMs: number): void {
    if (!this.#interests.follow(topic, limit, nowMs)) return;
    this.#view.beginTopic(topic);
    for (const entry of this.#interests.own.of(topic)) this.#view.join(entry);
  }

  #isFollowed(topic: string): boolean {
    return this.#interests.follows.generationOf(topic) !== undefined;
  }
}
