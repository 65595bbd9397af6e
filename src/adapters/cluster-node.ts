/**
 * A node that speaks through a relay in the primary. Knows the relay only as a link, so that it is the same in
 * a worker, a forked child and the primary itself.
 */
import { TrackerError } from "../errors.js";
import { AdapterEvents } from "../pubsub/adapter-events.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { Receivers } from "../pubsub/receivers.js";
import { unavailable } from "../pubsub/unavailable.js";
import { nodeRuntime, randomText } from "../runtime.js";
import type { NodeMessage, RelayMessage } from "./cluster-wire.js";

/** A node of a cluster of processes. */
export interface ClusterPubSub extends PubSub {
  /** Ends this node, and tells the others so. Closing twice does nothing. */
  close(): void;
}

/** A process's way to the relay. */
export interface RelayLink {
  /** Why no relay can be reached, if that is certain. */
  readonly hopeless: string | undefined;
  /** Rejects if the message did not leave. */
  send(message: NodeMessage): Promise<void>;
  /** Hears what comes for this process. */
  listen(listener: RelayLinkListener): () => void;
}

export interface RelayLinkListener {
  received(message: RelayMessage): void;
  /** Something came that no relay sends. */
  failed(error: unknown): void;
  primaryGone(): void;
}

export class ClusterNode implements ClusterPubSub {
  readonly nodeName: string;
  readonly echoes = true;
  readonly #id = randomText(12);
  readonly #events = new AdapterEvents("disconnected");
  readonly #receivers = new Receivers(this.#events.reportError);
  readonly onStatus = this.#events.onStatus;
  readonly onNodeGone = this.#events.onNodeGone;
  readonly onError = this.#events.onError;
  readonly #link: RelayLink;
  readonly #stopListening: () => void;
  readonly #cancelTimeout: () => void;
  /** Resolves when the relay has answered for the first time, or when there is none to wait for. */
  readonly #settled: Promise<void>;
  #settle: () => void = () => {};
  #closed = false;

  constructor(nodeName: string, link: RelayLink, relayTimeoutMs: number) {
    this.nodeName = nodeName;
    this.#link = link;
    this.#settled = new Promise((resolve) => (this.#settle = resolve));
    this.#stopListening = link.listen({
      received: (message) => this.#receive(message),
      failed: this.#events.reportError,
      primaryGone: () => this.#hasNoRelay("The primary has gone"),
    });
    this.#cancelTimeout = nodeRuntime.schedule(relayTimeoutMs, () => {
      this.#hasNoRelay(`No relay answered within ${relayTimeoutMs} ms: call setupPrimary() in the primary`);
    });
    if (link.hopeless === undefined) this.#sayHello();
    else this.#hasNoRelay(link.hopeless);
  }

  async broadcast(channel: string, payload: string): Promise<void> {
    await this.#relayed();
    return this.#link.send({ type: "frame", id: this.#id, channel, payload });
  }

  async send(node: string, channel: string, payload: string): Promise<void> {
    await this.#relayed();
    return this.#link.send({ type: "frame", id: this.#id, to: node, channel, payload });
  }

  async subscribe(channel: string, receive: (payload: string) => void): Promise<Unsubscribe> {
    this.#refuseIfClosed();
    const remove = this.#receivers.add(channel, receive);
    await this.#settled;
    return remove;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#events.status === "connected") {
      // If the goodbye does not leave, the process is ending, which says the same.
      this.#link.send({ type: "bye", id: this.#id }).catch(() => undefined);
    }
    this.#stopListening();
    this.#cancelTimeout();
    this.#settle();
    this.#receivers.clear();
    this.#events.clear();
  }

  #receive(message: RelayMessage): void {
    if (message.type === "relay") return this.#sayHello();
    if (message.type === "relayGone") return this.#hasNoRelay("The relay in the primary was closed");
    if (message.id !== this.#id) return;
    switch (message.type) {
      case "welcome":
        return this.#hasRelay();
      case "frame":
        return this.#receivers.deliver(message.channel, message.payload);
      case "nodeGone":
        return this.#events.reportNodeGone(message.node);
      default:
        message satisfies never;
    }
  }

  #sayHello(): void {
    this.#link.send({ type: "hello", id: this.#id, node: this.nodeName }).catch(this.#events.reportError);
  }

  #hasRelay(): void {
    this.#cancelTimeout();
    this.#settle();
    this.#events.clearStandingError();
    this.#events.setStatus("connected");
  }

  #hasNoRelay(why: string): void {
    this.#cancelTimeout();
    this.#settle();
    this.#events.setStatus("disconnected");
    this.#events.setStandingError(new TrackerError("NO_RELAY", why, { nodeName: this.nodeName }));
  }

  async #relayed(): Promise<void> {
    this.#refuseIfClosed();
    await this.#settled;
    this.#refuseIfClosed();
    if (this.#events.status === "connected") return;
    throw new TrackerError("NO_RELAY", `The node ${this.nodeName} is not connected to a relay`, {
      nodeName: this.nodeName,
    });
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
  }
}
