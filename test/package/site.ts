/** The site as it is built, served from this machine, and each of its pages as a reader sees it: light, dark, on a phone. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, posix, sep } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { base } from "../../docs/.vitepress/manifest.js";
import { violationsOf, type Extent } from "../e2e/axe.js";
import { root } from "./tarball.js";

export const site = join(root, "docs/.vitepress/dist");

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const desk = { width: 1_280, height: 800 };
const phone = { width: 360, height: 740 };
const pageTimeoutMs = 60_000;

/** A way to look at a page. */
export interface Look {
  readonly name: string;
  readonly colorScheme: "light" | "dark";
  readonly viewport: { readonly width: number; readonly height: number };
}

export const looks: readonly Look[] = [
  { name: "light", colorScheme: "light", viewport: desk },
  { name: "dark", colorScheme: "dark", viewport: desk },
  { name: "phone", colorScheme: "light", viewport: phone },
  { name: "dark phone", colorScheme: "dark", viewport: phone },
];

/** All pages that were built, as paths below the base. */
export function pagesOf(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".html"))
    .map((name) => name.split(sep).join(posix.sep))
    .sort();
}

export interface ServedSite {
  readonly url: string;
  close(): void;
}

export async function serveSite(): Promise<ServedSite> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://site");
    const path = join(site, decodeURIComponent(pathname.slice(base.length)));
    const file = existsSync(path) && statSync(path).isDirectory() ? join(path, "index.html") : path;
    if (!pathname.startsWith(base) || !existsSync(file)) return response.writeHead(404).end();
    response.setHeader("content-type", types[extname(file)] ?? "application/octet-stream");
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`,
    close: () => void server.close(),
  };
}

/** Opens a page and waits until it runs. What fails meanwhile, and later on, is added to the failures. */
export async function openPage(context: BrowserContext, url: string, failures: string[]): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(pageTimeoutMs);
  page.on("pageerror", (error) => failures.push(`${url}: ${String(error)}`));
  page.on("response", (response) => {
    if (response.status() >= 400) failures.push(`${url}: ${response.status()} ${response.url()}`);
  });
  await page.goto(url);
  // Without its title the switch was not taken over from the server's markup yet.
  await page.locator('.VPSwitchAppearance:not([title=""])').first().waitFor({ state: "attached" });
  if (url.endsWith("/playground.html")) await page.getByRole("status").filter({ hasText: /same/ }).waitFor();
  return page;
}

/** Looks at a page that is open: what is wrong with it, a line each. */
export async function lookAt(page: Page, look: Look, extent: Extent = "all"): Promise<readonly string[]> {
  const { name, colorScheme, viewport } = look;
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await page.setViewportSize(viewport);
  const isDark = colorScheme === "dark";
  await page.waitForFunction((dark) => document.documentElement.classList.contains("dark") === dark, isDark);
  const found = [...(await violationsOf(page, extent))];
  const wider = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (wider > 0) found.push(`${wider} pixels wider than the screen`);
  const { pathname } = new URL(page.url());
  return found.map((line) => `${pathname}, ${name}: ${line}`);
}

/** Runs the work for each item, so many at a time. */
export async function eachOf<T>(
  items: readonly T[],
  atATime: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}
