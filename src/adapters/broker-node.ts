/**
 * A node on a broker, whichever it is: names, subscriptions, status, and waiting that ends. The adapters for brokers
 * have this in common; what they say to their broker is behind {@link Broker}.
 *
 * Promises that what is sent while there is no connection is rejected, that an outage is reported once, and that
 * ending a subscription, closing and asking who listens take bounded time, also where the broker does not answer.
 */
import { TrackerError } from "../errors.js";
import { AdapterEvents } from "../pubsub/adapter-events.js";
import { BrokerSubscriptions } from "../pubsub/broker-subscriptions.js";
import { checkedNodeName } from "../pubsub/node-name.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { unavailable } from "../pubsub/unavailable.js";
import { nodeRuntime } from "../runtime.js";

/** What is subscribed for one channel: what is broadcast on it, and what is sent to this node. */
export interface ChannelNames {
  readonly all: string;
  readonly inbox: string;
}

/** A broker, through the client of the application. Names are the broker's own. */
export interface Broker {
  /** What all names of the application begin with. */
  readonly prefix: string;
  readonly maxPayloadBytes: number | undefined;
  broadcastName(channel: string): string;
  inboxName(node: string, channel: string): string;
  publish(name: string, payload: string): unknown;
  /** Resolves when both are in force; after a lost connection the broker opens them again by itself. */
  open(names: ChannelNames): Promise<void>;
  /** Called only for what was opened. */
  close(names: ChannelNames): Promise<void>;
  /** Which of these inboxes are subscribed to at the broker, by any client. */
  listening?(inboxes: readonly string[]): Promise<ReadonlySet<string>>;
  /** Gives up the connection for a new one; does nothing where one is being made. */
  reconnect?(): void | Promise<void>;
  /** Lets go of the client. */
  forget(): void | Promise<void>;
}

/** What a broker tells its node. */
export interface BrokerWatcher {
  /** There is a connection, and what is to be open is. */
  connected(): void;
  disconnected(): void;
  /** There will be no connection any more. */
  lost(error: TrackerError): void;
  /** May be told as often as the client tells it. */
  failed(error: unknown): void;
  received(name: string, payload: string): void;
  /** What is to be open. */
  openNames(): readonly ChannelNames[];
}

/** A broker that answers at all does so in a fraction of this; one that does not has nothing to say for it. */
const answerTimeoutMs = 1_000;

export class BrokerNode<B extends Broker> implements PubSub {
  readonly nodeName: string;
  readonly echoes = true;
  readonly #broker: B;
  readonly #events = new AdapterEvents("disconnected");
  readonly #subscriptions: BrokerSubscriptions;
  readonly onStatus = this.#events.onStatus;
  readonly onError = this.#events.onError;
  /** Absent where the broker cannot tell, or cannot be asked to. */
  readonly listening?: (channel: string, nodes: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly reconnect?: () => Promise<void>;
  readonly #open = new Map<string, ChannelNames>();
  /** Which channel a name stands for. */
  readonly #channelOf = new Map<string, string>();
  /** Told when the connection is lost, and with it what was asked. */
  readonly #awaitingLoss = new Set<() => void>();
  #closed = false;

  /**
   * @throws TrackerError `INVALID_OPTION` for a `nodeName` that is empty or longer than 128 bytes, and what
   *   `makeBroker` throws.
   */
  constructor(nodeName: string | undefined, makeBroker: (watcher: BrokerWatcher, nodeName: string) => B) {
    this.nodeName = checkedNodeName(nodeName);
    this.#subscriptions = new BrokerSubscriptions(
      { open: (channel) => this.#openChannel(channel), close: (channel) => this.#closeChannel(channel) },
      this.#events.reportError,
    );
    const broker = (this.#broker = makeBroker(this.#watcher, this.nodeName));
    if (broker.listening !== undefined) this.listening = (channel, nodes) => this.#listening(channel, nodes);
    if (broker.reconnect !== undefined) this.reconnect = () => this.#reconnect();
  }

  get prefix(): string {
    return this.#broker.prefix;
  }

  get maxPayloadBytes(): B["maxPayloadBytes"] {
    return this.#broker.maxPayloadBytes;
  }

  async broadcast(channel: string, payload: string): Promise<void> {
    await this.#publish(this.#broker.broadcastName(channel), payload);
  }

  async send(node: string, channel: string, payload: string): Promise<void> {
    await this.#publish(this.#broker.inboxName(node, channel), payload);
  }

  async subscribe(channel: string, receive: (payload: string) => void): Promise<Unsubscribe> {
    this.#refuseIfClosed();
    return this.#subscriptions.add(channel, receive);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#subscriptions.close();
    await this.#broker.forget();
    this.#events.clear();
  }

  readonly #watcher: BrokerWatcher = {
    connected: () => {
      if (this.#closed) return;
      this.#events.clearStandingError();
      this.#events.setStatus("connected");
    },
    disconnected: () => this.#disconnected(),
    lost: (error) => {
      this.#disconnected();
      this.#events.setStandingError(error);
    },
    failed: (error) => this.#failed(error),
    received: (name, payload) => {
      const channel = this.#channelOf.get(name);
      if (channel !== undefined) this.#subscriptions.deliver(channel, payload);
    },
    openNames: () => [...this.#open.values()],
  };

  #disconnected(): void {
    this.#events.setStatus("disconnected");
    for (const giveUp of [...this.#awaitingLoss]) giveUp();
  }

  /** Clients report every attempt to reconnect: one report per outage tells as much, to later listeners too. */
  #failed(error: unknown): void {
    if (this.#events.status === "connected") this.#events.reportError(error);
    else if (this.#events.standingError === undefined) this.#events.setStandingError(error);
  }

  async #publish(name: string, payload: string): Promise<void> {
    this.#refuseIfUnavailable();
    const { maxPayloadBytes } = this.#broker;
    const bytes = maxPayloadBytes === undefined ? 0 : Buffer.byteLength(payload);
    if (maxPayloadBytes !== undefined && bytes > maxPayloadBytes) {
      throw new TrackerError(
        "PUBLISH_FAILED",
        `A payload of ${bytes} bytes is above the broker's limit of ${maxPayloadBytes}`,
        { bytes, maxPayloadBytes },
      );
    }
    await this.#broker.publish(name, payload);
  }

  /** What is to be open is known before it is, so that a connection that comes meanwhile opens it by itself. */
  async #openChannel(channel: string): Promise<void> {
    const all = this.#broker.broadcastName(channel);
    const names = { all, inbox: this.#broker.inboxName(this.nodeName, channel) };
    this.#remember(channel, names);
    try {
      await this.#broker.open(names);
    } catch (error) {
      this.#forget(channel, names);
      throw error;
    }
  }

  async #closeChannel(channel: string): Promise<void> {
    const names = this.#open.get(channel);
    if (names === undefined) return;
    this.#forget(channel, names);
    const closing = this.#broker.close(names);
    // Without a connection a client may keep a command for later, or refuse it; nothing is open then.
    if (this.#events.status === "connected") {
      await this.#answered("the end of a subscription", closing, () => undefined);
    } else closing.catch(() => undefined);
  }

  #remember(channel: string, names: ChannelNames): void {
    this.#open.set(channel, names);
    this.#channelOf.set(names.all, channel).set(names.inbox, channel);
  }

  #forget(channel: string, { all, inbox }: ChannelNames): void {
    this.#open.delete(channel);
    this.#channelOf.delete(all);
    this.#channelOf.delete(inbox);
  }

  async #listening(channel: string, nodes: readonly string[]): Promise<ReadonlySet<string>> {
    this.#refuseIfUnavailable();
    const nodeOf = new Map(nodes.map((node) => [this.#broker.inboxName(node, channel), node]));
    if (nodeOf.size === 0 || this.#broker.listening === undefined) return new Set();
    const asking = this.#broker.listening([...nodeOf.keys()]);
    const inboxes = await this.#answered("who is listening", asking, () => {
      throw this.#unavailable("disconnected");
    });
    return new Set([...nodeOf].filter(([inbox]) => inboxes.has(inbox)).map(([, node]) => node));
  }

  async #reconnect(): Promise<void> {
    this.#refuseIfClosed();
    await this.#broker.reconnect?.();
  }

  /** What the broker answers, or what `lost` comes to if the connection is lost; rejects after the timeout. */
  async #answered<T>(what: string, answer: Promise<T>, lost: () => T): Promise<T> {
    let settle: () => void = () => {};
    const end = new Promise<"lost" | "late">((resolve) => {
      const giveUp = (): void => resolve("lost");
      const tooLate = (): void => resolve("late");
      const cancel = nodeRuntime.schedule(answerTimeoutMs, tooLate, { keepsAlive: true });
      this.#awaitingLoss.add(giveUp);
      settle = () => {
        cancel();
        this.#awaitingLoss.delete(giveUp);
      };
    });
    try {
      const outcome = await Promise.race([answer.then((value) => ({ value })), end]);
      if (outcome === "lost") return lost();
      if (outcome !== "late") return outcome.value;
    } finally {
      settle();
    }
    const text = `The broker has not answered within ${answerTimeoutMs} ms: ${what}`;
    throw new TrackerError("PUBSUB_UNAVAILABLE", text, { nodeName: this.nodeName });
  }

  #refuseIfUnavailable(): void {
    this.#refuseIfClosed();
    if (this.#events.status === "disconnected") throw this.#unavailable("disconnected");
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw this.#unavailable("closed");
  }

  #unavailable(state: "disconnected" | "closed"): TrackerError {
    return unavailable(this.nodeName, state, this.#events.standingError);
  }
}
