/**
 * Pictures of every page, light and dark, on a desktop and on a phone, of a shop that is started for it with
 * shoppers in it. Needs Chromium, or the browser that CHROMIUM names.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { newCart, Shopper } from "./load/shopper.ts";

interface ScreenshotOptions {
  out: string;
  port: number;
  shoppers: number;
}

const { out, port, shoppers } = new Command("npm run shop:screenshots --")
  .description("Takes pictures of every page of the sample shop.")
  .option("--out <folder>", "where to put them", "tmp/screenshots")
  .option("--port <number>", "the first of four free ports", Number, 4600)
  .option("--shoppers <number>", "how many are in the shop meanwhile", Number, 240)
  .parse()
  .opts<ScreenshotOptions>();

const password = "screenshots";
const url = `http://localhost:${port}`;
const switches = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];
const devices = {
  desktop: { viewport: { width: 1280, height: 860 }, deviceScaleFactor: 1 },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
} as const;
const secondTabShare = 0.3;
const paths = ["/", "/", "/shoes/mistral-runner", "/shoes/stairwell-high", "/checkout", "/shoes/scree-trail"];

const folder = resolve(out);
mkdirSync(folder, { recursive: true });
const dataFolder = mkdtempSync(join(tmpdir(), "lacewing-screenshots-"));
const shop = spawn(
  process.execPath,
  ["--import", "tsx", fileURLToPath(new URL("main.ts", import.meta.url)), "--port", String(port)],
  { env: { ...process.env, DATA_DIR: dataFolder, ADMIN_PASSWORD: password }, stdio: "inherit" },
);
try {
  await untilItServes();
  const crowd = fillShop();
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: switches,
  });
  try {
    await takeAll(browser);
  } finally {
    await browser.close();
    crowd.stop();
  }
} finally {
  shop.kill("SIGINT");
  await new Promise((ended) => shop.once("exit", ended));
  rmSync(dataFolder, { recursive: true, force: true });
}
process.exit();

async function untilItServes(): Promise<void> {
  while (shop.exitCode === null) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await pause(100);
  }
  throw new Error("The shop did not start.");
}

/** Shoppers who come one after another, stay for a while, and are followed by others: a curve to look at. */
function fillShop(): { stop(): void } {
  const present: Shopper[] = [];
  let itemIds: readonly number[] = [];
  const come = async (): Promise<void> => {
    if (itemIds.length === 0) {
      itemIds = ((await (await fetch(`${url}/items.json`)).json()) as { items: number[] }).items;
    }
    const page = paths[Math.floor(Math.random() * paths.length)] ?? "/";
    const itemId = itemIds[Math.floor(Math.random() * itemIds.length)] ?? 0;
    const socketUrl = `${url.replace("http", "ws")}/shop_socket`;
    // Some open a second tab of their cart.
    const first = Math.random() < secondTabShare ? present[present.length - 1] : undefined;
    const cart = first?.plan.cart ?? (await newCart(new URL(url)));
    const shopper = new Shopper({ socketUrl, page, itemId, cart });
    present.push(shopper);
    await shopper.enter();
    if (present.length > shoppers) present.shift()?.leave();
  };
  const timer = setInterval(() => void come().catch(() => undefined), 60);
  return {
    stop() {
      clearInterval(timer);
      for (const shopper of present) shopper.leave();
    },
  };
}

async function takeAll(browser: Browser): Promise<void> {
  // The dashboards are opened first, so that their charts have something to show at the end.
  const dashboards: { name: string; page: Page; context: BrowserContext }[] = [];
  for (const [device, screen] of Object.entries(devices)) {
    for (const colorScheme of ["light", "dark"] as const) {
      const context = await browser.newContext({
        ...screen,
        colorScheme,
        reducedMotion: "reduce",
        httpCredentials: { username: "admin", password },
      });
      const name = `${device}-${colorScheme}`;
      const page = await context.newPage();
      await page.goto(`${url}/admin`);
      dashboards.push({ name: `admin-${name}`, page, context });
      await takeShop(await browser.newContext({ ...screen, colorScheme, reducedMotion: "reduce" }), name);
    }
  }
  // Somebody looks at the products meanwhile, so that the stock is read.
  const looking = await browser.newContext();
  await (await looking.newPage()).goto(url);
  await pause(15_000);
  for (const { name, page, context } of dashboards) {
    await take(page, name);
    await context.close();
  }
  await looking.close();
}

async function takeShop(context: BrowserContext, name: string): Promise<void> {
  const page = await context.newPage();
  const open = async (path: string): Promise<void> => {
    await page.goto(`${url}${path}`);
    await page.locator('[data-connection][data-state="live"]').waitFor();
    await page.locator("[data-looking]:not([data-live])").waitFor({ state: "detached" });
  };
  await open("/");
  for (const itemId of [104, 403]) {
    await page.click(`[data-add="${itemId}"]`);
    await page.locator(`[data-line="${itemId}"]`).waitFor({ state: "attached" });
  }
  await page.locator("[data-toast]").waitFor({ state: "hidden" });
  await take(page, `home-${name}`);
  await page.click("[data-cart-open]");
  await take(page, `cart-${name}`, false);
  await open("/shoes/stairwell-high");
  await take(page, `product-${name}`);
  await open("/checkout");
  await take(page, `checkout-${name}`);
  await page.locator("button", { hasText: "Place the order" }).click();
  await page.waitForURL(/thanks/);
  await take(page, `thanks-${name}`);
  await open("/checkout");
  await take(page, `checkout-empty-${name}`);
  await open("/nowhere");
  await take(page, `not-found-${name}`);
  await context.close();
}

async function take(page: Page, name: string, fullPage = true): Promise<void> {
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
  console.log(`  ${name}.png`);
}
