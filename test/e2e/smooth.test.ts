/** 5,000 shoppers: the dashboard stays smooth under 50 changes a second, and a rolling restart loses nobody. */
import { spawn } from "node:child_process";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser, openDashboard, soon, withoutBrowser, type Dashboard } from "./browser.ts";
import { adminPassword, adminUser, Shop, startLoad } from "./processes.ts";
import { ScriptProcess } from "../support/script-process.ts";
import { traceTasks } from "./tracing.ts";

const shoppers = 5_000;
/** As many leave each second, and as many come: twice as many changes. */
const churn = 25;
const tracedMs = 10_000;
/** What browsers call a long task. */
const longTaskMs = 50;
const restartTimeoutMs = 280_000;

describe.skipIf(withoutBrowser)("the dashboard under load", () => {
  let shop: Shop;
  let browser: Browser;
  let dashboard: Dashboard;
  let load: ScriptProcess;

  beforeAll(async () => {
    [shop, browser] = await Promise.all([Shop.start(), openBrowser()]);
    dashboard = await openDashboard(browser, shop);
    load = startLoad(shop, "--shoppers", String(shoppers));
    await load.said(/They stay until/, 120_000);
  });

  afterAll(async () => {
    await load?.end("SIGKILL");
    await browser?.close();
    await shop?.stop();
  });

  it("would notice a long task", async () => {
    // Long enough even where the page gets only a small part of a processor.
    const tasks = await traceTasks(browser, dashboard.page, () =>
      dashboard.page.evaluate((busyMs) => {
        const untilMs = performance.now() + busyMs;
        while (performance.now() < untilMs);
      }, 40 * longTaskMs),
    );
    expect(Math.max(...tasks)).toBeGreaterThan(longTaskMs);
  });

  it("has no long task while shoppers come and go", async () => {
    const churning = startLoad(shop, "--shoppers", "50", "--churn", String(churn));
    await churning.said(/They stay until/, 60_000);
    await soon(async () => (await dashboard.shown()).shoppers, 20_000).toBeGreaterThan(shoppers);
    // Counts the changes of the feed and the numbers, to know that something was going on.
    await dashboard.page.evaluate(() => {
      const feed = document.querySelector("[data-feed]");
      let changes = 0;
      const count = (all: MutationRecord[]): void => {
        changes += all.length;
        document.body.dataset["changes"] = String(changes);
      };
      if (feed) new MutationObserver(count).observe(feed, { childList: true });
    });
    const tasks = await traceTasks(browser, dashboard.page, () => dashboard.page.waitForTimeout(tracedMs));
    const changes = Number(await dashboard.page.getAttribute("body", "data-changes"));
    expect(changes).toBeGreaterThan(10);
    expect(tasks.length).toBeGreaterThan(100);
    expect(Math.max(...tasks)).toBeLessThan(longTaskMs);
    await churning.end("SIGINT");
    console.log(
      `    longest of ${tasks.length} tasks: ${Math.max(...tasks).toFixed(1)} ms of processor time`,
    );
  });

  it(
    "loses nobody when all nodes are replaced on a busy machine",
    async () => {
      await soon(async () => (await dashboard.shown()).shoppers, 20_000).toBe(shoppers);
      const right = await dashboard.shown();
      const busy = Array.from({ length: 2 }, () =>
        spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }),
      );
      try {
        const restart = new ScriptProcess(
          "examples/shop/restart.ts",
          ["--url", shop.url, "--admin-user", adminUser],
          {
            ADMIN_PASSWORD: adminPassword,
          },
        );
        const looks = await dashboard.watch(() => restart.hasEnded, restartTimeoutMs);
        expect(await restart.ended, restart.output).toBe(0);
        expect(restart.output).toMatch(/node-3 says goodbye to \d+ shoppers/);
        expect(restart.output).toContain("never dropped");
        expect(Math.min(...looks.map(({ shown }) => shown.shoppers))).toBe(shoppers);
        expect(Math.max(...looks.map(({ shown }) => shown.shoppers))).toBe(shoppers);
        await soon(() => dashboard.shown(), 20_000).toEqual(right);
      } finally {
        for (const each of busy) each.kill("SIGKILL");
      }
    },
    restartTimeoutMs + 40_000,
  );
});
