/** The runtimes that the library is run on, beside the Node that runs the tests, and what they need to start. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable } from "node:stream";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { requireTool } from "../support/require-tool.js";

const folder = fileURLToPath(new URL(".", import.meta.url));

export interface Runtime {
  readonly name: string;
  /** The command and what stands before the name of a program. */
  readonly command: readonly [string, ...string[]];
}

/** All that are installed; with `CI=true` one that is missing is an error. */
export const runtimes: readonly Runtime[] = [
  { name: "Node 22", path: "node22/bin/node", before: [] },
  { name: "Node 24", path: "node24/bin/node", before: [] },
  { name: "Bun", path: "@oven/bun-linux-x64-baseline/bin/bun", before: [] },
  { name: "Deno", path: "@deno/linux-x64-glibc/deno", before: ["run", "--allow-all"] },
].flatMap(({ name, path, before }) => {
  const binary = installed(name, path);
  return binary === undefined ? [] : [{ name, command: [binary, ...before] as const }];
});

/** The binary of a runtime that is installed in this folder. */
export function installed(name: string, path: string): string | undefined {
  const binary = join(folder, "node_modules", path);
  return requireTool({
    name,
    install: "npm ci --prefix test/runtimes (Linux on x64)",
    path: existsSync(binary) ? binary : "",
  });
}

/** A program that runs; its lines as they come. */
export class Program {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<number | NodeJS.Signals>;
  readonly #name: string;
  #output = "";
  #onOutput: () => void = () => undefined;

  constructor(
    { name, command: [binary, ...before] }: Runtime,
    input: readonly string[],
    cwd: string,
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#name = name;
    this.#child = spawn(binary, [...before, ...input], {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      // Colours and word of newer versions are for people.
      env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", PORT: "0", ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
        this.#onOutput();
      });
    }
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code, signal) => resolve(code ?? signal ?? 1));
    });
    void this.#ended.then(
      () => this.#onOutput(),
      () => this.#onOutput(),
    );
  }

  get output(): string {
    return this.#output;
  }

  /** What the first line that begins so says after it. Rejects with all that was printed if none comes in time. */
  async said(beginning: string, patienceMs = 30_000): Promise<string> {
    const found = (): string | undefined => {
      const lines = this.#output.split("\n").slice(0, -1);
      return lines.find((line) => line.startsWith(beginning))?.slice(beginning.length);
    };
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const text = found();
        if (text === undefined && this.#child.exitCode === null) return;
        clearTimeout(timer);
        this.#onOutput = () => undefined;
        if (text !== undefined) resolve(text);
        else reject(new Error(`${this.#name} ended without “${beginning}”:\n${this.#output}`));
      };
      const timer = setTimeout(() => {
        reject(new Error(`${this.#name} did not say “${beginning}” in time:\n${this.#output}`));
      }, patienceMs);
      this.#onOutput = look;
      look();
    });
  }

  /** Asks it to end, and returns how it did; it has to end by itself. */
  async end(patienceMs = 20_000): Promise<number | NodeJS.Signals | "still running"> {
    this.#child.kill("SIGTERM");
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"still running">((resolve) => {
      timer = setTimeout(() => resolve("still running"), patienceMs);
    });
    const how = await Promise.race([this.#ended, late]);
    clearTimeout(timer);
    return how;
  }

  /** To its own end. */
  ended(): Promise<number | NodeJS.Signals> {
    return this.#ended;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
