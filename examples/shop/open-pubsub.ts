/**
 * The pubsub that the command line asks for. Without a broker it is the IPC of node:cluster; a broker's client
 * library is loaded only if it is asked for. A broker that does not answer is a clear message at start.
 */
import type { PubSub } from "rollcall";
import { clusterPubSub } from "rollcall/adapters/cluster";

export interface OpenPubSub {
  readonly pubsub: PubSub;
  close(): Promise<void>;
}

const connectTimeoutMs = 4_000;

export async function openPubSub(kind: string, nodeName: string): Promise<OpenPubSub> {
  if (kind.startsWith("redis")) return openRedis(kind, nodeName);
  if (kind.startsWith("nats")) return openNats(kind, nodeName);
  const pubsub = clusterPubSub({ nodeName });
  return { pubsub, close: () => Promise.resolve(pubsub.close()) };
}

async function openRedis(url: string, nodeName: string): Promise<OpenPubSub> {
  const [{ createClient }, { redisPubSub }] = await Promise.all([
    import("redis"),
    import("rollcall/adapters/redis"),
  ]);
  // The first connection must succeed soon; a later one is retried for as long as it takes.
  let connected = false;
  const publisher = createClient({
    url,
    socket: {
      connectTimeout: connectTimeoutMs,
      reconnectStrategy: (tries) => (connected ? Math.min(tries * 100, 2_000) : false),
    },
  });
  const subscriber = publisher.duplicate();
  // The adapter reports what goes wrong; a client without a listener would end the process.
  publisher.on("error", () => undefined);
  subscriber.on("error", () => undefined);
  await Promise.all([publisher.connect(), subscriber.connect()]);
  connected = true;
  const pubsub = redisPubSub({ publisher, subscriber, nodeName });
  return {
    pubsub,
    async close() {
      await pubsub.close();
      publisher.destroy();
      subscriber.destroy();
    },
  };
}

async function openNats(url: string, nodeName: string): Promise<OpenPubSub> {
  const [{ connect }, { natsPubSub }] = await Promise.all([
    import("@nats-io/transport-node"),
    import("rollcall/adapters/nats"),
  ]);
  const connection = await connect({ servers: url, timeout: connectTimeoutMs, maxReconnectAttempts: -1 });
  return { pubsub: natsPubSub({ connection, nodeName }), close: () => connection.close() };
}
