/** What people see and touch: no layout jumps, nothing wider than the screen, everything by keyboard. */
import { join } from "node:path";
import Libsql from "libsql";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { expectNoViolations } from "./axe.ts";
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
import { adminPassword, adminUser, Shop, startLoad } from "./processes.ts";

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

  it("fit the screen of a phone", async () => {
    for (const path of ["/", "/shoes/stairwell-high", "/checkout", "/nowhere"]) {
      const page = await (await browser.newContext({ viewport: phone })).newPage();
      await page.goto(shop.url + path);
      expect(await overflow(page), path).toBe(0);
    }
    const { page } = await openDashboard(browser, shop);
    await page.setViewportSize(phone);
    // A page that is open is laid out anew when its screen changes, a frame later.
    await expect.poll(() => overflow(page)).toBe(0);
  });

  it("say what was done beside what is done next, on a phone too", async () => {
    const page = await openTab(
      await browser.newContext({ viewport: phone }),
      `${shop.url}/shoes/scree-trail`,
    );
    for (const itemId of [403, 404]) await addItem(page, itemId);
    await page.click("[data-cart-open]");
    await page.click('[data-remove="404"]');
    const toast = await page.locator("dialog[open] .toast").boundingBox();
    const foot = await page.locator(".cart-foot").boundingBox();
    expect((toast?.y ?? 0) + (toast?.height ?? 0)).toBeLessThanOrEqual(foot?.y ?? 0);
  });

  it("do not move when the dashboard loses its connection, and say so wherever one has scrolled to", async () => {
    const { page } = await openDashboard(browser, shop);
    await page.evaluate(() => scrollTo(0, 600));
    const place = (): Promise<number | undefined> =>
      page
        .locator('[data-product="8"]')
        .boundingBox()
        .then((box) => box?.y);
    const before = await place();
    await page.context().setOffline(true);
    const banner = page.locator("[data-lost]", { hasText: "as it was at" });
    await banner.waitFor();
    expect((await banner.boundingBox())?.y).toBe(0);
    expect(await place()).toBe(before);
    await page.context().setOffline(false);
    await page.locator("[data-lost][data-back]").waitFor({ timeout: 15_000 });
    expect(await place()).toBe(before);
  });

  it("tell how much is left by the length of a bar, in forced colours too", async () => {
    const page = await (await browser.newContext({ forcedColors: "active" })).newPage();
    await page.goto(shop.url);
    const [bar, paper] = await page.evaluate(() => {
      const size = document.querySelector('.size[data-level="low"]');
      return [
        size === null ? "" : getComputedStyle(size, "::after").backgroundImage,
        getComputedStyle(document.body).backgroundColor,
      ];
    });
    const colours = [...(bar?.matchAll(/rgb\([^)]*\)/g) ?? [])].map(String);
    // What is left stands out from what is gone, which is as the paper.
    expect(colours.slice(-1)).toEqual([paper]);
    expect(colours[0]).not.toBe(paper);
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

  describe("axe", () => {
    const modes = {
      light: { colorScheme: "light" },
      dark: { colorScheme: "dark" },
      "forced colours": { colorScheme: "light", forcedColors: "active" },
    } as const;

    it.each(Object.entries(modes))("finds nothing in %s", async (_name, mode) => {
      const context = await browser.newContext({
        ...mode,
        reducedMotion: "reduce",
        httpCredentials: { username: adminUser, password: adminPassword },
      });
      const page = await openTab(context, `${shop.url}/shoes/lido-court`);
      await expectNoViolations(page, "a shoe that is not out");
      await page.goto(shop.url);
      await connected(page);
      for (const itemId of [203, 404]) await addItem(page, itemId);
      await expectNoViolations(page, "home, with a toast");
      await page.click("[data-cart-open]");
      await expectNoViolations(page, "the cart");
      // The page knows it by now, and the second time it is in the cart.
      await page.goto(`${shop.url}/checkout`);
      await connected(page);
      setAvailable(404, 0);
      await page.reload();
      await page.locator(".note", { hasText: "Sold out meanwhile" }).waitFor();
      await expectNoViolations(page, "checkout, sold out");
      setAvailable(404, 50);
      await page.reload();
      await page.click("#place-order");
      await page.waitForURL(/thanks/);
      await expectNoViolations(page, "thanks");
      await page.goto(`${shop.url}/checkout`);
      await expectNoViolations(page, "empty checkout");
      await page.goto(`${shop.url}/nowhere`);
      await expectNoViolations(page, "not found");

      await page.goto(`${shop.url}/admin`);
      await connected(page);
      await page.click(".about summary");
      await page.locator("[data-verdict]", { hasText: "agree" }).waitFor();
      await expectNoViolations(page, "the back office");
      await page.context().setOffline(true);
      await page.locator("[data-lost]:not([hidden])").waitFor();
      await expectNoViolations(page, "the back office, not connected");
    });

    it("finds a fault that a test put there", async () => {
      const page = await openShopper(browser, shop.url);
      await page.evaluate(() => {
        const picture = document.createElement("img");
        picture.src = "/assets/none.svg";
        document.querySelector("main")?.append(picture);
      });
      await expect(expectNoViolations(page, "a picture without words")).rejects.toThrow("image-alt");
    });
  });

  function setAvailable(itemId: number, count: number): void {
    const database = new Libsql(join(shop.dataFolder, "shop.db"));
    database.pragma("busy_timeout = 5000");
    database.prepare("UPDATE stock SET available = ? WHERE item_id = ?").run(count, itemId);
    database.close();
  }
});
