/** The examples of docs/testing.md run as written, and print what it says. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { codeBlocks } from "../docs/markdown.js";

const root = new URL("../../", import.meta.url);
const guide = readFileSync(new URL("docs/testing.md", root), "utf8");

/** Runs an example and returns the lines that it prints. */
async function linesOf(example: string): Promise<string[]> {
  mkdirSync(new URL("tmp/", root), { recursive: true });
  const folder = mkdtempSync(fileURLToPath(new URL("tmp/testing-", root)));
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...values) => void lines.push(format(...values)));
  try {
    writeFileSync(`${folder}/example.ts`, example);
    await import(/* @vite-ignore */ `${folder}/example.ts`);
  } finally {
    log.mockRestore();
    rmSync(folder, { recursive: true });
  }
  return lines;
}

describe("docs/testing.md", () => {
  const [behaviour = "", schedules = ""] = codeBlocks(guide, "ts");
  const [printed = ""] = codeBlocks(guide, "text");

  it("shows a behaviour on a simulated cluster", async () => {
    expect((await linesOf(behaviour)).join("\n")).toBe(printed.trim());
  });

  it("shows random schedules", { timeout: 60_000 }, async () => {
    const lines = await linesOf(schedules);
    expect(lines).toHaveLength(5);
    for (const [index, line] of lines.entries()) {
      expect(line).toMatch(new RegExp(`^seed ${index + 1}: \\d+ lives, settled \\d+ times$`));
    }
  });
});
