/** A minute of chaos with real processes over node:cluster. `npm run chaos -- --minutes 10` is the long one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
let end: (() => void) | undefined;
afterEach(() => end?.());

describe("chaos", () => {
  it("leaves every list right after a minute of kills, pauses and restarts", async () => {
    const run = spawn(process.execPath, ["--import", "tsx", "scripts/chaos.ts", "--minutes", "1"], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    end = () => run.kill("SIGKILL");
    let output = "";
    for (const stream of [run.stdout, run.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
    const [code] = (await once(run, "exit")) as [number | null];
    end = undefined;
    expect(output).toMatch(/every list is right/);
    expect(code).toBe(0);
    const [, calls, kills, pauses] = /(\d+) calls, (\d+) kills, (\d+) pauses/.exec(output) ?? [];
    expect(Number(calls)).toBeGreaterThan(200);
    expect(Number(kills)).toBeGreaterThan(3);
    expect(Number(pauses)).toBeGreaterThan(3);
  });
});
