/**
 * Seeds on all cores, by the command that anyone can run. In CI the same 2,000 each time, so that what turns red is
 * what was changed; for a developer 200 that nobody has run. `npm run sim` runs as many fresh ones as one likes.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const inCI = process.env["CI"] === "true";
const seeds = inCI ? 2_000 : 200;
const which = ["--seeds", String(seeds), ...(inCI ? ["--first", "1000000"] : [])];
/** What CI allows itself. */
const limitMs = 300_000;

it(`${seeds} seeds pass`, { timeout: limitMs + 10_000 }, async () => {
  const script = fileURLToPath(new URL("../../scripts/sim.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, ...which], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const killTimer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
  clearTimeout(killTimer);
  // The output names the seeds that failed, and how to run one again.
  expect(code, output.slice(-4_000)).toBe(0);
  expect(output).toMatch(new RegExp(`${seeds} seeds from \\d+ in \\d+ s: 0 failed`));
});
