/** A shop and a browser for pictures: started for them, and ended with them. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";

export const adminPassword = "pictures";
const switches = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];

export interface Stage {
  readonly url: string;
  readonly browser: Browser;
}

/**
 * Runs while a shop with its visitors serves on this port and the next three. Needs Chromium, or the browser
 * that CHROMIUM names.
 */
export async function onStage(port: number, play: (stage: Stage) => Promise<void>): Promise<void> {
  const url = `http://localhost:${port}`;
  const dataFolder = mkdtempSync(join(tmpdir(), "lacewing-pictures-"));
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const shop = spawn(process.execPath, ["--import", "tsx", main, "--port", String(port)], {
    env: { ...process.env, DATA_DIR: dataFolder, ADMIN_PASSWORD: adminPassword },
    stdio: "inherit",
  });
  try {
    while (!(await fetch(url).catch(() => undefined))?.ok) {
      if (shop.exitCode !== null) throw new Error("The shop did not start.");
      await pause(100);
    }
    const browser = await chromium.launch({
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: switches,
    });
    try {
      await play({ url, browser });
    } finally {
      await browser.close();
    }
  } finally {
    shop.kill("SIGINT");
    await new Promise((ended) => (shop.exitCode === null ? shop.once("exit", ended) : ended(undefined)));
    rmSync(dataFolder, { recursive: true, force: true });
  }
}

/** The nodes as the dashboard has them: the one that tells, and the others. */
export async function nodesOf(dashboard: Page): Promise<[tells: string, second: string, third: string]> {
  const tells = (await dashboard.textContent('[data-testid="socket-node"]')) ?? "";
  const [second = "", third = ""] = ["node-1", "node-2", "node-3"].filter((name) => name !== tells);
  return [tells, second, third];
}
