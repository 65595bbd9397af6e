/**
 * The first keys of a topic, in the order of their UTF-16 code units, which all nodes share.
 *
 * It promises that the diffs it makes of the topic's diffs, folded, come to the entries of the first so many keys: a key
 * that is pushed out leaves, and one that moves up joins. Each costs what changed, and never the topic. It knows no
 * tracker, only what there is of one topic.
 */
import { SortedKeys } from "../tracker/sorted-keys.js";
import type { Entry, Leave, TopicDiff, Update } from "../words.js";
import { keysOf } from "./presences.js";
import { changesByKey } from "./topic-view.js";
import type { PresenceCount } from "./wire.js";

/** What there is of one topic now: all that its diffs so far come to. */
export interface TopicReader<M> {
  has(key: string): boolean;
  getByKey(key: string): readonly Entry<M>[];
  /** The entries of the first so many keys behind one; without it, of the first of all. */
  entries(after: string | undefined, limit: number): readonly Entry<M>[];
  count(): PresenceCount;
}

export class TopicPart<M> {
  readonly #topic: TopicReader<M>;
  readonly #limit: number;
  readonly #keys = new SortedKeys([]);
  readonly #first: readonly Entry<M>[];
  #metas: number;
  #rest: PresenceCount = Object.freeze({ metas: 0, keys: 0 });

  constructor(topic: TopicReader<M>, limit: number) {
    this.#topic = topic;
    this.#limit = limit;
    this.#first = topic.entries(undefined, limit);
    for (const { key } of this.#first) this.#keys.add(key);
    this.#metas = this.#first.length;
  }

  /** The entries that were in it at first. */
  get first(): readonly Entry<M>[] {
    return this.#first;
  }

  /** How many there are in the topic beside those of these keys. The same object until that changes. */
  rest(): PresenceCount {
    const all = this.#topic.count();
    const [metas, keys] = [all.metas - this.#metas, all.keys - this.#keys.size];
    if (metas !== this.#rest.metas || keys !== this.#rest.keys) this.#rest = Object.freeze({ metas, keys });
    return this.#rest;
  }

  /** What a diff of the topic, which has just been committed, changes of these keys. */
  advance(diff: TopicDiff<M>): TopicDiff<M> {
    const { entered, left } = this.#move(keysOf(diff));
    const stays = ({ key }: Entry<M>): boolean => this.#keys.has(key) && !entered.has(key);
    const joins: Entry<M>[] = diff.joins.filter(stays);
    const updates: Update<M>[] = diff.updates.filter(stays);
    const leaves: Leave<M>[] = diff.leaves.filter(
      (leave) => stays(leave) || (left.has(leave.key) && !this.#topic.has(leave.key)),
    );
    for (const key of entered) joins.push(...this.#topic.getByKey(key));
    const pushedOut = [...left].filter((key) => this.#topic.has(key));
    const changes = pushedOut.length > 0 ? changesByKey(diff) : undefined;
    for (const key of pushedOut) {
      const { come = [], gone = [] } = changes?.get(key) ?? {};
      const fresh = new Set(come.map(({ ref }) => ref));
      const stayed = this.#topic.getByKey(key).filter(({ ref }) => !fresh.has(ref));
      // Nobody is told the reason: clients hear of leaves without any.
      for (const entry of [...stayed, ...gone]) leaves.push({ ...entry, reason: "untracked" });
    }
    this.#metas += joins.length - leaves.length;
    return { joins, updates, leaves };
  }

  /** Takes the first keys anew, after a change of those that are touched. */
  #move(touched: readonly string[]): { readonly entered: Set<string>; readonly left: Set<string> } {
    const keys = this.#keys;
    const entered = new Set<string>();
    const left = new Set<string>();
    // One that has left is gone, or is no longer among the first.
    const add = (key: string): void => {
      if (keys.has(key)) return;
      keys.add(key);
      entered.add(key);
    };
    const remove = (key: string): void => {
      if (!keys.has(key)) return;
      keys.delete(key);
      if (!entered.delete(key)) left.add(key);
    };
    // Where the part was not full it was the whole topic.
    const bound = keys.size < this.#limit ? undefined : keys.last;
    for (const key of touched) {
      if (!this.#topic.has(key)) remove(key);
      else if (bound === undefined || key <= bound) add(key);
    }
    for (let { last } = keys; keys.size > this.#limit && last !== undefined; last = keys.last) remove(last);
    const missing = this.#limit - keys.size;
    if (missing > 0 && keys.size < this.#topic.count().keys) {
      for (const { key } of this.#topic.entries(keys.last, missing)) add(key);
    }
    return { entered, left };
  }
}
