/**
 * A pubsub over PostgreSQL's LISTEN and NOTIFY, with the client of `pg`:
 *
 * ```ts
 * const pubsub = postgresPubSub({
 *   async connect() {
 *     const client = new Client({ connectionString, keepAlive: true });
 *     await client.connect();
 *     return client;
 *   },
 * });
 * ```
 *
 * Takes the client by its shape and imports none. A client of `pg` does not reconnect: with `connect` the adapter
 * opens a new one whenever the last has ended, and ends only those; with `client` it stays disconnected then.
 *
 * The smallest payloads of all adapters, and every node hears every payload of its channels through one server
 * that writes it down first: right for a few nodes that have PostgreSQL and nothing else. The database must be in
 * UTF-8. Connections through a pooler in transaction mode cannot LISTEN.
 */
import { createHash } from "node:crypto";
import { TrackerError } from "../errors.js";
import { AdapterEvents } from "../pubsub/adapter-events.js";
import { broadcastName, checkedPrefix, inboxName } from "../pubsub/broker-names.js";
import { BrokerSubscriptions } from "../pubsub/broker-subscriptions.js";
import { checkedNodeName } from "../pubsub/node-name.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { unavailable } from "../pubsub/unavailable.js";
import { PostgresConnection, type PostgresClient } from "./postgres-connection.js";

export type { PostgresClient } from "./postgres-connection.js";

interface CommonOptions {
  /** Default: host, process id and a random part. */
  readonly nodeName?: string | undefined;
  /**
   * Comes before all names. Default `rollcall`; another one for each application or environment that shares the
   * database.
   */
  readonly prefix?: string | undefined;
}

export type PostgresPubSubOptions = CommonOptions &
  (
    | {
        /** Opens a connected client that nobody else uses; called again whenever the last one has ended. */
        readonly connect: () => Promise<PostgresClient>;
      }
    | {
        /** A connected client, best one that nobody else uses: what it is doing delays what is heard. */
        readonly client: PostgresClient;
      }
  );

export interface PostgresPubSub extends PubSub {
  /** 7,999: what NOTIFY takes. */
  readonly maxPayloadBytes: number;
  /**
   * Ends all subscriptions, and the client if the adapter has opened it; one that was given stays open. Closing
   * twice does nothing.
   */
  close(): Promise<void>;
}

/** NOTIFY takes less than 8,000 bytes. */
const maxPayloadBytes = 7_999;

/** PostgreSQL cuts a LISTEN to this length and refuses a NOTIFY above it. */
const maxNameBytes = 63;

/**
 * @throws TrackerError `INVALID_OPTION` without `connect` or `client`, for a `nodeName` that is empty or longer
 *   than 128 bytes, or a `prefix` that is not 1 to 32 letters, digits, `_` or `-`.
 */
export function postgresPubSub(options: PostgresPubSubOptions): PostgresPubSub {
  return new PostgresNode(options);
}

/** The name itself where PostgreSQL can take it, or else what stands for it: 160 bits of its SHA-256. */
function identifier(prefix: string, name: string): string {
  if (Buffer.byteLength(name) <= maxNameBytes && !name.includes("\0")) return name;
  return `${prefix}:#${createHash("sha256").update(name).digest("base64url").slice(0, 27)}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

class PostgresNode implements PostgresPubSub {
  readonly nodeName: string;
  readonly maxPayloadBytes = maxPayloadBytes;
  readonly #prefix: string;
  readonly #events: AdapterEvents;
  readonly #subscriptions: BrokerSubscriptions;
  readonly #connection: PostgresConnection;
  readonly onStatus: AdapterEvents["onStatus"];
  readonly onError: AdapterEvents["onError"];
  /** What is listened to at the server, and which channel each name stands for. */
  readonly #channelOf = new Map<string, string>();
  #closed = false;

  constructor(options: PostgresPubSubOptions) {
    this.nodeName = checkedNodeName(options.nodeName);
    this.#prefix = checkedPrefix(options.prefix);
    const connect = connectorOf(options);
    this.#events = new AdapterEvents("client" in options ? "connected" : "disconnected");
    this.onStatus = this.#events.onStatus;
    this.onError = this.#events.onError;
    this.#subscriptions = new BrokerSubscriptions(
      { open: (channel) => this.#open(channel), close: (channel) => this.#close(channel) },
      this.#events.reportError,
    );
    this.#connection = new PostgresConnection(connect, {
      restore: (query) => this.#restore(query),
      connected: () => this.#events.setStatus("connected"),
      disconnected: () => this.#events.setStatus("disconnected"),
      failed: this.#events.reportError,
      notified: (name, payload) => this.#notified(name, payload),
    });
  }

  broadcast(channel: string, payload: string): Promise<void> {
    return this.#notify(broadcastName(this.#prefix, channel), payload);
  }

  async send(node: string, channel: string, payload: string): Promise<void> {
    return this.#notify(inboxName(this.#prefix, node, channel), payload);
  }

  async subscribe(channel: string, receive: (payload: string) => void): Promise<Unsubscribe> {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    return this.#subscriptions.add(channel, receive);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#subscriptions.close();
    await this.#connection.close();
    this.#events.clear();
  }

  async #notify(name: string, payload: string): Promise<void> {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    if (this.#events.status === "disconnected") throw unavailable(this.nodeName, "disconnected");
    const bytes = Buffer.byteLength(payload);
    if (bytes > maxPayloadBytes) {
      throw new TrackerError("PUBLISH_FAILED", `A payload of ${bytes} bytes is above what NOTIFY takes`, {
        bytes,
        maxPayloadBytes,
      });
    }
    await this.#connection.query("SELECT pg_notify($1, $2)", [identifier(this.#prefix, name), payload]);
  }

  #namesOf(channel: string): string[] {
    const names = [broadcastName(this.#prefix, channel), inboxName(this.#prefix, this.nodeName, channel)];
    return names.map((name) => identifier(this.#prefix, name));
  }

  async #open(channel: string): Promise<void> {
    const names = this.#namesOf(channel);
    for (const name of names) this.#channelOf.set(name, channel);
    try {
      // What is listened to is in the map, so a connection that comes later listens to it by itself.
      if (!(await this.#connection.established())) throw unavailable(this.nodeName, "disconnected");
      for (const name of names) await this.#connection.query(`LISTEN ${quoted(name)}`);
    } catch (error) {
      for (const name of names) this.#channelOf.delete(name);
      throw error;
    }
  }

  async #close(channel: string): Promise<void> {
    const names = this.#namesOf(channel);
    for (const name of names) this.#channelOf.delete(name);
    if (this.#events.status === "disconnected") return;
    for (const name of names) await this.#connection.query(`UNLISTEN ${quoted(name)}`);
  }

  async #restore(query: (text: string) => Promise<unknown>): Promise<void> {
    for (const name of [...this.#channelOf.keys()]) await query(`LISTEN ${quoted(name)}`);
  }

  #notified(name: string, payload: string): void {
    const channel = this.#channelOf.get(name);
    if (channel !== undefined) this.#subscriptions.deliver(channel, payload);
  }
}

function connectorOf(options: PostgresPubSubOptions): PostgresClient | (() => Promise<PostgresClient>) {
  if ("connect" in options && typeof options.connect === "function") return options.connect;
  if ("client" in options && typeof options.client?.query === "function") return options.client;
  throw new TrackerError(
    "INVALID_OPTION",
    "Expected connect, a function, or client, a client of the package pg",
    {
      option: "connect",
    },
  );
}
