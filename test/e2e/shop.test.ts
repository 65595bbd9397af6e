/**
 * The main job, in real browsers on real processes: shoppers on three nodes, seen live by an admin, with a
 * node killed meanwhile and a thousand shoppers coming and going.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import {
  addItem,
  openBrowser,
  openDashboard,
  openShopper,
  socketNode,
  sum,
  withoutBrowser,
  type Dashboard,
  soon,
} from "./browser.ts";
import { Shop, startLoad } from "./processes.ts";
import { expectRightAgain, watchedMs } from "./killed-node.ts";

describe.skipIf(withoutBrowser)("the shop on three nodes", () => {
  let shop: Shop;
  let browser: Browser;
  let dashboard: Dashboard;

  beforeAll(async () => {
    [shop, browser] = await Promise.all([Shop.start(), openBrowser()]);
    dashboard = await openDashboard(browser, shop);
  });

  afterAll(async () => {
    await browser?.close();
    expect(await shop?.stop()).toBe(0);
  });

  afterEach(async () => {
    for (const context of browser.contexts()) {
      if (context !== dashboard.page.context()) await context.close();
    }
    await soon(() => dashboard.shown()).toEqual({ shoppers: 0, pages: {}, items: {} });
  });

  it("shows the admin who is where with what in the cart", async () => {
    const one = await openShopper(browser, `${shop.urlOf(1)}/`);
    const two = await openShopper(browser, `${shop.urlOf(2)}/shoes/stairwell-high`);
    expect([await socketNode(one), await socketNode(two)]).toEqual(["node-1", "node-2"]);
    await addItem(one, 203);
    await addItem(one, 404);
    await addItem(two, 303);
    await soon(() => dashboard.shown()).toEqual({
      shoppers: 2,
      pages: { "/": 1, "/shoes/stairwell-high": 1 },
      items: { 203: 1, 303: 1, 404: 1 },
    });
    await one.click("[data-cart-open]");
    await one.click('[data-remove="404"]');
    await soon(async () => (await dashboard.shown()).items).toEqual({ 203: 1, 303: 1 });
  });

  it("has the counts right after the death of a node", async () => {
    const one = await openShopper(browser, `${shop.url}/`);
    const two = await openShopper(browser, `${shop.url}/shoes/stairwell-high`);
    await addItem(one, 203);
    await addItem(two, 303);
    const right = {
      shoppers: 2,
      pages: { "/": 1, "/shoes/stairwell-high": 1 },
      items: { 203: 1, 303: 1 },
    };
    await soon(() => dashboard.shown()).toEqual(right);

    const victim = await socketNode(two);
    const killedMs = performance.now();
    process.kill(shop.processIdOf(victim), "SIGKILL");
    const looks = await dashboard.watch(() => performance.now() - killedMs > watchedMs, 2 * watchedMs);
    expectRightAgain(looks, right, killedMs);
    // All pages are on nodes that live: the dashboard, too, did not just stand still.
    for (const page of [one, two, dashboard.page]) {
      expect(await socketNode(page)).toMatch(/^node-/);
      expect(await socketNode(page)).not.toBe(victim);
    }
    await addItem(two, 305);
    await soon(async () => (await dashboard.shown()).items).toEqual({ 203: 1, 303: 1, 305: 1 });
    await shop.program.said(new RegExp(`${victim} is back`), 40_000);
    expect(shop.program.output.match(/node-\d ended/g)).toEqual([`${victim} ended`]);
  });

  it("counts a thousand shoppers exactly, and none when they have left", async () => {
    const load = startLoad(shop, "--shoppers", "1000");
    await load.said(/They stay until/, 60_000);
    await soon(async () => (await dashboard.shown()).shoppers).toBe(1_000);
    await soon(async () => sum((await dashboard.shown()).items)).toBe(1_000);
    const { shoppers, pages, items } = await dashboard.shown();
    expect(shoppers).toBe(1_000);
    expect(Object.keys(pages).sort()).toEqual(["/bench/1", "/bench/2", "/bench/3", "/bench/4"]);
    expect(sum(pages)).toBe(1_000);
    expect(sum(items)).toBe(1_000);
    expect(await load.end("SIGINT"), load.output).toBe(0);
    await soon(() => dashboard.shown()).toEqual({ shoppers: 0, pages: {}, items: {} });
  });
});
