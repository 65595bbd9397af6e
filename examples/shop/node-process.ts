/** One node as the primary sees it: its process of now, if there is one, and what it said last. */
import cluster, { type Worker } from "node:cluster";
import {
  envelope,
  opened,
  type NodeConfig,
  type NodeReport,
  type NodeSays,
  type PrimarySays,
} from "./control.ts";
import { homeOf } from "./presence/totals.ts";
import type { NodeState } from "./wire.ts";

/** A node reports four times a second: one that has not for so long says nothing about now. */
const reportIsOldMs = 2_000;

export interface NodeListener {
  said(node: NodeProcess, message: Extract<NodeSays, { type: "ask" | "moved" }>): void;
  /** The process has ended; `expected` if it was asked to. */
  ended(node: NodeProcess, cause: string, expected: boolean): void;
}

/** A life that has ended, and the moment when nobody waits for its shoppers any longer. */
interface PastLife {
  readonly home: string;
  readonly forgottenMs: number;
}

export class NodeProcess {
  readonly config: NodeConfig;
  readonly #listener: NodeListener;
  run = 0;
  #worker: Worker | undefined;
  #ready = false;
  #stopping = false;
  /** When a paused process goes on, or one that has ended is replaced, by `performance.now()`. */
  #resumesMs: number | undefined;
  replacedMs: number | undefined;
  #resume: ReturnType<typeof setTimeout> | undefined;
  #report: { readonly value: NodeReport; readonly atMs: number } | undefined;
  #past: PastLife | undefined;

  constructor(config: NodeConfig, listener: NodeListener) {
    this.config = config;
    this.#listener = listener;
  }

  get name(): string {
    return this.config.name;
  }

  get processId(): number | undefined {
    return this.#worker?.process.pid;
  }

  get state(): NodeState {
    if (this.#worker === undefined) return "ended";
    if (this.#stopping) return "departing";
    if (!this.#ready) return "starting";
    return this.#resumesMs === undefined ? "up" : "paused";
  }

  /** In how long the state ends by itself. */
  get endsInMs(): number | undefined {
    const endMs = this.#resumesMs ?? (this.#worker === undefined ? this.replacedMs : undefined);
    return endMs === undefined ? undefined : Math.max(0, endMs - performance.now());
  }

  get home(): string {
    return homeOf(this.name, this.run);
  }

  /** The life before this one, while its shoppers are waited for; of a departing node its present one. */
  get past(): { readonly home: string; readonly forgottenInMs: number } | undefined {
    const past = this.#past;
    if (past === undefined) return undefined;
    const forgottenInMs = past.forgottenMs - performance.now();
    return forgottenInMs <= 0 ? undefined : { home: past.home, forgottenInMs };
  }

  /** What it says of itself now. */
  get report(): NodeReport | undefined {
    const report = this.#report;
    if (report === undefined || performance.now() - report.atMs > reportIsOldMs) return undefined;
    return report.value;
  }

  /** What it said last, however long ago. */
  get lastReport(): NodeReport | undefined {
    return this.#report?.value;
  }

  /** Starts a process; resolves when it serves. */
  start(others: readonly string[], cut: readonly string[]): Promise<void> {
    this.run += 1;
    this.replacedMs = undefined;
    this.#report = undefined;
    this.#ready = this.#stopping = false;
    const worker = cluster.fork();
    this.#worker = worker;
    const config = { ...this.config, run: this.run, others, cut };
    return new Promise((resolve, reject) => {
      let failure = "it ended before it served";
      worker.on("message", (value: unknown) => {
        const message = opened<NodeSays>(value);
        if (message?.type === "listening") this.tell({ type: "start", config });
        else if (message?.type === "ready") {
          this.#ready = true;
          resolve();
        } else if (message?.type === "failed") failure = message.message;
        else if (message?.type === "report")
          this.#report = { value: message.report, atMs: performance.now() };
        else if (message !== undefined) this.#listener.said(this, message);
      });
      worker.on("exit", (code: number | null, signal: string | null) => {
        const [served, expected] = [this.#ready, this.#stopping];
        this.#goOn();
        this.#worker = undefined;
        this.#report = undefined;
        this.#ready = this.#stopping = false;
        if (served) this.#listener.ended(this, signal ?? `code ${code}`, expected);
        else reject(new Error(`${this.name} did not start: ${failure}`));
      });
    });
  }

  tell(message: PrimarySays): void {
    // One that is ending already cannot be told.
    if (this.#worker?.isConnected()) this.#worker.send(envelope(message), () => undefined);
  }

  /** Resolves when the process has ended, by itself or by SIGKILL after the timeout. */
  stop(handoffMs: number, timeoutMs: number): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => worker.process.kill("SIGKILL"), timeoutMs);
      worker.once("exit", () => {
        clearTimeout(timer);
        resolve();
      });
      if (this.#stopping) return;
      this.#goOn();
      this.#stopping = true;
      this.expectMoves(handoffMs);
      this.tell({ type: "stop", handoffMs });
    });
  }

  kill(): void {
    this.#worker?.process.kill("SIGKILL");
  }

  /** Stands still, as a process does that is starved or looked at in a debugger, and then goes on. */
  pause(durationMs: number, resumed: () => void): void {
    this.#worker?.process.kill("SIGSTOP");
    this.#resumesMs = performance.now() + durationMs;
    this.#resume = setTimeout(() => {
      this.#goOn();
      resumed();
    }, durationMs);
  }

  /** From now on its shoppers are expected elsewhere. */
  expectMoves(withinMs: number): void {
    this.#past = { home: this.home, forgottenMs: performance.now() + withinMs };
  }

  #goOn(): void {
    clearTimeout(this.#resume);
    if (this.#resumesMs === undefined) return;
    this.#resumesMs = undefined;
    this.#worker?.process.kill("SIGCONT");
  }
}
