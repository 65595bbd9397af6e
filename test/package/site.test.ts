/** The site as it is built: readable by everybody, as wide as the screen, and a playground that can be played by keyboard. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { base } from "../../docs/.vitepress/manifest.js";
import { expectNoViolations } from "../e2e/axe.js";
import { openBrowser, withoutBrowser } from "../e2e/browser.js";
import { mustRun, root } from "./tarball.js";

const site = join(root, "docs/.vitepress/dist");
const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const pages = [
  "",
  "start.html",
  "how-it-works.html",
  "recipes/servers.html",
  "api/client.html",
  "playground.html",
];

describe.skipIf(withoutBrowser)("the site", () => {
  let server: Server;
  let browser: Browser;
  let url: string;
  const failures: string[] = [];

  beforeAll(async () => {
    // `npm test` has built it before.
    if (!existsSync(join(site, "index.html"))) await mustRun("npm", ["run", "docs:build"]);
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://site");
      const path = join(site, decodeURIComponent(pathname.slice(base.length)));
      const file = existsSync(path) && statSync(path).isDirectory() ? join(path, "index.html") : path;
      if (!pathname.startsWith(base) || !existsSync(file)) return response.writeHead(404).end();
      response.setHeader("content-type", types[extname(file)] ?? "application/octet-stream");
      response.end(readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`;
    browser = await openBrowser();
  });

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  async function open(path: string, options: BrowserContextOptions): Promise<Page> {
    const page = await (await browser.newContext({ reducedMotion: "reduce", ...options })).newPage();
    page.on("pageerror", (error) => failures.push(String(error)));
    page.on("response", (response) => {
      if (response.status() >= 400) failures.push(`${response.status()} ${response.url()}`);
    });
    await page.goto(url + path, { waitUntil: "networkidle" });
    if (path === "playground.html") await page.getByRole("status").filter({ hasText: /same/ }).waitFor();
    return page;
  }

  it("has no violation of WCAG A or AA, and is no wider than a phone", { timeout: 120_000 }, async () => {
    for (const path of pages) {
      const page = await open(path, { colorScheme: "light" });
      await expectNoViolations(page, `/${path}`);
      await page.setViewportSize({ width: 360, height: 740 });
      const wider = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect([path, wider]).toEqual([path, 0]);
    }
    expect(failures).toEqual([]);
  });

  it("has no violation in the dark", { timeout: 120_000 }, async () => {
    for (const path of ["", "recipes/servers.html", "playground.html"]) {
      await expectNoViolations(await open(path, { colorScheme: "dark" }), `/${path}, dark`);
    }
  });

  it("has a playground that is broken, mended and replayed by keyboard, in forced colours too", async () => {
    const page = await open("playground.html", { forcedColors: "active" });
    await expectNoViolations(page, "the playground in forced colours");
    const verdict = page.getByRole("status");
    const press = async (role: "button" | "checkbox", name: string, key: string): Promise<void> => {
      await page.getByRole(role, { name }).focus();
      await page.keyboard.press(key);
    };
    await press("checkbox", "Cut paris from tokyo", "Space");
    await press("button", "Track someone on paris", "Enter");
    await press("button", "One second", "Enter"); // pauses
    await verdict
      .filter({ hasText: "The nodes differ: paris lists 4, tokyo lists 3, lima lists 4." })
      .waitFor();
    const differed = await page.locator(".news").textContent();
    await press("checkbox", "Cut paris from tokyo", "Space");
    for (let seconds = 0; seconds < 4; seconds++) await press("button", "One second", "Enter");
    await verdict.filter({ hasText: "3 nodes run, and all list the same 4." }).waitFor();
    await press("button", "Kill lima", "Enter");
    await press("button", "Replay", "Enter");
    await page.getByLabel("Speed").selectOption("4");
    await verdict.filter({ hasText: "The nodes differ" }).waitFor();
    await page.getByRole("button", { name: "Start lima" }).waitFor();
    for (const line of String(differed).split("\n"))
      expect(await page.locator(".news").textContent()).toContain(line);
    expect(failures).toEqual([]);
  });
});
