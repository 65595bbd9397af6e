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
import { looked } from "../checks.js";
import { createHash } from "node:crypto";
import { TrackerError } from "../errors.js";
import { readOptions } from "../known-names.js";
import { broadcastName, checkedPrefix, inboxName } from "../pubsub/broker-names.js";
import type { PubSub } from "../pubsub/pubsub.js";
import { BrokerNode, type Broker, type BrokerWatcher, type ChannelNames } from "./broker-node.js";
import {
  isPostgresClient,
  PostgresConnection,
  requireConnected,
  type PostgresClient,
} from "./postgres-connection.js";

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

type GivenOptions = CommonOptions & { readonly connect?: unknown; readonly client?: unknown };

const optionNames: Readonly<Record<keyof GivenOptions, true>> = {
  connect: true,
  client: true,
  nodeName: true,
  prefix: true,
};

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
 * @throws TrackerError `INVALID_OPTION` without `connect` or `client`, for another option, a `nodeName` that is empty or longer
 *   than 128 bytes, or a `prefix` that is not 1 to 32 letters, digits, `_` or `-`.
 */
export function postgresPubSub(options: PostgresPubSubOptions): PostgresPubSub {
  const read = readOptions<GivenOptions>(options, optionNames);
  const source = sourceOf(read);
  const prefix = checkedPrefix(read.prefix);
  return new BrokerNode(read.nodeName, (watcher) => new Postgres(prefix, source, watcher));
}

/** The name itself where PostgreSQL can take it, or else what stands for it: 160 bits of its SHA-256. */
function identifier(prefix: string, name: string): string {
  if (Buffer.byteLength(name) <= maxNameBytes && !name.includes("\0")) return name;
  return `${prefix}:#${createHash("sha256").update(name).digest("base64url").slice(0, 27)}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * The advisory lock that says that an inbox is listened to: 64 bits of the hash of its name, as the two halves that
 * `pg_locks` shows and as the one number that a lock is taken by.
 */
function lockOf(inbox: string): { shown: string; number: string } {
  const hash = createHash("sha256").update(inbox).digest();
  return {
    shown: `${hash.readUInt32BE(0)}.${hash.readUInt32BE(4)}`,
    number: hash.readBigInt64BE(0).toString(),
  };
}

/** Of the database, because channels and advisory locks are; `objsubid` is 1 for locks by one number. */
const locksHeld = `SELECT classid::text || '.' || objid::text AS lock FROM pg_locks
  WHERE locktype = 'advisory' AND objsubid = 1 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid::text || '.' || objid::text = ANY (string_to_array($1, ','))`;

type Query = (text: string, values?: string[]) => Promise<unknown>;

class Postgres implements Broker {
  readonly maxPayloadBytes = maxPayloadBytes;
  readonly prefix: string;
  readonly #connection: PostgresConnection;
  readonly #given: PostgresClient | undefined;
  readonly reconnect?: () => void;

  constructor(
    prefix: string,
    source: PostgresClient | (() => Promise<PostgresClient>),
    watcher: BrokerWatcher,
  ) {
    this.prefix = prefix;
    // A client that is given is connected.
    this.#given = typeof source === "function" ? undefined : source;
    if (this.#given !== undefined) watcher.connected();
    this.#connection = new PostgresConnection(source, {
      restore: async (query) => {
        for (const names of watcher.openNames()) await listen(query, names);
      },
      connected: watcher.connected,
      disconnected: watcher.disconnected,
      failed: watcher.failed,
      notified: watcher.received,
    });
    if (typeof source === "function") this.reconnect = () => this.#connection.reconnect();
  }

  broadcastName(channel: string): string {
    return identifier(this.prefix, broadcastName(this.prefix, channel));
  }

  inboxName(node: string, channel: string): string {
    return identifier(this.prefix, inboxName(this.prefix, node, channel));
  }

  publish(name: string, payload: string): Promise<unknown> {
    return this.#connection.query("SELECT pg_notify($1, $2)", [name, payload]);
  }

  async open(names: ChannelNames): Promise<void> {
    if (this.#given !== undefined) requireConnected(this.#given);
    if (!(await this.#connection.established())) {
      throw new TrackerError("PUBSUB_UNAVAILABLE", "There is no connection to PostgreSQL", {});
    }
    await listen((text, values) => this.#connection.query(text, values), names);
  }

  async close({ all, inbox }: ChannelNames): Promise<void> {
    await this.#connection.query("SELECT pg_advisory_unlock_shared($1)", [lockOf(inbox).number]);
    for (const name of [all, inbox]) await this.#connection.query(`UNLISTEN ${quoted(name)}`);
  }

  async listening(inboxes: readonly string[]): Promise<ReadonlySet<string>> {
    const inboxOf = new Map(inboxes.map((inbox) => [lockOf(inbox).shown, inbox]));
    const answer = await this.#connection.query(locksHeld, [[...inboxOf.keys()].join()]);
    const listened = locksOf(answer).map((lock) => inboxOf.get(lock));
    return new Set(listened.filter((inbox) => inbox !== undefined));
  }

  forget(): Promise<void> {
    return this.#connection.close();
  }
}

/** The lock comes last: a node that sees it may rely on the rest. Shared, since two lives of a node may meet. */
async function listen(query: Query, { all, inbox }: ChannelNames): Promise<void> {
  for (const name of [all, inbox]) await query(`LISTEN ${quoted(name)}`);
  await query("SELECT pg_try_advisory_lock_shared($1)", [lockOf(inbox).number]);
}

function locksOf(answer: unknown): readonly string[] {
  const rows: unknown = typeof answer === "object" && answer !== null && "rows" in answer && answer.rows;
  if (!Array.isArray(rows)) {
    throw new TrackerError("PUBSUB_UNAVAILABLE", "PostgreSQL did not say who is listening", {});
  }
  return rows.map((row: { readonly lock?: unknown }) => String(row.lock));
}

function sourceOf({ connect, client }: GivenOptions): PostgresClient | (() => Promise<PostgresClient>) {
  if (typeof connect === "function") return connect as () => Promise<PostgresClient>;
  if (looked("INVALID_OPTION", "client", () => isPostgresClient(client))) return client as PostgresClient;
  throw new TrackerError(
    "INVALID_OPTION",
    "Expected connect, a function that returns a connected Client of pg, or client, such a one; a Pool, whose connections come and go, cannot listen",
    { option: "connect" },
  );
}
