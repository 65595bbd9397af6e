/**
 * The topics that this node follows, each with its generation: counted by handles, and followed for a while after the last
 * of them was closed. Time comes in as an argument; knows no peer.
 */

interface Follow {
  readonly generation: number;
  handles: number;
}

export class Follows {
  readonly #lingerMs: number;
  readonly #follows = new Map<string, Follow>();
  /** When those without a handle end, in the order in which they do. */
  readonly #ends = new Map<string, number>();
  #generations = 0;

  constructor(lingerMs: number) {
    this.#lingerMs = lingerMs;
  }

  get size(): number {
    return this.#follows.size;
  }

  topics(): IterableIterator<string> {
    return this.#follows.keys();
  }

  /** The generation in which a topic is followed, if it is. */
  readonly generationOf = (topic: string): number | undefined => this.#follows.get(topic)?.generation;

  /** One more handle. Returns whether the follow has begun with it. */
  open(topic: string): boolean {
    const follow = this.#follows.get(topic);
    this.#ends.delete(topic);
    if (follow === undefined) {
      this.#generations += 1;
      this.#follows.set(topic, { generation: this.#generations, handles: 1 });
      return true;
    }
    follow.handles += 1;
    return false;
  }

  /** One handle less. Returns when the follow ends, if it was the last. */
  close(topic: string, nowMs: number): number | undefined {
    const follow = this.#follows.get(topic);
    if (follow === undefined || follow.handles === 0) return undefined;
    follow.handles -= 1;
    if (follow.handles > 0) return undefined;
    const endsMs = nowMs + this.#lingerMs;
    this.#ends.set(topic, endsMs);
    return endsMs;
  }

  /** Ends the follows whose time has come, and returns their topics. */
  takeEnded(nowMs: number): readonly string[] {
    const ended: string[] = [];
    for (const [topic, endsMs] of this.#ends) {
      if (endsMs > nowMs) break;
      ended.push(topic);
    }
    for (const topic of ended) {
      this.#ends.delete(topic);
      this.#follows.delete(topic);
    }
    return ended;
  }
}
