/** Who sends how much, as far as it is heard here: counts what a pubsub delivers, and changes nothing. */
import { Buffer } from "node:buffer";
import type { PubSub } from "../pubsub/pubsub.js";

export interface Sent {
  readonly frames: number;
  readonly bytes: number;
}

/** The sender's name in a frame: its third field. */
const SENDER = /^\[\d+,\d+,("(?:[^"\\]|\\.)*"),/;

export class Traffic {
  readonly #sent = new Map<string, { frames: number; bytes: number }>();

  /** What a node has sent so far. */
  of(node: string): Sent {
    return this.#sent.get(node) ?? { frames: 0, bytes: 0 };
  }

  total(): Sent {
    let [frames, bytes] = [0, 0];
    for (const sent of this.#sent.values()) {
      frames += sent.frames;
      bytes += sent.bytes;
    }
    return { frames, bytes };
  }

  /** A copy of all counts, to compare later ones with. */
  counts(): ReadonlyMap<string, Sent> {
    return new Map(Array.from(this.#sent, ([node, sent]) => [node, { ...sent }]));
  }

  /** Forgets who is not there any more. */
  keep(nodes: ReadonlySet<string>): void {
    for (const node of this.#sent.keys()) if (!nodes.has(node)) this.#sent.delete(node);
  }

  /** The same pubsub, with what it delivers counted; not what this node sends itself. */
  count(pubsub: PubSub): PubSub {
    const subscribe: PubSub["subscribe"] = (channel, receive) =>
      pubsub.subscribe(channel, (payload) => {
        this.#heard(payload, pubsub.nodeName);
        receive(payload);
      });
    return new Proxy(pubsub, {
      get(target, property) {
        if (property === "subscribe") return subscribe;
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  #heard(payload: string, own: string): void {
    const text = SENDER.exec(payload.slice(0, 1_024))?.[1];
    if (text === undefined) return;
    let node: string;
    try {
      node = JSON.parse(text) as string;
    } catch {
      return;
    }
    if (node === own) return;
    const sent = this.#sent.get(node) ?? { frames: 0, bytes: 0 };
    this.#sent.set(node, { frames: sent.frames + 1, bytes: sent.bytes + Buffer.byteLength(payload) });
  }
}
