/**
 * Chaos with real processes: `npm run chaos -- --minutes 10` lets five processes track at random while they are
 * killed, paused and restarted, over node:cluster, Redis or NATS. The exit code is 0 only if in the end every
 * list is what the processes have tracked.
 */
import { Command, InvalidArgumentError } from "commander";
import { runChaos } from "../test/processes/chaos-driver.js";

interface Flags {
  readonly minutes: number;
  readonly processes: number;
  readonly pubsub: string;
  readonly seed: number;
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("expected a positive number");
  return value;
}

function pubsubName(text: string): string {
  if (text === "cluster" || /^(redis|nats):\/\//.test(text)) return text;
  throw new InvalidArgumentError("expected cluster, or a URL that begins with redis:// or nats://");
}

const flags = new Command("npm run chaos --")
  .description("real processes that are killed, paused and restarted while they track")
  .option("--minutes <number>", "how long to break things", positiveNumber, 1)
  .option("--processes <count>", "how many processes", positiveNumber, 5)
  .option("--pubsub <which>", "cluster, redis://host:port or nats://host:port", pubsubName, "cluster")
  .option("--seed <number>", "for the choice of calls and faults", positiveNumber, (Date.now() % 1e9) + 1)
  .parse()
  .opts<Flags>();

console.log(`seed ${flags.seed}, ${flags.pubsub}, ${flags.minutes} min`);
const result = await runChaos({
  seed: flags.seed,
  processes: flags.processes,
  durationMs: flags.minutes * 60_000,
  pubsub: flags.pubsub,
  report: (line) => console.log(line),
});
for (const line of result.wrong.slice(0, 40)) console.log(`  ${line}`);
if (result.wrong.length === 0)
  console.log(`every list is right, ${Math.round(result.settledMs)} ms after the last fault`);
else console.log(`FAILED: ${result.wrong.length} findings; npm run chaos -- --seed ${flags.seed}`);
process.exit(result.wrong.length === 0 ? 0 : 1);
