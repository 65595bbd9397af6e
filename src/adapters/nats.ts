/**
 * A pubsub over NATS, with the connection that the application has anyway:
 *
 * ```ts
 * const connection = await connect({ servers, maxReconnectAttempts: -1 });   // @nats-io/transport-node 3
 * const pubsub = natsPubSub({ connection });
 * ```
 *
 * Takes the connection by its shape and imports no client. It reconnects by itself, but by default gives up after
 * ten attempts and is closed then: pass `maxReconnectAttempts: -1`. While it is disconnected what is sent is
 * rejected, not kept for later: the next heartbeat says more than a queue of old ones.
 */
import { TrackerError } from "../errors.js";
import { AdapterEvents } from "../pubsub/adapter-events.js";
import { checkedPrefix } from "../pubsub/broker-names.js";
import { BrokerSubscriptions } from "../pubsub/broker-subscriptions.js";
import { checkedNodeName } from "../pubsub/node-name.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { unavailable } from "../pubsub/unavailable.js";

/** What is used of a connection of `@nats-io/nats-core` 3. */
export interface NatsConnection {
  readonly info?: { readonly max_payload: number };
  publish(subject: string, payload: string): void;
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: { readonly data: Uint8Array }) => void },
  ): NatsSubscription;
  /** Resolves when the server has done everything that was asked of it before. */
  flush(): Promise<void>;
  isClosed(): boolean;
  status(): AsyncIterable<{ readonly type: string }>;
}

interface NatsSubscription {
  unsubscribe(): void;
}

export interface NatsPubSubOptions {
  /** It may be in use for anything else. */
  readonly connection: NatsConnection;
  /** Default: host, process id and a random part. */
  readonly nodeName?: string | undefined;
  /**
   * The first token of all subjects. Default `rollcall`; another one for each application or environment that
   * shares the server.
   */
  readonly prefix?: string | undefined;
}

export interface NatsPubSub extends PubSub {
  /** The server's own limit: 1 MiB unless it is configured otherwise. */
  readonly maxPayloadBytes: number;
  /** Ends all subscriptions and forgets the connection, which stays open. Closing twice does nothing. */
  close(): Promise<void>;
}

/** The client's own takes a byte order mark away. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The server's limit when it has not told it: what it is by default. */
const defaultMaxPayloadBytes = 1024 * 1024;

/**
 * @throws TrackerError `INVALID_OPTION` for a connection of another library, a `nodeName` that is empty or longer
 *   than 128 bytes, or a `prefix` that is not 1 to 32 letters, digits, `_` or `-`.
 */
export function natsPubSub(options: NatsPubSubOptions): NatsPubSub {
  return new NatsNode(options);
}

/**
 * A name as one token of a subject: dots, wildcards, spaces and control characters have a meaning there, or none
 * at all.
 */
function token(name: string): string {
  // What encodeURIComponent leaves as it is, but a subject should not contain.
  const escaped = encodeURIComponent(name).replace(
    /[.*!'()~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  // A token must not be empty. No name is escaped to a single percent sign.
  return escaped === "" ? "%" : escaped;
}

class NatsNode implements NatsPubSub {
  readonly nodeName: string;
  readonly #prefix: string;
  readonly #connection: NatsConnection;
  readonly #events: AdapterEvents;
  readonly #subscriptions: BrokerSubscriptions;
  readonly onStatus: AdapterEvents["onStatus"];
  readonly onError: AdapterEvents["onError"];
  readonly #subscribed = new Map<string, readonly NatsSubscription[]>();
  readonly #statuses: AsyncIterable<{ readonly type: string; readonly error?: unknown }>;
  #maxPayloadBytes = defaultMaxPayloadBytes;
  /** Counts the changes of the connection, so that a late answer can be told from a current one. */
  #changes = 0;
  #closed = false;

  constructor({ connection, nodeName, prefix }: NatsPubSubOptions) {
    if (typeof connection?.publish !== "function" || typeof connection.flush !== "function") {
      throw new TrackerError("INVALID_OPTION", "Expected connection to be one of @nats-io/transport-node 3", {
        option: "connection",
      });
    }
    this.nodeName = checkedNodeName(nodeName);
    this.#prefix = checkedPrefix(prefix);
    this.#connection = connection;
    this.#events = new AdapterEvents(connection.isClosed() ? "disconnected" : "connected");
    this.onStatus = this.#events.onStatus;
    this.onError = this.#events.onError;
    this.#subscriptions = new BrokerSubscriptions(
      { open: (channel) => this.#open(channel), close: (channel) => this.#close(channel) },
      this.#events.reportError,
    );
    this.#statuses = connection.status();
    void this.#followStatus();
  }

  get maxPayloadBytes(): number {
    return (this.#maxPayloadBytes = this.#connection.info?.max_payload ?? this.#maxPayloadBytes);
  }

  async broadcast(channel: string, payload: string): Promise<void> {
    this.#publish(this.#broadcastSubject(channel), payload);
  }

  async send(node: string, channel: string, payload: string): Promise<void> {
    this.#publish(this.#inboxSubject(node, channel), payload);
  }

  async subscribe(channel: string, receive: (payload: string) => void): Promise<Unsubscribe> {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    return this.#subscriptions.add(channel, receive);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#subscriptions.close();
    // An async generator that waits for its next value cannot be returned from; the client's can be stopped.
    if (hasStop(this.#statuses)) this.#statuses.stop();
    this.#events.clear();
  }

  #broadcastSubject(channel: string): string {
    return `${this.#prefix}.all.${token(channel)}`;
  }

  #inboxSubject(node: string, channel: string): string {
    return `${this.#prefix}.to.${token(node)}.${token(channel)}`;
  }

  #publish(subject: string, payload: string): void {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    if (this.#events.status === "disconnected") throw unavailable(this.nodeName, "disconnected");
    // The server would end the connection.
    const bytes = Buffer.byteLength(payload);
    if (bytes > this.maxPayloadBytes) {
      throw new TrackerError(
        "PUBLISH_FAILED",
        `A payload of ${bytes} bytes is above the server's limit of ${this.maxPayloadBytes}`,
        { bytes, maxPayloadBytes: this.maxPayloadBytes },
      );
    }
    this.#connection.publish(subject, payload);
  }

  async #open(channel: string): Promise<void> {
    const callback = (error: Error | null, { data }: { readonly data: Uint8Array }): void => {
      if (error === null) this.#subscriptions.deliver(channel, decoder.decode(data));
      else this.#events.reportError(error);
    };
    const subjects = [this.#broadcastSubject(channel), this.#inboxSubject(this.nodeName, channel)];
    this.#subscribed.set(
      channel,
      subjects.map((subject) => this.#connection.subscribe(subject, { callback })),
    );
    try {
      await this.#connection.flush();
    } catch (error) {
      await this.#close(channel);
      throw error;
    }
  }

  async #close(channel: string): Promise<void> {
    const subscriptions = this.#subscribed.get(channel) ?? [];
    this.#subscribed.delete(channel);
    for (const subscription of subscriptions) subscription.unsubscribe();
  }

  async #followStatus(): Promise<void> {
    try {
      for await (const status of this.#statuses) {
        if (this.#closed) return;
        if (status.type === "disconnect" || status.type === "close") this.#lost();
        else if (status.type === "reconnect") void this.#returned();
        else if (status.type === "error") this.#events.reportError(status.error);
      }
    } catch (error) {
      this.#events.reportError(error);
    }
    // The client ends its statuses when the connection is closed for good.
    if (!this.#closed) this.#gaveUp();
  }

  #lost(): void {
    this.#changes++;
    this.#events.setStatus("disconnected");
  }

  /** Says `connected` only when the server has taken the subscriptions, which the client has sent again. */
  async #returned(): Promise<void> {
    const change = ++this.#changes;
    try {
      await this.#connection.flush();
    } catch (error) {
      // A connection that was lost again meanwhile has told so itself.
      if (change === this.#changes) this.#events.reportError(error);
      return;
    }
    if (change === this.#changes && !this.#closed) this.#events.setStatus("connected");
  }

  #gaveUp(): void {
    this.#lost();
    this.#events.setStandingError(
      new TrackerError(
        "PUBSUB_UNAVAILABLE",
        "The NATS connection is closed for good; pass maxReconnectAttempts: -1 to connect() if it gave up",
        { nodeName: this.nodeName },
      ),
    );
  }
}

function hasStop(value: object): value is { stop(): void } {
  return "stop" in value && typeof value.stop === "function";
}
