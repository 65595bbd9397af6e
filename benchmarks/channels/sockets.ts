/**
 * Thousands of sockets in one room of one node: how fast they connect and join, what they weigh, and how late the last
 * of them hears a broadcast. Beside Socket.IO, and above bare `ws`.
 */
import { compare, type Comparison } from "./compare.js";
import { Crowd, dialects } from "./crowd.js";
import { ROOM, type Kind } from "./kinds.js";
import { ServerProcess } from "./server-process.js";
import type { Benchmark } from "../harness/command.js";
import { quantile } from "../harness/statistics.js";

const BROADCASTS = 20;
/** After some 5,000 joins what they run is compiled: before that it takes three times as long. */
const WARM_UP_SOCKETS = 2_000;
const WARM_UP_ROUNDS = 3;

/** What one run of one kind came to. */
interface Measurement {
  readonly connectsPerSecond: number;
  readonly joinsPerSecond: number;
  readonly connectProcessorUs: number;
  readonly joinProcessorUs: number;
  readonly bytesPerSocket: number;
  readonly residentBytesPerSocket: number;
  readonly latencyP50Ms: number;
  readonly latencyP99Ms: number;
  readonly broadcastProcessorUs: number;
}

async function measure(kind: Kind, count: number): Promise<Measurement> {
  const server = new ServerProcess(kind);
  const crowd = new Crowd(dialects[kind], ROOM);
  try {
    const port = await server.port();
    // Code that runs for the first time is slow on both sides; nobody is measured by it.
    for (let round = 0; round < WARM_UP_ROUNDS; round++) {
      const warmUp = new Crowd(dialects[kind], ROOM);
      await warmUp.connect(port, WARM_UP_SOCKETS);
      await warmUp.join();
      warmUp.end();
    }
    const before = await server.memory();
    const connectStart = { atMs: performance.now(), processorMs: await server.processorMs() };
    await crowd.connect(port, count);
    const joinStart = { atMs: performance.now(), processorMs: await server.processorMs() };
    await crowd.join();
    const joined = { atMs: performance.now(), processorMs: await server.processorMs() };
    const after = await server.memory();
    const broadcastStartMs = await server.processorMs();
    const latenciesMs: number[] = [];
    for (let number = 0; number < BROADCASTS; number++) {
      let sent: Promise<number> = Promise.resolve(0);
      const heardMs = await crowd.hear(() => {
        sent = server.broadcast(number);
      });
      const sentMs = await sent;
      for (const atMs of heardMs) latenciesMs.push(atMs - sentMs);
    }
    const broadcastEndMs = await server.processorMs();
    latenciesMs.sort((a, b) => a - b);
    const eachUs = (processorMs: number, frames = count): number => (processorMs * 1000) / frames;
    return {
      connectsPerSecond: count / ((joinStart.atMs - connectStart.atMs) / 1000),
      joinsPerSecond: count / ((joined.atMs - joinStart.atMs) / 1000),
      connectProcessorUs: eachUs(joinStart.processorMs - connectStart.processorMs),
      joinProcessorUs: eachUs(joined.processorMs - joinStart.processorMs),
      bytesPerSocket: (after.bytes - before.bytes) / count,
      residentBytesPerSocket: (after.residentBytes - before.residentBytes) / count,
      latencyP50Ms: quantile(latenciesMs, 0.5),
      latencyP99Ms: quantile(latenciesMs, 0.99),
      broadcastProcessorUs: eachUs(broadcastEndMs - broadcastStartMs, count * BROADCASTS),
    };
  } finally {
    crowd.end();
    await server.end();
  }
}

const figures: readonly Comparison<Measurement>[] = [
  { field: "connectsPerSecond", name: "sockets connected", unit: "/s", better: "more" },
  {
    field: "connectProcessorUs",
    name: "processor time of the server per connection",
    unit: "µs",
    better: "less",
  },
  { field: "joinsPerSecond", name: "channels joined", unit: "/s", better: "more" },
  { field: "joinProcessorUs", name: "processor time of the server per join", unit: "µs", better: "less" },
  { field: "bytesPerSocket", name: "heap and buffers per socket", unit: "B", better: "less" },
  { field: "residentBytesPerSocket", name: "resident memory per socket", unit: "B", better: "less" },
  { field: "latencyP50Ms", name: "broadcast latency, p50", unit: "ms", better: "less" },
  { field: "latencyP99Ms", name: "broadcast latency, p99", unit: "ms", better: "less" },
  {
    field: "broadcastProcessorUs",
    name: "processor time of the server per frame of a broadcast",
    unit: "µs",
    better: "less",
  },
];

export const sockets: Benchmark = {
  name: "channels",
  async run({ runs, sizes, report, progress }) {
    for (const count of sizes) {
      const many = `${count.toLocaleString("en-US")} sockets`;
      await compare({ runs, report, progress }, many, figures, (kind) => measure(kind, count));
    }
  },
};
