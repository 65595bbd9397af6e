/**
 * A pubsub inside one process: for an application that has one node, and for tests that want many.
 *
 * Promises to deliver everything, once, in the order in which it was sent, in a microtask after the send:
 * never synchronously, and without timers, so that tests on virtual time need no real time.
 */
import { readOptions } from "../known-names.js";
import { AdapterEvents } from "../pubsub/adapter-events.js";
import { checkedNodeName } from "../pubsub/node-name.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { Receivers } from "../pubsub/receivers.js";
import { unavailable } from "../pubsub/unavailable.js";

/** A node on a {@link MemoryHub}. */
export interface MemoryPubSub extends PubSub {
  /** Leaves the hub and tells the others that the node is gone. Closing twice does nothing. */
  close(): void;
}

/**
 * The pubsub of an application that runs as a single process: there is nobody to reach but the node itself.
 *
 * @param options.nodeName Default: host, process id and a random part.
 * @throws TrackerError `INVALID_OPTION` for another option, and a `nodeName` that is empty or longer than 128 bytes.
 */
export function memoryPubSub(options: { readonly nodeName?: string | undefined } = {}): MemoryPubSub {
  return new MemoryHub().node(readOptions(options, { nodeName: true }).nodeName);
}

/** Connects any number of nodes of one process, and can take them apart again. */
export class MemoryHub {
  readonly #nodes = new Set<MemoryNode>();
  #queue: Delivery[] = [];

  /**
   * A new node. Several may have one name, as after a restart; a direct send reaches them all.
   *
   * @throws TrackerError `INVALID_OPTION` for a name that is empty or longer than 128 bytes.
   */
  node(name?: string): MemoryPubSub {
    const node = new MemoryNode(checkedNodeName(name), this.#port);
    this.#nodes.add(node);
    return node;
  }

  /**
   * Cuts off the nodes of that name: they report `disconnected`, what they send is refused, and what is sent
   * to them, or is on its way, is lost.
   */
  disconnect(name: string): void {
    this.#queue = this.#queue.filter(({ target }) => target.nodeName !== name);
    for (const node of this.#nodes) if (node.nodeName === name) node.events.setStatus("disconnected");
  }

  /** Undoes {@link disconnect}. */
  reconnect(name: string): void {
    for (const node of this.#nodes) if (node.nodeName === name) node.events.setStatus("connected");
  }

  readonly #port: HubPort = {
    send: (to, channel, payload) => {
      if (this.#queue.length === 0) queueMicrotask(() => this.#deliver());
      for (const target of this.#nodes) {
        if (target.events.status === "disconnected") continue;
        if (to === undefined || target.nodeName === to) this.#queue.push({ target, channel, payload });
      }
    },
    leave: (leaver) => {
      this.#nodes.delete(leaver);
      if (leaver.events.status === "disconnected") return;
      for (const node of this.#nodes) if (node.nodeName === leaver.nodeName) return;
      queueMicrotask(() => {
        for (const node of this.#nodes) {
          if (node.events.status === "connected") node.events.reportNodeGone(leaver.nodeName);
        }
      });
    },
  };

  /** Delivers what was queued until now; what a receiver sends in answer waits for its own microtask. */
  #deliver(): void {
    const deliveries = this.#queue;
    this.#queue = [];
    for (const { target, channel, payload } of deliveries) {
      if (target.events.status === "connected") target.receivers.deliver(channel, payload);
    }
  }
}

interface Delivery {
  readonly target: MemoryNode;
  readonly channel: string;
  readonly payload: string;
}

/** What a node may ask of its hub. */
interface HubPort {
  send(to: string | undefined, channel: string, payload: string): void;
  leave(leaver: MemoryNode): void;
}

class MemoryNode implements MemoryPubSub {
  readonly nodeName: string;
  readonly echoes = true;
  readonly events = new AdapterEvents("connected");
  readonly receivers = new Receivers(this.events.reportError);
  readonly onStatus = this.events.onStatus;
  readonly onNodeGone = this.events.onNodeGone;
  readonly onError = this.events.onError;
  readonly #hub: HubPort;
  #closed = false;

  constructor(nodeName: string, hub: HubPort) {
    this.nodeName = nodeName;
    this.#hub = hub;
  }

  broadcast(channel: string, payload: string): void {
    this.#refuseIfCutOff();
    this.#hub.send(undefined, channel, payload);
  }

  send(node: string, channel: string, payload: string): void {
    this.#refuseIfCutOff();
    this.#hub.send(node, channel, payload);
  }

  subscribe(channel: string, receive: (payload: string) => void): Unsubscribe {
    this.#refuseIfClosed();
    return this.receivers.add(channel, receive);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#hub.leave(this);
    this.receivers.clear();
    this.events.clear();
  }

  #refuseIfCutOff(): void {
    this.#refuseIfClosed();
    if (this.events.status === "disconnected") throw unavailable(this.nodeName, "disconnected");
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
  }
}
