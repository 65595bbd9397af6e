/**
 * The handles of a tracker's counts, and what each topic with a handle was told last. Where everything is held the list itself
 * is counted; else the machine says what registrars say.
 */
import type { Diff } from "../words.js";
import type { Engine } from "./engine.js";
import { FollowCount, type FollowCountSource, type TopicCount } from "./follow-count.js";
import type { LocalEntries } from "./local-entries.js";

interface Counted {
  readonly handles: Set<FollowCount>;
  told: TopicCount;
}

export class FollowCounts {
  readonly #engine: Engine;
  readonly #local: LocalEntries;
  readonly #topics = new Map<string, Counted>();
  readonly #source: FollowCountSource;
  #couldSettle = false;
  #hasStopped = false;

  constructor(engine: Engine, local: LocalEntries) {
    this.#engine = engine;
    this.#local = local;
    this.#source = {
      countOf: (topic) => this.#read(topic),
      call: (listener, count) => this.#engine.reporter.guard("a listener of change", listener, count),
      closed: (handle) => this.#closed(handle),
    };
  }

  /** Whether diffs are to be made, to see what changes in a topic that is counted. */
  get wantsDiffs(): boolean {
    return this.#topics.size > 0 && this.#engine.replicator.countOf === undefined;
  }

  followCount(topic: string): FollowCount {
    const handle = new FollowCount(topic, this.#source);
    const counted = this.#topics.get(topic);
    this.#engine.step({ type: "followCount", topic });
    if (counted !== undefined) counted.handles.add(handle);
    else this.#topics.set(topic, { handles: new Set([handle]), told: this.#read(topic) });
    this.#engine.deliver();
    return handle;
  }

  /** Takes a change of the list that has just been committed. */
  change(diff: Diff): void {
    if (!this.wantsDiffs) return;
    for (const topic of diff.keys()) this.look(topic);
  }

  /** Tells the handles of a topic if its count has changed. */
  look(topic: string): void {
    const counted = this.#topics.get(topic);
    if (counted === undefined || this.#hasStopped) return;
    const count = this.#countOf(topic);
    const { told } = counted;
    if (told.entries === count.entries && told.settled === count.settled) return;
    counted.told = count;
    this.#engine.tell(() => {
      for (const handle of [...counted.handles]) handle.changed(count);
    });
  }

  /** Once in a turn: this node may be complete, or connected, or not any more. */
  advance(): void {
    if (this.#topics.size === 0) return;
    const canSettle = this.#canSettle();
    if (canSettle === this.#couldSettle) return;
    this.#couldSettle = canSettle;
    for (const topic of this.#topics.keys()) this.look(topic);
  }

  /** Handles that are closed from now on change nothing. */
  stop(): void {
    this.#hasStopped = true;
  }

  /** As the list is read: what leaves in parts has left. */
  #read(topic: string): TopicCount {
    if (this.#engine.replicator.countOf === undefined) this.#local.view(topic);
    return this.#countOf(topic);
  }

  #countOf(topic: string): TopicCount {
    const { replicator } = this.#engine;
    const settled = this.#canSettle();
    if (replicator.countOf === undefined) return { entries: replicator.view.count(topic), settled };
    const { entries, isSettled } = replicator.countOf(topic);
    return { entries, settled: settled && isSettled };
  }

  /** What any count of this node needs to be settled. */
  #canSettle(): boolean {
    const { replicator } = this.#engine;
    if (replicator.countOf === undefined) return this.#engine.isComplete();
    return replicator.connection.status === "connected";
  }

  #closed(handle: FollowCount): void {
    const { topic } = handle;
    const counted = this.#topics.get(topic);
    counted?.handles.delete(handle);
    if (this.#hasStopped) return;
    if (counted?.handles.size === 0) this.#topics.delete(topic);
    this.#engine.step({ type: "unfollowCount", topic });
  }
}
