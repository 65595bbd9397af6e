/**
 * Thousands of sockets on one node with one channel each, beside Socket.IO and bare `ws` doing the same in the same run:
 *
 *   npm run bench:channels
 *
 * The server is a process of its own, so that only it is measured; the clients are bare WebSockets in this one.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import type { FollowersRequest } from "./channels/followers.js";
import { presenceJoins } from "./channels/presence-joins.js";
import { sockets } from "./channels/sockets.js";
import { runProgram, type Benchmark } from "./harness/command.js";

const followersFile = fileURLToPath(new URL("./channels/followers.ts", import.meta.url));

const FOLLOWERS = 20;
const FOLLOWED = 50_000;

/** Lets followers join one after another, after a change each where `changing`; the longest turn meanwhile. */
async function measureStall(changing: boolean): Promise<number> {
  const child = fork(followersFile, [String(FOLLOWED)], { execArgv: ["--import", "tsx"] });
  const answer = async (): Promise<number> => ((await once(child, "message")) as [number])[0];
  const ask = (request: FollowersRequest): void => void child.send(request);
  const open: WebSocket[] = [];
  try {
    const port = await answer();
    const follow = async (): Promise<void> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`);
      open.push(socket);
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
    for (const socket of open) socket.terminate();
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
  benchmarks: [sockets, presenceJoins, followers],
  runs: 3,
  sizes: [5_000],
});
