/** Redis Cluster, of three real servers: sharded pubsub with both libraries, and what the death of a server takes. */
import { Cluster } from "ioredis";
import { createCluster } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisPubSub, type RedisClient, type RedisPubSub } from "../../src/adapters/redis.js";
import { broadcastName, taggedInboxName } from "../../src/pubsub/broker-names.js";
import { randomText } from "../../src/runtime.js";
import { pubsubContract, type ContractNode, type OpenNodes } from "../../src/testing/pubsub-contract.js";
import { RedisCluster } from "./redis-cluster.js";
import { openRedis } from "./servers.js";

interface Opened {
  readonly client: RedisClient;
  end(): unknown;
}

describe.skipIf(openRedis === undefined)("a Redis Cluster", () => {
  let servers: RedisCluster;
  beforeAll(async () => {
    servers = await RedisCluster.open();
  });
  afterAll(() => servers?.stop());

  const openNodeRedis = async (): Promise<Opened> => {
    const rootNodes = servers.nodes.map(({ host, port }) => ({ socket: { host, port } }));
    const cluster = createCluster({ rootNodes, defaults: { socket: { reconnectStrategy: () => 30 } } });
    cluster.on("error", () => {});
    await cluster.connect();
    return { client: cluster, end: () => cluster.destroy() };
  };
  const openIoredis = async (): Promise<Opened> => {
    const cluster = new Cluster(servers.nodes, {
      shardedSubscribers: true,
      lazyConnect: true,
      clusterRetryStrategy: () => 30,
    });
    cluster.on("error", () => {});
    await cluster.connect();
    return { client: cluster, end: () => cluster.disconnect() };
  };

  /**
   * Without its status: whoever has one has to be cut off in the contract, and a node of a cluster has connections to
   * all servers.
   */
  const nodesOf =
    (open: () => Promise<Opened>, sharded: boolean): OpenNodes =>
    async (names) => {
      const prefix = `test-${randomText(8)}`;
      const opened = await Promise.all(names.map(open));
      const nodes = opened.map(({ client }, i) =>
        redisPubSub({ publisher: client, subscriber: client, nodeName: names[i], prefix, sharded }),
      );
      const end = async (): Promise<void> => {
        for (const node of nodes) await node.close();
        for (const each of opened) each.end();
      };
      return { nodes: nodes.map(withoutStatus), end };
    };

  /** Of a status, and of what only brokers with one server can be asked, there is nothing to see here. */
  const isOfMessages = (name: string): boolean => !/listening|connection|reconnect|status/.test(name);
  const isOfHearing = (name: string): boolean => /two nodes|a direct send|an echo|to itself/.test(name);

  describe.each([
    ["sharded, with node-redis", openNodeRedis, true, isOfMessages],
    ["sharded, with ioredis", openIoredis, true, isOfMessages],
    ["by PUBLISH, with node-redis", openNodeRedis, false, isOfHearing],
    ["by PUBLISH, with ioredis", openIoredis, false, isOfHearing],
  ] as const)("%s", (_, open, sharded, isSeen) => {
    const cases = pubsubContract(nodesOf(open, sharded));
    for (const { name, run } of cases.filter((each) => isSeen(each.name))) it(name, run);
  });

  /** Two nodes on a channel whose broadcasts live on the given server. */
  async function twoNodes(open: () => Promise<Opened>, shard: number) {
    const opened = [await open(), await open()];
    const nodes = opened.map(({ client }, i) =>
      redisPubSub({
        publisher: client,
        subscriber: client,
        nodeName: `node ${i}`,
        prefix: "death",
        sharded: true,
      }),
    );
    let channel = "room";
    const livesThere = async () =>
      (await servers.shardOf(broadcastName("death", channel))) === servers.shards[shard];
    for (let i = 0; !(await livesThere()); i++) channel = `room ${i}`;
    const heard: string[] = [];
    await nodes[1]?.subscribe(channel, (payload) => heard.push(payload));
    const hears = async (payload: string, timeout = 20_000): Promise<void> => {
      const isHeard = async (): Promise<boolean> => {
        await nodes[0]?.broadcast(channel, payload)?.catch(() => undefined);
        return heard.includes(payload);
      };
      await expect.poll(isHeard, { timeout, interval: 30 }).toBe(true);
    };
    const end = async (): Promise<void> => {
      for (const node of nodes) await node.close();
      for (const each of opened) each.end();
    };
    return { hears, end };
  }

  it("sharded, keeps all inboxes of a node in one slot, and those of many nodes on all servers", async () => {
    const channels = ["rollcall:app:inbox", "rollcall:app:follow:inbox", "{other}", "x{}y"];
    const nodes = ["web-1", "web{2}", "{}", "ключ", ...Array.from({ length: 20 }, (_, i) => `node ${i}`)];
    const slots = await Promise.all(
      nodes.map((node) =>
        Promise.all(channels.map((channel) => servers.slotOf(taggedInboxName("p", node, channel)))),
      ),
    );
    for (const [index, each] of slots.entries()) expect(new Set(each).size, nodes[index]).toBe(1);
    expect(new Set(slots.flat()).size).toBeGreaterThan(nodes.length / 2);
  });

  it.each([
    ["node-redis", openNodeRedis],
    ["ioredis", openIoredis],
  ] as const)(
    "sharded, with %s: a server's death silences the channels on it until it is back, and no others",
    async (_, open) => {
      const [there, elsewhere] = [await twoNodes(open, 2), await twoNodes(open, 0)];
      await Promise.all([there.hears("before"), elsewhere.hears("before")]);
      await servers.shards[2]?.server.kill();
      await elsewhere.hears("meanwhile");
      await servers.shards[2]?.server.start();
      await servers.settled();
      await Promise.all([there.hears("after"), elsewhere.hears("after")]);
      await there.end();
      await elsewhere.end();
    },
  );
});

function withoutStatus(node: RedisPubSub): ContractNode {
  return {
    nodeName: node.nodeName,
    broadcast: (channel, payload) => node.broadcast(channel, payload),
    send: (to, channel, payload) => node.send(to, channel, payload),
    subscribe: (channel, receive) => node.subscribe(channel, receive),
    close: () => node.close(),
  };
}
