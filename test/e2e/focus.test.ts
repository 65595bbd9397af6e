/** By keyboard, with the eyes shut, on a bad line, without a script: the focus stays, and nothing is lost. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  addItem,
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
    const page = await openShopper(browser, `${shop.urlOf(1)}/`);
    await page.context().setOffline(true);
    await page.locator('[data-connection][data-state="lost"]').waitFor();
    await page.click('[data-add="404"]');
    await page.locator(".toast", { hasText: "Not connected" }).waitFor({ timeout: 1_000 });
    expect(await page.getAttribute('[data-add="404"]', "aria-busy")).toBe("true");
    expect(await lines(page)).toEqual([]);
    // Longer than the client waits for an answer.
    await page.waitForTimeout(11_000);
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

  it("keeps the focus of the admin who releases a shoe, and resets it", async () => {
    const { page } = await openDashboard(browser, shop, shop.urlOf(1));
    const row = page.locator('[data-product="8"]');
    await page.focus('[data-product="8"] [data-release]');
    await page.keyboard.press("Enter");
    await soon(() => row.getAttribute("data-released")).toBe("true");
    expect(await focused(page)).toBe("data-product-name");
    expect(await row.locator(".on-sale").isVisible()).toBe(true);
    await page.click('[data-button="reset"]');
    await soon(() => row.getAttribute("data-released")).toBe("false");

    await page.click("[data-feed-pause]");
    const shopper = await openShopper(browser, `${shop.urlOf(2)}/`);
    await soon(() => page.textContent('[data-testid="shopper-count"]')).toBe("1");
    expect(await page.locator("[data-feed] li").count()).toBe(0);
    await page.click("[data-feed-pause]");
    await page.locator("[data-feed] li", { hasText: "came to /" }).waitFor();
    await shopper.close();
  });
});
