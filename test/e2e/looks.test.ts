/** What people see and touch: no layout jumps, nothing wider than the screen, everything by keyboard. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { connected, openBrowser, openDashboard, openShopper, soon, withoutBrowser } from "./browser.ts";
import { Shop, startLoad } from "./processes.ts";

/** What counts as good where page experience is measured is 0.1; nothing here should move at all. */
const layoutShiftMost = 0.005;
const phone = { width: 360, height: 740 };

describe.skipIf(withoutBrowser)("the pages", () => {
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

  /** Sums what has moved on the page without the user having done anything, since it was opened. */
  const layoutShift = (page: Page): Promise<number> =>
    page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          let moved = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) {
              if ("value" in entry && typeof entry.value === "number") moved += entry.value;
            }
          }).observe({ type: "layout-shift", buffered: true });
          setTimeout(() => resolve(moved), 300);
        }),
    );

  const overflow = (page: Page): Promise<number> =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

  it("do not jump while they become live, nor when others look", async () => {
    for (const path of ["/", "/shoes/scree-trail", "/checkout"]) {
      const page = await openShopper(browser, shop.url + path);
      const other = await openShopper(browser, shop.url + path);
      if (path !== "/checkout")
        await page.locator("[data-looking]", { hasText: "2 looking" }).first().waitFor();
      expect(await layoutShift(page), path).toBeLessThan(layoutShiftMost);
      await page.context().close();
      await other.context().close();
    }
  });

  it("do not jump on the dashboard while shoppers come", async () => {
    const { page } = await openDashboard(browser, shop);
    const load = startLoad(shop, "--shoppers", "50", "--stay", "0");
    await load.ended;
    expect(await layoutShift(page)).toBeLessThan(layoutShiftMost);
  });

  it("fit a phone", async () => {
    for (const path of ["/", "/shoes/stairwell-high", "/checkout", "/nowhere"]) {
      const page = await (await browser.newContext({ viewport: phone })).newPage();
      await page.goto(shop.url + path);
      expect(await overflow(page), path).toBe(0);
    }
    const { page } = await openDashboard(browser, shop);
    await page.setViewportSize(phone);
    expect(await overflow(page)).toBe(0);
  });

  it("work by keyboard alone", async () => {
    const page = await openShopper(browser, `${shop.url}/shoes/easel-slip-on`);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to content");
    const focusOn = async (selector: string): Promise<void> => {
      for (let tabs = 0; tabs < 40; tabs++) {
        if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
        await page.keyboard.press("Tab");
      }
      throw new Error(`The keyboard does not reach ${selector}`);
    };
    await focusOn('[data-add="503"]');
    const outline = await page.evaluate(() => {
      const focused = document.activeElement;
      return focused === null ? "" : getComputedStyle(focused).outlineStyle;
    });
    expect(outline).toBe("solid");
    await page.keyboard.press("Enter");
    await soon(() => page.textContent('[data-testid="cart-count"]')).toBe("1");

    await page.reload();
    await connected(page);
    // The socket may be connected before the cart has come.
    await soon(() => page.textContent('[data-testid="cart-count"]')).toBe("1");
    await focusOn("[data-cart-open]");
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    await focusOn("[data-cart-checkout]");
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    expect(await page.evaluate(() => document.activeElement?.matches("[data-cart-open]"))).toBe(true);
    await page.keyboard.press("Enter");
    await focusOn('[data-remove="503"]');
    await page.keyboard.press("Enter");
    await soon(() => page.textContent('[data-testid="cart-count"]')).toBe("0");
  });

  it("hold still for those who ask for it, and follow the system into the dark", async () => {
    const context = await browser.newContext({ reducedMotion: "reduce", colorScheme: "dark" });
    const page = await context.newPage();
    await page.goto(shop.url);
    const style = await page.evaluate(() => {
      const image = document.querySelector(".card .stage img");
      const duration = image === null ? "" : getComputedStyle(image).transitionDuration;
      return {
        duration: Number.parseFloat(duration),
        paper: getComputedStyle(document.body).backgroundColor,
      };
    });
    expect(style.duration).toBeLessThan(0.001);
    expect(style.paper).toBe("rgb(22, 19, 15)");
  });
});
