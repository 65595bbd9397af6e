/**
 * Connections to brokers, by the clients that the application has: imported when they are needed, and from where the
 * command runs first. Knows how trackers are called on each.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { natsPubSub, type NatsConnection } from "../adapters/nats.js";
import { postgresPubSub, type PostgresClient } from "../adapters/postgres.js";
import { redisPubSub, type RedisClient } from "../adapters/redis.js";
import { broadcastName, inboxName } from "../pubsub/broker-names.js";
import { channelName, trackerOfChannel } from "../pubsub/channel-names.js";
import type { PubSub } from "../pubsub/pubsub.js";
import type { BrokerKind } from "./command.js";

/** The broker cannot be reached; the message is for the person who typed the URL. */
export class BrokerError extends Error {}

export interface OpenBroker {
  readonly pubsub: PubSub;
  /** The names of the trackers that somebody listens to, or undefined where the broker cannot tell. */
  trackerNames(): Promise<readonly string[] | undefined>;
  /** The nodes that have a subscription to the inboxes of a tracker, or undefined where the broker cannot tell. */
  listeners(tracker: string): Promise<readonly string[] | undefined>;
  close(): Promise<void>;
}

interface OpenOptions {
  readonly url: string;
  readonly prefix: string;
  readonly nodeName: string;
}

/** How long a connection may take. */
const CONNECT_MS = 5_000;
/** On NATS names are known by what is broadcast: within a heartbeat of the longest usual period. */
const LISTEN_MS = 2_600;

/** @throws BrokerError, also where no client is installed; TrackerError for a wrong prefix. */
export async function openBroker(kind: BrokerKind, options: OpenOptions): Promise<OpenBroker> {
  try {
    if (kind === "redis") return await openRedis(options);
    if (kind === "nats") return await openNats(options);
    return await openPostgres(options);
  } catch (error) {
    if (error instanceof BrokerError || (error instanceof Error && error.name === "TrackerError"))
      throw error;
    throw new BrokerError(`${shownUrl(options.url)} cannot be reached: ${reasonOf(error)}`);
  }
}

/** The part of node-redis that is used beside the adapter's. */
interface NodeRedis {
  createClient(options: object): NodeRedisClient;
}
type NodeRedisClient = RedisClient & {
  on(event: "error", listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  destroy(): void;
  pubSubChannels(pattern: string): Promise<string[]>;
};

/** The part of ioredis that is used beside the adapter's. */
interface Ioredis {
  Redis: new (url: string, options: object) => IoredisConnection;
}
type IoredisConnection = RedisClient & {
  on(event: "error", listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  disconnect(): void;
  pubsub(subcommand: "CHANNELS", pattern: string): Promise<unknown[]>;
};

async function openRedis({ url, prefix, nodeName }: OpenOptions): Promise<OpenBroker> {
  const found = await importFirst<NodeRedis | Ioredis>(["redis", "ioredis"]);
  const pattern = `${broadcastName(prefix, channelName("all", ""))}*`;
  const namesOf = (channels: readonly unknown[]): string[] =>
    names(channels.map((each) => String(each).slice(broadcastName(prefix, "").length)));
  // Of no node: between its two ends the names of all stand.
  const inboxes = (tracker: string): string =>
    inboxName(prefix, "", channelName("to", tracker)).replace("::", ":*:");
  const nodesOf = (channels: readonly unknown[]): string[] =>
    channels.flatMap((each) => nodeOfInbox(String(each), inboxName(prefix, "", "").length - 1));
  const ignore = (): void => undefined;
  if (found.name === "redis") {
    const { createClient } = found.module as NodeRedis;
    const options = { url, socket: { connectTimeout: CONNECT_MS, reconnectStrategy: () => 500 } };
    const [publisher, subscriber] = [createClient(options), createClient(options)];
    const clients = [publisher, subscriber];
    for (const client of clients) client.on("error", ignore);
    await connectAll(clients, (client) => client.destroy());
    const pubsub = redisPubSub({ publisher, subscriber, nodeName, prefix });
    return {
      pubsub,
      trackerNames: async () => namesOf(await publisher.pubSubChannels(pattern)),
      listeners: async (tracker) => nodesOf(await publisher.pubSubChannels(inboxes(tracker))),
      close: async () => {
        await pubsub.close();
        for (const client of clients) client.destroy();
      },
    };
  }
  const { Redis } = found.module as Ioredis;
  const options = { lazyConnect: true, connectTimeout: CONNECT_MS };
  const [publisher, subscriber] = [new Redis(url, options), new Redis(url, options)];
  const clients = [publisher, subscriber];
  for (const client of clients) client.on("error", ignore);
  await connectAll(clients, (client) => client.disconnect());
  const pubsub = redisPubSub({ publisher, subscriber, nodeName, prefix });
  return {
    pubsub,
    trackerNames: async () => namesOf(await publisher.pubsub("CHANNELS", pattern)),
    listeners: async (tracker) => nodesOf(await publisher.pubsub("CHANNELS", inboxes(tracker))),
    close: async () => {
      await pubsub.close();
      for (const client of clients) client.disconnect();
    },
  };
}

interface Nats {
  connect(options: object): Promise<NatsConnection & { close(): Promise<void> }>;
}

async function openNats({ url, prefix, nodeName }: OpenOptions): Promise<OpenBroker> {
  const { module } = await importFirst<Nats>(["@nats-io/transport-node"]);
  const { username, password, host } = new URL(url.includes("://") ? url : `nats://${url}`);
  const connection = await module.connect({
    servers: host,
    timeout: CONNECT_MS,
    maxReconnectAttempts: -1,
    ...(username !== "" && { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
  });
  const pubsub = natsPubSub({ connection, nodeName, prefix });
  return {
    pubsub,
    async trackerNames() {
      const channels = new Set<string>();
      const subscription = connection.subscribe(`${prefix}.all.*`, {
        callback: (_error, { subject }) => void channels.add(subject.slice(prefix.length + 5)),
      });
      await new Promise((resolve) => setTimeout(resolve, LISTEN_MS));
      subscription.unsubscribe();
      return names(Array.from(channels, decodeURIComponent));
    },
    listeners: async () => undefined,
    async close() {
      await pubsub.close();
      await connection.close();
    },
  };
}

interface Postgres {
  Client: new (options: object) => PostgresClient & { connect(): Promise<unknown> };
}

async function openPostgres({ url, prefix, nodeName }: OpenOptions): Promise<OpenBroker> {
  const { module } = await importFirst<Postgres | { default: Postgres }>(["pg"]);
  const { Client } = "default" in module ? module.default : module;
  const connect = async (): Promise<PostgresClient> => {
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
    });
    await client.connect();
    return client;
  };
  const first = await connect();
  let next: PostgresClient | undefined = first;
  const pubsub = postgresPubSub({
    async connect() {
      const client = next ?? (await connect());
      next = undefined;
      return client;
    },
    nodeName,
    prefix,
  });
  return {
    pubsub,
    // A session of PostgreSQL knows only what it listens to itself.
    trackerNames: async () => undefined,
    listeners: async () => undefined,
    close: () => pubsub.close(),
  };
}

async function connectAll<C extends { connect(): Promise<unknown> }>(
  clients: readonly C[],
  end: (client: C) => void,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no connection within ${CONNECT_MS} ms`)), CONNECT_MS);
  });
  // A client that tries again and again tells of each failure only here.
  const failed = new Promise<never>((_, reject) => {
    for (const client of clients)
      (client as { on?(event: string, listener: (error: unknown) => void): void }).on?.("error", reject);
  });
  const connected = Promise.all(clients.map((client) => client.connect()));
  connected.catch(() => undefined);
  try {
    await Promise.race([connected, late, failed]);
  } catch (error) {
    for (const client of clients) end(client);
    throw error;
  } finally {
    clearTimeout(timer);
    failed.catch(() => undefined);
  }
}

/** The node of an inbox; none of what is no inbox of ours. */
function nodeOfInbox(inbox: string, prefixLength: number): string[] {
  try {
    return [decodeURIComponent(inbox.slice(prefixLength).split(":")[0] ?? "")];
  } catch {
    return [];
  }
}

/** Those that are trackers, by name, once each. */
function names(channels: readonly string[]): string[] {
  const found = channels.map(trackerOfChannel).filter((name) => name !== undefined);
  return [...new Set(found)].sort();
}

/** The first of these packages that is installed: where the command runs, or beside this library. */
async function importFirst<Module>(packages: readonly string[]): Promise<{ name: string; module: Module }> {
  const here = createRequire(join(process.cwd(), "package.json"));
  for (const name of packages) {
    let path = name;
    try {
      path = pathToFileURL(here.resolve(name)).href;
    } catch {
      // Not there; it may be beside this library.
    }
    try {
      return { name, module: (await import(path)) as Module };
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  throw new BrokerError(`The client is not installed: npm install ${packages[0]}`);
}

/** Without a password, also where it is no URL. */
function shownUrl(text: string): string {
  try {
    const url = new URL(text);
    if (url.password === "") return url.href;
    url.password = "";
    const at = url.username === "" ? "//" : "@";
    return url.href.replace(at, at === "@" ? ":…@" : "//:…@");
  } catch {
    return text.replace(/:[^/].*@/, ":…@");
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.message !== "" ? error.message : ((error as { code?: string }).code ?? error.name);
}
