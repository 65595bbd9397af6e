/** Nodes that are stopped, killed and replaced from the back office, while shoppers stay. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { basicAuthorization } from "../../examples/shop/load/watcher.ts";
import {
  addItem,
  openBrowser,
  openDashboard,
  openShopper,
  socketNode,
  withoutBrowser,
  type Dashboard,
  type Look,
  type Shown,
  soon,
  sum,
} from "./browser.ts";
import { adminPassword, adminUser, Shop, startLoad } from "./processes.ts";
import { type ScriptProcess } from "../support/script-process.ts";
import { expectRightAgain, watchedMs } from "./killed-node.ts";

describe.skipIf(withoutBrowser)("nodes that come and go", () => {
  let shop: Shop;
  let browser: Browser;
  let dashboard: Dashboard;
  let load: ScriptProcess;
  let right: Shown;

  beforeAll(async () => {
    [shop, browser] = await Promise.all([Shop.start(), openBrowser()]);
    dashboard = await openDashboard(browser, shop);
    load = startLoad(shop, "--shoppers", "150");
    await load.said(/They stay until/, 30_000);
    const shopper = await openShopper(browser, `${shop.url}/shoes/stairwell-high`);
    await addItem(shopper, 303);
    await vi.waitFor(
      async () => {
        right = await dashboard.shown();
        expect(right.shoppers).toBe(151);
        expect(sum(right.items)).toBe(151);
      },
      { timeout: 10_000 },
    );
  });

  afterAll(async () => {
    await load?.end("SIGKILL");
    await browser?.close();
    await shop?.stop();
  });

  const names = ["node-1", "node-2", "node-3"];
  const leastOf = (looks: readonly Look[]): number => Math.min(...looks.map(({ shown }) => shown.shoppers));

  /**
   * A node on which the admin is not: what the admin sees is then never its own reconnecting. Of those the one
   * that serves the most, because a node that is new serves nobody yet.
   */
  async function otherNode(): Promise<string> {
    const own = await socketNode(dashboard.page);
    const serving: [name: string, shoppers: number][] = [];
    for (const name of names.filter((each) => each !== own)) serving.push([name, await servedBy(name)]);
    const [name, shoppers] = serving.reduce((most, each) => (each[1] > most[1] ? each : most));
    expect(shoppers).toBeGreaterThan(0);
    return name;
  }

  async function servedBy(name: string): Promise<number> {
    return Number(await dashboard.page.textContent(`[data-testid="shoppers-on-${name}"]`));
  }

  /** Begins to count now; whether the node has come back since. */
  function comesBack(name: string): () => boolean {
    const isBack = new RegExp(`${name} is back`, "g");
    const count = (): number => shop.program.output.match(isBack)?.length ?? 0;
    const before = count();
    return () => count() > before;
  }

  it("loses nobody when a node is stopped", async () => {
    const victim = await otherNode();
    const isBack = comesBack(victim);
    await dashboard.page.click(`[aria-label="Stop ${victim}"]`);
    // Over the whole handoff, and beyond its end: it is replaced when twice that time has passed.
    const looks = await dashboard.watch(isBack, 60_000);
    expect(leastOf(looks)).toBe(right.shoppers);
    await soon(() => dashboard.shown()).toEqual(right);
  });

  it("is right again when a node was killed", async () => {
    const victim = await otherNode();
    const isBack = comesBack(victim);
    const serves = await servedBy(victim);
    await dashboard.page.click(`[aria-label="Kill ${victim}"]`);
    const story = tellsOfTheDeath(victim, serves);
    const [looks, killedMs] = await Promise.all([
      dashboard.watch(isBack, 60_000),
      shop.program.said(new RegExp(`${victim} ended \\(SIGKILL\\)`), 10_000).then(() => performance.now()),
    ]);
    await story;
    // It is replaced long after the promised time.
    expect((looks.at(-1)?.atMs ?? 0) - killedMs).toBeGreaterThan(watchedMs);
    expectRightAgain(looks, right, killedMs);
  });

  /** The dashboard says what became of the shoppers, and offers nothing that a dead node cannot do. */
  async function tellsOfTheDeath(victim: string, served: number): Promise<void> {
    const { page } = dashboard;
    const stop = page.locator(`[aria-label="Stop ${victim}"]`);
    await soon(() => stop.getAttribute("title")).toBe(`${victim} has ended.`);
    expect(await stop.getAttribute("aria-disabled")).toBe("true");
    const state = page.locator(`tr[data-node="${victim}"] [data-part="state"]`);
    await soon(() => state.textContent()).toMatch(/^gone · back in \d+ s/);
    for (const action of ["stop", "kill", "pause", "cut"]) {
      const answer = await fetch(`${shop.url}/admin/nodes/${victim}/${action}`, {
        method: "POST",
        headers: { authorization: basicAuthorization(adminUser, adminPassword), origin: shop.url },
      });
      expect([answer.status, await answer.text()]).toEqual([409, `${victim} has ended.`]);
    }
    await soon(() => page.textContent("[data-happened]")).toMatch(
      new RegExp(`${victim} killed: ${served} moved, all listed again after \\d+\\.\\d s`),
    );
  }

  /** What the dashboard says is on the own list of each node. */
  async function ownTotals(page: Page): Promise<Record<string, string>> {
    const cells = await page
      .locator("[data-nodes] [data-part=shoppers]")
      .evaluateAll((all) =>
        all.map((cell): [string, string] => [
          cell.closest("[data-node]")?.getAttribute("data-node") ?? "",
          cell.textContent ?? "",
        ]),
      );
    return Object.fromEntries(cells);
  }

  it("shows both sides of a cut, and one list when it is healed", async () => {
    const { page } = dashboard;
    const victim = await otherNode();
    const serves = await servedBy(victim);
    const rest = right.shoppers - serves;
    const inside = await openDashboard(browser, shop, shop.urlOf(Number(victim.slice(-1))));
    // By keyboard: the button that cut is the one that heals.
    const focused = (): Promise<string | null | undefined> =>
      page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    await page.focus(`[aria-label="Cut off ${victim}"]`);
    await page.keyboard.press("Enter");
    const totals = Object.fromEntries(names.map((name) => [name, String(name === victim ? serves : rest)]));
    for (const side of [page, inside.page]) await soon(() => ownTotals(side), 20_000).toEqual(totals);
    await soon(async () => (await dashboard.shown()).shoppers).toBe(rest);
    await soon(async () => (await inside.shown()).shoppers).toBe(serves);
    await soon(() => page.textContent("[data-verdict]")).toBe(`≠ ${victim} differs by ${right.shoppers}`);
    expect(await page.textContent("[data-underway]")).toBe(
      `${victim} lists ${serves} whom the others do not, and lacks ${rest} whom they list.`,
    );
    expect(await page.locator('.links line[data-cut="true"]').count()).toBe(2);

    let healed = false;
    const looks = dashboard.watch(() => healed, 20_000);
    expect(await focused()).toBe(`Heal ${victim}`);
    await page.keyboard.press("Enter");
    for (const side of [page, inside.page]) {
      await soon(() => ownTotals(side)).toEqual(
        Object.fromEntries(names.map((name) => [name, String(right.shoppers)])),
      );
    }
    await soon(() => dashboard.shown()).toEqual(right);
    await soon(() => inside.shown()).toEqual(right);
    healed = true;
    // At once: no number in between was ever shown.
    expect(new Set((await looks).map(({ shown }) => shown.shoppers))).toEqual(
      new Set([rest, right.shoppers]),
    );
    expect(await focused()).toBe(`Cut off ${victim}`);
    await soon(() => page.textContent("[data-verdict]")).toBe("✓ 3 nodes agree");
    await soon(() => page.textContent("[data-latest]")).toMatch(
      new RegExp(`^${victim} healed: all nodes agree again after \\d+\\.\\d s`),
    );
    await inside.page.context().close();
  });

  it("says that it does not know while its node is paused, which then misses nobody", async () => {
    const { page } = dashboard;
    const victim = await otherNode();
    const inside = await openDashboard(browser, shop, shop.urlOf(Number(victim.slice(-1))));
    await page.click(`[aria-label="Pause ${victim}"]`);
    const seen = new Set<string | undefined>();
    const back = inside.page.locator("[data-lost][data-back]", { hasText: "Back after" });
    await inside.page
      .locator("[data-lost]:not([data-back])", { hasText: "as it was at" })
      .waitFor({ timeout: 8_000 });
    expect(await inside.page.getAttribute("body", "data-live")).toBe("false");
    await soon(() => page.textContent(`tr[data-node="${victim}"] [data-part="state"]`)).toMatch(
      /^paused · goes on in/,
    );
    // The others cannot tell it from a dead one.
    await soon(async () => (await dashboard.shown()).shoppers, 15_000).toBeLessThan(right.shoppers);
    await soon(async () => {
      seen.add((await ownTotals(page))[victim]);
      return back.isVisible();
    }, 25_000).toBe(true);
    await soon(() => dashboard.shown()).toEqual(right);
    await soon(() => inside.shown()).toEqual(right);
    await soon(async () => {
      const total = (await ownTotals(page))[victim];
      seen.add(total);
      return total;
    }).not.toBe("–");
    expect([...seen].filter((total) => total !== "–")).toEqual([String(right.shoppers)]);
    await inside.page.context().close();
  });
});
