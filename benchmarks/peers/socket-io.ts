/**
 * "Who is online?" asked of three servers that share a Redis: Socket.IO's `fetchSockets` and a tracker's `list`.
 * The same users, the same answer, in the same run; then with one of the three servers stopped.
 */
import { fileURLToPath } from "node:url";
import { createClient } from "redis";
import type { Benchmark } from "../harness/command.js";
import { forkRemote, type CommandTable, type Remote } from "../harness/remote.js";
import { openRedis } from "../../test/brokers/servers.js";
import type { rollcallCommands } from "./rollcall-server.js";
import type { socketIoClientCommands } from "./socket-io-clients.js";
import type { socketIoCommands, Who } from "./socket-io-server.js";

const serverCount = 3;
const calls = 15;

type Asking = { who(): Who | Promise<Who> };

/** One side of the comparison, ready to be asked. */
interface Side {
  readonly servers: readonly Remote<CommandTable & Asking>[];
}

/** What asking gave: how long each call took, how many were answered, what Redis sent for it. */
interface Asked {
  readonly tookMs: number[];
  readonly answered: number;
  readonly redisBytesPerCall: number;
}

export const socketIo: Benchmark = {
  name: "socket.io",
  async run({ sizes, report, progress }) {
    if (openRedis === undefined) throw new Error("redis-server is missing");
    for (const users of sizes) {
      const many = users.toLocaleString("en-US");
      const redis = await openRedis();
      const processes: Remote<CommandTable>[] = [];
      try {
        const fork = async <Table extends CommandTable>(file: string): Promise<Remote<Table>> => {
          const remote = await forkRemote<Table>(fileURLToPath(new URL(file, import.meta.url)), file);
          processes.push(remote);
          return remote;
        };
        progress(`${many} users connect`);
        const theirs = await startSocketIo(fork, redis.url.href, users);
        const ours = await startRollcall(fork, redis.url.href, users);
        progress(`${many} users, all servers run`);
        const all = {
          ours: await askMany(ours, users, redis.url.href),
          theirs: await askMany(theirs, users, redis.url.href),
        };
        report({
          name: `who is online, ${many} users on ${serverCount} servers`,
          unit: "ms",
          values: all.ours.tookMs,
          beside: [{ what: "Socket.IO fetchSockets", values: all.theirs.tookMs }],
        });
        report({
          name: `bytes that Redis sends per call, ${many} users`,
          unit: "B",
          values: [all.ours.redisBytesPerCall],
          beside: [{ what: "Socket.IO fetchSockets", values: [all.theirs.redisBytesPerCall] }],
        });
        progress(`${many} users, one server stopped`);
        const stopped = { ours: await askStopped(ours, users), theirs: await askStopped(theirs, users) };
        report({
          name: `the same while one server is stopped, ${many} users`,
          unit: "ms",
          values: stopped.ours.tookMs,
          target: {
            text: "every read answers",
            met: () => stopped.ours.answered === stopped.ours.tookMs.length,
          },
          beside: [{ what: "Socket.IO fetchSockets", values: stopped.theirs.tookMs }],
          note: `answered: ${stopped.ours.answered} of ${stopped.ours.tookMs.length}, Socket.IO ${stopped.theirs.answered} of ${stopped.theirs.tookMs.length}`,
        });
      } finally {
        await Promise.all(processes.map((process) => process.kill()));
        await redis.stop();
      }
    }
  },
};

type Fork = <Table extends CommandTable>(file: string) => Promise<Remote<Table>>;

async function startSocketIo(fork: Fork, redisUrl: string, users: number): Promise<Side> {
  const servers: Remote<typeof socketIoCommands>[] = [];
  const ports: number[] = [];
  for (let server = 0; server < serverCount; server++) {
    const remote = await fork<typeof socketIoCommands>("./socket-io-server.ts");
    servers.push(remote);
    ports.push(await remote.ask("listen", redisUrl));
  }
  const clients = await fork<typeof socketIoClientCommands>("./socket-io-clients.ts");
  await clients.ask("connect", ports, 1, users);
  return { servers };
}

async function startRollcall(fork: Fork, redisUrl: string, users: number): Promise<Side> {
  const servers: Remote<typeof rollcallCommands>[] = [];
  for (let server = 0; server < serverCount; server++) {
    const remote = await fork<typeof rollcallCommands>("./rollcall-server.ts");
    servers.push(remote);
    await remote.ask("listen", redisUrl);
  }
  for (const [index, server] of servers.entries()) await server.ask("track", index + 1, users, serverCount);
  await Promise.all(servers.map((server) => server.ask("reach", users)));
  return { servers };
}

async function askMany({ servers }: Side, users: number, redisUrl: string): Promise<Asked> {
  const bytesBefore = await redisSentBytes(redisUrl);
  const asked = await ask(servers, calls, users);
  const bytes = (await redisSentBytes(redisUrl)) - bytesBefore;
  return { ...asked, redisBytesPerCall: bytes / calls };
}

/** Asks the servers that run while the last one is stopped. */
async function askStopped({ servers }: Side, users: number): Promise<Omit<Asked, "redisBytesPerCall">> {
  const [stopped, ...running] = [...servers].reverse();
  if (stopped === undefined) throw new Error("no server to stop");
  stopped.signal("SIGSTOP");
  try {
    return await ask(running, 3, users);
  } finally {
    stopped.signal("SIGCONT");
  }
}

async function ask(
  servers: Side["servers"],
  times: number,
  users: number,
): Promise<Omit<Asked, "redisBytesPerCall">> {
  const tookMs: number[] = [];
  let answered = 0;
  for (let call = 0; call < times; call++) {
    const who = await servers[call % servers.length]?.ask("who");
    if (who === undefined) continue;
    tookMs.push(who.tookMs);
    if (who.users === users) answered += 1;
  }
  return { tookMs, answered };
}

/** What a Redis has sent to its clients so far. */
export async function redisSentBytes(redisUrl: string): Promise<number> {
  const client = await createClient({ url: redisUrl }).connect();
  const info = await client.info("stats");
  client.destroy();
  const bytes = /total_net_output_bytes:(\d+)/.exec(info)?.[1];
  if (bytes === undefined) throw new Error("Redis does not say what it sent");
  return Number(bytes);
}
