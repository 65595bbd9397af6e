import type { PubSub } from "rollcall";

/** What is used of the client: its shape, so that the library need not be imported. */
export interface Bus {
  readonly connected: boolean;
  publish(topic: string, payload: string): Promise<void>;
  subscribe(topic: string, receive: (payload: string) => void): Promise<() => Promise<void>>;
  onChange(listener: () => void): () => void;
}

export function busPubSub({ bus, nodeName }: { bus: Bus; nodeName: string }): PubSub {
  const toAll = (channel: string) => `rollcall/all/${encodeURIComponent(channel)}`;
  const toOne = (node: string, channel: string) =>
    `rollcall/to/${encodeURIComponent(node)}/${encodeURIComponent(channel)}`;
  return {
    nodeName,
    broadcast: (channel, payload) => bus.publish(toAll(channel), payload),
    send: (node, channel, payload) => bus.publish(toOne(node, channel), payload),
    async subscribe(channel, receive) {
      const ends = await Promise.all([
        bus.subscribe(toAll(channel), receive),
        bus.subscribe(toOne(nodeName, channel), receive),
      ]);
      return async () => void (await Promise.all(ends.splice(0).map((end) => end())));
    },
    onStatus(listener) {
      const tell = () => listener(bus.connected ? "connected" : "disconnected");
      if (!bus.connected) queueMicrotask(tell);
      return bus.onChange(tell);
    },
  };
}
