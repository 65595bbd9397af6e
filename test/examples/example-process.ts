/**
 * Runs an example in a process of its own, as its README says, and reads what it prints. The examples import
 * the library by its name, so it has to be built.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const patienceMs = 30_000;

export class ExampleProcess {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #onLine: () => void = () => {};

  /** `file` is a path in the repository. */
  constructor(file: string, input: readonly string[] = [], environment: Record<string, string> = {}) {
    this.#child = spawn(process.execPath, ["--import", "tsx", file, ...input], {
      cwd: root,
      env: { ...process.env, ...environment },
    });
    this.#ended = once(this.#child, "exit");
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", (line) => this.#hear(line));
    }
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the example did not start");
    return this.#child.pid;
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The first line from `since` on that matches, as soon as it is there. Rejects with all lines if it is not. */
  async waitFor(pattern: RegExp, since = 0): Promise<RegExpExecArray> {
    let found: RegExpExecArray | undefined;
    await this.waitUntil(() => {
      for (const line of this.lines.slice(since)) found ??= pattern.exec(line) ?? undefined;
      return found !== undefined;
    }, `a line like ${pattern}`);
    if (found === undefined) throw new Error("unreachable");
    return found;
  }

  /** Waits for what the lines say: looks now and after each further line. Rejects with all lines if in vain. */
  waitUntil(isSo: () => boolean, what = "what was waited for"): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#onLine = () => {};
        reject(new Error(`no sign of ${what} after ${patienceMs} ms:\n${this.lines.join("\n")}`));
      }, patienceMs);
      this.#onLine = () => {
        if (!isSo()) return;
        clearTimeout(timer);
        this.#onLine = () => {};
        resolve();
      };
      this.#onLine();
    });
  }

  /** Resolves when the process has ended by itself, with its exit code. */
  async ended(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  /** Sends a signal to this process alone and waits for its end. Gives the exit code; none after a signal. */
  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    return this.ended();
  }

  #hear(line: string): void {
    this.lines.push(line);
    this.#onLine();
  }
}

/** A list of processes that a test ends all at once, whatever became of them. */
export class ExampleProcesses {
  readonly #started: ExampleProcess[] = [];

  start(...input: ConstructorParameters<typeof ExampleProcess>): ExampleProcess {
    const started = new ExampleProcess(...input);
    this.#started.push(started);
    return started;
  }

  async endAll(): Promise<void> {
    await Promise.all(this.#started.splice(0).map((each) => each.end()));
  }
}
