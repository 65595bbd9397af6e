/** The contract over Socket.IO's own cluster, by each kind of adapter: real servers of Redis, and real processes. */
import cluster, { type Worker } from "node:cluster";
import { fileURLToPath } from "node:url";
import { setupPrimary } from "@socket.io/cluster-adapter";
import { createAdapter as redisAdapter } from "@socket.io/redis-adapter";
import { createAdapter as streamsAdapter } from "@socket.io/redis-streams-adapter";
import { Redis as Ioredis } from "ioredis";
import { createClient } from "redis";
import { Server } from "socket.io";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { socketIoPubSub, type SocketIoPubSub } from "../../src/adapters/socket-io.js";
import { pubsubContract, type OpenNodes } from "../../src/testing/pubsub-contract.js";
import { RemoteHost } from "../support/remote-node.js";
import { nodesBehindProxies, type OpenNode } from "./contract-nodes.js";
import { openRedis, type Broker } from "./servers.js";

const retryMs = 30;

const openRedisNode: OpenNode = async (url, nodeName, prefix) => {
  const client = () =>
    createClient({ url, socket: { reconnectStrategy: () => retryMs } }).on("error", () => {});
  const [publisher, subscriber] = [await client().connect(), await client().connect()];
  const io = new Server({ adapter: redisAdapter(publisher, subscriber, { key: prefix }) });
  await subscriber.ping();
  return nodeOf(io, nodeName, () => [publisher.destroy(), subscriber.destroy()]);
};

const openIoredisNode: OpenNode = async (url, nodeName, prefix) => {
  const client = () => new Ioredis(url, { retryStrategy: () => retryMs, lazyConnect: true });
  const [publisher, subscriber] = [client(), client()];
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const io = new Server({ adapter: redisAdapter(publisher, subscriber, { key: prefix }) });
  await subscriber.ping();
  return nodeOf(io, nodeName, () => [publisher.disconnect(), subscriber.disconnect()]);
};

/** Its subscribing client is its own: when that listens, nobody is told. */
const openStreamsNode: OpenNode = async (url, nodeName, prefix) => {
  const client = await createClient({ url })
    .on("error", () => {})
    .connect();
  const adapter = streamsAdapter(client, { streamName: prefix, channelPrefix: prefix, blockTimeInMs: 100 });
  const opened = nodeOf(new Server({ adapter }), nodeName, () => client.destroy());
  const channel = `${prefix}#/#`;
  for (let before = -1, now = 0; now <= before || now === 0;) {
    before = Math.max(before, 0);
    now = Number((await client.pubSubNumSub([channel]))[channel]);
  }
  return opened;
};

function nodeOf(io: Server, nodeName: string, endClients: () => unknown) {
  const node: SocketIoPubSub = socketIoPubSub(io, { nodeName });
  const end = async (): Promise<void> => {
    await io.close();
    endClients();
  };
  return { node, end };
}

describe.skipIf(openRedis === undefined)("over redis", () => {
  let broker: Broker;
  beforeAll(async () => {
    if (openRedis !== undefined) broker = await openRedis();
  });
  afterAll(() => broker?.stop());

  describe.each([
    ["redis-adapter with node-redis", openRedisNode],
    ["redis-adapter with ioredis", openIoredisNode],
    ["redis-streams-adapter", openStreamsNode],
  ])("%s", (_, open) => {
    for (const { name, run } of pubsubContract(nodesBehindProxies(() => broker, open))) it(name, run);
  });

  it("nodes of one server hear each other, and those of another namespace do not", async () => {
    const opened = await openRedisNode(broker.url.href, "one", "namespaces");
    const io = await openRedisNode(broker.url.href, "far", "namespaces");
    const heard: string[] = [];
    await opened.node.subscribe("room", (payload) => heard.push(`one ${payload}`));
    await io.node.subscribe("room", (payload) => heard.push(`far ${payload}`));
    await io.node.broadcast("room", "hello");
    await expect.poll(() => heard).toEqual(expect.arrayContaining(["one hello", "far hello"]));
    await opened.end();
    await io.end();
  });
});

describe("cluster-adapter, in workers of node:cluster", () => {
  const workers: Worker[] = [];
  const hosts: RemoteHost[] = [];
  let opened = 0;

  beforeAll(() => {
    setupPrimary();
    cluster.setupPrimary({
      exec: fileURLToPath(new URL("socket-io-worker.ts", import.meta.url)),
      execArgv: ["--import", "tsx"],
    });
    for (let i = 0; i < 6; i++) {
      const worker = cluster.fork();
      workers.push(worker);
      hosts.push(
        new RemoteHost({
          post: (message) => worker.send(message),
          listen: (listener) => worker.on("message", listener),
        }),
      );
    }
  });
  afterAll(() => workers.forEach((worker) => worker.process.kill("SIGKILL")));

  /** Each case in a namespace of its own: the workers stay the same. */
  const openNodes: OpenNodes = async (names) => {
    const namespace = `/contract-${++opened}`;
    const nodes = await Promise.all(
      names.map(async (name, i) => hosts[i]!.open(name, { texts: [namespace], hasStatus: false })),
    );
    return { nodes, end: () => Promise.all(nodes.map((node) => node.close?.())).then(() => undefined) };
  };
  for (const { name, run } of pubsubContract(openNodes, { patienceMs: 20_000 })) it(name, run);
});
