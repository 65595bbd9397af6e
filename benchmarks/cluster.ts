/**
 * The benchmarks between processes: `npm run bench:cluster`. Real processes over the IPC of node:cluster, a
 * Redis and a NATS server, each against the bare client beneath the adapter.
 */
import { runProgram, type Benchmark } from "./harness/command.js";
import { kill, rollingRestart, stall } from "./processes/failures.js";
import { followingKill, followingLatency, followingRestart } from "./processes/followers.js";
import { bulk, latency } from "./processes/latency.js";
import { catchUp, idle, partition } from "./processes/recovery.js";
import { transportKinds } from "./processes/transport.js";

const benchmarks: Benchmark[] = [];
const makers = [
  ...[latency, bulk, catchUp, partition, idle, kill, stall, rollingRestart],
  ...[followingKill, followingRestart],
];
for (const make of makers) {
  for (const kind of transportKinds) benchmarks.push(make(kind));
}
benchmarks.push(followingLatency("redis"));

await runProgram({
  name: "bench:cluster",
  description: "What a cluster of real processes takes, over node:cluster, Redis and NATS.",
  benchmarks,
  runs: 3,
  sizes: [10_000, 100_000],
});
// A cluster's primary keeps its handles; all workers have ended by now.
process.exit();
