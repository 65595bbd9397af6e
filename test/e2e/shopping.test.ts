/** Shopping in real browsers: one cart in many tabs, the last pair, a release, and a lost connection. */
import Libsql from "libsql";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { newCart, Shopper } from "../../examples/shop/load/shopper.ts";
import {
  addItem,
  connected,
  openBrowser,
  openDashboard,
  openShopper,
  openTab,
  withoutBrowser,
  soon,
} from "./browser.ts";
import { Shop } from "./processes.ts";

describe.skipIf(withoutBrowser)("shopping", () => {
  let shop: Shop;
  let browser: Browser;
  let database: Libsql.Database;

  beforeAll(async () => {
    [shop, browser] = await Promise.all([Shop.start(), openBrowser()]);
    database = new Libsql(join(shop.dataFolder, "shop.db"));
    database.pragma("busy_timeout = 5000");
  });

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  afterAll(async () => {
    database?.close();
    await browser?.close();
    await shop?.stop();
  });

  const available = (itemId: number): number =>
    Number(database.prepare("SELECT available FROM stock WHERE item_id = ?").pluck().all(itemId)[0]);
  const setAvailable = (itemId: number, count: number): void => {
    database.prepare("UPDATE stock SET available = ? WHERE item_id = ?").run(count, itemId);
  };
  const lines = (page: Page): Promise<string[]> =>
    page.locator("[data-line]").evaluateAll((all) => all.map((line) => line.getAttribute("data-line") ?? ""));

  it("shares a cart between tabs on different nodes", async () => {
    const context = await browser.newContext();
    const one = await openTab(context, `${shop.urlOf(1)}/`);
    const two = await openTab(context, `${shop.urlOf(2)}/`);
    const three = await openTab(context, `${shop.urlOf(3)}/checkout`);
    await addItem(one, 203);
    await soon(() => lines(two)).toEqual(["203"]);
    await addItem(two, 404);
    for (const tab of [one, two, three]) {
      await soon(() => lines(tab)).toEqual(["203", "404"]);
      expect(await tab.textContent('[data-testid="cart-subtotal"]')).toBe("€258");
    }
    // The open checkout page follows too.
    await soon(() => three.textContent('[data-testid="total"]')).toBe("€258");
    await one.click("[data-cart-open]");
    await one.click('[data-remove="203"]');
    for (const tab of [one, two, three]) await soon(() => lines(tab)).toEqual(["404"]);
    await soon(() => three.textContent('[data-testid="total"]')).toBe("€159");
  });

  it("sells the last pair once, to one of two buyers on different nodes", async () => {
    setAvailable(209, 1);
    const one = await openShopper(browser, `${shop.urlOf(1)}/shoes/harbour-court`);
    const two = await openShopper(browser, `${shop.urlOf(2)}/shoes/harbour-court`);
    for (const buyer of [one, two]) {
      await addItem(buyer, 209);
      await buyer.goto(buyer.url().replace(/\/shoes.*/, "/checkout"));
      await connected(buyer);
    }
    // The posts themselves, at once: a click would wait for the page that the other's order has changed.
    const buy = (page: Page): Promise<{ status: number; url: string; text: string }> =>
      page.evaluate(async () => {
        const answer = await fetch("/checkout", { method: "POST" });
        return { status: answer.status, url: answer.url, text: await answer.text() };
      });
    const results = await Promise.all([buy(one), buy(two)]);
    expect(results.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(results.find(({ status }) => status === 200)?.url).toContain("/thanks/");
    expect(results.find(({ status }) => status === 409)?.text).toContain("Sold out meanwhile");
    expect(available(209)).toBe(0);

    // The loser's page says so by itself, and can be put right.
    const loser = results[0].status === 409 ? one : two;
    await loser.locator(".order-line .note", { hasText: "Sold out meanwhile" }).waitFor();
    expect(await loser.locator("button", { hasText: "Place the order" }).isDisabled()).toBe(true);
    await loser.click("[data-cart-open]");
    await loser.locator(".cart-line.sold-out").waitFor();
    await loser.click('[data-remove="209"]');
    await loser.locator("text=Your cart is empty.").waitFor();
  });

  it("orders by the button, empties the cart in all tabs, and thanks", async () => {
    const context = await browser.newContext();
    const other = await openTab(context, `${shop.urlOf(3)}/`);
    const page = await openTab(context, `${shop.urlOf(1)}/`);
    await addItem(page, 503);
    await soon(() => lines(other)).toEqual(["503"]);
    const before = available(503);
    await page.click("[data-cart-open]");
    await page.click("[data-cart-checkout]");
    await page.locator("button", { hasText: "Place the order" }).click();
    await page.waitForURL(/\/thanks\//);
    expect(await page.textContent("h1")).toBe("Thank you.");
    expect(available(503)).toBe(before - 1);
    await soon(() => lines(other)).toEqual([]);
    const orderAddress = page.url();
    const stranger = await openShopper(browser, `${shop.urlOf(1)}/`);
    for (const address of [orderAddress, `${shop.url}/nowhere`, `${shop.url}/shoes/none`]) {
      expect((await stranger.goto(address))?.status()).toBe(404);
      expect(await stranger.textContent("h1")).toBe("Not here");
    }
    const empty = await stranger.request.post(`${shop.urlOf(1)}/checkout`, {
      headers: { origin: shop.urlOf(1) },
    });
    expect(empty.status()).toBe(409);
    expect(await empty.text()).toContain("There is nothing in your cart");
  });

  it("never sells more than there is to many buyers at once", async () => {
    const itemId = 606;
    setAvailable(itemId, 3);
    const buyers = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const url = shop.urlOf((index % 3) + 1);
        const page = await fetch(`${url}/`);
        const cartId = (await page.text()).match(/data-cart="([^"]{64})"/)?.[1];
        const cookie = page.headers.get("set-cookie")?.split(";")[0] ?? "";
        database
          .prepare("INSERT INTO cart_items (cart_id, item_id, added_ms) VALUES (?, ?, ?)")
          .run(cartId, itemId, Date.now());
        return { url, cookie };
      }),
    );
    const statuses = await Promise.all(
      buyers.map(async ({ url, cookie }) => {
        const headers = { cookie, origin: url };
        return (await fetch(`${url}/checkout`, { method: "POST", headers, redirect: "manual" })).status;
      }),
    );
    expect(statuses.filter((status) => status === 303)).toHaveLength(3);
    expect(statuses.filter((status) => status === 409)).toHaveLength(9);
    expect(available(itemId)).toBe(0);
  });

  it("releases a product while shoppers watch", async () => {
    const shopper = await openShopper(browser, `${shop.urlOf(1)}/`);
    const detail = await openShopper(browser, `${shop.urlOf(2)}/shoes/lido-court`);
    const size = '[data-add="702"]';
    setAvailable(702, 5);
    for (const page of [shopper, detail]) expect(await page.locator(size).isDisabled()).toBe(true);
    const impatient = async (): Promise<void> => {
      const cart = await newCart(new URL(shop.url));
      await new Shopper({
        socketUrl: `ws://localhost:${shop.port}/shop_socket`,
        page: "/",
        itemId: 702,
        cart,
      }).enter();
    };
    await expect(impatient()).rejects.toThrow("not_released");

    const dashboard = await openDashboard(browser, shop, shop.urlOf(3));
    await dashboard.page.click('[data-product="7"] [data-release]');
    for (const page of [shopper, detail]) {
      await soon(() => page.locator(size).isDisabled()).toBe(false);
      expect(await page.locator(size).getAttribute("aria-label")).toBe("Size 38, only 5 left");
    }
    await addItem(detail, 702);
    await soon(async () => (await dashboard.shown()).items[702]).toBe(1);
  });

  it("shows how many are looking, on all nodes", async () => {
    const one = await openShopper(browser, `${shop.urlOf(1)}/shoes/scree-trail`);
    const looking = one.locator("[data-looking]");
    await soon(() => looking.textContent()).toBe("Only you are looking");
    const two = await openShopper(browser, `${shop.urlOf(2)}/shoes/scree-trail`);
    await soon(() => looking.textContent()).toBe("2 looking now");
    await two.close();
    await soon(() => looking.textContent()).toBe("Only you are looking");
  });

  it("catches up after the connection was lost", async () => {
    const page = await openShopper(browser, `${shop.urlOf(1)}/`);
    const cartId = (await page.getAttribute("body", "data-cart")) ?? "";
    await page.context().setOffline(true);
    await page.locator('[data-connection][data-state="lost"]').waitFor();
    database
      .prepare("INSERT INTO cart_items (cart_id, item_id, added_ms) VALUES (?, ?, ?)")
      .run(cartId, 403, Date.now());
    setAvailable(404, 0);
    await page.context().setOffline(false);
    await page.locator('[data-connection][data-state="live"]').waitFor({ timeout: 15_000 });
    await soon(() => lines(page), 15_000).toEqual(["403"]);
    await soon(() => page.locator('[data-add="404"]').isDisabled()).toBe(true);
  });
});
