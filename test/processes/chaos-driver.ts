/**
 * Drives a chaos run: real processes that track at random while they are killed, paused and restarted, and at
 * the end the question whether every list is what the processes have tracked.
 */
import cluster from "node:cluster";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { setupPrimary } from "../../src/adapters/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import { chaosOptions } from "./chaos-options.js";
import { ChaosProcess } from "./chaos-process.js";

export interface ChaosRun {
  readonly seed: number;
  readonly processes: number;
  readonly durationMs: number;
  /** `cluster`, or the URL of a Redis or NATS server. */
  readonly pubsub: string;
  readonly report: (line: string) => void;
}

/** What came of a run. */
export interface ChaosResult {
  readonly calls: number;
  readonly kills: number;
  readonly pauses: number;
  readonly stops: number;
  readonly settledMs: number;
  readonly wrong: readonly string[];
}

const topics = ["room:1", "room:2", "room:3", "lobby", "__proto__"];
const keys = ["user:1", "user:2", "user:3", "user:4", "user:5", "user:6"];
const sessionsPerProcess = 8;
/** Between two calls, and between two faults. */
const callPeriodMs = 8;
const faultPeriodMs = 900;
/** When all is well again, everything has to be right within this: silence, a window, and some heartbeats. */
const settleLimitMs = 3 * chaosOptions.downPeriodMs + 20 * chaosOptions.heartbeatPeriodMs;
const settlePeriodMs = 250;

export async function runChaos(run: ChaosRun): Promise<ChaosResult> {
  const driver = new ChaosDriver(run);
  try {
    return await driver.run();
  } finally {
    await driver.end();
  }
}

class ChaosDriver {
  readonly #run: ChaosRun;
  readonly #random: SeededRandom;
  /** The present life of every node. */
  readonly #processes = new Map<string, ChaosProcess>();
  readonly #restarts: Promise<void>[] = [];
  #lives = 0;
  #versions = 0;
  #calls = 0;
  #kills = 0;
  #pauses = 0;
  #stops = 0;

  constructor(run: ChaosRun) {
    this.#run = run;
    this.#random = new SeededRandom(run.seed);
    cluster.setupPrimary({ exec: fileURLToPath(new URL("./chaos-worker.ts", import.meta.url)) });
    setupPrimary();
  }

  async run(): Promise<ChaosResult> {
    const { processes, durationMs, report } = this.#run;
    const names = Array.from({ length: processes }, (_, index) => `n${index + 1}`);
    for (const name of names) this.#start(name);
    await Promise.all([...this.#processes.values()].map(({ ready }) => ready));
    report(`${processes} processes run`);
    const endMs = performance.now() + durationMs;
    let nextFaultMs = performance.now() + faultPeriodMs;
    while (performance.now() < endMs) {
      this.#callSomething();
      if (performance.now() >= nextFaultMs) {
        this.#breakSomething();
        nextFaultMs = performance.now() + faultPeriodMs * this.#random.between(0.3, 1.7);
      }
      await wait(callPeriodMs);
    }
    report(
      `${this.#calls} calls, ${this.#kills} kills, ${this.#pauses} pauses, ${this.#stops} stops; settling`,
    );
    for (const process of this.#processes.values()) process.signal("SIGCONT");
    await Promise.all(this.#restarts);
    await Promise.all([...this.#processes.values()].map(({ ready }) => ready));
    const { settledMs, wrong } = await this.#settle();
    return {
      calls: this.#calls,
      kills: this.#kills,
      pauses: this.#pauses,
      stops: this.#stops,
      settledMs,
      wrong,
    };
  }

  /** Ends every process that this run has started. */
  async end(): Promise<void> {
    for (const process of this.#processes.values()) process.signal("SIGKILL");
    await Promise.all([...this.#processes.values()].map(({ ended }) => ended));
  }

  #start(name: string): void {
    this.#lives += 1;
    const worker = cluster.fork({
      CHAOS_NODE: name,
      CHAOS_LIFE: String(this.#lives),
      CHAOS_PUBSUB: this.#run.pubsub,
    });
    this.#processes.set(name, new ChaosProcess(name, this.#lives, worker));
  }

  /** Starts a node again when its process has ended, after a while. */
  #restartLater(process: ChaosProcess): void {
    const pauseMs = this.#random.pick([0, 300, 1_000, 4_000]);
    this.#restarts.push(
      process.ended
        .then(() => wait(pauseMs))
        .then(() => {
          this.#start(process.name);
        }),
    );
  }

  #callSomething(): void {
    const random = this.#random;
    const process = random.pick([...this.#processes.values()]);
    if (!process.isRunning || process.isLeaving || process.isPaused) return;
    this.#calls += 1;
    const session = random.integer(1, sessionsPerProcess);
    const where = { session, topic: random.pick(topics), key: random.pick(keys) };
    const chosen = random.integer(1, 20);
    if (chosen <= 13) {
      this.#versions += 1;
      void process.ask({ do: "set", ...where, version: this.#versions });
    } else if (chosen <= 18) void process.ask({ do: "untrack", ...where });
    else void process.ask({ do: "close", session });
  }

  #breakSomething(): void {
    const random = this.#random;
    const process = random.pick([...this.#processes.values()]);
    if (!process.isRunning || process.isLeaving || process.isPaused) return;
    const chosen = random.integer(1, 10);
    if (chosen <= 4) {
      this.#kills += 1;
      process.isLeaving = true;
      process.signal("SIGKILL");
      this.#restartLater(process);
    } else if (chosen <= 8) {
      this.#pauses += 1;
      process.signal("SIGSTOP");
      // Shorter than the silence that makes a node down, and longer.
      const pauseMs = random.pick([200, 1_000, 3_000, 6_000]);
      this.#restarts.push(wait(pauseMs).then(() => process.signal("SIGCONT")));
    } else {
      this.#stops += 1;
      process.isLeaving = true;
      void process.ask({ do: "stop", handoffMs: random.pick([0, 500, 2_000]) });
      this.#restartLater(process);
    }
  }

  /** Waits until every list is what the processes have tracked, or for as long as that may take. */
  async #settle(): Promise<{ settledMs: number; wrong: readonly string[] }> {
    const beganMs = performance.now();
    let wrong = await this.#compare();
    while (wrong.length > 0 && performance.now() - beganMs < settleLimitMs) {
      await wait(settlePeriodMs);
      wrong = await this.#compare();
    }
    return { settledMs: performance.now() - beganMs, wrong };
  }

  async #compare(): Promise<string[]> {
    const processes = [...this.#processes.values()];
    const replies = await Promise.all(processes.map((process) => process.ask({ do: "list" })));
    const truth = new Set(processes.flatMap((process) => process.entries()));
    return replies.flatMap(({ entries = [], wrong = [] }, index) => {
      const name = processes[index]?.name ?? "";
      const listed = new Set(entries);
      return [
        ...wrong.map((line) => `${name}: ${line}`),
        ...[...truth].filter((entry) => !listed.has(entry)).map((entry) => `${name} lacks ${entry}`),
        ...[...listed].filter((entry) => !truth.has(entry)).map((entry) => `${name} has the ghost ${entry}`),
      ];
    });
  }
}
