/**
 * For each case of the contract an adapter that breaks just this promise. They wrap a sound one: nodes of a
 * MemoryHub with a limit of their own.
 */
import { MemoryHub } from "../../src/adapters/memory.js";
import type { ContractNode, OpenNodes } from "../../src/testing/pubsub-contract.js";
import type { PubSubStatus, Unsubscribe } from "../../src/pubsub/pubsub.js";

const limitBytes = 2_000;

/** What a broken adapter does instead; `sound` is what it would do if it were not broken. */
type Defect = (
  sound: ContractNode,
  place: { readonly index: number; readonly nodes: number },
) => Partial<ContractNode>;

const byteLength = (text: string): number => new TextEncoder().encode(text).length;

function limited(node: ContractNode): ContractNode {
  const check = (payload: string): void => {
    if (byteLength(payload) > limitBytes) throw new Error("too large");
  };
  return {
    ...functionsOf(node),
    maxPayloadBytes: limitBytes,
    broadcast: (channel, payload) => {
      check(payload);
      return node.broadcast(channel, payload);
    },
    send: (to, channel, payload) => {
      check(payload);
      return node.send(to, channel, payload);
    },
  };
}

function functionsOf(node: ContractNode): ContractNode {
  const { onStatus, close } = node;
  return {
    nodeName: node.nodeName,
    broadcast: (channel, payload) => node.broadcast(channel, payload),
    send: (to, channel, payload) => node.send(to, channel, payload),
    subscribe: (channel, receive) => node.subscribe(channel, receive),
    ...(onStatus && { onStatus: (listener) => onStatus.call(node, listener) }),
    ...(close && { close: () => close.call(node) }),
  };
}

/** Nodes with that defect; without one they are sound. */
export function nodesWith(defect: Defect = () => ({})): OpenNodes {
  return (names) => {
    const hub = new MemoryHub();
    return {
      nodes: names.map((name, index) => {
        const sound = limited(hub.node(name));
        return { ...sound, ...defect(sound, { index, nodes: names.length }) };
      }),
      cut: async ({ nodeName }) => {
        hub.disconnect(nodeName);
        return () => hub.reconnect(nodeName);
      },
      end: () => {},
    };
  };
}

/** Loses what the broadcast says nobody may hear. */
const losing =
  (isLost: (channel: string, payload: string) => boolean) =>
  (sound: ContractNode): Partial<ContractNode> => ({
    broadcast: (channel, payload) =>
      isLost(channel, payload) ? undefined : sound.broadcast(channel, payload),
  });

/** By the name of the case that has to find it. */
export const defects: ReadonlyMap<string, Defect> = new Map<string, Defect>([
  [
    "two nodes: what the first broadcasts the second hears",
    (sound, { index, nodes }) => losing(() => nodes === 2 && index === 0)(sound),
  ],
  [
    "two nodes: what the second broadcasts the first hears",
    (sound, { index, nodes }) => losing(() => nodes === 2 && index === 1)(sound),
  ],
  [
    "three nodes: each hears what both others broadcast",
    (sound, { index }) => losing((_, payload) => index === 2 && payload.startsWith("from "))(sound),
  ],
  [
    "a direct send reaches its node, whoever sends",
    (sound, { index }) => ({
      send: (to, channel, payload) => (index === 2 ? undefined : sound.send(to, channel, payload)),
    }),
  ],
  [
    "a direct send reaches nobody else",
    (sound) => ({
      send: (to, channel, payload) => {
        void sound.send(to, channel, payload);
        if (to === "second") void sound.send("third", channel, payload);
      },
    }),
  ],
  [
    "a send to a node that is not there does nothing",
    (sound) => ({
      send: (to, channel, payload) => {
        if (to === "nobody") throw new Error("there is no such node");
        return sound.send(to, channel, payload);
      },
    }),
  ],
  [
    "a burst of 500 payloads arrives whole",
    (sound) => {
      let inThisTurn = 0;
      return losing((channel) => {
        if (inThisTurn++ === 0) setImmediate(() => (inThisTurn = 0));
        return channel === "room" && inThisTurn > 250;
      })(sound);
    },
  ],
  [
    "an echo is what was sent",
    (sound) => {
      let hear: (payload: string) => void = () => {};
      return {
        broadcast: (channel, payload) => {
          if (payload === "may come back") hear(`${payload}, mangled`);
          return sound.broadcast(channel, payload);
        },
        subscribe: (channel, receive) => sound.subscribe(channel, (hear = receive)),
      };
    },
  ],
  [
    "many channels at once: each hears its own",
    (sound) => {
      let channels = 0;
      return {
        subscribe: (channel, receive) => {
          if (++channels > 100) return () => {};
          return sound.subscribe(channel, receive);
        },
      };
    },
  ],
  [
    "channels are apart, however similar their names",
    (sound) => ({
      broadcast: (channel, payload) => sound.broadcast(channel.toLowerCase(), payload),
      send: (to, channel, payload) => sound.send(to, channel.toLowerCase(), payload),
      subscribe: (channel, receive) => sound.subscribe(channel.toLowerCase(), receive),
    }),
  ],
  [
    "odd characters in names of channels",
    (sound) => ({
      subscribe: (channel, receive) => {
        if (/\s/.test(channel)) throw new Error("no spaces, please");
        return sound.subscribe(channel, receive);
      },
    }),
  ],
  [
    "odd characters in names of nodes",
    (sound) => ({
      send: (to, channel, payload) => sound.send(to.replace(/[.*>:]/g, "_"), channel, payload),
    }),
  ],
  [
    "odd characters in payloads",
    (sound) => ({ broadcast: (channel, payload) => sound.broadcast(channel, payload.trim()) }),
  ],
  [
    "a payload of exactly the limit in bytes of UTF-8, or of 1 MiB, arrives",
    (sound) => ({
      broadcast: (channel, payload) => {
        if (byteLength(payload) >= limitBytes) throw new Error("too large");
        return sound.broadcast(channel, payload);
      },
    }),
  ],
  [
    "a payload of one byte more than the limit is refused, and costs nothing else",
    (sound) => ({
      send: async (to, channel, payload) => {
        if (payload.length <= limitBytes && byteLength(payload) > limitBytes) return;
        return sound.send(to, channel, payload);
      },
    }),
  ],
  [
    "two subscriptions to one channel both hear",
    (sound) => {
      const newestLast = new Map<string, object[]>();
      return {
        subscribe: async (channel, receive) => {
          const mine = {};
          const all = newestLast.get(channel) ?? [];
          newestLast.set(channel, all);
          all.push(mine);
          const unsubscribe = await sound.subscribe(channel, (payload) => {
            if (all.at(-1) === mine) receive(payload);
          });
          return () => {
            if (all.includes(mine)) all.splice(all.indexOf(mine), 1);
            return unsubscribe();
          };
        },
      };
    },
  ],
  [
    "one function subscribed twice can be unsubscribed once",
    (sound) => {
      const subscribed = new Map<(payload: string) => void, Unsubscribe>();
      return {
        subscribe: async (channel, receive) => {
          const known = subscribed.get(receive);
          if (known !== undefined) return known;
          const unsubscribe = await sound.subscribe(channel, receive);
          subscribed.set(receive, unsubscribe);
          return unsubscribe;
        },
      };
    },
  ],
  [
    "ending one subscription leaves the other",
    (sound) => {
      const oldestFirst = new Map<string, Unsubscribe[]>();
      return {
        subscribe: async (channel, receive) => {
          const unsubscribe = await sound.subscribe(channel, receive);
          const all = oldestFirst.get(channel) ?? [];
          oldestFirst.set(channel, all);
          all.push(unsubscribe);
          return async () => {
            for (const end of all.slice(0, all.indexOf(unsubscribe) + 1)) await end();
          };
        },
      };
    },
  ],
  [
    "an ended subscription hears nothing",
    (sound) => ({
      subscribe: async (channel, receive) => {
        await sound.subscribe(channel, receive);
        return () => {};
      },
    }),
  ],
  [
    "ending a subscription twice is harmless",
    (sound) => ({
      subscribe: async (channel, receive) => {
        const unsubscribe = await sound.subscribe(channel, receive);
        let ended = false;
        return () => {
          if (ended) throw new Error("ended already");
          ended = true;
          return unsubscribe();
        };
      },
    }),
  ],
  [
    "a channel can be subscribed to again",
    (sound) => {
      const ended = new Set<string>();
      return {
        subscribe: async (channel, receive) => {
          if (ended.has(channel)) return () => {};
          const unsubscribe = await sound.subscribe(channel, receive);
          return async () => {
            await unsubscribe();
            await new Promise((resolve) => setImmediate(resolve));
            ended.add(channel);
          };
        },
      };
    },
  ],
  [
    "a subscription that begins while the channel's last one ends is in force",
    (sound) => {
      const ending = new Set<string>();
      return {
        subscribe: async (channel, receive) => {
          if (ending.has(channel)) return () => {};
          const unsubscribe = await sound.subscribe(channel, receive);
          return async () => {
            ending.add(channel);
            await new Promise((resolve) => setImmediate(resolve));
            await unsubscribe();
            ending.delete(channel);
          };
        },
      };
    },
  ],
  ["a closed node hears nothing, and the others go on", () => ({ close: () => {} })],
  [
    "closing twice is harmless, and so is ending a subscription afterwards",
    (sound) => {
      let closed = false;
      return {
        close: () => {
          if (closed) throw new Error("closed already");
          closed = true;
          return sound.close?.();
        },
      };
    },
  ],
  [
    "a status listener is not called before onStatus has returned",
    (sound) => {
      let status: PubSubStatus = "connected";
      sound.onStatus?.((changed) => (status = changed));
      return {
        onStatus: (listener) => {
          listener(status);
          return sound.onStatus?.(listener) ?? (() => {});
        },
      };
    },
  ],
  [
    "a broken connection and its return are told to every listener",
    (sound) => {
      let listening = false;
      return {
        onStatus: (listener) => {
          if (listening) return () => {};
          listening = true;
          const stop = sound.onStatus?.(listener);
          return () => {
            listening = false;
            return stop?.();
          };
        },
      };
    },
  ],
  [
    "who listens while the connection is broken is told so",
    (sound) => {
      let current: PubSubStatus = "connected";
      sound.onStatus?.((status) => (current = status));
      return {
        onStatus: (listener) => {
          let known = current;
          const tellChange = (status: PubSubStatus): void => {
            if (status !== known) listener((known = status));
          };
          return sound.onStatus?.(tellChange) ?? (() => {});
        },
      };
    },
  ],
  [
    "what is sent while the connection is broken ends, well or badly",
    (sound) => ({
      broadcast: async (channel, payload) => {
        try {
          await sound.broadcast(channel, payload);
        } catch (error) {
          if (payload === "lost") await new Promise(() => {});
          throw error;
        }
      },
    }),
  ],
  [
    "a subscription lasts over a broken connection",
    (sound) => {
      let broken = false;
      sound.onStatus?.((status) => (broken ||= status === "disconnected"));
      return {
        subscribe: (channel, receive) =>
          sound.subscribe(channel, (payload) => void (broken || receive(payload))),
      };
    },
  ],
  [
    "a node can send again after its connection was broken",
    (sound) => {
      let broken = false;
      sound.onStatus?.((status) => (broken ||= status === "disconnected"));
      return losing(() => broken)(sound);
    },
  ],
  [
    "a node without a connection can be closed, also while it subscribes",
    (sound) => {
      let current: PubSubStatus = "connected";
      sound.onStatus?.((status) => (current = status));
      return {
        close: async () => {
          if (current === "disconnected") await new Promise(() => {});
          return sound.close?.();
        },
      };
    },
  ],
]);
