/** A Redis Cluster of three real servers, each with a third of the slots and without a replica. */
import { spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { findTool } from "../support/require-tool.js";
import { freePort, SpawnedBroker, temporaryFolder } from "./servers.js";

const slots = 16_384;

/** A server, and the first of its slots: they reach up to those of the next. */
interface Shard {
  readonly server: SpawnedBroker;
  readonly port: number;
  readonly firstSlot: number;
}

export class RedisCluster {
  readonly shards: readonly Shard[];

  private constructor(shards: readonly Shard[]) {
    this.shards = shards;
  }

  static async open(): Promise<RedisCluster> {
    const command = findTool("redis-server") ?? "";
    const shards: Shard[] = [];
    for (let i = 0; i < 3; i++) {
      const [port, busPort] = [await freePort(), await freePort()];
      const folder = temporaryFolder("redis-cluster");
      const options = ["--save", "", "--dir", folder, "--bind", "127.0.0.1", "--cluster-enabled", "yes"];
      // A server that is gone takes its own slots with it, and nothing else.
      options.push("--cluster-require-full-coverage", "no", "--cluster-node-timeout", "1000");
      const server = new SpawnedBroker("redis", new URL(`redis://127.0.0.1:${port}`), folder, () =>
        spawn(command, ["--port", String(port), "--cluster-port", String(busPort), ...options], {
          stdio: "ignore",
        }),
      );
      await server.start();
      const firstSlot = Math.floor((i * slots) / 3);
      const lastSlot = Math.floor(((i + 1) * slots) / 3) - 1;
      await withClient(port, async (client) => {
        await client.call("CLUSTER", "ADDSLOTSRANGE", String(firstSlot), String(lastSlot));
        const first = shards[0];
        if (first !== undefined) {
          await client.call(
            "CLUSTER",
            "MEET",
            "127.0.0.1",
            String(first.port),
            String(first.server.url.hash.slice(1)),
          );
        }
      });
      server.url.hash = String(busPort);
      shards.push({ server, port, firstSlot });
    }
    const cluster = new RedisCluster(shards);
    await cluster.settled();
    return cluster;
  }

  get nodes(): { host: string; port: number }[] {
    return this.shards.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  /** Resolves when all servers know all slots. */
  async settled(): Promise<void> {
    for (const { port } of this.shards) {
      await withClient(port, async (client) => {
        for (;;) {
          const info = String(await client.call("CLUSTER", "INFO"));
          if (/cluster_state:ok/.test(info) && /cluster_slots_ok:16384/.test(info)) return;
          await pause(20);
        }
      });
    }
  }

  async slotOf(channel: string): Promise<number> {
    return Number(
      await withClient(this.shards[0]!.port, (client) => client.call("CLUSTER", "KEYSLOT", channel)),
    );
  }

  /** The server that a channel belongs to. */
  async shardOf(channel: string): Promise<Shard> {
    const slot = await this.slotOf(channel);
    return this.shards.findLast(({ firstSlot }) => firstSlot <= slot)!;
  }

  async stop(): Promise<void> {
    await Promise.all(this.shards.map(({ server }) => server.stop()));
  }
}

async function withClient<T>(port: number, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(port, "127.0.0.1");
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}
