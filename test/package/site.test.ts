/** The site as it is built: readable by everybody, as wide as the screen, and a playground that can be played by keyboard. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { expectNoViolations, violationsOf } from "../e2e/axe.js";
import { openBrowser, withoutBrowser } from "../e2e/browser.js";
import {
  eachOf,
  lookAt,
  looks,
  openPage,
  pagesOf,
  serveSite,
  site,
  type Look,
  type ServedSite,
} from "./site.js";
import { mustRun } from "./tarball.js";

const [light, dark, phone, darkPhone] = looks as readonly [Look, Look, Look, Look];
const kinds = [
  "404.html",
  "index.html",
  "start.html",
  "how-it-works.html",
  "recipes/servers.html",
  "api/client.html",
  "playground.html",
];

/** So many of the pages, by their content as it was built. */
function drawn(pages: readonly string[], count: number): readonly string[] {
  const lots = pages.map((path) => ({
    path,
    lot: createHash("sha256")
      .update(readFileSync(join(site, path)))
      .digest("hex"),
  }));
  lots.sort((a, b) => (a.lot < b.lot ? -1 : 1));
  return lots.slice(0, count).map(({ path }) => path);
}

/** What a reader opens within a page, each with the button that opens it. */
const openedParts = [
  { part: "the search", look: light, button: ".DocSearch-Button", opened: ".VPLocalSearchBox" },
  {
    part: "the search of a dark phone",
    look: darkPhone,
    button: ".DocSearch-Button",
    opened: ".VPLocalSearchBox",
  },
  { part: "the menu of a phone", look: phone, button: ".VPNavBarHamburger", opened: ".VPNavScreen" },
  {
    part: "the pages of a dark phone",
    look: darkPhone,
    button: ".VPLocalNav .menu",
    opened: ".VPSidebar.open",
  },
  {
    part: "the headings of a phone",
    look: phone,
    button: ".VPLocalNavOutlineDropdown button",
    opened: ".VPLocalNavOutlineDropdown .items",
  },
];

describe.skipIf(withoutBrowser)("the site", () => {
  let served: ServedSite;
  let browser: Browser;
  const failures: string[] = [];

  beforeAll(async () => {
    // `npm test` has built it before.
    if (!existsSync(join(site, "index.html"))) await mustRun("npm", ["run", "docs:build"]);
    served = await serveSite();
    browser = await openBrowser();
  });

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  afterAll(async () => {
    await browser?.close();
    served?.close();
  });

  // All pages take minutes on a busy machine: `npm run docs:look` looks at them. Here are those that differ in kind, and
  // further ones by what was built, so that each change of the site has others looked at.
  it("has no violation of WCAG A or AA, light, dark and on a phone, and is no wider than that", async () => {
    const context = await browser.newContext();
    const pages = [...new Set([...kinds, ...drawn(pagesOf(site), 4)])];
    const found: string[] = [];
    await eachOf(pages, 2, async (path) => {
      const page = await openPage(context, served.url + path, failures);
      found.push(...(await lookAt(page, light)));
      // In the dark only colours are others, and on a phone only what is there and how it is laid out.
      found.push(...(await lookAt(page, dark, "colours")));
      found.push(...(await lookAt(page, phone, "all but colours")));
      await page.close();
    });
    expect([found, failures]).toEqual([[], []]);
  });

  it.each(openedParts)("has no violation in $part", async ({ look, button, opened }) => {
    const page = await openPage(await browser.newContext(), `${served.url}start.html`, failures);
    const found = [...(await lookAt(page, look))];
    await page.locator(button).filter({ visible: true }).first().click();
    const part = page.locator(opened).filter({ visible: true });
    await part.waitFor();
    if (opened === ".VPLocalSearchBox") {
      await part.getByRole("searchbox").fill("follow");
      await part.getByRole("option").first().waitFor();
    }
    found.push(...(await violationsOf(page)));
    expect([found, failures]).toEqual([[], []]);
  });

  it("has a playground that is broken, mended and replayed by keyboard, in forced colours too", async () => {
    const context = await browser.newContext({ forcedColors: "active", reducedMotion: "reduce" });
    const page = await openPage(context, `${served.url}playground.html`, failures);
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
