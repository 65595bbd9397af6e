/**
 * A pubsub over Socket.IO's own cluster, whatever adapter carries that: Redis, Redis Streams, Postgres, MongoDB,
 * `node:cluster`, PM2. No connection and no channel of its own:
 *
 * ```ts
 * const io = new Server({ adapter: createAdapter(publisher, subscriber) });
 * const pubsub = socketIoPubSub(io);
 * ```
 *
 * It speaks by `serverSideEmit`, which reaches all servers but the own. What a node says to itself therefore never
 * leaves its process, and it does not claim to hear itself (`echoes`). What is sent to one node reaches all servers, and
 * all but that one drop it.
 *
 * Where the adapter shows its Redis clients, as `@socket.io/redis-adapter` does, there is a status: while either is not
 * ready it is `disconnected`, and what is sent is rejected. Of the others nobody can tell: they count as connected.
 */
import { looked } from "../checks.js";
import { TrackerError } from "../errors.js";
import { readOptions } from "../known-names.js";
import { AdapterEvents } from "../pubsub/adapter-events.js";
import { checkedNodeName } from "../pubsub/node-name.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { Receivers } from "../pubsub/receivers.js";
import { unavailable } from "../pubsub/unavailable.js";
import { adapterClients, type AdapterClients } from "./socket-io-clients.js";

/** What is used of a `Server` or a `Namespace` of `socket.io` 4.4 or later. */
export interface SocketIoServer {
  serverSideEmit(event: string, ...values: never[]): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- typed events of the application are of any kind
  on(event: any, listener: (...values: any[]) => void): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  off(event: any, listener: (...values: any[]) => void): unknown;
}

export interface SocketIoPubSubOptions {
  /** Default: host, process id and a random part. */
  readonly nodeName?: string | undefined;
}

export interface SocketIoPubSub extends PubSub {
  /** Ends all subscriptions and forgets the server, which stays open. Closing twice does nothing. */
  close(): void;
}

/** What goes between servers. The property `rollcall` holds the version; without `to` it is for all. */
interface Message {
  readonly rollcall: 1;
  readonly to?: string;
  readonly channel: string;
  readonly payload: string;
}

const EVENT = "rollcall";

/**
 * A node that speaks over a server of Socket.IO, or over one of its namespaces: all nodes that are to meet take the same
 * one. The event `rollcall` between servers is used for nothing else. The server's adapter may be set later; until it is
 * one of a cluster, nobody outside of this process is reached, which is reported as `NO_RELAY`.
 *
 * @throws TrackerError `INVALID_OPTION` for what is neither a server nor a namespace of Socket.IO, another option, and a `nodeName` that
 *   is empty or longer than 128 bytes.
 */
export function socketIoPubSub(io: SocketIoServer, options: SocketIoPubSubOptions = {}): SocketIoPubSub {
  const nodeName = checkedNodeName(readOptions(options, { nodeName: true }).nodeName);
  return new SocketIoNode(nodeName, ServerLink.of(looked("INVALID_OPTION", "io", () => namespaceOf(io))));
}

/** What is used of a namespace. */
interface Namespace {
  serverSideEmit(event: string, message: Message): unknown;
  on(event: string, listener: (message: unknown) => void): unknown;
  off(event: string, listener: (message: unknown) => void): unknown;
  readonly adapter?: unknown;
}

/** A server speaks for its main namespace. */
function namespaceOf(io: unknown): Namespace {
  const { sockets } = Object(io) as { readonly sockets?: unknown };
  for (const each of [sockets, io]) {
    const { serverSideEmit, on, off } = Object(each) as Partial<Namespace>;
    if ([serverSideEmit, on, off].every((method) => typeof method === "function")) return each as Namespace;
  }
  throw new TrackerError("INVALID_OPTION", "Expected io to be a server of socket.io (4.4 or later)", {
    option: "io",
  });
}

/** A namespace with all nodes of this process that speak over it: they do not hear each other by it. */
class ServerLink {
  static readonly #links = new WeakMap<object, ServerLink>();
  readonly #namespace: Namespace;
  readonly #nodes = new Set<SocketIoNode>();
  /** The clients of the adapter that was there last: the application may give the server another one. */
  #clients: AdapterClients | undefined;
  #adapter: unknown;

  static of(namespace: Namespace): ServerLink {
    const link = this.#links.get(namespace) ?? new ServerLink(namespace);
    this.#links.set(namespace, link);
    return link;
  }

  private constructor(namespace: Namespace) {
    this.#namespace = namespace;
  }

  /** Whether it can be known that there is no connection. */
  get hasStatus(): boolean {
    return this.#watched() !== undefined;
  }

  get ready(): boolean {
    return this.#watched()?.ready ?? true;
  }

  add(node: SocketIoNode): void {
    if (this.#nodes.size === 0) this.#namespace.on(EVENT, this.#received);
    this.#nodes.add(node);
    this.#watched();
  }

  remove(node: SocketIoNode): void {
    if (!this.#nodes.delete(node) || this.#nodes.size > 0) return;
    this.#namespace.off(EVENT, this.#received);
    this.#clients?.forget();
    this.#adapter = this.#clients = undefined;
  }

  /** To the other servers, and in a microtask to the nodes of this one, as no pubsub delivers synchronously. */
  send(message: Message): Promise<void> | undefined {
    queueMicrotask(() => this.#deliver(message));
    if (this.#isAlone()) {
      const text =
        "This server of Socket.IO has no cluster adapter: nobody outside of this process is reached";
      for (const node of this.#nodes) node.reportOnce(new TrackerError("NO_RELAY", text));
      return undefined;
    }
    const emit = (): void => void this.#namespace.serverSideEmit(EVENT, message);
    const clients = this.#watched();
    return clients === undefined ? void emit() : clients.publishing(emit);
  }

  /** Socket.IO's own adapter for one process takes everything, and complains in the console each time. */
  #isAlone(): boolean {
    for (let each: unknown = this.#namespace.adapter; each; each = Object.getPrototypeOf(each)) {
      if (Object.hasOwn(each, "serverSideEmit")) return each.constructor.name === "Adapter";
    }
    return false;
  }

  #watched(): AdapterClients | undefined {
    const { adapter } = this.#namespace;
    if (adapter === this.#adapter) return this.#clients;
    this.#clients?.forget();
    this.#adapter = adapter;
    this.#clients = adapterClients(adapter, {
      changed: (ready) => this.#nodes.forEach((node) => node.connectionChanged(ready)),
      failed: (error) => this.#nodes.forEach((node) => node.failed(error)),
    });
    return this.#clients;
  }

  readonly #received = (data: unknown): void => {
    const message = messageOf(data);
    if (message !== undefined) return this.#deliver(message);
    const text = "Something between the servers of Socket.IO was sent by no rollcall node of this version";
    for (const node of this.#nodes) node.failed(new TrackerError("INVALID_FRAME", text, { event: EVENT }));
  };

  #deliver({ to, channel, payload }: Message): void {
    for (const node of this.#nodes) {
      if (to === undefined || to === node.nodeName) node.receivers.deliver(channel, payload);
    }
  }
}

class SocketIoNode implements SocketIoPubSub {
  readonly nodeName: string;
  readonly #link: ServerLink;
  readonly #events: AdapterEvents;
  readonly receivers: Receivers;
  /** Absent where the adapter does not show its clients. */
  readonly onStatus?: AdapterEvents["onStatus"];
  readonly onError: AdapterEvents["onError"];
  #closed = false;
  #isReported = false;

  constructor(nodeName: string, link: ServerLink) {
    this.nodeName = nodeName;
    this.#link = link;
    this.#events = new AdapterEvents(link.ready ? "connected" : "disconnected");
    this.receivers = new Receivers(this.#events.reportError);
    if (link.hasStatus) this.onStatus = this.#events.onStatus;
    this.onError = this.#events.onError;
    link.add(this);
  }

  async broadcast(channel: string, payload: string): Promise<void> {
    await this.#send({ rollcall: 1, channel, payload });
  }

  async send(node: string, channel: string, payload: string): Promise<void> {
    await this.#send({ rollcall: 1, to: node, channel, payload });
  }

  subscribe(channel: string, receive: (payload: string) => void): Unsubscribe {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    return this.receivers.add(channel, receive);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#link.remove(this);
    this.receivers.clear();
    this.#events.clear();
  }

  connectionChanged(ready: boolean): void {
    if (ready) this.#events.clearStandingError();
    this.#events.setStatus(ready ? "connected" : "disconnected");
  }

  /** Clients report every attempt to reconnect: one report per outage tells as much. */
  failed(error: unknown): void {
    if (this.#events.status === "connected") this.#events.reportError(error);
    else if (this.#events.standingError === undefined) this.#events.setStandingError(error);
  }

  reportOnce(error: TrackerError): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.#events.setStandingError(error);
  }

  #send(message: Message): Promise<void> | undefined {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    if (this.#events.status === "disconnected") {
      throw unavailable(this.nodeName, "disconnected", this.#events.standingError);
    }
    return this.#link.send(message);
  }
}

type Fields = Readonly<Partial<Record<"rollcall" | "to" | "channel" | "payload", unknown>>>;

/** The message, or `undefined` if no rollcall node of this version sends such. */
function messageOf(data: unknown): Message | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { rollcall, to, channel, payload }: Fields = data;
  if (rollcall !== 1 || typeof channel !== "string" || typeof payload !== "string") return undefined;
  if (to === undefined) return { rollcall, channel, payload };
  return typeof to === "string" ? { rollcall, to, channel, payload } : undefined;
}
