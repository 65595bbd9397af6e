/**
 * What is to leave of this node's own entries, where it is more than one turn should take: by topic, in the order in which
 * it was asked for. Nobody owns it any more; until it is taken out here it is listed. Knows no set, no view and no diff.
 */
import type { ReplicatedEntry } from "../replication/entry.js";

export type EndReason = "untracked" | "closed";

/** The entries of a session, by topic and key. */
export type ByTopic = Map<string, Map<string, ReplicatedEntry>>;

export interface Closing {
  readonly entry: ReplicatedEntry;
  readonly reason: EndReason;
}

interface Waiting {
  readonly session: string;
  readonly byTopic: ByTopic;
  readonly reason: EndReason;
}

export class Closings {
  readonly #waiting = new Set<Waiting>();
  #size = 0;

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** How many entries wait. */
  get size(): number {
    return this.#size;
  }

  add(session: string, byTopic: ByTopic, reason: EndReason): void {
    if (byTopic.size === 0) return;
    this.#waiting.add({ session, byTopic, reason });
    this.#size += countOf(byTopic);
  }

  /** Whether entries wait under a topic. */
  has(topic: string): boolean {
    for (const { byTopic } of this.#waiting) if (byTopic.has(topic)) return true;
    return false;
  }

  /** Takes out what waits under a topic. */
  takeTopic(topic: string): Closing[] {
    const taken: Closing[] = [];
    for (const waiting of this.#waiting) {
      for (const entry of waiting.byTopic.get(topic)?.values() ?? [])
        taken.push({ entry, reason: waiting.reason });
      waiting.byTopic.delete(topic);
      if (waiting.byTopic.size === 0) this.#waiting.delete(waiting);
    }
    this.#size -= taken.length;
    return taken;
  }

  /** Takes out the entries of one session under a topic and key: before another one comes in their place. */
  takeOf(session: string, topic: string, key: string): Closing[] {
    const taken: Closing[] = [];
    for (const waiting of this.#waiting) {
      const entry = waiting.session === session ? waiting.byTopic.get(topic)?.get(key) : undefined;
      if (entry !== undefined) taken.push(this.#take(waiting, topic, key, entry));
    }
    return taken;
  }

  /** Takes out as many as this: those that wait for the longest, topic by topic. */
  takeSome(limit: number): Closing[] {
    const taken: Closing[] = [];
    for (const waiting of this.#waiting) {
      for (const [topic, ofTopic] of waiting.byTopic) {
        for (const [key, entry] of ofTopic) {
          if (taken.length >= limit) return taken;
          taken.push(this.#take(waiting, topic, key, entry));
        }
      }
    }
    return taken;
  }

  #take(waiting: Waiting, topic: string, key: string, entry: ReplicatedEntry): Closing {
    const { byTopic, reason } = waiting;
    const ofTopic = byTopic.get(topic);
    ofTopic?.delete(key);
    if (ofTopic?.size === 0) byTopic.delete(topic);
    if (byTopic.size === 0) this.#waiting.delete(waiting);
    this.#size -= 1;
    return { entry, reason };
  }
}

export function countOf(byTopic: ByTopic): number {
  let count = 0;
  for (const { size } of byTopic.values()) count += size;
  return count;
}
