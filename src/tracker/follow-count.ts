/**
 * How many entries a topic has, for as long as somebody wants to know: a handle to read it by, and to hear when it changes.
 * It holds no entry, and follows nothing. Where a node holds everything a handle tells the same, so code that is written with
 * handles runs in both.
 */
import { requireFunction } from "../checks.js";
import { requireKnownEvent } from "../known-names.js";
import { handleClosed } from "./follow.js";

/** How many entries a topic has. */
export interface TopicCount {
  readonly entries: number;
  /** Whether all who are up have said so, as far as is known. */
  readonly settled: boolean;
}

/** What a {@link FollowCount} tells. */
export interface FollowCountEvents {
  /** The number has changed, or whether it is settled. */
  change: TopicCount;
}

const eventNames: Readonly<Record<keyof FollowCountEvents, true>> = { change: true };

/** What a handle asks of its tracker. */
export interface FollowCountSource {
  countOf(topic: string): TopicCount;
  /** Calls a listener of the user's. What it throws is reported. */
  call(listener: (count: TopicCount) => void, count: TopicCount): void;
  /** One handle less. */
  closed(handle: FollowCount): void;
}

/** The number of entries of a topic, for as long as it is followed; made by `tracker.followCount`. */
export class FollowCount implements Disposable {
  readonly topic: string;
  readonly #source: FollowCountSource;
  readonly #listeners = new Set<{ readonly call: (count: TopicCount) => void }>();
  #closed = false;

  /** @internal */
  constructor(topic: string, source: FollowCountSource) {
    this.topic = topic;
    this.#source = source;
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * How many entries there are, of all nodes, as far as is known: 0 until that is told, which takes an answer, and
   * no time where this node itself counts. While it is not `settled` it is what was settled
   * last, for a down period, and then what is known.
   *
   * @throws TrackerError `NOT_FOLLOWED` once it was closed.
   */
  get entries(): number {
    return this.#count.entries;
  }

  /**
   * Whether `entries` is what all who are up have said, a moment ago: `countPeriodMs` and a quarter at the most, if no frame
   * was lost. It becomes false while the node that counts is another one, or has not heard an author. Where a node holds
   * everything: whether it is complete.
   *
   * @throws TrackerError `NOT_FOLLOWED` once it was closed.
   */
  get settled(): boolean {
    return this.#count.settled;
  }

  /**
   * Listens to `change`. Returns a function that ends the listening, as `close` does. A listener is synchronous; one that
   * throws, or whose promise rejects, is reported.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for an event that there is not, and a listener that is no function; `NOT_FOLLOWED`
   *   once it was closed.
   */
  on<Event extends keyof FollowCountEvents>(
    event: Event,
    listener: (payload: FollowCountEvents[Event]) => void,
  ): () => void {
    requireKnownEvent(event, eventNames);
    requireFunction("listener", listener);
    if (this.#closed) throw handleClosed("followCount", this.topic);
    // One that is added twice is called twice.
    const own = { call: listener };
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Follows the count no longer. Once its last handle is closed nobody counts for this node. Closing twice is the same as once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.clear();
    this.#source.closed(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  changed(count: TopicCount): void {
    for (const { call } of [...this.#listeners]) if (!this.#closed) this.#source.call(call, count);
  }

  get #count(): TopicCount {
    if (this.#closed) throw handleClosed("followCount", this.topic);
    return this.#source.countOf(this.topic);
  }
}
