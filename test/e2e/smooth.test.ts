/** The dashboard stays smooth with 5,000 shoppers and 50 changes a second. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser, openDashboard, soon, withoutBrowser, type Dashboard } from "./browser.ts";
import { Shop, startLoad, type Program } from "./processes.ts";
import { traceTasks } from "./tracing.ts";

const shoppers = 5_000;
/** As many leave each second, and as many come: twice as many changes. */
const churn = 25;
const tracedMs = 10_000;
/** What browsers call a long task. */
const longTaskMs = 50;

describe.skipIf(withoutBrowser)("the dashboard under load", () => {
  let shop: Shop;
  let browser: Browser;
  let dashboard: Dashboard;
  let load: Program;

  beforeAll(async () => {
    [shop, browser] = await Promise.all([Shop.start(), openBrowser()]);
    dashboard = await openDashboard(browser, shop);
    load = startLoad(shop, "--shoppers", String(shoppers), "--churn", String(churn));
    await load.said(/They stay until/, 120_000);
  });

  afterAll(async () => {
    await load?.stop("SIGKILL");
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

  it("has none", async () => {
    await soon(async () => (await dashboard.shown()).shoppers, 20_000).toBeGreaterThan(shoppers - 2 * churn);
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
    console.log(
      `    longest of ${tasks.length} tasks: ${Math.max(...tasks).toFixed(1)} ms of processor time`,
    );
  });
});
