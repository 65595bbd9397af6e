/** The part of a pubsub of one node by which it hears itself, for tests that bring everything else by hand. */
import type { PubSub } from "../../src/pubsub/pubsub.js";

/** Brings back, in a microtask, what the node broadcasts and what it sends to itself; the rest is for nobody. */
export function hearingItself(
  nodeName: string,
): Pick<PubSub, "nodeName" | "echoes" | "broadcast" | "send" | "subscribe"> {
  const receivers = new Map<string, Set<(payload: string) => void>>();
  const bringBack = (channel: string, payload: string): void => {
    queueMicrotask(() => {
      for (const receive of receivers.get(channel) ?? []) receive(payload);
    });
  };
  return {
    nodeName,
    echoes: true,
    broadcast: bringBack,
    send: (node, channel, payload) => {
      if (node === nodeName) bringBack(channel, payload);
    },
    subscribe: (channel, receive) => {
      const ofChannel = receivers.get(channel) ?? new Set();
      receivers.set(channel, ofChannel.add(receive));
      return () => void ofChannel.delete(receive);
    },
  };
}
