/** Starts nodes of `tracker-process.ts` and speaks with them. */
import { fork, type ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Report, Request } from "./tracker-process.js";

const script = fileURLToPath(new URL("tracker-process.ts", import.meta.url));

export class TrackerProcess {
  readonly nodeName: string;
  readonly #child: ChildProcess;
  #waiting: { resolve(report: Report): void; reject(error: Error): void }[] = [];
  #ended: Error | undefined;

  private constructor(nodeName: string, child: ChildProcess) {
    this.nodeName = nodeName;
    this.#child = child;
    child.on("message", (message: Report) => {
      // The cluster adapter's messages share the channel.
      if (!("rollcall" in message)) this.#waiting.shift()?.resolve(message);
    });
    child.once("exit", (code, signal) => {
      const ended = (this.#ended = new Error(`${nodeName} ended: ${code ?? signal}`));
      for (const { reject } of this.#waiting.splice(0)) reject(ended);
    });
  }

  /** Resolves when its tracker runs. */
  static async start(
    client: string,
    url: string,
    nodeName: string,
    prefix: string,
    onFork: (child: ChildProcess) => void = () => {},
    keys: readonly string[] = [],
  ): Promise<TrackerProcess> {
    const child = fork(script, [client, url, nodeName, prefix, ...keys], { execArgv: ["--import", "tsx"] });
    onFork(child);
    const node = new TrackerProcess(nodeName, child);
    await node.#answer();
    return node;
  }

  async ask(request: Request): Promise<Report> {
    if (this.#ended !== undefined) throw this.#ended;
    const answer = this.#answer();
    this.#child.send(request);
    return answer;
  }

  report(): Promise<Report> {
    return this.ask({ ask: "report" });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGKILL; resolves when it has ended. */
  async stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    const exit = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exit;
  }

  #answer(): Promise<Report> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}

/** Asks all nodes again and again until they satisfy the condition; rejects with what they said last. */
export async function untilAll(
  nodes: readonly TrackerProcess[],
  what: string,
  satisfied: (reports: readonly Report[]) => boolean,
  patienceMs = 30_000,
): Promise<readonly Report[]> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const reports = await Promise.all(nodes.map((node) => node.report()));
    if (satisfied(reports)) return reports;
    if (performance.now() > until) {
      throw new Error(
        `Waited ${patienceMs} ms in vain for: ${what}\n${JSON.stringify(reports, undefined, 1)}`,
      );
    }
    await pause(50);
  }
}

/** Whether all list the same, and so many. */
export function alike(reports: readonly Report[], entries: number): boolean {
  return reports.every((each) => each.entries === entries && each.digest === reports[0]?.digest);
}
