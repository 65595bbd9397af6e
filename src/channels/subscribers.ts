/**
 * The channels of this node by topic, and what is broadcast to them. Promises that a broadcast is encoded at
 * most once whatever the number of subscribers, and that all subscribers of a topic see broadcasts in one
 * order, also when a subscriber broadcasts while it receives. Knows no socket and no other node.
 */
import { broadcastFrame, encodePayload, type EncodedPayload, type SharedFrame } from "./frames.js";

/** One message to all subscribers of a topic. */
export class Broadcast {
  readonly topic: string;
  readonly event: string;
  /** As it goes over the wire, to clients and to other nodes. */
  readonly encoded: EncodedPayload;
  /** What handlers get: as it was given on this node, as it was decoded on others. */
  readonly payload: object;
  #frame: SharedFrame | undefined;

  /** @throws TrackerError `INVALID_ARGUMENT` for a payload that has no encoding. */
  constructor(topic: string, event: string, payload: object, encoded?: EncodedPayload) {
    this.topic = topic;
    this.event = event;
    this.payload = payload;
    this.encoded = encoded ?? encodePayload(payload);
    // A binary frame may be refused for its lengths: the sender must hear of it, not the first subscriber.
    if (typeof this.encoded !== "string") this.#frame = broadcastFrame(topic, event, this.encoded);
  }

  get frame(): SharedFrame {
    return (this.#frame ??= broadcastFrame(this.topic, this.event, this.encoded));
  }
}

/** Who receives broadcasts. `deliver` must not throw. */
export interface Subscriber {
  readonly topic: string;
  deliver(broadcast: Broadcast): void;
}

export class Subscribers {
  readonly #topics = new Map<string, Set<Subscriber>>();
  /** Broadcasts made while one is being delivered wait here, or the last subscribers would see them first. */
  readonly #waiting: { broadcast: Broadcast; except: Subscriber | undefined }[] = [];
  #delivering = false;

  /** How many topics have a subscriber. */
  get topicCount(): number {
    return this.#topics.size;
  }

  add(subscriber: Subscriber): void {
    const topic = this.#topics.get(subscriber.topic);
    if (topic) topic.add(subscriber);
    else this.#topics.set(subscriber.topic, new Set([subscriber]));
  }

  remove(subscriber: Subscriber): void {
    const topic = this.#topics.get(subscriber.topic);
    if (topic?.delete(subscriber) && topic.size === 0) this.#topics.delete(subscriber.topic);
  }

  /** Delivers to every subscriber of the topic but `except`. */
  deliver(broadcast: Broadcast, except?: Subscriber): void {
    this.#waiting.push({ broadcast, except });
    if (this.#delivering) return;
    this.#delivering = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const subscribers = this.#topics.get(next.broadcast.topic);
      if (!subscribers) continue;
      for (const subscriber of subscribers) {
        if (subscriber !== next.except) subscriber.deliver(next.broadcast);
      }
    }
    this.#delivering = false;
  }
}
