/** By keyboard, with the eyes shut, on a bad line, without a script: the focus stays, and nothing is lost. */
import { join } from "node:path";
import Libsql from "libsql";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  addItem,
  connected,
  openBrowser,
  openDashboard,
  openShopper,
  openTab,
  soon,
  withoutBrowser,
} from "./browser.ts";
import { Shop } from "./processes.ts";

describe.skipIf(withoutBrowser)("a shopper", () => {
  let shop: Shop;
  let browser: Browser;

  beforeAll(async () => {
    [shop, browser] = await Promise.all([Shop.start(), openBrowser()]);
  });

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  afterAll(async () => {
    await browser?.close();
    await shop?.stop();
  });

  /** What has the focus, by what tells it from others. */
  const focused = (page: Page): Promise<string> =>
    page.evaluate(() => {
      const { activeElement: active, body } = document;
      if (active === null || active === body) return "nothing";
      const mark = ["data-remove", "data-add", "data-release", "data-product-name", "data-cart-close"].find(
        (name) => active.hasAttribute(name),
      );
      const value = mark === undefined ? "" : active.getAttribute(mark);
      return mark === undefined ? active.id || active.tagName : `${mark}${value === "" ? "" : ` ${value}`}`;
    });
  const setAvailable = (itemId: number, count: number): void => {
    const database = new Libsql(join(shop.dataFolder, "shop.db"));
    database.pragma("busy_timeout = 5000");
    database.prepare("UPDATE stock SET available = ? WHERE item_id = ?").run(count, itemId);
    database.close();
  };
  const lines = (page: Page): Promise<string[]> =>
    page.locator("[data-line]").evaluateAll((all) => all.map((line) => line.getAttribute("data-line") ?? ""));

  it("stays where it was in the cart, whoever takes out what", async () => {
    const context = await browser.newContext();
    const page = await openTab(context, `${shop.urlOf(1)}/`);
    const other = await openTab(context, `${shop.urlOf(2)}/`);
    for (const itemId of [203, 404, 503, 606]) await addItem(page, itemId);
    await page.focus("[data-cart-open]");
    await page.keyboard.press("Enter");
    await page.focus('[data-remove="404"]');
    await page.keyboard.press("Enter");
    await soon(() => lines(page)).toEqual(["203", "503", "606"]);
    expect(await focused(page)).toBe("data-remove 503");
    // In front of the dialog, where it is read.
    await page.locator("dialog[open] .toast", { hasText: "is out of your cart" }).waitFor();

    await soon(() => lines(other)).toEqual(["203", "503", "606"]);
    await other.click("[data-cart-open]");
    await other.click('[data-remove="203"]');
    await soon(() => lines(page)).toEqual(["503", "606"]);
    expect(await focused(page)).toBe("data-remove 503");
    await other.click('[data-remove="503"]');
    await soon(() => lines(page)).toEqual(["606"]);
    expect(await focused(page)).toBe("data-remove 606");
    await page.keyboard.press("Enter");
    await soon(() => lines(page)).toEqual([]);
    expect(await focused(page)).toBe("data-cart-close");
    await page.keyboard.press("Escape");
    expect(await page.evaluate(() => document.activeElement?.matches("[data-cart-open]"))).toBe(true);
  });

  it("stays where it was at the checkout, and takes out there what cannot be had", async () => {
    const context = await browser.newContext();
    const page = await openTab(context, `${shop.urlOf(1)}/shoes/mistral-runner`);
    for (const itemId of [101, 102, 105]) await addItem(page, itemId);
    await page.goto(`${shop.urlOf(1)}/checkout`);
    await page.locator('[data-connection][data-state="live"]').waitFor();
    await page.waitForTimeout(300);
    await page.focus("#place-order");
    const renders = await page.evaluate(() => {
      const main = document.querySelector("main");
      const counts = { renders: 0 };
      Object.assign(window, { counts });
      if (main) new MutationObserver(() => (counts.renders += 1)).observe(main, { childList: true });
      return counts.renders;
    });
    expect(renders).toBe(0);

    // Another buys of the same shoe: nothing of this cart has changed.
    const buyer = await openShopper(browser, `${shop.urlOf(2)}/shoes/mistral-runner`);
    await addItem(buyer, 106);
    await buyer.goto(`${shop.urlOf(2)}/checkout`);
    await buyer.click("#place-order");
    await buyer.waitForURL(/thanks/);
    await page.waitForTimeout(1_200);
    expect(
      await page.evaluate(() => (window as unknown as { counts: { renders: number } }).counts.renders),
    ).toBe(0);
    expect(await focused(page)).toBe("place-order");

    await page.focus("#take-out-102");
    await page.keyboard.press("Enter");
    await soon(() => page.locator("[data-order-line]").count()).toBe(2);
    expect(await focused(page)).toBe("take-out-105");
  });

  it("is told at once that the connection is gone, and loses nothing", async () => {
    const page = await (await browser.newContext()).newPage();
    await page.clock.install();
    await page.goto(`${shop.urlOf(1)}/`);
    await connected(page);
    await page.context().setOffline(true);
    await page.locator('[data-connection][data-state="lost"]').waitFor();
    await page.click('[data-add="404"]');
    await page.locator(".toast", { hasText: "Not connected" }).waitFor({ timeout: 1_000 });
    expect(await page.getAttribute('[data-add="404"]', "aria-busy")).toBe("true");
    expect(await lines(page)).toEqual([]);
    // Longer than the client waits for an answer.
    await page.clock.runFor(11_000);
    await page.context().setOffline(false);
    await soon(() => lines(page), 20_000).toEqual(["404"]);
    expect(await page.getAttribute('[data-add="404"]', "aria-busy")).toBe("false");
    expect(await page.getAttribute('[data-add="404"]', "aria-label")).toContain("in your cart");
  });

  it("can buy without a script", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${shop.urlOf(3)}/shoes/easel-slip-on`);
    expect(await page.locator(".soon").isVisible()).toBe(false);
    await page.click('[data-add="503"]');
    await page.waitForURL(/checkout/);
    await page.goto(`${shop.urlOf(3)}/shoes/harbour-court`);
    await page.click('[data-add="203"]');
    await page.waitForURL(/checkout/);
    expect(await page.locator("[data-order-line]").count()).toBe(2);
    expect(await page.textContent('[data-testid="cart-count"]')).toBe("2");
    await page.click("#take-out-503");
    expect(await page.locator("[data-order-line]").count()).toBe(1);
    await page.goto(`${shop.urlOf(3)}/shoes/lido-court`);
    expect(await page.locator(".soon").isVisible()).toBe(true);
    const refused = page.waitForResponse((response) => response.url().endsWith("/cart/add"));
    await page.focus('[data-add="704"]');
    await page.keyboard.press("Enter");
    expect((await refused).status()).toBe(409);
    await page.click("[data-cart-open]");
    await page.click("#place-order");
    await page.waitForURL(/thanks/);
    expect(await page.textContent("h1")).toBe("Thank you.");
  });

  it("can buy before a slow line has brought the script", async () => {
    const page = await (await browser.newContext()).newPage();
    let bring = (): void => undefined;
    const brought = new Promise<void>((resolve) => (bring = resolve));
    await page.route("**/*.js", async (route) => {
      await brought;
      await route.continue().catch(() => undefined);
    });
    await page.goto(`${shop.urlOf(2)}/shoes/stairwell-high`, { waitUntil: "commit" });
    await page.click('[data-add="303"]');
    await page.waitForURL(/checkout/, { waitUntil: "commit" });
    await page.locator("[data-order-line]").waitFor();
    expect(await page.textContent('[data-testid="cart-count"]')).toBe("1");
    bring();
    await connected(page);
    expect(await lines(page)).toEqual(["303"]);
  });

  it("keeps the focus of the admin who releases a shoe, and resets it", async () => {
    const { page } = await openDashboard(browser, shop, shop.urlOf(1));
    const row = page.locator('[data-product="8"]');
    await page.focus('[data-product="8"] [data-release]');
    await page.keyboard.press("Enter");
    await soon(() => row.getAttribute("data-released")).toBe("true");
    expect(await focused(page)).toBe("data-product-name");
    expect(await row.locator(".on-sale").isVisible()).toBe(true);
    const left = page.locator('[data-available="101"]');
    const before = await left.textContent();
    setAvailable(101, 3);
    await soon(() => left.textContent()).toBe("3");
    await page.click('[data-button="reset"]');
    await soon(() => row.getAttribute("data-released")).toBe("false");
    await soon(() => left.textContent()).toBe(before);

    await page.click("[data-feed-pause]");
    // Shoppers of another test may still have been leaving.
    const toldBefore = await page.locator("[data-feed] li").allTextContents();
    const shopper = await openShopper(browser, `${shop.urlOf(2)}/`);
    await soon(() => page.textContent('[data-testid="shopper-count"]')).toBe("1");
    expect(await page.locator("[data-feed] li").allTextContents()).toEqual(toldBefore);
    await page.click("[data-feed-pause]");
    await page.locator("[data-feed] li", { hasText: "came to /" }).waitFor();
    await shopper.close();
  });

  it("hears what the dashboard shows: tables of nodes and sizes, and no numbers that change by themselves", async () => {
    const { page } = await openDashboard(browser, shop, shop.urlOf(1));
    const nodes = page.getByRole("table", { name: "The nodes" });
    await nodes.getByRole("row", { name: /^node-2 up 0 agrees 0 / }).waitFor();
    expect(await nodes.getByRole("columnheader").count()).toBe(7);
    const sizes = page.getByRole("region", { name: "In carts, by product and size" });
    const mistral = sizes.getByRole("row", { name: /^Mistral/ });
    expect(await mistral.getByRole("cell", { name: /^\d+ in carts, \d+ left$/ }).count()).toBe(9);
    expect(await sizes.getByRole("columnheader", { name: "Size 37" }).count()).toBe(1);
    const readOut = await page
      .locator("[role=status], [role=log], [role=alert], [aria-live]")
      .evaluateAll((all) => all.map((each) => each.textContent?.trim()).filter(Boolean));
    expect(readOut).toEqual(["3 nodes agree.", expect.stringContaining("Nothing has happened yet.")]);
  });

  it("is seen soon after the click, and in numbers of a second", async () => {
    const { page } = await openDashboard(browser, shop, shop.urlOf(1));
    const shopper = await openShopper(browser, `${shop.urlOf(2)}/`);
    await addItem(shopper, 203);
    const reading = page.locator('[data-testid="click-to-screen"]');
    await soon(() => reading.textContent()).toMatch(/^\d+ ms, median \d+ ms$/);
    expect(Number.parseInt((await reading.textContent()) ?? "", 10)).toBeLessThan(5_000);
    await soon(() => page.textContent('[data-testid="rates"]')).toMatch(/^▲ 0\.[1-9] in, ▼ 0\.0 out$/);
    const pressed = (): Promise<string[]> =>
      page
        .locator("[data-window]")
        .evaluateAll((all) => all.map((each) => each.getAttribute("aria-pressed") ?? ""));
    expect(await pressed()).toEqual(["true", "false"]);
    await page.focus('[data-window="300"]');
    await page.keyboard.press("Space");
    expect(await pressed()).toEqual(["false", "true"]);
    expect(await page.locator("[data-chart] canvas").count()).toBe(1);
  });

  it("comes in a crowd at the press of a button, and goes home at another's", async () => {
    const { page } = await openDashboard(browser, shop, shop.urlOf(1));
    const home = page.locator('[data-button="home"]');
    await soon(() => home.getAttribute("title")).toBe("Nobody was brought in by the button.");
    await page.focus('[data-button="home"]');
    await page.keyboard.press("Enter");
    await page.locator(".toast", { hasText: "Nobody was brought in" }).waitFor();
    await page.click('[data-button="bring"]');
    await soon(
      async () => Number(await page.textContent('[data-testid="shopper-count"]')),
      20_000,
    ).toBeGreaterThan(40);
    await page.click('[data-button="home"]');
    await soon(() => page.textContent('[data-testid="shopper-count"]'), 20_000).toBe("0");
  });
});
