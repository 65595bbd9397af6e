/** Redis behind a sentinel, of real servers: the contract, and trackers whose primary dies. */
import { createSentinel } from "redis";
import { createSentinel as createSentinel5 } from "redis5";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisPubSub, type RedisClient, type RedisPubSub } from "../../src/adapters/redis.js";
import { Session, Tracker } from "../../src/index.js";
import { randomText } from "../../src/runtime.js";
import { pubsubContract, type ContractNode, type OpenNodes } from "../../src/testing/pubsub-contract.js";
import { primaryName, RedisSentinel } from "./redis-sentinel.js";
import { openRedis } from "./servers.js";

interface Opened {
  readonly client: RedisClient;
  end(): unknown;
}

describe.skipIf(openRedis === undefined)("Redis with a sentinel", () => {
  let servers: RedisSentinel;
  beforeAll(async () => {
    servers = await RedisSentinel.open();
  });
  afterAll(() => servers?.stop());

  const options = () => ({
    name: primaryName,
    sentinelRootNodes: [{ host: "127.0.0.1", port: servers.port }],
    nodeClientOptions: { socket: { reconnectStrategy: () => 30 } },
  });
  const openRedis6 = async (): Promise<Opened> => {
    const client = createSentinel(options()).on("error", () => {});
    await client.connect();
    return { client, end: () => client.destroy() };
  };
  const openRedis5 = async (): Promise<Opened> => {
    const client = createSentinel5(options()).on("error", () => {});
    await client.connect();
    return { client, end: () => client.destroy() };
  };

  const nodesOf =
    (open: () => Promise<Opened>): OpenNodes =>
    async (names) => {
      const prefix = `test-${randomText(8)}`;
      const opened = await Promise.all(names.map(open));
      const nodes = opened.map(({ client }, i) =>
        redisPubSub({ publisher: client, subscriber: client, nodeName: names[i], prefix }),
      );
      const end = async (): Promise<void> => {
        for (const node of nodes) await node.close();
        for (const each of opened) each.end();
      };
      return { nodes: nodes.map(withoutStatus), end };
    };

  describe.each([
    ["redis 6", openRedis6],
    ["redis 5", openRedis5],
  ] as const)("with createSentinel of %s", (_, open) => {
    const cases = pubsubContract(nodesOf(open));
    const isSeen = (name: string): boolean =>
      /two nodes|a direct send|to itself|an ended subscription|listening/.test(name) &&
      !/connection/.test(name);
    for (const { name, run } of cases.filter((each) => isSeen(each.name))) it(name, run);
  });

  it("lists everybody through the death of the primary, and hears what is new from the next one", async () => {
    const prefix = `test-${randomText(8)}`;
    const opened = [await openRedis6(), await openRedis6(), await openRedis5()];
    const leaves: string[] = [];
    const nodes = await Promise.all(
      opened.map(async ({ client }, i) => {
        const pubsub = redisPubSub({ publisher: client, subscriber: client, nodeName: `node-${i}`, prefix });
        const behaviour = {
          handleDiff(diff: ReadonlyMap<string, { readonly leaves: readonly { readonly key: string }[] }>) {
            for (const change of diff.values()) leaves.push(...change.leaves.map(({ key }) => key));
          },
        };
        const tracker = await Tracker.start(behaviour, { name: "sentinel", pubsub });
        tracker.on("error", () => {});
        tracker.track(new Session(), "room", `user-${i}`, {});
        return { tracker, pubsub };
      }),
    );
    const listed = (): string[] =>
      nodes.map(({ tracker }) =>
        tracker
          .list("room")
          .map(({ key }) => key)
          .sort()
          .join(),
      );
    const all = "user-0,user-1,user-2";
    await expect.poll(listed, { timeout: 20_000 }).toEqual([all, all, all]);
    await servers.fail();
    nodes[0]?.tracker.track(new Session(), "room", "user-9", {});
    const more = `${all},user-9`;
    await expect.poll(listed, { timeout: 30_000 }).toEqual([more, more, more]);
    expect(leaves).toEqual([]);
    for (const { tracker, pubsub } of nodes) {
      await tracker.stop({ handoffMs: 0 });
      await pubsub.close();
    }
    for (const each of opened) each.end();
  });
});

/** Whoever has a status has to be cut off in the contract, and these have connections to several servers. */
function withoutStatus(node: RedisPubSub): ContractNode {
  return {
    nodeName: node.nodeName,
    broadcast: (channel, payload) => node.broadcast(channel, payload),
    send: (to, channel, payload) => node.send(to, channel, payload),
    subscribe: (channel, receive) => node.subscribe(channel, receive),
    ...(node.listening !== undefined && {
      listening: (channel: string, names: readonly string[]) => node.listening!(channel, names),
    }),
    close: () => node.close(),
  };
}
