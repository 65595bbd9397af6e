/** For each case of the contract about what a node knows an adapter that breaks just this promise. */
import type { PubSubStatus } from "../../src/pubsub/pubsub.js";
import type { Defect } from "./sound-adapter.js";

const never = (): Promise<never> => new Promise(() => {});

export const hearingDefects: readonly (readonly [string, Defect])[] = [
  [
    "a node hears its own broadcast",
    (sound) => {
      const own = new Set<string>();
      return {
        broadcast: (channel, payload) => {
          if (payload === "from myself to all") own.add(payload);
          return sound.broadcast(channel, payload);
        },
        subscribe: (channel, receive) =>
          sound.subscribe(channel, (payload) => void (own.has(payload) || receive(payload))),
      };
    },
  ],
  [
    "a node hears what it sends to itself",
    (sound) => ({
      send: (to, channel, payload) =>
        payload === "from myself to me" ? undefined : sound.send(to, channel, payload),
    }),
  ],
  [
    "a node hears itself again after its connection was broken",
    (sound) => {
      const own = new Set<string>();
      let broken = false;
      sound.onStatus?.((status) => (broken ||= status === "disconnected"));
      return {
        broadcast: (channel, payload) => {
          if (broken) own.add(payload);
          return sound.broadcast(channel, payload);
        },
        subscribe: (channel, receive) =>
          sound.subscribe(channel, (payload) => void (own.has(payload) || receive(payload))),
      };
    },
  ],
  [
    "listening names every node that is subscribed, whatever its name, and the one that asks",
    (sound, { nodes }) => ({
      listening: async (channel, names) => {
        const others = nodes === 5 ? names.filter((name) => name !== sound.nodeName) : names;
        return (await sound.listening?.(channel, others)) ?? new Set();
      },
    }),
  ],
  [
    "listening names no node that is not subscribed to the channel, or not any more",
    (sound) => ({
      listening: async (channel, names) => {
        const [here, there] = [
          await sound.listening?.(channel, names),
          await sound.listening?.("hall", names),
        ];
        return new Set([...(here ?? []), ...(there ?? [])]);
      },
    }),
  ],
  [
    "listening names no node that was closed",
    (sound) => {
      const seen = new Set<string>();
      return {
        listening: async (channel, names) => {
          for (const name of (await sound.listening?.(channel, names)) ?? []) seen.add(name);
          return new Set(names.filter((name) => seen.has(name)));
        },
      };
    },
  ],
  [
    "listening tells the truth again after the connection was broken",
    (sound) => {
      let broken = false;
      sound.onStatus?.((status) => (broken ||= status === "disconnected"));
      return {
        listening: async (channel, names) => {
          const named = (await sound.listening?.(channel, names)) ?? new Set();
          return broken ? new Set() : named;
        },
      };
    },
  ],
  [
    "who asks without a connection who is listening is refused, in time",
    (sound) => {
      let current: PubSubStatus = "connected";
      sound.onStatus?.((status) => (current = status));
      return {
        listening: async (channel, names) => {
          if (current === "disconnected") return never();
          return (await sound.listening?.(channel, names)) ?? new Set();
        },
      };
    },
  ],
  [
    "who asks over a connection that stands still who is listening is refused, in time",
    (sound, { isHung }) => ({
      listening: async (channel, names) => {
        if (isHung()) return new Set(names);
        return (await sound.listening?.(channel, names)) ?? new Set();
      },
    }),
  ],
  [
    "a reconnect while connected loses no subscription",
    (sound, { isHung }) => {
      let deaf = false;
      return {
        reconnect: () => {
          deaf = !isHung();
          return sound.reconnect?.();
        },
        subscribe: (channel, receive) =>
          sound.subscribe(channel, (payload) => void (deaf || receive(payload))),
      };
    },
  ],
  [
    "a node is connected again after a reconnect, and says so",
    (sound) => {
      let reconnected = false;
      return {
        reconnect: () => {
          reconnected = true;
          return sound.reconnect?.();
        },
        onStatus: (listener) => {
          const tell = (status: PubSubStatus): void => {
            if (!reconnected || status === "disconnected") listener(status);
          };
          return sound.onStatus?.(tell) ?? (() => {});
        },
      };
    },
  ],
  ["a reconnect mends a connection that stands still", () => ({ reconnect: () => {} })],
  [
    "a subscription ends in time while the connection stands still",
    (sound, { isHung }) => ({
      subscribe: async (channel, receive) => {
        const unsubscribe = await sound.subscribe(channel, receive);
        return () => (isHung() ? never() : unsubscribe());
      },
    }),
  ],
  [
    "a node can be closed while its connection stands still",
    (sound, { isHung }) => ({ close: () => (isHung() ? never() : sound.close?.()) }),
  ],
];
