/**
 * A topic that somebody on this node follows: a handle to read it by, and to say when nobody does any more. Where a node
 * holds everything a handle reads the same, so code that is written with handles runs in both.
 */
import { durationOption, wholeOption } from "../checks.js";
import { TrackerError } from "../errors.js";
import { readOptions } from "../known-names.js";
import { MAX_FOLLOW_LIMIT } from "../replication/following/limits.js";
import type { View } from "../replication/showing/view.js";
import type { AnyMeta, Entry, Meta } from "../words.js";
import type { TopicCount } from "./follow-count.js";

/** How much of a topic is to be held. */
export interface FollowOptions {
  /**
   * As many entries are enough, from 1 to 1,000: of a large topic a node then holds that many to about twice as many, and all of
   * a smaller one. Default: all that there are; who needs some thousands may as well hold all. A node with `holds: "everything"`
   * holds all whatever this is.
   *
   * Of several handles of a topic the largest limit holds, and one without a limit holds all.
   */
  readonly limit?: number | undefined;
}

/** @throws TrackerError `INVALID_OPTION` */
export function checkFollow(options: FollowOptions): FollowOptions {
  const { limit } = readOptions(options, { limit: true });
  return { limit: limit === undefined ? undefined : wholeOption("limit", limit, 1, MAX_FOLLOW_LIMIT) };
}

/** What a handle asks of its tracker. */
export interface FollowSource {
  viewOf(topic: string): View;
  isComplete(topic: string): boolean;
  isPartial(topic: string): boolean;
  whenComplete(topic: string, timeoutMs: number | undefined): Promise<void>;
  /** One handle less, with this limit. */
  closed(topic: string, limit: number | undefined): void;
}

/** The count of a topic, as far as a handle needs it. */
interface FollowedCount extends TopicCount {
  close(): void;
}

/** A topic for as long as it is followed; made by `tracker.follow`. All but `whenComplete` answers from memory. */
export class Follow<M extends Meta<M> = AnyMeta> implements Disposable {
  readonly topic: string;
  /** How many entries are enough for this handle; undefined: it wants all. */
  readonly limit: number | undefined;
  readonly #source: FollowSource;
  /** Where the list alone does not tell how many there are. */
  readonly #count: FollowedCount | undefined;
  #closed = false;

  /** @internal */
  constructor(topic: string, source: FollowSource, limit: number | undefined, count?: FollowedCount) {
    this.topic = topic;
    this.limit = limit;
    this.#source = source;
    this.#count = count;
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Whether all is listed that anybody has who is up, as far as is known; with a limit, whether as many are listed as that, or
   * all that there are. It becomes false again while another node is being caught up with.
   */
  get complete(): boolean {
    return !this.#closed && this.#source.isComplete(this.topic);
  }

  /**
   * Whether others are known to be here that are not listed, because of the limit. False without one, or where another handle
   * wants all. Which entries are listed is the choice of this node: all of its own, all of some other nodes, and of a node that
   * alone has more than twice the limit a sample. One that is listed stays so for as long as the numbers allow.
   */
  get partial(): boolean {
    if (this.#closed || !this.#source.isPartial(this.topic)) return false;
    // Authors say anew how many they have when it is another order of magnitude; a count that is settled is of a moment ago.
    return this.#count?.settled !== true || this.#count.entries > this.count();
  }

  /**
   * How many entries the topic has, of all nodes: what `tracker.followCount` tells where there is a limit, and else what is listed,
   * `settled` while that is `complete`.
   *
   * @throws TrackerError `NOT_FOLLOWED` once it was closed.
   */
  get total(): TopicCount {
    if (this.#closed) throw notFollowed(this.topic);
    if (this.#count !== undefined) return { entries: this.#count.entries, settled: this.#count.settled };
    return { entries: this.count(), settled: this.complete };
  }

  /** All entries, in no promised order. @throws TrackerError `NOT_FOLLOWED` once it was closed. */
  list(): readonly Entry<M>[] {
    return this.#view.list(this.topic) as readonly Entry[] as readonly Entry<M>[];
  }

  /** The entries of one key. @throws TrackerError `NOT_FOLLOWED` once it was closed. */
  getByKey(key: string): readonly Entry<M>[] {
    return this.#view.getByKey(this.topic, key) as readonly Entry[] as readonly Entry<M>[];
  }

  /** How many entries are listed. @throws TrackerError `NOT_FOLLOWED` once it was closed. */
  count(): number {
    return this.#view.count(this.topic);
  }

  /** How many different keys are listed. @throws TrackerError `NOT_FOLLOWED` once it was closed. */
  countKeys(): number {
    return this.#view.countKeys(this.topic);
  }

  /** Whether a key is listed. @throws TrackerError `NOT_FOLLOWED` once it was closed. */
  has(key: string): boolean {
    return this.#view.has(this.topic, key);
  }

  /**
   * Resolves when the handle is `complete`. Default of `timeoutMs`: it waits for ever; with one, the
   * process lives as long as it waits.
   *
   * @throws TrackerError `TIMEOUT`, with the `health` in its `details`; `TRACKER_STOPPED` if the tracker is stopped
   *   meanwhile; `NOT_FOLLOWED` once it was closed; `INVALID_OPTION` for another option.
   */
  async whenComplete(options: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    const { timeoutMs } = readOptions(options, { timeoutMs: true });
    if (timeoutMs !== undefined) durationOption("timeoutMs", timeoutMs, 0);
    if (this.#closed) throw handleClosed("follow", this.topic);
    await this.#source.whenComplete(this.topic, timeoutMs);
  }

  /**
   * Follows the topic no longer. Once its last handle is closed it is held for `followLingerMs`, and then let go; what only this
   * handle wanted, because of a larger limit, as well. Closing twice is the same as once.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#count?.close();
    this.#source.closed(this.topic, this.limit);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #view(): View {
    if (this.#closed) throw handleClosed("follow", this.topic);
    return this.#source.viewOf(this.topic);
  }
}

export function notFollowed(topic: string): TrackerError {
  const text = `Topic ${JSON.stringify(topic)} is not followed; follow it, or read what this node tracks itself with listOwn`;
  return new TrackerError("NOT_FOLLOWED", text, { topic });
}

export function handleClosed(method: "follow" | "followCount", topic: string): TrackerError {
  const text = `This handle of topic ${JSON.stringify(topic)} was closed; ${method} returns another one`;
  return new TrackerError("NOT_FOLLOWED", text, { topic });
}
