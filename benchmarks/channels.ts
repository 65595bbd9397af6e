/**
 * Thousands of sockets on one node with one channel each, beside Socket.IO doing the same in the same run:
 *
 *   npm run bench:channels
 *
 * The server is a process of its own, so that only it is measured; the clients are bare WebSockets in this one.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Crowd, dialects } from "./channels/crowd.js";
import type { Answer, Request } from "./channels/server.js";
import { runProgram, type Benchmark } from "./harness/command.js";
import { quantile } from "./harness/statistics.js";

const serverFile = fileURLToPath(new URL("./channels/server.ts", import.meta.url));
const BROADCASTS = 20;
type Kind = keyof typeof dialects;

/** What one run of one kind gave. */
interface Measurement {
  readonly connectsPerSecond: number;
  readonly joinsPerSecond: number;
  readonly bytesPerSocket: number;
  readonly residentBytesPerSocket: number;
  readonly latencyP50Ms: number;
  readonly latencyP99Ms: number;
}

class ServerProcess {
  readonly #child: ChildProcess;

  constructor(kind: Kind) {
    this.#child = fork(serverFile, [kind], { execArgv: ["--expose-gc", "--import", "tsx"] });
  }

  async port(): Promise<number> {
    return (await this.#answer("listening")).port;
  }

  memory(): Promise<Extract<Answer, { tell: "memory" }>> {
    this.#ask({ ask: "memory" });
    return this.#answer("memory");
  }

  /** Broadcasts once; resolves with the time at which that was. */
  async broadcast(number: number): Promise<number> {
    this.#ask({ ask: "broadcast", number });
    return (await this.#answer("sent")).atMs;
  }

  async end(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }

  #ask(request: Request): void {
    this.#child.send(request);
  }

  async #answer<Tell extends Answer["tell"]>(tell: Tell): Promise<Extract<Answer, { tell: Tell }>> {
    const [answer] = (await once(this.#child, "message")) as [Answer];
    if (answer.tell !== tell) throw new Error(`the server told ${answer.tell} where ${tell} was asked for`);
    return answer as Extract<Answer, { tell: Tell }>;
  }
}

async function measure(kind: Kind, count: number): Promise<Measurement> {
  const server = new ServerProcess(kind);
  const crowd = new Crowd(dialects[kind]);
  try {
    const port = await server.port();
    // Code that runs for the first time is slow on both sides; nobody is measured by it.
    const warmUp = new Crowd(dialects[kind]);
    await warmUp.connect(port, 200);
    await warmUp.join();
    warmUp.end();
    const before = await server.memory();
    const connectStartMs = performance.now();
    await crowd.connect(port, count);
    const joinStartMs = performance.now();
    await crowd.join();
    const joinedMs = performance.now();
    const after = await server.memory();
    const latenciesMs: number[] = [];
    for (let number = 0; number < BROADCASTS; number++) {
      let sent: Promise<number> = Promise.resolve(0);
      const heardMs = await crowd.hear(() => {
        sent = server.broadcast(number);
      });
      const sentMs = await sent;
      for (const atMs of heardMs) latenciesMs.push(atMs - sentMs);
    }
    latenciesMs.sort((a, b) => a - b);
    return {
      connectsPerSecond: count / ((joinStartMs - connectStartMs) / 1000),
      joinsPerSecond: count / ((joinedMs - joinStartMs) / 1000),
      bytesPerSocket: (after.bytes - before.bytes) / count,
      residentBytesPerSocket: (after.residentBytes - before.residentBytes) / count,
      latencyP50Ms: quantile(latenciesMs, 0.5),
      latencyP99Ms: quantile(latenciesMs, 0.99),
    };
  } finally {
    crowd.end();
    await server.end();
  }
}

const figures = [
  { field: "connectsPerSecond", name: "sockets connected", unit: "/s" },
  { field: "joinsPerSecond", name: "channels joined", unit: "/s" },
  { field: "bytesPerSocket", name: "heap and buffers per socket", unit: "B" },
  { field: "residentBytesPerSocket", name: "resident memory per socket", unit: "B" },
  { field: "latencyP50Ms", name: "broadcast latency, p50", unit: "ms" },
  { field: "latencyP99Ms", name: "broadcast latency, p99", unit: "ms" },
] as const;

const channels: Benchmark = {
  name: "channels",
  async run({ runs, sizes, report, progress }) {
    for (const count of sizes) {
      const measured: Record<Kind, Measurement[]> = { rollcall: [], "socket.io": [] };
      for (let run = 0; run < runs; run++) {
        // In turn, and each first every other time: both meet the same moods of the machine.
        const order: Kind[] = run % 2 === 0 ? ["rollcall", "socket.io"] : ["socket.io", "rollcall"];
        for (const kind of order) {
          progress(`${kind}, ${count} sockets, run ${run + 1} of ${runs}`);
          measured[kind].push(await measure(kind, count));
        }
      }
      for (const { field, name, unit } of figures) {
        const values = (kind: Kind): number[] => measured[kind].map((each) => each[field]);
        report({
          name: `${name}, ${count.toLocaleString("en-US")} sockets`,
          unit,
          values: values("rollcall"),
          floor: { what: "Socket.IO", values: values("socket.io") },
        });
      }
    }
  },
};

await runProgram({
  name: "bench:channels",
  description: "Sockets with one channel each on one node, beside Socket.IO with one room each.",
  benchmarks: [channels],
  runs: 3,
  sizes: [5_000],
});
