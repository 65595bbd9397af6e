/**
 * A topic that somebody on this node follows: a handle to read it by, and to say when nobody does any more. Where a node
 * holds everything a handle reads the same, so code that is written with handles runs in both.
 */
import { durationOption } from "../checks.js";
import { TrackerError } from "../errors.js";
import { readOptions } from "../known-names.js";
import type { View } from "../replication/showing/view.js";
import type { AnyMeta, Entry, Meta } from "../words.js";

/** What a handle asks of its tracker. */
export interface FollowSource {
  viewOf(topic: string): View;
  isComplete(topic: string): boolean;
  whenComplete(topic: string, timeoutMs: number | undefined): Promise<void>;
  /** One handle less. */
  closed(topic: string): void;
}

/** A topic for as long as it is followed; made by `tracker.follow`. All but `whenComplete` answers from memory. */
export class Follow<M extends Meta<M> = AnyMeta> implements Disposable {
  readonly topic: string;
  readonly #source: FollowSource;
  #closed = false;

  /** @internal */
  constructor(topic: string, source: FollowSource) {
    this.topic = topic;
    this.#source = source;
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Whether all is listed that anybody has who is up, as far as is known. It becomes false again while another node is
   * being caught up with.
   */
  get complete(): boolean {
    return !this.#closed && this.#source.isComplete(this.topic);
  }

  /** All entries, in no promised order. @throws TrackerError `NOT_FOLLOWED` once it was closed. */
  list(): readonly Entry<M>[] {
    return this.#view.list(this.topic) as readonly Entry[] as readonly Entry<M>[];
  }

  /** The entries of one key. @throws TrackerError `NOT_FOLLOWED` once it was closed. */
  getByKey(key: string): readonly Entry<M>[] {
    return this.#view.getByKey(this.topic, key) as readonly Entry[] as readonly Entry<M>[];
  }

  /** How many entries there are. @throws TrackerError `NOT_FOLLOWED` once it was closed. */
  count(): number {
    return this.#view.count(this.topic);
  }

  /** How many different keys there are. @throws TrackerError `NOT_FOLLOWED` once it was closed. */
  countKeys(): number {
    return this.#view.countKeys(this.topic);
  }

  /** Whether a key is here. @throws TrackerError `NOT_FOLLOWED` once it was closed. */
  has(key: string): boolean {
    return this.#view.has(this.topic, key);
  }

  /**
   * Resolves when all is listed that anybody has who is up. Default of `timeoutMs`: it waits for ever; with one, the
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
   * Follows the topic no longer. Once its last handle is closed it is held for `followLingerMs`, and then let go. Closing
   * twice is the same as once.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.closed(this.topic);
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
