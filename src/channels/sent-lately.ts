/**
 * The broadcasts that were sent to some nodes only, for a while: a node whose first subscriber joined just then is sent
 * them when it is known of. Promises that no more is kept than its bounds, the newest, in the order of sending. Time comes
 * in as an argument; knows no pubsub, and not who hears a topic.
 */
import type { Broadcast } from "./subscribers.js";

/** What is kept at most; what was sent first is forgotten first. */
const MAX_BROADCASTS = 100_000;
const MAX_BYTES = 32 * 1_024 * 1_024;

/** What each takes beside its payload, roughly. */
const SENT_BYTES = 256;

/** A broadcast that some nodes have had. */
export interface Sent {
  readonly broadcast: Pick<Broadcast, "topic" | "event" | "encoded">;
  readonly atMs: number;
  /** The nodes that it was sent to. */
  had: ReadonlySet<string>;
}

/** Adds a node to those who have had it. Broadcasts share what they are given, and grow it once for all. */
export function adding(node: string): (had: ReadonlySet<string>) => ReadonlySet<string> {
  const grown = new Map<ReadonlySet<string>, ReadonlySet<string>>();
  return (had) => {
    const known = grown.get(had) ?? new Set(had).add(node);
    grown.set(had, known);
    return known;
  };
}

export class SentLately {
  readonly #all = new Set<Sent>();
  readonly #byTopic = new Map<string, Set<Sent>>();
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  /** Returns how many were forgotten for it. */
  add(sent: Sent): number {
    const { topic, encoded } = sent.broadcast;
    this.#all.add(sent);
    this.#bytes += SENT_BYTES + encoded.length;
    const ofTopic = this.#byTopic.get(topic);
    if (ofTopic) ofTopic.add(sent);
    else this.#byTopic.set(topic, new Set([sent]));
    let forgotten = 0;
    for (const oldest of this.#all) {
      if (this.#all.size <= MAX_BROADCASTS && this.#bytes <= MAX_BYTES) break;
      this.#forget(oldest);
      forgotten += 1;
    }
    return forgotten;
  }

  /** In the order in which they were sent; those forgotten meanwhile are left out. */
  ofTopic(topic: string): Iterable<Sent> {
    return this.#byTopic.get(topic) ?? [];
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic);
  }

  /** Of all topics, in the order in which they were sent. */
  all(): Iterable<Sent> {
    return this.#all;
  }

  forgetTopic(topic: string): void {
    for (const sent of this.ofTopic(topic)) this.#forget(sent);
  }

  /** Forgets what was sent until then, and returns it. */
  forgetUntil(untilMs: number): readonly Sent[] {
    const old: Sent[] = [];
    for (const sent of this.#all) {
      if (sent.atMs > untilMs) break;
      old.push(sent);
      this.#forget(sent);
    }
    return old;
  }

  #forget(sent: Sent): void {
    const { topic, encoded } = sent.broadcast;
    if (!this.#all.delete(sent)) return;
    this.#bytes -= SENT_BYTES + encoded.length;
    const ofTopic = this.#byTopic.get(topic);
    if (ofTopic?.delete(sent) && ofTopic.size === 0) this.#byTopic.delete(topic);
  }
}
