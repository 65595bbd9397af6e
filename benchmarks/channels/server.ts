/**
 * The measured process: a server of one kind, with one room. Says on which port it listens, then does what its
 * parent asks: broadcast to the room, or tell how much memory it holds.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { ChannelServer } from "../../src/channels/index.js";

/** What the parent asks for. */
export type Request = { readonly ask: "broadcast"; readonly number: number } | { readonly ask: "memory" };

/** What it is told. */
export type Answer =
  | { readonly tell: "listening"; readonly port: number }
  | { readonly tell: "sent"; readonly number: number; readonly atMs: number }
  | { readonly tell: "memory"; readonly bytes: number; readonly residentBytes: number };

export const ROOM = "room:all";
const text = "x".repeat(100);

/** Milliseconds that two processes of one machine agree about. */
export function sharedNowMs(): number {
  return performance.timeOrigin + performance.now();
}

type Broadcast = (number: number) => void;

const http = createServer();

function startChannels(): Broadcast {
  const channels = new ChannelServer({ pubsub: memoryPubSub() });
  channels.socket("/socket").channel("room:*", { join: () => ({ ok: {} }) });
  channels.attach(http);
  return (number) => channels.broadcast(ROOM, "news", { number, text });
}

function startSocketIo(): Broadcast {
  const io = new Server(http, { transports: ["websocket"], serveClient: false });
  io.on("connection", (socket) => {
    socket.on("join", async (room: string, done: (answer: object) => void) => {
      await socket.join(room);
      done({});
    });
  });
  return (number) => void io.to(ROOM).emit("news", { number, text });
}

const kinds: Record<string, () => Broadcast> = { rollcall: startChannels, "socket.io": startSocketIo };

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

const start = kinds[process.argv[2] ?? ""];
if (start !== undefined) {
  const broadcast = start();
  process.on("message", (request: Request) => {
    if (request.ask === "memory") {
      void tellMemory();
      return;
    }
    const atMs = sharedNowMs();
    broadcast(request.number);
    tell({ tell: "sent", number: request.number, atMs });
  });
  process.on("disconnect", () => process.exit());
  http.listen(0, "127.0.0.1", () => {
    tell({ tell: "listening", port: (http.address() as AddressInfo).port });
  });
}
