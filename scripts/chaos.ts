/**
 * Chaos with real processes: `npm run chaos -- --minutes 10 --pubsub redis`. Processes are killed, stopped,
 * restarted and renamed at random while they track, and so is the broker if this has started it. All along every
 * process checks its own promises; whenever it is quiet all lists must equal the driver's record. The exit code
 * is 0 only if nothing failed.
 */
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import type { ChaosCounts, KillableBroker } from "./chaos/options.js";
import { runChaos } from "./chaos/run-chaos.js";
import type { Holds } from "./chaos/messages.js";
import { periodsOf, type Profile } from "./chaos/profiles.js";

interface Flags {
  readonly minutes: number;
  readonly seed: number;
  readonly nodes: number;
  readonly pubsub: string;
  readonly periods: Profile;
  readonly checkpoint: number;
  readonly holds: Holds;
  readonly deployEvery: number;
}

/** A broker that is there for as long as the run. */
interface OpenedBroker extends KillableBroker {
  stop(): Promise<void>;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("expected a positive number");
  return value;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number");
  return value;
}

function nodeCount(text: string): number {
  const value = wholeNumber(text);
  if (value < 2) throw new InvalidArgumentError("expected at least 2");
  return value;
}

function pubsubName(text: string): string {
  if (/^(cluster|redis|nats|(redis|nats):\/\/.+)$/.test(text)) return text;
  throw new InvalidArgumentError("expected cluster, redis, nats, redis://… or nats://…");
}

function profileName(text: string): Profile {
  if (text === "short" || text === "medium" || text === "default") return text;
  throw new InvalidArgumentError("expected short, medium or default");
}

function holdsName(text: string): Holds {
  if (text === "everything" || text === "followed") return text;
  throw new InvalidArgumentError("expected everything or followed");
}

function readFlags(): Flags {
  return new Command("npm run chaos --")
    .description("kills, stops and restarts real processes at random and checks what they promise")
    .option("--minutes <number>", "how long the chaos lasts, beside the time to settle", positive, 10)
    .option("--seed <number>", "of all commands and faults", wholeNumber, Math.floor(Date.now() / 10) % 1e9)
    .option("--nodes <count>", "processes", nodeCount, 5)
    .option(
      "--holds <what>",
      "everything, or followed: the topics that each follows",
      holdsName,
      "everything",
    )
    .option(
      "--pubsub <name>",
      "cluster, redis, nats, or the URL of a broker, which is not killed",
      pubsubName,
      "cluster",
    )
    .option(
      "--periods <profile>",
      "short (down after 1.2 s), medium (4 s) or the library's default",
      profileName,
      "short",
    )
    .option("--checkpoint <seconds>", "chaos between two comparisons of all lists", positive, 30)
    .option("--deploy-every <count>", "comparisons between two rolling deploys; 0: none", wholeNumber, 4)
    .parse()
    .opts<Flags>();
}

/** Nothing for the cluster adapter, which needs no broker. */
async function openBroker(pubsub: string): Promise<OpenedBroker | undefined> {
  if (pubsub === "cluster") return undefined;
  const variable = pubsub.startsWith("redis") ? "REDIS_URL" : "NATS_URL";
  if (pubsub.includes("://")) process.env[variable] = pubsub;
  // Looks for the server and for the variable when it is loaded.
  const { openNats, openRedis } = await import("../test/brokers/servers.js");
  const open = variable === "REDIS_URL" ? openRedis : openNats;
  if (open === undefined) throw new Error(`There is no server for ${pubsub}`);
  return open();
}

function clientsOf(pubsub: string): readonly string[] {
  if (pubsub === "cluster") return ["cluster"];
  return pubsub.startsWith("redis") ? ["node-redis 6", "ioredis 6"] : ["transport-node 3"];
}

function summaryOf(counts: ChaosCounts): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${what} ${count}`)
    .join(", ");
}

async function main(): Promise<void> {
  const flags = readFlags();
  const { minutes, seed, nodes, pubsub } = flags;
  const again = `npm run chaos -- --minutes ${minutes} --seed ${seed} --nodes ${nodes} --pubsub ${pubsub} --periods ${flags.periods} --holds ${flags.holds} --checkpoint ${flags.checkpoint} --deploy-every ${flags.deployEvery}`;
  console.log(again);
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => interrupted.abort());
  const broker = await openBroker(pubsub);
  const bar = new SingleBar({ format: "{bar} {value}/{total} s, {did}", hideCursor: true });
  let checkpoint = 0;
  bar.start(Math.round(minutes * 60), 0, { did: "starting" });
  try {
    const { failures, events, counts } = await runChaos({
      seed,
      durationMs: minutes * 60_000,
      checkpointPeriodMs: flags.checkpoint * 1_000,
      nodes,
      holds: flags.holds,
      deployEvery: flags.deployEvery,
      periods: periodsOf(flags.periods),
      clients: clientsOf(pubsub),
      ...(broker !== undefined && { broker }),
      signal: interrupted.signal,
      progress: (chaosMs, soFar) => {
        const seconds = Math.round(chaosMs / 1_000);
        bar.update(seconds, { did: summaryOf(soFar) });
        // Where nobody watches a bar, a line for each comparison is what tells how far it has come.
        if (process.stderr.isTTY || soFar.checkpoint === checkpoint) return;
        checkpoint = soFar.checkpoint;
        console.log(`${seconds} s of ${Math.round(minutes * 60)}: ${summaryOf(soFar)}`);
      },
    });
    bar.stop();
    if (failures.length > 0) {
      console.log(`The last events:\n${events.join("\n")}\n`);
      console.log(`FAILED, ${again}\n${failures.join("\n")}`);
    } else if (interrupted.signal.aborted) console.log("interrupted");
    else console.log(`ok: ${summaryOf(counts)}`);
    process.exitCode = failures.length > 0 || interrupted.signal.aborted ? 1 : 0;
  } finally {
    bar.stop();
    await broker?.stop();
  }
}

await main();
