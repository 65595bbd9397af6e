/** The clients of the supported libraries, as the tests open them: quick to reconnect, and quiet. */
import { connect as connectNats } from "@nats-io/transport-node";
import { Redis as Ioredis6 } from "ioredis";
import { Redis as Ioredis5 } from "ioredis5";
import { Client } from "pg";
import { createClient as createRedis6 } from "redis";
import { createClient as createRedis5 } from "redis5";
import { clusterPubSub } from "../../src/adapters/cluster.js";
import { natsPubSub } from "../../src/adapters/nats.js";
import { postgresPubSub } from "../../src/adapters/postgres.js";
import { redisPubSub } from "../../src/adapters/redis.js";
import type { OpenNode } from "./contract-nodes.js";

const retryMs = 30;

/** A client of Redis with options of its own builds a class of all commands, for 100 ms; a copy has that of its original. */
const nodeRedis6 = createRedis6();
const nodeRedis5 = createRedis5();

/** Opens a client of node-redis 6. */
export function connectNodeRedis6(url: string) {
  return nodeRedis6
    .duplicate({ url, socket: { reconnectStrategy: () => retryMs } })
    .on("error", () => {})
    .connect();
}

function connectNodeRedis5(url: string) {
  return nodeRedis5
    .duplicate({ url, socket: { reconnectStrategy: () => retryMs } })
    .on("error", () => {})
    .connect();
}

export const openNodeRedis6: OpenNode = async (url, nodeName, prefix) => {
  const [publisher, subscriber] = [await connectNodeRedis6(url), await connectNodeRedis6(url)];
  return {
    node: redisPubSub({ publisher, subscriber, nodeName, prefix }),
    end: async () => [publisher.destroy(), subscriber.destroy()],
  };
};

export const openNodeRedis5: OpenNode = async (url, nodeName, prefix) => {
  const [publisher, subscriber] = [await connectNodeRedis5(url), await connectNodeRedis5(url)];
  return {
    node: redisPubSub({ publisher, subscriber, nodeName, prefix }),
    end: async () => [publisher.destroy(), subscriber.destroy()],
  };
};

export const openIoredis6: OpenNode = async (url, nodeName, prefix) => {
  const options = { retryStrategy: () => retryMs, lazyConnect: true };
  const publisher = new Ioredis6(url, options);
  const subscriber = new Ioredis6(url, options);
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return {
    node: redisPubSub({ publisher, subscriber, nodeName, prefix }),
    end: async () => [publisher.disconnect(), subscriber.disconnect()],
  };
};

/** Without the client's own resubscription, so that the adapter's is seen. */
export const openIoredis5: OpenNode = async (url, nodeName, prefix) => {
  const options = { retryStrategy: () => retryMs, lazyConnect: true, autoResubscribe: false };
  const publisher = new Ioredis5(url, options);
  const subscriber = new Ioredis5(url, options);
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return {
    node: redisPubSub({ publisher, subscriber, nodeName, prefix }),
    end: async () => [publisher.disconnect(), subscriber.disconnect()],
  };
};

export const openNatsNode: OpenNode = async (url, nodeName, prefix) => {
  const { host } = new URL(url);
  const connection = await connectNats({
    servers: host,
    maxReconnectAttempts: -1,
    reconnectTimeWait: retryMs,
  });
  return { node: natsPubSub({ connection, nodeName, prefix }), end: () => connection.close() };
};

export const openPostgresNode: OpenNode = async (url, nodeName, prefix) => {
  const node = postgresPubSub({ connect: () => connectPostgres(url), nodeName, prefix });
  await (
    await node.subscribe("a first subscription waits for the connection", () => {})
  )();
  return { node, end: async () => {} };
};

async function connectPostgres(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  await client.connect();
  return client;
}

/** Needs no URL: its way is the IPC channel of the process. */
const openClusterNode: OpenNode = async (_url, nodeName) => ({
  node: clusterPubSub({ nodeName }),
  end: async () => {},
});

const openers = new Map<string, OpenNode>([
  ["node-redis 6", openNodeRedis6],
  ["node-redis 5", openNodeRedis5],
  ["ioredis 6", openIoredis6],
  ["ioredis 5", openIoredis5],
  ["transport-node 3", openNatsNode],
  ["pg 8", openPostgresNode],
  ["cluster", openClusterNode],
]);

/** By the name of the client library. */
export function openNodeBy(client: string): OpenNode {
  const open = openers.get(client);
  if (open === undefined) throw new Error(`There is no client called ${client}`);
  return open;
}
