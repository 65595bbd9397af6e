/** The contract over Socket.IO's own cluster, by each kind of adapter: real servers of Redis, and real processes. */
import cluster, { type Worker } from "node:cluster";
import { fileURLToPath } from "node:url";
import { setupPrimary } from "@socket.io/cluster-adapter";
import { createAdapter as streamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { afterAll, beforeAll, describe, it } from "vitest";
import { socketIoPubSub } from "../../src/adapters/socket-io.js";
import { pubsubContract, type ContractCase, type OpenNodes } from "../../src/testing/pubsub-contract.js";
import { RemoteHost } from "../support/remote-node.js";
import { nodesBehindProxies, type OpenNode } from "./contract-nodes.js";
import { openRedis, type Broker } from "./servers.js";
import { openSocketIoOverIoredis, openSocketIoOverNodeRedis } from "./socket-io-clients.js";

/** Its subscribing client is its own: only the server knows when that listens. */
const openStreamsNode: OpenNode = async (url, nodeName, prefix) => {
  const client = await createClient({ url })
    .on("error", () => {})
    .connect();
  // The adapter lets go of what its client answers, and a rejection that nobody handles would end the process.
  const publish = client.publish.bind(client);
  const quiet = (...message: Parameters<typeof publish>) => publish(...message).catch(() => 0);
  const copies: (typeof client)[] = [];
  const copy = client.duplicate.bind(client);
  const duplicate = () => {
    const made = copy();
    copies.push(made);
    return made;
  };
  Object.assign(client, { publish: quiet, duplicate });
  const options = { streamName: prefix, channelPrefix: prefix, blockTimeInMs: 100 };
  const io = new Server({ adapter: streamsAdapter(client, options) });
  const { adapter } = io.of("/");
  const inbox = `${prefix}#/#${(adapter as unknown as { uid: string }).uid}#`;
  while (Number((await client.pubSubNumSub([inbox]))[inbox]) < 1) continue;
  // The server listens before the client has heard so. A close in between rejects a promise that the adapter lets go of.
  await Promise.all(copies.map((each) => each.ping()));
  return {
    node: socketIoPubSub(io, { nodeName }),
    async end() {
      void adapter.close();
      client.destroy();
    },
  };
};

/** Of an adapter that shows no clients there is nothing to see in these: it has no status, and cannot ask or reconnect. */
const isOfConnections = ({ name }: ContractCase): boolean =>
  /listening|connection|reconnect|status/.test(name);
const isOfMessages = (each: ContractCase): boolean => !isOfConnections(each);

describe.skipIf(openRedis === undefined)("over redis", () => {
  let broker: Broker;
  beforeAll(async () => {
    if (openRedis !== undefined) broker = await openRedis();
  });
  afterAll(() => broker?.stop());

  describe.each([
    ["redis-adapter with ioredis", openSocketIoOverIoredis, () => true],
    ["redis-adapter with node-redis", openSocketIoOverNodeRedis, isOfConnections],
    ["redis-streams-adapter", openStreamsNode, isOfMessages],
  ] as const)("%s", (_, open, isSeen) => {
    const cases = pubsubContract(nodesBehindProxies(() => broker, open));
    for (const { name, run } of cases.filter(isSeen)) it(name, run);
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
  const cases = pubsubContract(openNodes, { patienceMs: 20_000 });
  for (const { name, run } of cases.filter(isOfMessages)) it(name, run);
});
