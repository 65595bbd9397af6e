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
import { looked } from "../checks.js";
import { TrackerError } from "../errors.js";
import { readOptions } from "../known-names.js";
import { checkedPrefix } from "../pubsub/broker-names.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { randomText } from "../runtime.js";
import { BrokerNode, type Broker, type BrokerWatcher, type ChannelNames } from "./broker-node.js";

/** What is used of a connection of `@nats-io/nats-core` 3. */
export interface NatsConnection {
  readonly info?: { readonly max_payload: number };
  publish(subject: string, payload: string, options?: { reply?: string }): void;
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: NatsMessage) => void },
  ): NatsSubscription;
  /** Resolves when the server has done everything that was asked of it before. */
  flush(): Promise<void>;
  isClosed(): boolean;
  status(): AsyncIterable<{ readonly type: string }>;
  reconnect?(): Promise<void>;
}

/** What is used of a message. */
export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply?: string;
  readonly headers?: { readonly code: number };
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

const optionNames: Readonly<Record<keyof NatsPubSubOptions, true>> = {
  connection: true,
  nodeName: true,
  prefix: true,
};

/** The client's own takes a byte order mark away. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The server's limit when it has not told it: what it is by default. */
const defaultMaxPayloadBytes = 1024 * 1024;

/**
 * @throws TrackerError `INVALID_OPTION` for a connection of another library or one that was opened with `noEcho`, another
 *   option, a `nodeName` that is empty or longer than 128 bytes, or a `prefix` that is not 1 to 32 letters, digits, `_` or `-`.
 */
export function natsPubSub(options: NatsPubSubOptions): NatsPubSub {
  const { connection, nodeName, prefix } = readOptions(options, optionNames);
  looked("INVALID_OPTION", "connection", () => checkConnection(connection));
  const checked = checkedPrefix(prefix);
  return new BrokerNode(nodeName, (watcher, name) => new Nats(checked, connection, watcher, name));
}

function checkConnection(connection: NatsConnection): void {
  if (typeof connection?.publish !== "function" || typeof connection.flush !== "function") {
    throw new TrackerError("INVALID_OPTION", "Expected connection to be one of @nats-io/transport-node 3", {
      option: "connection",
    });
  }
  if (!("options" in connection)) return;
  const { options } = connection;
  if (typeof options !== "object" || options === null || !("noEcho" in options) || options.noEcho !== true)
    return;
  throw new TrackerError(
    "INVALID_OPTION",
    "Expected connection to be opened without noEcho: a node has to hear itself",
    { option: "connection" },
  );
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

/** The status of the message by which the server says that nobody is subscribed to a subject. */
const noResponders = 503;

class Nats implements Broker {
  readonly prefix: string;
  readonly #nodeName: string;
  readonly #connection: NatsConnection;
  readonly #watcher: BrokerWatcher;
  readonly #subscribed = new Map<string, NatsSubscription>();
  readonly #statuses: AsyncIterable<{ readonly type: string; readonly error?: unknown }>;
  readonly reconnect?: () => Promise<void>;
  #maxPayloadBytes = defaultMaxPayloadBytes;
  /** Counts the changes of the connection, so that a late answer can be told from a current one. */
  #changes = 0;
  #forgotten = false;

  constructor(prefix: string, connection: NatsConnection, watcher: BrokerWatcher, nodeName: string) {
    this.prefix = prefix;
    this.#nodeName = nodeName;
    this.#connection = connection;
    this.#watcher = watcher;
    if (connection.reconnect !== undefined) this.reconnect = async () => connection.reconnect?.();
    if (!connection.isClosed()) watcher.connected();
    this.#statuses = connection.status();
    void this.#followStatus();
  }

  get maxPayloadBytes(): number {
    return (this.#maxPayloadBytes = this.#connection.info?.max_payload ?? this.#maxPayloadBytes);
  }

  broadcastName(channel: string): string {
    return `${this.prefix}.all.${token(channel)}`;
  }

  inboxName(node: string, channel: string): string {
    return `${this.prefix}.to.${token(node)}.${token(channel)}`;
  }

  publish(subject: string, payload: string): void {
    this.#connection.publish(subject, payload);
  }

  /** The server says that it refuses a subscription before it answers the flush. */
  async open({ all, inbox }: ChannelNames): Promise<void> {
    let refusal: Error | undefined;
    let opened = false;
    for (const subject of [all, inbox]) {
      const subscription = this.#connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) this.#received(subject, message);
          else if (opened) this.#watcher.failed(error);
          else refusal ??= error;
        },
      });
      this.#subscribed.set(subject, subscription);
    }
    try {
      await this.#connection.flush();
      opened = true;
      if (refusal === undefined) return;
    } catch (error) {
      await this.close({ all, inbox });
      throw error;
    }
    await this.close({ all, inbox });
    throw new TrackerError(
      "PUBSUB_UNAVAILABLE",
      `The NATS server refused a subscription: ${refusal.message}`,
      { subjects: [all, inbox] },
      { cause: refusal },
    );
  }

  async close({ all, inbox }: ChannelNames): Promise<void> {
    for (const subject of [all, inbox]) {
      this.#subscribed.get(subject)?.unsubscribe();
      this.#subscribed.delete(subject);
    }
  }

  /**
   * Asks each inbox for an answer, and the server itself says which subjects have nobody to answer, before it answers
   * the flush. So nobody has to answer, and a node that stands still is still listening. That the server does say so
   * is proved by a subject that nobody has subscribed to.
   */
  async listening(inboxes: readonly string[]): Promise<ReadonlySet<string>> {
    const answers = `${this.prefix}.ask.${token(this.#nodeName)}.${randomText(12)}`;
    const absent = new Set<string>();
    const nobody = `${this.prefix}.nobody.${randomText(12)}`;
    const asked = [...inboxes, nobody];
    const subscription = this.#connection.subscribe(`${answers}.*`, {
      callback: (error, message) => {
        if (error !== null || message.headers?.code !== noResponders) return;
        const subject = asked[Number(message.subject.slice(answers.length + 1))];
        if (subject !== undefined) absent.add(subject);
      },
    });
    try {
      for (const [index, subject] of asked.entries()) {
        this.#connection.publish(subject, "", { reply: `${answers}.${index}` });
      }
      await this.#connection.flush();
    } finally {
      subscription.unsubscribe();
    }
    if (!absent.has(nobody)) {
      throw new TrackerError("PUBSUB_UNAVAILABLE", "The NATS server does not say who is listening", {});
    }
    return new Set(inboxes.filter((inbox) => !absent.has(inbox)));
  }

  forget(): void {
    this.#forgotten = true;
    // An async generator that waits for its next value cannot be returned from; the client's can be stopped.
    if (hasStop(this.#statuses)) this.#statuses.stop();
  }

  /** What asks for an answer only asks who is listening; no payload does. */
  #received(subject: string, { reply, data }: NatsMessage): void {
    if (reply === undefined || reply === "") this.#watcher.received(subject, decoder.decode(data));
  }

  async #followStatus(): Promise<void> {
    try {
      for await (const status of this.#statuses) {
        if (this.#forgotten) return;
        if (status.type === "disconnect" || status.type === "close") this.#lost();
        else if (status.type === "reconnect") void this.#returned();
        else if (status.type === "error") this.#watcher.failed(status.error);
      }
    } catch (error) {
      this.#watcher.failed(error);
    }
    // The client ends its statuses when the connection is closed for good.
    if (!this.#forgotten) this.#gaveUp();
  }

  #lost(): void {
    this.#changes++;
    this.#watcher.disconnected();
  }

  /** Says `connected` only when the server has taken the subscriptions, which the client has sent again. */
  async #returned(): Promise<void> {
    const change = ++this.#changes;
    try {
      await this.#connection.flush();
    } catch (error) {
      // A connection that was lost again meanwhile has told so itself.
      if (change === this.#changes) this.#watcher.failed(error);
      return;
    }
    if (change === this.#changes && !this.#forgotten) this.#watcher.connected();
  }

  #gaveUp(): void {
    this.#changes++;
    this.#watcher.lost(
      new TrackerError(
        "PUBSUB_UNAVAILABLE",
        "The NATS connection is closed for good; pass maxReconnectAttempts: -1 to connect() if it gave up",
        { nodeName: this.#nodeName },
      ),
    );
  }
}

function hasStop(value: object): value is { stop(): void } {
  return "stop" in value && typeof value.stop === "function";
}
