/**
 * What Node teams use today, beside the tracker: `npm run bench:peers`. The same users and the same question on
 * both sides, in the same run.
 */
import { runProgram } from "./harness/command.js";
import { awareness } from "./peers/awareness.js";
import { redisHash } from "./peers/redis-hash.js";
import { socketIo } from "./peers/socket-io.js";

await runProgram({
  name: "bench:peers",
  description: "Socket.IO with Redis, a hand-written Redis presence and Yjs awareness, beside the tracker.",
  benchmarks: [socketIo, redisHash, awareness],
  runs: 5,
  sizes: [900, 3_000, 9_000],
});
// The timers of what was measured keep the process alive.
process.exit();
