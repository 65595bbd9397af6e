/**
 * The measured process: a server of one kind, with one room. Says on which port it listens, then does what its
 * parent asks: broadcast to the room, or tell how much memory it holds and how long its processor was busy.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { kinds, type Kind } from "./kinds.js";

/** What the parent asks for. */
export type Request =
  | { readonly ask: "broadcast"; readonly number: number }
  | { readonly ask: "memory" }
  | { readonly ask: "processor" };

/** What it is told. */
export type Answer =
  | { readonly tell: "listening"; readonly port: number }
  | { readonly tell: "sent"; readonly number: number; readonly atMs: number }
  | { readonly tell: "memory"; readonly bytes: number; readonly residentBytes: number }
  | { readonly tell: "processor"; readonly ms: number };

/** Milliseconds that two processes of one machine agree about. */
export function sharedNowMs(): number {
  return performance.timeOrigin + performance.now();
}

function tell(answer: Answer): void {
  process.send?.(answer);
}

async function tellMemory(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  tell({ tell: "memory", bytes: heapUsed + external, residentBytes: rss });
}

/** Of all its threads: collecting garbage is a part of it. */
function tellProcessor(): void {
  const { user, system } = process.cpuUsage();
  tell({ tell: "processor", ms: (user + system) / 1000 });
}

const start = kinds[process.argv[2] as Kind] as (typeof kinds)[Kind] | undefined;
if (start !== undefined) {
  const http = createServer();
  const broadcast = start(http, Number(process.argv[3]));
  process.on("message", (request: Request) => {
    if (request.ask === "memory") return void tellMemory();
    if (request.ask === "processor") return tellProcessor();
    const atMs = sharedNowMs();
    broadcast(request.number);
    tell({ tell: "sent", number: request.number, atMs });
  });
  process.on("disconnect", () => process.exit());
  http.listen(0, "127.0.0.1", () => {
    tell({ tell: "listening", port: (http.address() as AddressInfo).port });
  });
}
