/**
 * An adapter that keeps every promise of the contract, to be broken one promise at a time: nodes of a MemoryHub with a
 * limit, with `listening` and `reconnect`, and with connections that can stand still.
 */
import { MemoryHub } from "../../src/adapters/memory.js";
import type { ContractNode, OpenNodes } from "../../src/testing/pubsub-contract.js";

export const limitBytes = 2_000;

/** What a broken adapter does instead; `sound` is what it would do if it were not broken. */
export type Defect = (
  sound: ContractNode,
  place: {
    readonly index: number;
    readonly nodes: number;
    readonly isHung: () => boolean;
    readonly leave: () => void;
  },
) => Partial<ContractNode>;

export const byteLength = (text: string): number => new TextEncoder().encode(text).length;

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

/** What the nodes of one cluster share beside their hub: who is subscribed to what, and whose connection hangs. */
class Medium {
  readonly #subscriptions: { readonly node: string; readonly channel: string }[] = [];
  readonly hung = new Set<string>();
  readonly #hub: MemoryHub;

  constructor(hub: MemoryHub) {
    this.#hub = hub;
  }

  /** The node with `listening`, with `reconnect`, and with a connection that may stand still. */
  around(node: ContractNode): ContractNode {
    const { nodeName } = node;
    let isConnected = true;
    node.onStatus?.((status) => (isConnected = status === "connected"));
    const isHung = (): boolean => this.hung.has(nodeName);
    return {
      ...functionsOf(node),
      broadcast: (channel, payload) => (isHung() ? undefined : node.broadcast(channel, payload)),
      send: (to, channel, payload) => (isHung() ? undefined : node.send(to, channel, payload)),
      subscribe: async (channel, receive) => {
        const unsubscribe = await node.subscribe(channel, (payload) => void (isHung() || receive(payload)));
        const subscription = { node: nodeName, channel };
        this.#subscriptions.push(subscription);
        return () => {
          this.#remove((each) => each === subscription);
          return unsubscribe();
        };
      },
      listening: async (channel, nodes) => {
        if (!isConnected || isHung()) throw new Error("nobody answers");
        const names = this.#subscriptions.filter((each) => each.channel === channel).map((each) => each.node);
        return new Set(names.filter((name) => nodes.includes(name)));
      },
      reconnect: () => {
        if (!isConnected) return;
        this.hung.delete(nodeName);
        this.#hub.disconnect(nodeName);
        setImmediate(() => this.#hub.reconnect(nodeName));
      },
      close: () => {
        this.leave(nodeName);
        return node.close?.();
      },
    };
  }

  /** The node counts as subscribed to nothing any more. */
  leave(nodeName: string): void {
    this.#remove((each) => each.node === nodeName);
  }

  #remove(isIt: (subscription: { node: string; channel: string }) => boolean): void {
    for (let index = this.#subscriptions.length - 1; index >= 0; index--) {
      const subscription = this.#subscriptions[index];
      if (subscription !== undefined && isIt(subscription)) this.#subscriptions.splice(index, 1);
    }
  }
}

function functionsOf(node: ContractNode): ContractNode {
  const { onStatus, listening, reconnect, close } = node;
  return {
    nodeName: node.nodeName,
    broadcast: (channel, payload) => node.broadcast(channel, payload),
    send: (to, channel, payload) => node.send(to, channel, payload),
    subscribe: (channel, receive) => node.subscribe(channel, receive),
    ...(onStatus && { onStatus: (listener) => onStatus.call(node, listener) }),
    ...(listening && { listening: listening.bind(node) }),
    ...(reconnect && { reconnect: reconnect.bind(node) }),
    ...(close && { close: () => close.call(node) }),
  };
}

/** Nodes with that defect; without one they are sound. */
export function nodesWith(defect: Defect = () => ({})): OpenNodes {
  return (names) => {
    const hub = new MemoryHub();
    const medium = new Medium(hub);
    return {
      nodes: names.map((name, index) => {
        const sound = limited(medium.around(hub.node(name)));
        const isHung = (): boolean => medium.hung.has(name);
        const leave = (): void => medium.leave(name);
        return { ...sound, ...defect(sound, { index, nodes: names.length, isHung, leave }) };
      }),
      hang: ({ nodeName }) => void medium.hung.add(nodeName),
      cut: async ({ nodeName }) => {
        hub.disconnect(nodeName);
        return () => hub.reconnect(nodeName);
      },
      end: () => {},
    };
  };
}
