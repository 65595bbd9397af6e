/** A primary of Redis with a replica, and a sentinel that promotes the replica when the primary is gone; real servers. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { findTool } from "../support/require-tool.js";
import { freePort, SpawnedBroker, temporaryFolder } from "./servers.js";

export const primaryName = "rollcall";

export class RedisSentinel {
  readonly #servers: SpawnedBroker[] = [];
  readonly #sentinel: Redis;
  readonly port: number;

  private constructor(servers: SpawnedBroker[], port: number) {
    this.#servers = servers;
    this.port = port;
    this.#sentinel = new Redis(port, "127.0.0.1");
  }

  static async open(): Promise<RedisSentinel> {
    const command = findTool("redis-server") ?? "";
    const serve = async (configure: (folder: string) => readonly string[]): Promise<SpawnedBroker> => {
      const port = await freePort();
      const folder = temporaryFolder("redis-sentinel");
      const options = [...configure(folder), "--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
      const url = new URL(`redis://127.0.0.1:${port}`);
      const server = new SpawnedBroker("redis", url, folder, () =>
        spawn(command, options, { stdio: "ignore" }),
      );
      await server.start();
      return server;
    };
    const data = ["--save", "", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];
    const primary = await serve(() => data);
    const { port } = primary.url;
    const replica = await serve(() => [...data, "--replicaof", "127.0.0.1", port]);
    const sentinel = await serve((folder) => {
      const path = join(folder, "sentinel.conf");
      const lines = [
        `monitor ${primaryName} 127.0.0.1 ${port} 1`,
        `down-after-milliseconds ${primaryName} 500`,
        `failover-timeout ${primaryName} 2000`,
      ];
      writeFileSync(path, lines.map((line) => `sentinel ${line}\n`).join(""));
      return [path, "--sentinel"];
    });
    const opened = new RedisSentinel([primary, replica, sentinel], Number(sentinel.url.port));
    await opened.#knows("num-slaves", (count) => count === "1");
    return opened;
  }

  /** Kills the primary without a word; resolves when the replica is the primary. */
  async fail(): Promise<void> {
    const [primary, replica] = this.#servers;
    await primary?.kill();
    await this.#knows("port", (port) => port === replica?.url.port);
  }

  async stop(): Promise<void> {
    this.#sentinel.disconnect();
    await Promise.all(this.#servers.map((server) => server.stop()));
  }

  async #knows(field: string, isSo: (value: string | undefined) => boolean): Promise<void> {
    for (const untilMs = performance.now() + 20_000; performance.now() < untilMs; await pause(50)) {
      const fields = (await this.#sentinel.call("SENTINEL", "MASTER", primaryName)) as string[];
      if (isSo(fields[fields.indexOf(field) + 1])) return;
    }
    throw new Error(`The sentinel did not see ${field} in time`);
  }
}
