/**
 * Real servers for the benchmarks between processes: found on the path, started on sockets and ports of their
 * own, ended by their own process id.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const startTimeoutMs = 10_000;

/** A server that runs; whoever started it stops it. */
export interface Server {
  /** What a client connects to: a socket path for Redis, a URL for NATS. */
  readonly address: string;
  stop(): Promise<void>;
}

/** A Redis without persistence on a Unix socket. @throws Error if there is none or it does not start. */
export async function startRedis(): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), "rollcall-bench-"));
  const socket = join(directory, "redis.sock");
  const process = spawn(
    "redis-server",
    ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", directory],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  await saying(process, "stdout", /Ready to accept connections|accept connections at/);
  return {
    address: socket,
    stop: async () => {
      await end(process);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A NATS server on a free port of the loopback. @throws Error if there is none or it does not start. */
export async function startNats(): Promise<Server> {
  const process = spawn("nats-server", ["-a", "127.0.0.1", "-p", "-1"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: globalThis.process.env["PATH"], HOME: tmpdir() },
  });
  // The port is printed before the server says that it is ready.
  const log = await saying(process, "stderr", /Server is ready/);
  const port = /client connections on 127\.0\.0\.1:(\d+)/.exec(log)?.[1];
  if (port === undefined) throw new Error(`nats-server named no port: ${log}`);
  return { address: `nats://127.0.0.1:${port}`, stop: () => end(process) };
}

/** Waits until a process has printed what is expected; returns all that it has printed by then. */
function saying(process: ChildProcess, stream: "stdout" | "stderr", expected: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const settle = (): void => {
      clearTimeout(timer);
      process.off("error", fail).off("exit", ended);
      process[stream]?.off("data", read).resume();
    };
    const fail = (error: Error): void => {
      settle();
      process.kill("SIGKILL");
      reject(error);
    };
    const ended = (code: number | null): void =>
      fail(new Error(`ended with ${code} before it was ready: ${text}`));
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!expected.test(text)) return;
      settle();
      resolve(text);
    };
    const timer = setTimeout(() => fail(new Error(`not ready in time: ${text}`)), startTimeoutMs);
    process.on("error", fail).on("exit", ended);
    process[stream]?.on("data", read);
  });
}

/** Ends a process of ours and waits for its exit; SIGKILL if it does not end by itself. */
export function end(process: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => process.kill("SIGKILL"), 3_000);
    process.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    process.kill(signal);
  });
}
