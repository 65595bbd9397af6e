import { fork } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Tracker } from "./src/index.js";
import { openNodeBy } from "./test/brokers/clients.js";
const ports = { "node-redis 6": "redis://127.0.0.1:17379", "transport-node 3": "nats://127.0.0.1:17422", "pg 8": "postgres://postgres@127.0.0.1:17432/postgres" } as const;
const prefix = process.argv[2]!;
if (process.argv[3] !== undefined) {
  for (const [client, url] of Object.entries(ports)) {
    const opened = await openNodeBy(client)(url, process.argv[3], prefix);
    const t = await Tracker.start({}, { name: "test", pubsub: opened.node });
    t.on("error", () => {});
  }
  process.on("disconnect", () => process.exit());
  process.send?.("up");
} else {
  const took: Record<string, number[]> = {};
  const downs: Record<string, Map<string, number>> = {};
  for (const [client, url] of Object.entries(ports)) {
    took[client] = [];
    const opened = await openNodeBy(client)(url, "watching", prefix);
    const t = await Tracker.start({}, { name: "test", pubsub: opened.node });
    t.on("error", (e) => console.log(client, e.code, e.message));
    const m = (downs[client] = new Map());
    t.on("replicaDown", ({ name }) => m.set(name, performance.now()));
  }
  const d = monitorEventLoopDelay({ resolution: 5 }); d.enable();
  for (let batch = 0; batch < 3; batch++) {
    const nodes: [string, ReturnType<typeof fork>][] = [];
    for (let i = 0; i < 10; i++) {
      const name = `n${batch}-${i}`;
      const c = fork(new URL(import.meta.url).pathname, [prefix, name], { execArgv: ["--import", "tsx"] });
      await new Promise((r) => c.once("message", r));
      nodes.push([name, c]);
    }
    await pause(10_000);
    d.reset();
    const at = new Map<string, number>();
    for (const [name, c] of nodes) { at.set(name, performance.now()); c.kill("SIGKILL"); await pause(1_300 + Math.random() * 400); }
    await pause(6_000);
    console.log("batch", batch, "held up", (d.max / 1e6).toFixed(0));
    for (const [client, m] of Object.entries(downs)) for (const [name, ms] of at) took[client]!.push(Math.round((m.get(name) ?? Infinity) - ms));
  }
  for (const [client, all] of Object.entries(took)) { all.sort((a, b) => a - b); console.log(client, "n", all.length, "min", all[0], "median", all[15], "p90", all[27], "max", all[29], "over 4 s", all.filter((x) => x > 4000).length); }
  process.exit(0);
}
