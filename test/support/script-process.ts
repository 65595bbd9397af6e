/**
 * A script of the repository in a process of its own, as users run it, and what it has said so far. A test ends what it
 * has started by the process's own handle. Knows no example and no shop.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const patienceMs = 30_000;

export class ScriptProcess {
  /** Its lines, of both streams, as they come. */
  readonly lines: string[] = [];
  /** Resolves when all that it has said has come, with its exit code: `null` after a signal. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  #hasEnded = false;

  /** `script` is a path in the repository. */
  constructor(
    script: string,
    input: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.#child = spawn(process.execPath, ["--import", "tsx", script, ...input], {
      cwd: root,
      env: { ...process.env, ...environment },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", (line) => this.#hear(line));
    }
    this.ended = new Promise((resolve) => {
      this.#child.on("close", (code) => {
        this.#hasEnded = true;
        resolve(code);
        this.#tell();
      });
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the process did not start");
    return this.#child.pid;
  }

  /** All lines as one text. */
  get output(): string {
    return this.lines.map((line) => `${line}\n`).join("");
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Resolves with the first match in the lines from `since` on. Rejects with all lines if there is none in time. */
  async said(pattern: RegExp, timeoutMs = patienceMs, since = 0): Promise<RegExpMatchArray> {
    let found: RegExpMatchArray | undefined;
    await this.until(
      () => {
        for (const line of this.lines.slice(since)) found ??= line.match(pattern) ?? undefined;
        return found !== undefined;
      },
      `a line like ${String(pattern)}`,
      timeoutMs,
    );
    if (found === undefined) throw new Error("unreachable");
    return found;
  }

  /** Looks at once and after each line whether it is so. Rejects with all lines if it is not in time, or never will be. */
  until(isSo: () => boolean, sign = "what was waited for", timeoutMs = patienceMs): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(check);
        settle();
      };
      const fail = (why: string): void =>
        finish(() => reject(new Error(`no sign of ${sign} ${why}:\n${this.output}`)));
      const check = (): void => {
        if (isSo()) finish(resolve);
        else if (this.#hasEnded) fail("until the process ended");
      };
      const timer = setTimeout(() => fail(`after ${timeoutMs} ms`), timeoutMs);
      this.#listeners.add(check);
      check();
    });
  }

  /** Sends a signal to this process alone. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends a signal and waits for the end. Resolves with the exit code; `null` after a signal. */
  end(signal: NodeJS.Signals = "SIGKILL"): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.signal(signal);
    return this.ended;
  }

  #hear(line: string): void {
    this.lines.push(line);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Processes that a test ends all at once, whatever became of them. */
export class ScriptProcesses {
  readonly #started: ScriptProcess[] = [];

  start(...input: ConstructorParameters<typeof ScriptProcess>): ScriptProcess {
    const started = new ScriptProcess(...input);
    this.#started.push(started);
    return started;
  }

  async endAll(): Promise<void> {
    await Promise.all(this.#started.splice(0).map((each) => each.end()));
  }
}
