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
  type Look,
  type Shown,
  soon,
  sum,
} from "./browser.ts";
import { adminPassword, adminUser, Program, Shop, startLoad } from "./processes.ts";
import { expectRightAgain, watchedMs } from "./killed-node.ts";

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

  const leastOf = (looks: readonly Look[]): number => Math.min(...looks.map(({ shown }) => shown.shoppers));

  /** A node on which the admin is not: what the admin sees is then never its own reconnecting. */
  async function otherNode(): Promise<string> {
    return (await socketNode(dashboard.page)) === "node-1" ? "node-2" : "node-1";
  }

  /** Begins to count now; whether the node has come back since. */
  function comesBack(name: string): () => boolean {
    const isBack = new RegExp(`${name} is back`, "g");
    const count = (): number => shop.program.output.match(isBack)?.length ?? 0;
    const before = count();
    return () => count() > before;
  }

  it("loses nobody when a node is stopped", async () => {
    const victim = await otherNode();
    const isBack = comesBack(victim);
    await dashboard.page.click(`[aria-label="Stop ${victim}"]`);
    // Over the whole handoff, and beyond its end: it is replaced when twice that time has passed.
    const looks = await dashboard.watch(isBack, 60_000);
    expect(leastOf(looks)).toBe(right.shoppers);
    await soon(() => dashboard.shown()).toEqual(right);
  });

  it("is right again when a node was killed", async () => {
    const victim = await otherNode();
    const isBack = comesBack(victim);
    await dashboard.page.click(`[aria-label="Kill ${victim}"]`);
    const [looks, killedMs] = await Promise.all([
      dashboard.watch(isBack, 60_000),
      shop.program.said(new RegExp(`${victim} ended \\(SIGKILL\\)`), 10_000).then(() => performance.now()),
    ]);
    // It is replaced long after the promised time.
    expect((looks.at(-1)?.atMs ?? 0) - killedMs).toBeGreaterThan(watchedMs);
    expectRightAgain(looks, right, killedMs);
  });

  it("replaces all nodes without losing a shopper", async () => {
    const restart = new Program("examples/shop/restart.ts", ["--url", shop.url, "--admin-user", adminUser], {
      ADMIN_PASSWORD: adminPassword,
    });
    const looks = await dashboard.watch(() => restart.child.exitCode !== null, 100_000);
    expect(await restart.ended, restart.output).toBe(0);
    expect(restart.output).toContain("never dropped");
    expect(leastOf(looks)).toBe(right.shoppers);
    await soon(() => dashboard.shown()).toEqual(right);
  });
});
