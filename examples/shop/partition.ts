/**
 * Cuts nodes off for a demonstration: what they and the others say to each other is dropped, as a network would
 * drop it, while both sides run on and hear themselves. It stands between the shop and its pubsub, whichever
 * that is: every payload carries the name of its sender, and who hears a sender from the other side ignores it.
 */
import type { PubSub, Unsubscribe } from "rollcall";

const separator = "\n";
const mostCounted = 200;

export class Partition {
  readonly #self: string;
  #cut: ReadonlySet<string> = new Set();
  readonly #heardMs = new Map<string, number[]>();

  constructor(self: string, cut: readonly string[]) {
    this.#self = self;
    this.cut(cut);
  }

  /** Only these are cut off from now on, each on its own. */
  cut(nodes: readonly string[]): void {
    this.#cut = new Set(nodes);
  }

  /** Frames heard from each other node in the last second. */
  framesPerSecond(): Record<string, number> {
    const sinceMs = performance.now() - 1_000;
    const counts: Record<string, number> = {};
    for (const [name, timesMs] of this.#heardMs) {
      while ((timesMs[0] ?? Infinity) < sinceMs) timesMs.shift();
      counts[name] = timesMs.length;
    }
    return counts;
  }

  /** The pubsub with the cut in it. What it can do besides sending and hearing stays as it is. */
  wrap(pubsub: PubSub): PubSub {
    const head = `${this.#self}${separator}`;
    const changed: Partial<PubSub> = {
      broadcast: (channel, payload) => pubsub.broadcast(channel, head + payload),
      send: (node, channel, payload) => pubsub.send(node, channel, head + payload),
      subscribe: (channel, receive) =>
        pubsub.subscribe(channel, (text) => {
          const end = text.indexOf(separator);
          if (this.#hears(text.slice(0, end))) receive(text.slice(end + 1));
        }),
      ...(pubsub.maxPayloadBytes !== undefined && {
        maxPayloadBytes: pubsub.maxPayloadBytes - Buffer.byteLength(head),
      }),
      ...(pubsub.onNodeGone && {
        onNodeGone: (listener: (node: string) => void): Unsubscribe =>
          pubsub.onNodeGone?.((node) => {
            if (!this.#isSeparated(node)) listener(node);
          }) ?? (() => undefined),
      }),
    };
    return new Proxy(pubsub, {
      get(target, name) {
        if (Object.hasOwn(changed, name)) return Reflect.get(changed, name) as unknown;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  #hears(sender: string): boolean {
    if (this.#isSeparated(sender)) return false;
    if (sender !== this.#self) this.#count(sender);
    return true;
  }

  /** More than so many are not told apart on a picture. */
  #count(sender: string): void {
    const timesMs = this.#heardMs.get(sender) ?? [];
    timesMs.push(performance.now());
    if (timesMs.length > mostCounted) timesMs.shift();
    this.#heardMs.set(sender, timesMs);
  }

  #isSeparated(other: string): boolean {
    return other !== this.#self && (this.#cut.has(other) || this.#cut.has(this.#self));
  }
}
