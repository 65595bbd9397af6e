/**
 * A pubsub around another one: it counts the bytes that pass, and can be shut, which is a partition that
 * neither side is told of. It knows no tracker.
 */
import type { PubSub } from "../../src/pubsub/pubsub.js";

/** Bytes of UTF-8 and payloads that have passed so far. */
export interface Passed {
  sentBytes: number;
  sentPayloads: number;
  receivedBytes: number;
  receivedPayloads: number;
}

export class Gate {
  readonly pubsub: PubSub;
  readonly passed: Passed = { sentBytes: 0, sentPayloads: 0, receivedBytes: 0, receivedPayloads: 0 };
  open = true;

  /** `turn` runs what a received payload sets off. */
  constructor(inner: PubSub, turn: (receive: () => void) => void) {
    const { passed } = this;
    const leaves = (payload: string): boolean => {
      if (!this.open) return false;
      passed.sentBytes += Buffer.byteLength(payload);
      passed.sentPayloads += 1;
      return true;
    };
    this.pubsub = {
      nodeName: inner.nodeName,
      ...(inner.maxPayloadBytes !== undefined && { maxPayloadBytes: inner.maxPayloadBytes }),
      broadcast: (channel, payload) => (leaves(payload) ? inner.broadcast(channel, payload) : undefined),
      send: (node, channel, payload) => (leaves(payload) ? inner.send(node, channel, payload) : undefined),
      subscribe: (channel, receive) =>
        inner.subscribe(channel, (payload) => {
          if (!this.open) return;
          passed.receivedBytes += Buffer.byteLength(payload);
          passed.receivedPayloads += 1;
          turn(() => receive(payload));
        }),
      ...(inner.onStatus && { onStatus: inner.onStatus.bind(inner) }),
      ...(inner.onNodeGone && { onNodeGone: inner.onNodeGone.bind(inner) }),
      ...(inner.onError && { onError: inner.onError.bind(inner) }),
    };
  }
}
