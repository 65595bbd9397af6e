/** Headless Chromium, and the pages of the shop as a test looks at them. */
import { setTimeout as pause } from "node:timers/promises";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { findTool, requireTool } from "../support/require-tool.ts";
import { adminPassword, adminUser, type Shop } from "./processes.ts";

const executablePath = requireTool({
  name: "chromium",
  install: "apt-get install chromium, or name another browser's binary in CHROMIUM",
  path: process.env["CHROMIUM"] ?? findTool("chromium") ?? "",
});
const switches = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

export { soon } from "./soon.ts";

/** The first page of a shop that has just started, while brokers and processes of other tests have the machine. */
const firstLoad = { timeout: 120_000 };

/** For `describe.skipIf`. */
export const withoutBrowser = executablePath === undefined;

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath ?? "", args: switches });
}

/** A shopper: a browser context, and so a cart, of its own. */
export async function openShopper(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext();
  return openTab(context, url);
}

/** A tab of a shopper, when its socket is connected. */
export async function openTab(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url, firstLoad);
  await connected(page);
  return page;
}

export async function connected(page: Page): Promise<void> {
  await page.locator('[data-testid="socket-node"]', { hasText: /^node-/ }).waitFor({ timeout: 60_000 });
}

export async function openDashboard(browser: Browser, shop: Shop, url = shop.url): Promise<Dashboard> {
  const context = await browser.newContext({
    httpCredentials: { username: adminUser, password: adminPassword },
  });
  const page = await context.newPage();
  await page.goto(`${url}/admin`, firstLoad);
  await connected(page);
  return new Dashboard(page);
}

/** What the dashboard shows at one moment. */
export interface Shown {
  readonly shoppers: number;
  readonly pages: Readonly<Record<string, number>>;
  /** Only items that are in a cart. */
  readonly items: Readonly<Record<string, number>>;
}

/** What the dashboard showed, and when it was asked, by `performance.now()`. */
export interface Look {
  readonly atMs: number;
  readonly shown: Shown;
}

/** Shorter than the least time between two changes that a node tells the dashboard, 200 ms. */
const lookPeriodMs = 50;

export class Dashboard {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** All numbers of one moment, as the page shows them. */
  shown(): Promise<Shown> {
    return this.page.evaluate(() => {
      const numbers = (attribute: string): [string, number][] =>
        Array.from(document.querySelectorAll(`[${attribute}]`)).map((cell) => [
          cell.getAttribute(attribute) ?? "",
          Number(cell.textContent),
        ]);
      return {
        shoppers: Number(document.querySelector('[data-testid="shopper-count"]')?.textContent),
        pages: Object.fromEntries(numbers("data-page")),
        items: Object.fromEntries(numbers("data-item").filter(([, count]) => count !== 0)),
      };
    });
  }

  /** Looks again and again until it is done, and once more after that. Rejects if it is not done in time. */
  async watch(done: () => boolean, timeoutMs: number): Promise<readonly Look[]> {
    const looks: Look[] = [];
    const startedMs = performance.now();
    for (;;) {
      const atMs = performance.now();
      const isLast = done();
      looks.push({ atMs, shown: await this.shown() });
      if (isLast) return looks;
      if (atMs - startedMs > timeoutMs) throw new Error(`Not done after ${timeoutMs} ms`);
      await pause(lookPeriodMs);
    }
  }
}

export async function socketNode(page: Page): Promise<string> {
  return (await page.textContent('[data-testid="socket-node"]')) ?? "";
}

export async function addItem(page: Page, itemId: number): Promise<void> {
  await page.click(`[data-add="${itemId}"]`);
  await page.locator(`[data-line="${itemId}"]`).waitFor({ state: "attached" });
}

export function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
