/**
 * The primary of the cluster: starts the nodes, replaces those that end, relays between them, and stops them
 * all. It serves nothing itself.
 */
import cluster, { type Worker } from "node:cluster";
import { setupPrimary } from "rollcall/adapters/cluster";
import {
  configVariable,
  envelope,
  opened,
  type NodeConfig,
  type NodeSays,
  type NodeStart,
  type PrimarySays,
} from "./control.ts";

/** A node that ended on its own is missed for a while, so that one can watch: twice the trackers' downPeriodMs. */
const replaceAfterMs = 2 * 8_000;
/** A shopper's client reconnects within a second or two; more than that is for the slow. */
const handoffMs = 8_000;
const stopTimeoutMs = 15_000;
const shutdownTimeoutMs = 4_000;

interface RunningWorker {
  readonly worker: Worker;
  ready: boolean;
  stopping: boolean;
  /** Whoever stops it starts another in its place. */
  replaced: boolean;
}

export class Primary {
  readonly #configs: ReadonlyMap<string, NodeConfig>;
  readonly #say: (line: string) => void;
  readonly #running = new Map<string, RunningWorker>();
  readonly #replacements = new Set<ReturnType<typeof setTimeout>>();
  #stopping = false;
  #restarting = false;

  constructor(configs: readonly NodeConfig[], say: (line: string) => void) {
    this.#configs = new Map(configs.map((config) => [config.name, config]));
    this.#say = say;
    setupPrimary().onError((error) => say(`The relay reports: ${String(error)}`));
  }

  /** The process of a node that runs. */
  processId(name: string): number | undefined {
    return this.#running.get(name)?.worker.process.pid;
  }

  /** Starts all nodes and resolves when all of them serve. Rejects with the first failure. */
  async start(): Promise<void> {
    await Promise.all([...this.#configs.values()].map((config) => this.#fork(config)));
  }

  /** Ends all nodes, gracefully if they manage it in time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#replacements) clearTimeout(timer);
    await Promise.all([...this.#running.keys()].map((name) => this.#stopNode(name, 0, shutdownTimeoutMs)));
  }

  /** Resolves when the node serves. */
  #fork(config: NodeConfig): Promise<void> {
    const serving = [...this.#running].filter(([, { ready, stopping }]) => ready && !stopping);
    const start: NodeStart = { ...config, others: serving.map(([name]) => name) };
    const worker = cluster.fork({ [configVariable]: JSON.stringify(start) });
    const running: RunningWorker = { worker, ready: false, stopping: false, replaced: false };
    this.#running.set(config.name, running);
    return new Promise((resolve, reject) => {
      let failure = "it ended before it served";
      worker.on("message", (value: unknown) => {
        const message = opened<NodeSays>(value);
        if (message?.type === "ready") {
          running.ready = true;
          resolve();
        } else if (message?.type === "failed") failure = message.message;
        else if (message !== undefined) this.#asked(message);
      });
      worker.on("exit", (code: number | null, signal: string | null) => {
        this.#running.delete(config.name);
        if (!running.ready) reject(new Error(`${config.name} did not start: ${failure}`));
        if (running.ready && !this.#stopping && !running.replaced) {
          this.#replaceLater(config, signal ?? `code ${code}`);
        }
      });
    });
  }

  #replaceLater(config: NodeConfig, cause: string): void {
    this.#say(`${config.name} ended (${cause}). It is replaced in ${replaceAfterMs / 1000} s.`);
    const timer = setTimeout(() => {
      this.#replacements.delete(timer);
      this.#forkOrRetry(config).then(
        () => this.#say(`${config.name} is back, as process ${this.processId(config.name)}.`),
        (error: unknown) => this.#say(String(error)),
      );
    }, replaceAfterMs);
    this.#replacements.add(timer);
  }

  /** As {@link #fork}; one that fails is tried again later, whoever else hears of the failure. */
  async #forkOrRetry(config: NodeConfig): Promise<void> {
    try {
      await this.#fork(config);
    } catch (error) {
      if (!this.#stopping) this.#replaceLater(config, "not started");
      throw error;
    }
  }

  #asked(request: Exclude<NodeSays, { type: "ready" | "failed" }>): void {
    if (request.type === "restart") void this.#restart();
    else if (request.type === "kill") this.#running.get(request.node)?.worker.process.kill("SIGKILL");
    else void this.#stopNode(request.node, handoffMs, stopTimeoutMs);
  }

  /** Replaces one node after another; the next one waits until the new one serves. */
  async #restart(): Promise<void> {
    if (this.#restarting || this.#stopping) return;
    this.#restarting = true;
    this.#say("Rolling restart:");
    try {
      for (const [name, config] of this.#configs) {
        const running = this.#running.get(name);
        // One that is missing is about to be replaced anyway.
        if (running === undefined) continue;
        running.replaced = true;
        await this.#stopNode(name, handoffMs, stopTimeoutMs);
        if (this.#stopping) return;
        await this.#forkOrRetry(config);
        this.#say(`  ${name} is new.`);
      }
      this.#say("  All nodes are new.");
    } catch (error) {
      this.#say(`  The restart stopped: ${String(error)}`);
    } finally {
      this.#restarting = false;
    }
  }

  /** Resolves when the node has ended, by itself or by SIGKILL after the timeout. */
  #stopNode(name: string, handoffMs: number, timeoutMs: number): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return Promise.resolve();
    const { worker } = running;
    return new Promise((resolve) => {
      const timer = setTimeout(() => worker.process.kill("SIGKILL"), timeoutMs);
      worker.once("exit", () => {
        clearTimeout(timer);
        resolve();
      });
      if (running.stopping) return;
      running.stopping = true;
      // One that is ending already cannot be told.
      worker.send(envelope<PrimarySays>({ type: "stop", handoffMs }), () => undefined);
    });
  }
}
