/**
 * The topics that this node follows, each with its generation: counted by handles, and followed for a while after the last
 * of them was closed. Time comes in as an argument; knows no peer.
 *
 * How long that is may be left to what it costs: until as much has changed in the topic as there was in it, which is what
 * it would cost to fetch it anew. That is never more than twice what the best choice would have cost, whatever comes.
 */
import type { FollowingLimits } from "./limits.js";
import { NO_LIMIT } from "./message.js";

/** A time, or by what it costs. */
export type Lingering = number | "auto";

interface Follow {
  readonly generation: number;
  handles: number;
  /** How many of them have which limit, if any has one. */
  limited: Map<number, number> | undefined;
  /** The largest limit of any handle; for a while also of those that were closed. */
  limit: number;
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
  /** Topics whose handles want less than is held, and since when. */
  readonly #falling = new Map<string, number>();
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

  /** The limit with which a topic is followed. */
  limitOf(topic: string): number {
    return this.#follows.get(topic)?.limit ?? NO_LIMIT;
  }

  /** One more handle. Returns whether the follow has begun with it, or has another limit. */
  open(topic: string, limit: number, nowMs: number): "begun" | "raised" | "same" {
    const follow = this.#follows.get(topic);
    this.#lingering.delete(topic);
    this.#spent.delete(topic);
    if (follow === undefined) {
      this.#generations += 1;
      const limited = limit === NO_LIMIT ? undefined : new Map([[limit, 1]]);
      this.#follows.set(topic, { generation: this.#generations, handles: 1, limited, limit });
      return "begun";
    }
    follow.handles += 1;
    if (limit !== NO_LIMIT) {
      follow.limited ??= new Map();
      follow.limited.set(limit, (follow.limited.get(limit) ?? 0) + 1);
    }
    this.#fallSince(topic, follow, nowMs);
    if (!isMore(limit, follow.limit)) return "same";
    follow.limit = limit;
    return "raised";
  }

  /** One handle less, of a topic in which others have so many entries. */
  close(topic: string, limit: number, entries: number, nowMs: number): void {
    const follow = this.#follows.get(topic);
    if (follow === undefined || follow.handles === 0) return;
    follow.handles -= 1;
    const left = (follow.limited?.get(limit) ?? 0) - 1;
    if (left > 0) follow.limited?.set(limit, left);
    else follow.limited?.delete(limit);
    if (follow.handles > 0) return this.#fallSince(topic, follow, nowMs);
    this.#falling.delete(topic);
    const lingerer = { sinceMs: nowMs, changesLeft: entries };
    this.#lingering.set(topic, lingerer);
    if (entries <= 0) this.#spent.set(topic, lingerer);
  }

  /** Lowers the limits that no handle has wanted for a while, and returns their topics. */
  takeLowered(nowMs: number): readonly string[] {
    const lowered: string[] = [];
    for (const [topic, sinceMs] of this.#falling) {
      if (nowMs - sinceMs < this.#minMs) continue;
      this.#falling.delete(topic);
      const follow = this.#follows.get(topic);
      if (follow === undefined) continue;
      follow.limit = largestOf(follow);
      lowered.push(topic);
    }
    return lowered;
  }

  /** What is held falls to what the handles want, unless it is wanted again soon: as a topic lingers. */
  #fallSince(topic: string, follow: Follow, nowMs: number): void {
    if (!isMore(follow.limit, largestOf(follow))) this.#falling.delete(topic);
    else if (!this.#falling.has(topic)) this.#falling.set(topic, nowMs);
  }

  /** Something of others came or went in a topic. */
  changed(topic: string): void {
    const lingerer = this.#lingering.get(topic);
    if (lingerer === undefined) return;
    lingerer.changesLeft -= 1;
    if (lingerer.changesLeft === 0) this.#spent.set(topic, lingerer);
  }

  /** Ends the follows whose time has come, and returns their topics and generations. */
  takeEnded(nowMs: number): readonly (readonly [topic: string, generation: number])[] {
    const ended = new Set<string>();
    for (const [topic, { sinceMs }] of this.#lingering) {
      if (nowMs - sinceMs < this.#maxMs) break;
      ended.add(topic);
    }
    for (const [topic, { sinceMs }] of this.#spent) if (nowMs - sinceMs >= this.#minMs) ended.add(topic);
    return Array.from(ended, (topic) => {
      const generation = this.generationOf(topic) ?? 0;
      this.#lingering.delete(topic);
      this.#spent.delete(topic);
      this.#follows.delete(topic);
      return [topic, generation];
    });
  }
}

/** The largest limit that a handle has; one without a limit wants all. */
function largestOf({ handles, limited }: Follow): number {
  if (limited === undefined) return NO_LIMIT;
  let withLimit = 0;
  let largest = 0;
  for (const [limit, count] of limited) {
    withLimit += count;
    largest = Math.max(largest, limit);
  }
  return withLimit < handles ? NO_LIMIT : largest;
}

/** Whether a limit allows for more than another one. */
function isMore(limit: number, other: number): boolean {
  return other !== NO_LIMIT && (limit === NO_LIMIT || limit > other);
}
