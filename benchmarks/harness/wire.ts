/**
 * A pubsub in memory on virtual time, with a meter on every node: what it sent and received, in bytes of UTF-8
 * and in frames. It can hold frames back, so that a benchmark can time their receipt alone. It loses nothing
 * and keeps the order. It knows no tracker.
 */
import type { PubSub } from "../../src/pubsub/pubsub.js";
import type { VirtualTime } from "../../src/testing/virtual-time.js";

/** What a node has sent and received so far. */
export interface Traffic {
  sentBytes: number;
  sentFrames: number;
  receivedBytes: number;
  receivedFrames: number;
  /** Real milliseconds that the receivers took. */
  receivingMs: number;
}

/** One payload on its way. `to` is undefined for a broadcast. */
export interface HeldFrame {
  readonly from: string;
  readonly to: string | undefined;
  readonly channel: string;
  readonly payload: string;
}

type Receive = (payload: string) => void;

interface WireNode {
  readonly name: string;
  readonly traffic: Traffic;
  readonly receivers: Map<string, Set<Receive>>;
}

export interface WireOptions {
  readonly time: VirtualTime;
  /** Virtual milliseconds from sending to receiving. */
  readonly hopMs?: number;
  /** Whether `to` hears `from`; absent: everybody hears everybody. */
  readonly hears?: (to: string, from: string) => boolean;
  /** Told of every broadcast when it arrives, before those that hear it. */
  readonly broadcastPasses?: (frame: HeldFrame) => void;
}

export class Wire {
  readonly #time: VirtualTime;
  readonly #hopMs: number;
  readonly #hears: (to: string, from: string) => boolean;
  readonly #broadcastPasses: (frame: HeldFrame) => void;
  readonly #nodes = new Map<string, WireNode>();
  #held: HeldFrame[] | undefined;

  constructor({ time, hopMs = 1, hears = () => true, broadcastPasses = () => {} }: WireOptions) {
    this.#time = time;
    this.#hopMs = hopMs;
    this.#hears = hears;
    this.#broadcastPasses = broadcastPasses;
  }

  /** The pubsub of one node. */
  node(name: string): PubSub {
    const node: WireNode = {
      name,
      traffic: { sentBytes: 0, sentFrames: 0, receivedBytes: 0, receivedFrames: 0, receivingMs: 0 },
      receivers: new Map(),
    };
    this.#nodes.set(name, node);
    return {
      nodeName: name,
      broadcast: (channel, payload) => this.#send(node, undefined, channel, payload),
      send: (to, channel, payload) => this.#send(node, to, channel, payload),
      subscribe: (channel, receive) => {
        let receivers = node.receivers.get(channel);
        if (receivers === undefined) node.receivers.set(channel, (receivers = new Set()));
        receivers.add(receive);
        return () => void receivers.delete(receive);
      },
    };
  }

  /** The meter of a node: live, it goes on counting. @throws Error for a node that was never made. */
  traffic(name: string): Traffic {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name} on this wire`);
    return node.traffic;
  }

  /** From now on frames are kept instead of delivered, until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  /** Ends holding and returns what was held, undelivered and in order. */
  release(): HeldFrame[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }

  /** Hands a frame to its receivers now, in this call. */
  deliver(frame: HeldFrame): void {
    const { from, to, channel, payload } = frame;
    if (to !== undefined) {
      const node = this.#nodes.get(to);
      if (node !== undefined && this.#hears(to, from)) receive(node, channel, payload);
      return;
    }
    this.#broadcastPasses(frame);
    for (const node of this.#nodes.values()) {
      if (node.name !== from && this.#hears(node.name, from)) receive(node, channel, payload);
    }
  }

  #send(node: WireNode, to: string | undefined, channel: string, payload: string): void {
    node.traffic.sentBytes += Buffer.byteLength(payload);
    node.traffic.sentFrames += 1;
    const frame: HeldFrame = { from: node.name, to, channel, payload };
    if (this.#held !== undefined) {
      this.#held.push(frame);
      return;
    }
    this.#time.at(this.#time.nowMs + this.#hopMs, () => {
      this.#time.promisesMayBePending();
      this.deliver(frame);
    });
  }
}

function receive(node: WireNode, channel: string, payload: string): void {
  const receivers = node.receivers.get(channel);
  if (receivers === undefined || receivers.size === 0) return;
  node.traffic.receivedBytes += Buffer.byteLength(payload);
  node.traffic.receivedFrames += 1;
  const startMs = performance.now();
  for (const receiver of receivers) receiver(payload);
  node.traffic.receivingMs += performance.now() - startMs;
}
