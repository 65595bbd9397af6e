/**
 * The benchmarks of one process: `npm run bench`. Each figure stands beside a floor of the same run, the bare
 * Maps that do the least that could work.
 */
import { runProgram } from "./harness/command.js";
import { bytes, codec, partition, transfer } from "./rows/bytes.js";
import { client } from "./rows/client.js";
import { catchUp, down } from "./rows/membership.js";
import { memory } from "./rows/memory.js";
import { merge, mergeSet } from "./rows/merges.js";
import { entries, list, lookUp, topicsOf } from "./rows/reads.js";
import { seals } from "./rows/seals.js";
import { shares } from "./rows/shares.js";
import { turns } from "./rows/turns.js";
import { window } from "./rows/window.js";
import { changing, grace, track } from "./rows/writes.js";

await runProgram({
  name: "bench",
  description: "What the tracker costs in one process, against bare Maps that do the least that could work.",
  benchmarks: [
    track,
    changing,
    list,
    lookUp,
    grace,
    topicsOf,
    entries,
    mergeSet,
    merge,
    catchUp,
    down,
    turns,
    memory,
    bytes,
    transfer,
    partition,
    codec,
    seals,
    shares,
    client,
    window,
  ],
  runs: 5,
  sizes: [10_000, 100_000, 500_000],
});
