/**
 * Simulated clusters of nodes that hold what they follow: `npm run sim:following -- 1 300` runs 300 seeds from 1 on, one
 * after the other; with --mixed, of clusters in which some nodes hold everything. The exit code is 0 only if nothing failed.
 */
import { runSchedule } from "../test/sim/following/schedule.js";

/** So many seeds that failed are named, each with so much of what was found. */
const SEEDS_SHOWN = 10;
const LINE_LENGTH = 400;

const isMixed = process.argv.includes("--mixed");
const [first = 1, count = 300] = process.argv
  .slice(2)
  .filter((each) => each !== "--mixed")
  .map(Number);
let failed = 0;
for (let seed = first; seed < first + count; seed++) {
  const found = findingsOf(seed);
  if (found.length === 0) continue;
  failed += 1;
  if (failed <= SEEDS_SHOWN)
    console.log(`seed ${seed}: ${found.slice(0, 4).join("; ").slice(0, LINE_LENGTH)}`);
}
console.log(`${count} schedules from seed ${first} on, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function findingsOf(seed: number): readonly string[] {
  try {
    return runSchedule(seed, {}, isMixed);
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
}
