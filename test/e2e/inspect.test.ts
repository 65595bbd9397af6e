/** The inspector's page in a browser: what it shows, that no name becomes markup, and that axe finds nothing. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdirSync } from "node:fs";
import { MemoryHub } from "rollcall/adapters/memory";
import { inspectHandler } from "rollcall/inspect";
import { Session, Tracker } from "rollcall";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectNoViolations } from "./axe.ts";
import { openBrowser, withoutBrowser } from "./browser.ts";

const markup = '<img src=x onerror="document.title=`broken`"><script>document.title="broken"</script>';
const shots = process.env["INSPECT_SHOTS"];

describe.skipIf(withoutBrowser)("the inspector's page", () => {
  let browser: Browser;
  let server: Server;
  let url: string;
  const trackers: Tracker[] = [];

  beforeAll(async () => {
    const hub = new MemoryHub();
    for (const name of ["web-1", "web-2"]) {
      trackers.push(await Tracker.start({}, { name: "shop", pubsub: hub.node(name) }));
    }
    const [first, second] = trackers;
    for (let i = 0; i < 130; i += 1) {
      const key = `user:${String(i).padStart(3, "0")}`;
      (i % 2 === 0 ? first : second)?.track(new Session(), "product:1", key, {
        device: "phone",
        page: "reviews",
      });
    }
    second?.track(new Session(), markup, markup, { page: markup });
    server = createServer(inspectHandler(first!)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/inspect`;
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    await Promise.all(trackers.map((tracker) => tracker.stop({ handoffMs: 0 })));
  });

  async function open(
    options: Parameters<Browser["newContext"]>[0] = {},
  ): Promise<{ page: Page; wrong: string[] }> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const wrong: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error)));
    await page.goto(url);
    await page.locator("#state.good", { hasText: "complete" }).waitFor();
    return { page, wrong };
  }

  it("shows nodes, topics, entries, changes and explanations, and no name as markup", async () => {
    const { page, wrong } = await open();
    await page.getByRole("cell", { name: "web-2" }).waitFor();
    await page.getByRole("button", { name: "product:1" }).click();
    await page.getByRole("cell", { name: "user:000" }).waitFor();
    await page.getByRole("button", { name: "Next page" }).click();
    await page.getByRole("cell", { name: "user:129" }).waitFor();
    await page.getByRole("button", { name: markup }).click();
    await page.getByRole("heading", { name: `Entries of ${markup}` }).waitFor();
    await page.getByRole("textbox", { name: "Topic" }).fill("product:1");
    await page.getByRole("textbox", { name: "Key" }).fill("user:001");
    await page.getByRole("button", { name: "Explain" }).click();
    await page.getByRole("region", { name: "Explanation" }).getByRole("cell", { name: "shown" }).waitFor();
    const visitor = new Session();
    trackers[1]?.track(visitor, "product:1", "visitor", { page: markup });
    await page.locator("#feed li.join", { hasText: "visitor" }).waitFor();
    visitor.close();
    await page.locator("#feed li.leave", { hasText: "closed" }).waitFor();
    expect(await page.title()).toBe("shop – rollcall");
    expect(await page.locator("img").count()).toBe(0);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  it.each([
    ["light", { colorScheme: "light" as const, viewport: { width: 1_280, height: 900 } }],
    ["dark", { colorScheme: "dark" as const, viewport: { width: 1_280, height: 900 } }],
    ["on a phone", { colorScheme: "light" as const, viewport: { width: 360, height: 740 } }],
  ])("has nothing that axe finds, and nothing that is cut off: %s", async (what, options) => {
    const { page } = await open(options);
    await page.getByRole("button", { name: "product:1" }).click();
    await page.getByRole("cell", { name: "user:000" }).waitFor();
    trackers[1]?.track(new Session(), "product:2", `visitor ${what}`, { page: "reviews" });
    await page.locator("#feed li.join").first().waitFor();
    await expectNoViolations(page, what);
    const tooWide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
    expect(tooWide).toBe(false);
    if (shots !== undefined) {
      mkdirSync(shots, { recursive: true });
      await page.screenshot({ path: `${shots}/${what}.png`, fullPage: true });
    }
    await page.context().close();
  });
});
