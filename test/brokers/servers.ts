/**
 * Real brokers for tests: started on a free port of the loopback with nothing kept on disk, killed and started
 * again on demand, ended by their own process id. `REDIS_URL`, `NATS_URL` and `DATABASE_URL` name running ones
 * instead, which are neither killed nor started.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { requireTool } from "../support/require-tool.js";

export interface Broker {
  readonly name: string;
  readonly url: URL;
  /** Whether {@link kill} and {@link start} are for us to call. */
  readonly ours: boolean;
  /** SIGKILL; resolves when the process has ended. */
  kill(): Promise<void>;
  /** SIGSTOP or SIGCONT to the process that was started and those that it has: it stands still, or goes on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  /** Starts it again on the same port; resolves when it takes connections. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** How to open a broker, or `undefined` where it is not installed. */
export type OpenBroker = (() => Promise<Broker>) | undefined;

const startTimeoutMs = 20_000;

export const openRedis = opener(
  "REDIS_URL",
  "redis-server",
  "apt-get install redis-server",
  async (command) => {
    const port = await freePort();
    const folder = temporaryFolder("redis");
    const options = ["--save", "", "--appendonly", "no", "--dir", folder, "--bind", "127.0.0.1"];
    return new SpawnedBroker("redis", new URL(`redis://127.0.0.1:${port}`), folder, () =>
      spawn(command, ["--port", String(port), ...options], { stdio: "ignore" }),
    );
  },
);

export const openNats = opener("NATS_URL", "nats-server", "apt-get install nats-server", async (command) => {
  const port = await freePort();
  return new SpawnedBroker("nats", new URL(`nats://127.0.0.1:${port}`), undefined, () =>
    spawn(command, ["-a", "127.0.0.1", "-p", String(port)], { stdio: "ignore" }),
  );
});

export const openPostgres = opener("DATABASE_URL", "initdb", "apt-get install postgresql", async (initdb) => {
  const port = await freePort();
  const folder = temporaryFolder("postgres");
  const user = postgresUser();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, "data");
  execFileSync(
    initdb,
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
    {
      ...user,
      cwd: folder,
      stdio: "ignore",
    },
  );
  const options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", folder];
  const url = new URL(`postgres://postgres@127.0.0.1:${port}/postgres`);
  return new SpawnedBroker("postgres", url, folder, () =>
    spawn(join(dirname(initdb), "postgres"), ["-D", data, "-p", String(port), ...options], {
      ...user,
      cwd: folder,
      stdio: "ignore",
    }),
  );
});

function opener(
  variable: string,
  tool: string,
  install: string,
  create: (command: string) => Promise<SpawnedBroker>,
): OpenBroker {
  const running = process.env[variable];
  if (running !== undefined && running !== "") return async () => new RunningBroker(new URL(running));
  const command = requireTool({ name: tool, install: `${install}, or set ${variable}` });
  if (command === undefined) return undefined;
  return async () => {
    const broker = await create(command);
    await broker.start();
    return broker;
  };
}

/** One that somebody else has started. */
class RunningBroker implements Broker {
  readonly name: string;
  readonly url: URL;
  readonly ours = false;

  constructor(url: URL) {
    this.name = url.protocol.replace(":", "");
    this.url = url;
  }

  kill(): Promise<void> {
    throw new Error(`${this.name} is not ours to kill`);
  }

  signal(): void {
    throw new Error(`${this.name} is not ours to stop`);
  }

  start(): Promise<void> {
    throw new Error(`${this.name} is not ours to start`);
  }

  async stop(): Promise<void> {}
}

export class SpawnedBroker implements Broker {
  readonly name: string;
  readonly url: URL;
  readonly ours = true;
  readonly #folder: string | undefined;
  readonly #spawn: () => ChildProcess;
  #child: ChildProcess | undefined;

  constructor(name: string, url: URL, folder: string | undefined, spawnServer: () => ChildProcess) {
    this.name = name;
    this.url = url;
    this.#folder = folder;
    this.#spawn = spawnServer;
  }

  async start(): Promise<void> {
    const until = performance.now() + startTimeoutMs;
    while (performance.now() < until) {
      const child = (this.#child ??= this.#spawn());
      if (child.exitCode !== null || child.signalCode !== null) {
        // PostgreSQL refuses to start until the orphans of a killed server have gone.
        this.#child = undefined;
      } else if (await takesConnections(this.url)) {
        return;
      }
      await pause(50);
    }
    await this.stop();
    throw new Error(`${this.name} did not start within ${startTimeoutMs} ms`);
  }

  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    // PostgreSQL serves each connection with a process of its own.
    for (const each of [pid, ...childrenOf(pid)]) process.kill(each, signal);
  }

  async stop(): Promise<void> {
    // SIGINT is PostgreSQL's fast shutdown; the others end on it too.
    await this.#end("SIGINT");
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }
}

/** The processes that one has started; none where the system does not tell. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Says so only when the server itself answers, not merely its listening socket. */
async function takesConnections(url: URL): Promise<boolean> {
  const question = url.protocol === "redis:" ? "PING\r\n" : url.protocol === "postgres:" ? startup : "";
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname, port: Number(url.port) });
    const answer = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.setTimeout(1_000, () => answer(false));
    socket.once("error", () => answer(false));
    socket.once("close", () => answer(false));
    socket.once("data", (data) => answer(data.toString("latin1", 0, 1) !== "E"));
    socket.write(question);
  });
}

/** A client of PostgreSQL says who it is; a server that starts up answers with an error, `E`, and else asks or welcomes. */
const startup = (() => {
  const text = "user\0postgres\0database\0postgres\0\0";
  const message = Buffer.alloc(8 + text.length);
  message.writeInt32BE(message.length, 0);
  message.writeInt32BE(196_608, 4);
  message.write(text, 8);
  return message;
})();

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `rollcall-${name}-`));
  chmodSync(folder, 0o755);
  return folder;
}

/** PostgreSQL refuses to run as root. */
function postgresUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
