/**
 * The channels of this node by topic, and what is broadcast to them. Promises that a broadcast is encoded at
 * most once whatever the number of subscribers, and that all subscribers of a topic see broadcasts in one
 * order, also when a subscriber broadcasts while it receives. Knows no socket and no other node.
 */
import { broadcastFrame, encodePayload, type EncodedPayload, type SharedFrame } from "./frames.js";
import { parsedBytes } from "./payload.js";

/** Who sent a broadcast, and is slowed down while handlers of others have yet to take it. */
export interface BroadcastSender {
  /** So many bytes wait with others. The returned function says that they do not any more. */
  holdSent(bytes: number): () => void;
}

/** What is known of a broadcast beside what it says. */
export interface BroadcastOrigin {
  /** How the payload was encoded already. */
  readonly encoded?: EncodedPayload;
  /** Nobody where it comes from the application, or from another node. */
  readonly sender?: BroadcastSender;
}

/** One message to all subscribers of a topic. */
export class Broadcast {
  readonly topic: string;
  readonly event: string;
  /** As it goes over the wire, to clients and to other nodes. */
  readonly encoded: EncodedPayload;
  /** What handlers get: as it was given on this node, as it was decoded on others. */
  readonly payload: object;
  readonly #sender: BroadcastSender | undefined;
  #frame: SharedFrame | undefined;
  #heldBytes: number | undefined;
  /** Receivers whose handlers have yet to take it. */
  #holders = 0;
  #releaseSender: (() => void) | undefined;

  /** @throws TrackerError `INVALID_ARGUMENT` for a payload that has no encoding. */
  constructor(topic: string, event: string, payload: object, { encoded, sender }: BroadcastOrigin = {}) {
    this.topic = topic;
    this.event = event;
    this.payload = payload;
    this.#sender = sender;
    this.encoded = encoded ?? encodePayload(payload);
    // A binary frame may be refused for its lengths: the sender must hear of it, not the first subscriber.
    if (typeof this.encoded !== "string") this.#frame = broadcastFrame(topic, event, this.encoded);
  }

  get frame(): SharedFrame {
    return (this.#frame ??= broadcastFrame(this.topic, this.event, this.encoded));
  }

  /** What it takes in memory where it waits for a handler, encoded and as handlers get it, in bytes. */
  get heldBytes(): number {
    const { encoded } = this;
    return (this.#heldBytes ??= encoded.length + (typeof encoded === "string" ? parsedBytes(encoded) : 0));
  }

  /** One more receiver keeps it for a handler. Returns whether nobody else did. */
  hold(): boolean {
    if (this.#holders++ > 0) return false;
    this.#releaseSender = this.#sender?.holdSent(this.heldBytes);
    return true;
  }

  /** A receiver keeps it no longer. Returns whether nobody does any more. */
  release(): boolean {
    if (--this.#holders > 0) return false;
    this.#releaseSender?.();
    this.#releaseSender = undefined;
    return true;
  }
}

/** Who receives broadcasts. `deliver` must not throw. */
export interface Subscriber {
  readonly topic: string;
  deliver(broadcast: Broadcast): void;
}

/** What is told of topics, and what time it is. */
export interface SubscribersListener {
  nowMs(): number;
  /** A topic has its first subscriber. */
  opened(topic: string): void;
  /** The last subscriber of a topic has left. */
  emptied(topic: string): void;
}

export class Subscribers {
  readonly #listener: SubscribersListener;
  /** Since when each is there. */
  readonly #topics = new Map<string, Map<Subscriber, number>>();
  /** Broadcasts made while one is being delivered wait here, or the last subscribers would see them first. */
  readonly #waiting: { broadcast: Broadcast; except: Subscriber | undefined; untilMs: number }[] = [];
  #delivering = false;

  constructor(listener: SubscribersListener) {
    this.#listener = listener;
  }

  /** How many topics have a subscriber. */
  get topicCount(): number {
    return this.#topics.size;
  }

  add(subscriber: Subscriber): void {
    const topic = this.#topics.get(subscriber.topic);
    if (topic) return void topic.set(subscriber, this.#listener.nowMs());
    this.#topics.set(subscriber.topic, new Map([[subscriber, this.#listener.nowMs()]]));
    this.#listener.opened(subscriber.topic);
  }

  remove(subscriber: Subscriber): void {
    const topic = this.#topics.get(subscriber.topic);
    if (!topic?.delete(subscriber) || topic.size > 0) return;
    this.#topics.delete(subscriber.topic);
    this.#listener.emptied(subscriber.topic);
  }

  /** Delivers to every subscriber of the topic but `except`, and those who came after `untilMs`. */
  deliver(broadcast: Broadcast, except?: Subscriber, untilMs = Infinity): void {
    this.#waiting.push({ broadcast, except, untilMs });
    if (this.#delivering) return;
    this.#delivering = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const subscribers = this.#topics.get(next.broadcast.topic);
      if (!subscribers) continue;
      for (const [subscriber, sinceMs] of subscribers) {
        if (subscriber !== next.except && sinceMs <= next.untilMs) subscriber.deliver(next.broadcast);
      }
    }
    this.#delivering = false;
  }
}
