/**
 * The topics that this node follows, each with its generation: counted by handles, and followed for a while after the last
 * of them was closed. Time comes in as an argument; knows no peer.
 *
 * How long that is may be left to what it costs: until as much has changed in the topic as there was in it, which is what
 * it would cost to fetch it anew. That is never more than twice what the best choice would have cost, whatever comes.
 */
import type { FollowingLimits } from "./limits.js";

/** A time, or by what it costs. */
export type Lingering = number | "auto";

interface Follow {
  readonly generation: number;
  handles: number;
}

/** A follow without a handle. */
interface Lingerer {
  readonly sinceMs: number;
  /** So many more changes cost as much as fetching it anew. */
  changesLeft: number;
}

export class Follows {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #follows = new Map<string, Follow>();
  /** In the order in which they were left. */
  readonly #lingering = new Map<string, Lingerer>();
  /** Those of them that have cost enough. */
  readonly #spent = new Map<string, Lingerer>();
  #generations = 0;

  constructor(lingering: Lingering, { lingerMinMs, lingerMaxMs }: FollowingLimits) {
    const isByCost = lingering === "auto";
    this.#minMs = isByCost ? lingerMinMs : lingering;
    this.#maxMs = isByCost ? lingerMaxMs : lingering;
  }

  get size(): number {
    return this.#follows.size;
  }

  /** A goal that stands still: that what is followed now is complete, as far as it still is followed. */
  goal(isComplete: (topic: string) => boolean): { readonly isReached: boolean } {
    const topics = new Set(this.#follows.keys());
    const isOpen = (topic: string): boolean => this.#follows.has(topic) && !isComplete(topic);
    return {
      get isReached() {
        for (const topic of topics) {
          if (isOpen(topic)) return false;
          topics.delete(topic);
        }
        return true;
      },
    };
  }

  /** Whether it matters what changes in a topic. */
  get countsChanges(): boolean {
    return this.#lingering.size > this.#spent.size;
  }

  topics(): IterableIterator<string> {
    return this.#follows.keys();
  }

  /** The generation in which a topic is followed, if it is. */
  readonly generationOf = (topic: string): number | undefined => this.#follows.get(topic)?.generation;

  /** One more handle. Returns whether the follow has begun with it. */
  open(topic: string): boolean {
    const follow = this.#follows.get(topic);
    this.#lingering.delete(topic);
    this.#spent.delete(topic);
    if (follow === undefined) {
      this.#generations += 1;
      this.#follows.set(topic, { generation: this.#generations, handles: 1 });
      return true;
    }
    follow.handles += 1;
    return false;
  }

  /** One handle less, of a topic in which others have so many entries. */
  close(topic: string, entries: number, nowMs: number): void {
    const follow = this.#follows.get(topic);
    if (follow === undefined || follow.handles === 0) return;
    follow.handles -= 1;
    if (follow.handles > 0) return;
    const lingerer = { sinceMs: nowMs, changesLeft: entries };
    this.#lingering.set(topic, lingerer);
    if (entries <= 0) this.#spent.set(topic, lingerer);
  }

  /** Something of others came or went in a topic. */
  changed(topic: string): void {
    const lingerer = this.#lingering.get(topic);
    if (lingerer === undefined) return;
    lingerer.changesLeft -= 1;
    if (lingerer.changesLeft === 0) this.#spent.set(topic, lingerer);
  }

  /** Ends the follows whose time has come, and returns their topics. */
  takeEnded(nowMs: number): readonly string[] {
    const ended = new Set<string>();
    for (const [topic, { sinceMs }] of this.#lingering) {
      if (nowMs - sinceMs < this.#maxMs) break;
      ended.add(topic);
    }
    for (const [topic, { sinceMs }] of this.#spent) if (nowMs - sinceMs >= this.#minMs) ended.add(topic);
    for (const topic of ended) {
      this.#lingering.delete(topic);
      this.#spent.delete(topic);
      this.#follows.delete(topic);
    }
    return [...ended];
  }
}
