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
import { WebSocket } from "ws";
import { Crowd, dialects } from "./channels/crowd.js";
import type { FollowersRequest } from "./channels/followers.js";
import type { Answer, Request } from "./channels/server.js";
import { runProgram, type Benchmark } from "./harness/command.js";
import { quantile } from "./harness/statistics.js";

const serverFile = fileURLToPath(new URL("./channels/server.ts", import.meta.url));
const followersFile = fileURLToPath(new URL("./channels/followers.ts", import.meta.url));
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

const FOLLOWERS = 20;
const FOLLOWED = 50_000;

/** Lets followers join one after another, after a change each where `changing`; the longest turn meanwhile. */
async function measureStall(changing: boolean): Promise<number> {
  const child = fork(followersFile, [String(FOLLOWED)], { execArgv: ["--import", "tsx"] });
  const answer = async (): Promise<number> => ((await once(child, "message")) as [number])[0];
  const ask = (request: FollowersRequest): void => void child.send(request);
  const sockets: WebSocket[] = [];
  try {
    const port = await answer();
    const follow = async (): Promise<void> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`);
      sockets.push(socket);
      await once(socket, "open");
      let keys = 0;
      const whole = new Promise<void>((resolve) => {
        socket.on("message", (data) => {
          const [, , , event, payload] = JSON.parse(String(data)) as [string, string, string, string, object];
          if (event === "presence_state") keys += Object.keys(payload).length;
          else if ("joins" in payload) keys += Object.keys(payload.joins as object).length;
          if (keys >= FOLLOWED) resolve();
        });
      });
      socket.send('["1","1","room:all","phx_join",{}]');
      await whole;
    };
    // The first ones run code that has never run.
    for (let warmUp = 0; warmUp < 3; warmUp++) {
      ask("change");
      await follow();
    }
    ask("stall");
    await answer();
    const followers: Promise<void>[] = [];
    for (let count = 0; count < FOLLOWERS; count++) {
      if (changing) ask("change");
      followers.push(follow());
      if (changing) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await Promise.all(followers);
    ask("stall");
    return await answer();
  } finally {
    for (const socket of sockets) socket.terminate();
    const ended = once(child, "exit");
    child.disconnect();
    await ended;
  }
}

const followers: Benchmark = {
  name: "followers",
  async run({ runs, report, progress }) {
    const size = FOLLOWED.toLocaleString("en-US");
    for (const changing of [false, true]) {
      const how = changing ? "50 ms apart, a change before each" : "at once";
      const values: number[] = [];
      for (let run = 0; run < runs; run++) {
        progress(`${FOLLOWERS} followers of ${size}, ${how}, run ${run + 1} of ${runs}`);
        values.push(await measureStall(changing));
      }
      report({
        name: `longest turn: ${FOLLOWERS} followers join a topic of ${size}, ${how}`,
        unit: "ms",
        values,
      });
    }
  },
};

await runProgram({
  name: "bench:channels",
  description: "Sockets with one channel each on one node, beside Socket.IO with one room each.",
  benchmarks: [channels, followers],
  runs: 3,
  sizes: [5_000],
});
