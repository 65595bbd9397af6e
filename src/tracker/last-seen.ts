/**
 * When each key was last seen to leave a topic, why and with what meta: the newest leaves, so many and no more; the
 * oldest is forgotten first. Knows no clock: the time of a leave comes in.
 */
import type { AnyMeta, Leave, LeaveReason } from "../words.js";

/** The newest leave of a key from a topic that a node has seen. */
export interface LastSeen<M = AnyMeta> {
  /** When this node saw it, in milliseconds since 1970 by its wall clock. */
  readonly atMs: number;
  readonly reason: LeaveReason;
  /** The meta of the entry that left. */
  readonly meta: Readonly<M>;
}

/** A leave in its place among all that are kept. */
interface Place {
  readonly topic: string;
  readonly key: string;
  seen: LastSeen;
  older: Place | undefined;
  newer: Place | undefined;
}

export class LastSeenStore {
  readonly #kept: number;
  readonly #topics = new Map<string, Map<string, Place>>();
  #oldest: Place | undefined;
  #newest: Place | undefined;
  #size = 0;

  /** Keeps the last leaves of so many pairs of topic and key. */
  constructor(kept: number) {
    this.#kept = kept;
  }

  get(topic: string, key: string): LastSeen | undefined {
    return this.#topics.get(topic)?.get(key)?.seen;
  }

  left(topic: string, { key, meta, reason }: Leave, atMs: number): void {
    const seen: LastSeen = Object.freeze({ atMs, reason, meta });
    const known = this.#topics.get(topic)?.get(key);
    if (known === undefined) this.#add({ topic, key, seen, older: undefined, newer: undefined });
    else {
      known.seen = seen;
      this.#unlink(known);
      this.#link(known);
    }
  }

  #add(place: Place): void {
    const { topic, key } = place;
    const ofTopic = this.#topics.get(topic);
    if (ofTopic === undefined) this.#topics.set(topic, new Map([[key, place]]));
    else ofTopic.set(key, place);
    this.#link(place);
    this.#size += 1;
    if (this.#size > this.#kept && this.#oldest !== undefined) this.#forget(this.#oldest);
  }

  #forget(place: Place): void {
    const ofTopic = this.#topics.get(place.topic);
    ofTopic?.delete(place.key);
    if (ofTopic?.size === 0) this.#topics.delete(place.topic);
    this.#unlink(place);
    this.#size -= 1;
  }

  #link(place: Place): void {
    place.older = this.#newest;
    place.newer = undefined;
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
  }

  #unlink({ older, newer }: Place): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}
