/** Nodes that are stopped, killed and replaced from the back office, while shoppers stay. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  addItem,
  openBrowser,
  openDashboard,
  openShopper,
  socketNode,
  withoutBrowser,
  type Dashboard,
  type Shown,
  soon,
  sum,
} from "./browser.ts";
import { adminPassword, adminUser, isAlive, Program, Shop, startLoad } from "./processes.ts";

describe.skipIf(withoutBrowser)("nodes that come and go", () => {
  let shop: Shop;
  let browser: Browser;
  let dashboard: Dashboard;
  let load: Program;
  let right: Shown;

  beforeAll(async () => {
    [shop, browser] = await Promise.all([Shop.start(), openBrowser()]);
    dashboard = await openDashboard(browser, shop);
    load = startLoad(shop, "--shoppers", "150");
    await load.said(/They stay until/, 30_000);
    const shopper = await openShopper(browser, `${shop.url}/shoes/stairwell-high`);
    await addItem(shopper, 303);
    await vi.waitFor(
      async () => {
        right = await dashboard.shown();
        expect(right.shoppers).toBe(151);
        expect(sum(right.items)).toBe(151);
      },
      { timeout: 10_000 },
    );
  });

  afterAll(async () => {
    await load?.stop("SIGKILL");
    await browser?.close();
    await shop?.stop();
  });

  /** Looks at the dashboard until the condition holds, and gives the lowest shopper count seen. */
  async function watchUntil(done: () => Promise<boolean>, timeoutMs: number): Promise<number> {
    const startedMs = performance.now();
    let least = Infinity;
    for (;;) {
      least = Math.min(least, (await dashboard.shown()).shoppers);
      if (await done()) return least;
      if (performance.now() - startedMs > timeoutMs) throw new Error(`Not so after ${timeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** A node on which the admin is not: what the admin sees is then never its own reconnecting. */
  async function otherNode(): Promise<string> {
    return (await socketNode(dashboard.page)) === "node-1" ? "node-2" : "node-1";
  }

  it("loses nobody when a node is stopped", async () => {
    const victim = await otherNode();
    const process = shop.processIdOf(victim);
    await dashboard.page.click(`[aria-label="Stop ${victim}"]`);
    const startedMs = performance.now();
    // Over the whole handoff, and beyond its end.
    const least = await watchUntil(
      async () => performance.now() - startedMs > 11_000 && !isAlive(process),
      20_000,
    );
    expect(least).toBe(right.shoppers);
    expect(await dashboard.shown()).toEqual(right);
    await shop.program.said(new RegExp(`${victim} is back`), 40_000);
  });

  it("is right again when a node was killed", async () => {
    const victim = await otherNode();
    await dashboard.page.click(`[aria-label="Kill ${victim}"]`);
    await shop.program.said(new RegExp(`${victim} ended \\(SIGKILL\\)`), 10_000);
    await soon(() => dashboard.shown()).toEqual(right);
    const backs = (): number => shop.program.output.match(new RegExp(`${victim} is back`, "g"))?.length ?? 0;
    const before = backs();
    await soon(backs, 40_000).toBe(before + 1);
    expect(await dashboard.shown()).toEqual(right);
  });

  it("replaces all nodes without losing a shopper", async () => {
    const restart = new Program("examples/shop/restart.ts", ["--url", shop.url, "--admin-user", adminUser], {
      ADMIN_PASSWORD: adminPassword,
    });
    const least = await watchUntil(async () => restart.child.exitCode !== null, 100_000);
    expect(await restart.ended, restart.output).toBe(0);
    expect(restart.output).toContain("never dropped");
    expect(least).toBe(right.shoppers);
    expect(await dashboard.shown()).toEqual(right);
  });
});
