/**
 * Pictures of every page and state, light and dark, on a desktop and on a phone, and in the colours of a system
 * that forces its own; of a shop that is started for it, with its visitors in it.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import type { BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { adminPassword, nodesOf, onStage, type Stage } from "./stage.ts";

const { out, port, only } = new Command("npm run shop:screenshots --")
  .description("Takes pictures of every page and state of the sample shop.")
  .option("--out <folder>", "where to put them", "tmp/screenshots")
  .option("--port <number>", "the first of four free ports", Number, 4600)
  .option("--only <look>", "one look alone, such as desktop-light")
  .parse()
  .opts<{ out: string; port: number; only?: string }>();

const desktop = { viewport: { width: 1280, height: 860 }, deviceScaleFactor: 1 };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };
const looks: Readonly<Record<string, BrowserContextOptions>> = {
  "desktop-light": { ...desktop, colorScheme: "light" },
  "desktop-dark": { ...desktop, colorScheme: "dark" },
  "phone-light": { ...phone, colorScheme: "light" },
  "phone-dark": { ...phone, colorScheme: "dark" },
  "desktop-forced": { ...desktop, colorScheme: "light", forcedColors: "active" },
};

const folder = resolve(out);
mkdirSync(folder, { recursive: true });
await onStage(port, async (stage) => {
  const chosen = Object.entries(looks).filter(([name]) => only === undefined || name === only);
  for (const [name, look] of chosen) {
    await takeShop(stage, await contextOf(stage, look), name);
    await takeWithoutScript(stage, look, name);
  }
  await takeDashboards(stage, chosen);
});
process.exit();

function contextOf({ browser }: Stage, look: BrowserContextOptions): Promise<BrowserContext> {
  return browser.newContext({
    ...look,
    reducedMotion: "reduce",
    httpCredentials: { username: "admin", password: adminPassword },
  });
}

async function takeShop({ url }: Stage, context: BrowserContext, name: string): Promise<void> {
  const page = await context.newPage();
  const open = async (path: string): Promise<void> => {
    await page.goto(`${url}${path}`);
    await page.locator('[data-connection][data-state="live"]').waitFor();
    await page.locator("[data-looking]:not([data-live])").waitFor({ state: "detached" });
  };
  await open("/");
  for (const itemId of [104, 404]) {
    await page.click(`[data-add="${itemId}"]`);
    await page.locator(`[data-line="${itemId}"]`).waitFor({ state: "attached" });
  }
  await page.locator(".toast").waitFor({ state: "detached" });
  await take(page, `home-${name}`);
  await page.click("[data-cart-open]");
  await page.click('[data-remove="104"]');
  await page.locator("dialog[open] .toast").waitFor();
  await take(page, `cart-${name}`, false);
  await open("/shoes/stairwell-high");
  await context.setOffline(true);
  await page.locator('[data-connection][data-state="lost"]').waitFor();
  await page.click('[data-add="305"]');
  await take(page, `waiting-${name}`, false);
  await context.setOffline(false);
  await page.locator('[data-line="305"]').waitFor({ state: "attached" });
  await page.locator(".toast").waitFor({ state: "detached" });
  await take(page, `product-${name}`);
  await open("/shoes/lido-court");
  await take(page, `unreleased-${name}`);
  await open("/checkout");
  await take(page, `checkout-${name}`);
  await page.click("#place-order");
  await page.waitForURL(/thanks/);
  await take(page, `thanks-${name}`);
  await open("/checkout");
  await take(page, `checkout-empty-${name}`);
  await open("/nowhere");
  await take(page, `not-found-${name}`);
  await context.close();
}

async function takeWithoutScript(
  { url, browser }: Stage,
  look: BrowserContextOptions,
  name: string,
): Promise<void> {
  const context = await browser.newContext({ ...look, javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(url);
  await take(page, `without-script-${name}`, false);
  await context.close();
}

/** The states are the shop's, so that all dashboards are taken in one of them and then in the next. */
async function takeDashboards(
  stage: Stage,
  chosen: readonly (readonly [string, BrowserContextOptions])[],
): Promise<void> {
  const dashboards: (readonly [name: string, page: Page])[] = [];
  for (const [name, look] of chosen) {
    const page = await (await contextOf(stage, look)).newPage();
    await page.goto(`${stage.url}/admin`);
    dashboards.push([name, page]);
  }
  const [first] = dashboards;
  if (first === undefined) return;
  const [, main] = first;
  const takeAll = async (state: string, fullPage = false): Promise<void> => {
    for (const [name, page] of dashboards) await take(page, `admin-${state}${name}`, fullPage);
  };
  await pause(20_000);
  await takeAll("", true);
  const [, second, third] = await nodesOf(main);
  await main.click(`[aria-label="Cut off ${third}"]`);
  await pause(10_500);
  await takeAll("cut-");
  await main.click(`[aria-label="Heal ${third}"]`);
  await main.locator("[data-latest]", { hasText: "agree again" }).waitFor();
  await main.click(`[aria-label="Kill ${second}"]`);
  await pause(2_500);
  await takeAll("killed-");
  await main.locator("[data-latest]", { hasText: "is back" }).waitFor();
  await main.click(`[aria-label="Pause ${third}"]`);
  await pause(4_000);
  await takeAll("paused-");
  await main.locator("[data-latest]", { hasText: "goes on" }).waitFor();
  await pause(2_000);
  await main.click('[data-button="restart"]');
  await pause(800);
  await takeAll("restart-");
  for (const [, page] of dashboards) await page.context().setOffline(true);
  await pause(1_500);
  await takeAll("lost-");
  for (const [, page] of dashboards) await page.context().close();
}

async function take(page: Page, name: string, fullPage = true): Promise<void> {
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
  console.log(`  ${name}.png`);
}
