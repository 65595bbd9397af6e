/**
 * Several Redis servers that know nothing of each other: the contract over two and three of them, with each node's
 * connection to one of them cut; what the death of one takes; and nodes that do not list the same.
 */
import { Redis } from "ioredis";
import { createClient } from "redis";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisPubSub, type RedisPubSub, type RedisShard } from "../../src/adapters/redis.js";
import { Session, Tracker, type TrackerError } from "../../src/index.js";
import { homeOf } from "../../src/pubsub/broker-names.js";
import { randomText } from "../../src/runtime.js";
import { pubsubContract, type OpenNodes } from "../../src/testing/pubsub-contract.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { behind } from "./contract-nodes.js";
import { openRedis, type Broker } from "./servers.js";

interface OpenedShard extends RedisShard {
  end(): unknown;
}

type OpenShard = (url: string) => Promise<OpenedShard>;

const nodeRedis = createClient();

const openNodeRedis: OpenShard = async (url) => {
  const socket = { reconnectStrategy: () => 30 };
  const open = () =>
    nodeRedis
      .duplicate({ url, socket })
      .on("error", () => {})
      .connect();
  const [publisher, subscriber] = [await open(), await open()];
  return { publisher, subscriber, end: () => [publisher.destroy(), subscriber.destroy()] };
};

const openIoredis: OpenShard = async (url) => {
  const options = { retryStrategy: () => 30, lazyConnect: true };
  const [publisher, subscriber] = [new Redis(url, options), new Redis(url, options)];
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return { publisher, subscriber, end: () => [publisher.disconnect(), subscriber.disconnect()] };
};

/** Those that are to be ours to kill are never the ones of a URL in the environment, of which there is one. */
const isThere = openRedis !== undefined && (process.env["REDIS_URL"] ?? "") === "";

describe.skipIf(!isThere)("several Redis servers", () => {
  let servers: Broker[] = [];
  beforeAll(async () => {
    servers = await Promise.all(Array.from({ length: 3 }, () => openRedis!()));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
  });

  /** Each node has a proxy to each server; cut off is it from the last alone, and a server that hangs is any. */
  const nodesOver =
    (open: OpenShard, count: number): OpenNodes =>
    async (names) => {
      const prefix = `test-${randomText(8)}`;
      const opened = await Promise.all(
        names.map(async (nodeName) => {
          const proxies = await Promise.all(
            servers
              .slice(0, count)
              .map(({ url }) => TcpProxy.to({ host: url.hostname, port: Number(url.port) })),
          );
          const shards = await Promise.all(
            proxies.map((proxy, index) => open(behind(proxy, servers[index]!.url))),
          );
          const clients = shards.map(({ publisher, subscriber }) => ({ publisher, subscriber }));
          return { proxies, shards, node: redisPubSub({ shards: clients, nodeName, prefix }) };
        }),
      );
      return {
        nodes: opened.map(({ node }) => node),
        async cut(node) {
          const proxy = opened.find((each) => each.node === node)?.proxies.at(-1);
          await proxy?.cut();
          return () => proxy?.join();
        },
        hang(node) {
          for (const proxy of opened.find((each) => each.node === node)?.proxies ?? []) proxy.hang();
        },
        async end() {
          for (const { node, shards, proxies } of opened) {
            await node.close();
            for (const each of shards) each.end();
            for (const proxy of proxies) await proxy.cut();
          }
        },
      };
    };

  describe.each([
    ["two, with node-redis", openNodeRedis, 2],
    ["three, with ioredis", openIoredis, 3],
  ] as const)("%s", (_, open, count) => {
    for (const { name, run } of pubsubContract(nodesOver(open, count))) it(name, run);
  });

  const periods = { heartbeatPeriodMs: 300, downPeriodMs: 1_200, broadcastPeriodMs: 50 };
  const channel = "rollcall:shards";
  const inboxes = "rollcall:shards:inbox";

  /** Trackers on three servers, and how to end them. */
  async function trackers(count: number, shardsOf: (shards: RedisShard[], index: number) => RedisShard[]) {
    const prefix = `test-${randomText(8)}`;
    const leaves: string[] = [];
    const opened = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const all = await Promise.all(servers.map(({ url }) => openNodeRedis(url.href)));
        const clients = all.map(({ publisher, subscriber }) => ({ publisher, subscriber }));
        const pubsub = redisPubSub({
          shards: shardsOf(clients, index),
          nodeName: `node ${index}`,
          prefix,
        });
        const errors: TrackerError[] = [];
        pubsub.onError?.((error) => errors.push(error as TrackerError));
        const tracker = await Tracker.start(
          {
            handleDiff: (diff) => {
              for (const each of diff.values()) leaves.push(...each.leaves.map(({ key }) => key));
            },
          },
          { name: "shards", pubsub, ...periods },
        );
        tracker.on("error", () => {});
        return { tracker, pubsub, errors, end: () => all.forEach((each) => each.end()) };
      }),
    );
    const end = async (): Promise<void> => {
      for (const { tracker } of opened) await tracker.stop({ handoffMs: 0 });
      for (const { pubsub } of opened) await pubsub.close();
      for (const each of opened) each.end();
    };
    return { prefix, nodes: opened, leaves, end };
  }

  it.each(["the server of the broadcasts", "another"])(
    "%s dies for longer than downPeriodMs: it is said, nobody leaves, and all is well after",
    async (which) => {
      const { prefix, nodes, leaves, end } = await trackers(3, (shards) => shards);
      const session = new Session();
      nodes.forEach(({ tracker }, index) => tracker.track(session, "room", `user ${index}`, {}));
      const keysOf = ({ tracker }: (typeof nodes)[0]): string =>
        tracker
          .list("room")
          .map(({ key }) => key)
          .sort()
          .join();
      await expect.poll(() => nodes.map(keysOf)).toEqual(nodes.map(() => "user 0,user 1,user 2"));
      const home = homeOf(`${prefix}:all:${channel}`, servers.length);
      const dead = servers[which === "another" ? (home + 1) % servers.length : home]!;
      await dead.kill();
      await expect.poll(() => nodes.map(({ tracker }) => tracker.health().connected)).not.toContain(true);
      await expect(nodes[0]!.pubsub.broadcast(channel, "lost")).rejects.toMatchObject({
        code: "PUBSUB_UNAVAILABLE",
      });
      await pause(2 * periods.downPeriodMs);
      expect(nodes.map(keysOf)).toEqual(nodes.map(() => "user 0,user 1,user 2"));
      nodes[0]!.tracker.track(session, "room", "user 3", {});
      await dead.start();
      await expect
        .poll(() => nodes.map(keysOf), { timeout: 10_000 })
        .toEqual(nodes.map(() => "user 0,user 1,user 2,user 3"));
      await expect.poll(() => nodes.map(({ tracker }) => tracker.health().complete)).not.toContain(false);
      expect(leaves).toEqual([]);
      for (const { errors } of nodes) {
        expect(errors.length, "the outage was reported").toBeGreaterThan(0);
        expect(errors.map(({ code }) => code)).not.toContain("SHARDS_DIFFER");
      }
      await end();
    },
    60_000,
  );

  it("where two nodes list the servers in another order, the one that subscribes last reports it", async () => {
    // Turned round, so that every place moves, whatever the prefix.
    const { nodes, end } = await trackers(2, (shards, index) =>
      index === 0 ? shards : [...shards.slice(1), ...shards.slice(0, 1)],
    );
    const differ = ({ errors }: (typeof nodes)[0]): boolean =>
      errors.some(({ code }) => code === "SHARDS_DIFFER");
    await expect.poll(() => nodes.some(differ)).toBe(true);
    expect(nodes.map(({ tracker }) => tracker.health().replicas.length)).toEqual([0, 0]);
    await end();
  });

  it("a node is listening by the server of its own inboxes alone", async () => {
    const { nodes, end } = await trackers(3, (shards) => shards);
    const names = nodes.map(({ tracker }) => tracker.nodeName);
    const [first] = nodes.map(({ pubsub }) => pubsub) as [RedisPubSub];
    expect([...((await first.listening?.(inboxes, [...names, "nobody"])) ?? [])].sort()).toEqual(names);
    await end();
  });
});
