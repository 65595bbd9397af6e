/**
 * Workers that find each other and share jobs: each job belongs to one worker, and the jobs of a worker that
 * dies go to the others. No coordinator decides it; all look at the same list and come to the same answer.
 * See README.md.
 *
 *   npx tsx examples/workers/workers.ts
 */
import cluster from "node:cluster";
import { Session, Tracker } from "rollcall";
import { clusterPubSub, setupPrimary } from "rollcall/adapters/cluster";

const workerCount = 4;
const jobs = Array.from({ length: 12 }, (_, index) => `job-${index + 1}`);
const restartAfterMs = Number(process.env["RESTART_AFTER_MS"] ?? 5_000);

if (cluster.isPrimary) runPrimary();
else await runWorker(String(process.env["WORKER_NAME"]));

/** Relays between the workers, and starts one again that died, under the name that it had. */
function runPrimary(): void {
  setupPrimary();
  let stopping = false;
  const start = (name: string): void => {
    const worker = cluster.fork({ WORKER_NAME: name });
    worker.on("exit", () => {
      if (!stopping) setTimeout(() => start(name), restartAfterMs);
    });
  };
  for (let number = 1; number <= workerCount; number++) start(`worker-${number}`);
  const stop = (): void => {
    stopping = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.kill();
    process.exit(0);
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
}

async function runWorker(name: string): Promise<void> {
  const mine = new Set<string>();
  const log = (text: string): void => console.log(`${name} ${text}`);

  const tracker = await Tracker.start(
    {
      handleDiff(_diff, tracker) {
        const ready = tracker.list("workers").map(({ node }) => node);
        for (const job of jobs) {
          const isMine = tracker.isResponsible(job, ready);
          if (isMine === mine.has(job)) continue;
          log(`${isMine ? "takes" : "gives up"} ${job}`);
          if (isMine)
            mine.add(job); // here the work would start
          else mine.delete(job); // and here it would end
        }
      },
    },
    { name: "workers", pubsub: clusterPubSub({ nodeName: name }) },
  );
  // Joining before the others are known would take every job for a moment, and give most of them up again.
  await tracker.whenComplete({ timeoutMs: 15_000 });
  log(`is process ${process.pid}`);
  tracker.track(new Session(), "workers", name, { pid: process.pid });
  process.on("SIGINT", () => {}); // Ctrl-C reaches the whole group; the primary ends the workers
  process.once("SIGTERM", () => void tracker.stop({ handoffMs: 0 }).then(() => process.exit(0)));
}
