/**
 * The handles of a tracker's followed topics: how many each topic has, and who may be read. Where everything is held,
 * every topic may be.
 */
import type { ReplicatedEntry } from "../replication/entry.js";
import type { View } from "../replication/showing/view.js";
import type { AnyMeta, Meta } from "../words.js";
import type { Engine } from "./engine.js";
import { checkFollow, Follow, notFollowed, type FollowOptions, type FollowSource } from "./follow.js";
import { FollowCounts } from "./follow-counts.js";
import type { LocalEntries } from "./local-entries.js";
import type { CheckedOptions } from "./options.js";
import { Readiness, type NotComplete } from "./readiness.js";

export type { Follow, FollowOptions } from "./follow.js";

export class Follows {
  readonly counts: FollowCounts;
  readonly #engine: Engine;
  readonly #local: LocalEntries;
  readonly #holdsEverything: boolean;
  readonly #handles = new Map<string, number>();
  readonly #source: FollowSource;
  /** Of waits for single topics. */
  readonly #readiness: Readiness;
  #hasStopped = false;

  constructor(
    engine: Engine,
    local: LocalEntries,
    { holds, runtime }: CheckedOptions,
    why: () => NotComplete,
  ) {
    this.#engine = engine;
    this.#local = local;
    this.#holdsEverything = holds === "everything";
    this.#readiness = new Readiness(runtime);
    this.counts = new FollowCounts(engine, local);
    this.#source = {
      viewOf: (topic) => this.#local.view(topic),
      isComplete: (topic) => this.#isComplete(topic),
      isPartial: (topic) => this.#engine.replicator.isPartial?.(topic) === true,
      whenComplete: (topic, timeoutMs) => this.#whenComplete(topic, timeoutMs, why),
      closed: (topic, limit) => this.#closed(topic, limit),
    };
  }

  /** @throws TrackerError `INVALID_OPTION` */
  follow<M extends Meta<M> = AnyMeta>(topic: string, options: FollowOptions): Follow<M> {
    const { limit } = checkFollow(options);
    this.#handles.set(topic, (this.#handles.get(topic) ?? 0) + 1);
    this.#engine.step({ type: "follow", topic, limit });
    const isCounted = limit !== undefined && !this.#holdsEverything;
    const count = isCounted ? this.counts.followCount(topic) : undefined;
    const handle = new Follow<M>(topic, this.#source, limit, count);
    this.#engine.deliver();
    return handle;
  }

  /**
   * What is shown of a topic.
   *
   * @throws TrackerError `NOT_FOLLOWED` if it has no handle, though it may linger: what it would say is luck.
   */
  viewOf(topic: string): View {
    this.requireFollowed(topic);
    return this.#local.view(topic);
  }

  /** @throws TrackerError `NOT_FOLLOWED` as `viewOf` does. */
  requireFollowed(topic: string): void {
    if (!this.#holdsEverything && !this.#handles.has(topic)) throw notFollowed(topic);
  }

  /** What this node has in a topic, followed or not. */
  listOwn(topic: string, nodeName: string): readonly ReplicatedEntry[] {
    const { replicator } = this.#engine;
    const view = this.#local.view(topic);
    if (replicator.ownOf !== undefined) return [...replicator.ownOf(topic)];
    return view.list(topic).filter(({ node }) => node === nodeName);
  }

  /** The topics that have an entry and may be read. */
  topics(): readonly string[] {
    const topics = this.#local.view(undefined).topics();
    return this.#holdsEverything ? topics : topics.filter((topic) => this.#handles.has(topic));
  }

  /** Before what has changed is delivered: whose place was taken leaves, and waits may be over. */
  settle(): void {
    this.#local.settle();
    if (this.#readiness.isAwaited) this.#readiness.look(undefined);
  }

  /** Goes on with what is left to do. Returns whether anything is left after that. */
  advance(): boolean {
    this.counts.advance();
    return this.#local.advance();
  }

  /** Ends all waits. Handles that are closed from now on change nothing. */
  stop(): void {
    this.#hasStopped = true;
    this.#readiness.stop();
    this.counts.stop();
  }

  #isComplete(topic: string): boolean {
    const { replicator } = this.#engine;
    if (replicator.isComplete === undefined) return this.#engine.isComplete();
    return replicator.connection.status === "connected" && replicator.isComplete(topic, this.#engine.now());
  }

  async #whenComplete(topic: string, timeoutMs: number | undefined, why: () => NotComplete): Promise<void> {
    if (this.#holdsEverything) return this.#engine.whenComplete(timeoutMs, why);
    const isComplete = (): boolean => this.#isComplete(topic);
    if (isComplete()) return;
    const goal = {
      get isReached() {
        return isComplete();
      },
    };
    await this.#readiness.wait(0, goal, timeoutMs, why);
  }

  #closed(topic: string, limit: number | undefined): void {
    const left = (this.#handles.get(topic) ?? 1) - 1;
    if (this.#hasStopped) return;
    if (left > 0) this.#handles.set(topic, left);
    else this.#handles.delete(topic);
    this.#engine.step({ type: "unfollow", topic, limit });
  }
}
