/**
 * Looks at every page of the site as it was built, light, dark, on a phone and on a dark phone, with all rules of axe for
 * WCAG A and AA: `npm run docs:look`. What violates one, is wider than the screen, fails or is not found is told, and the
 * exit code is 0 only if there is nothing of it. With `--pictures <folder>` each page is kept as it looks, for a human.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { openBrowser } from "../test/e2e/browser.js";
import { eachOf, lookAt, looks, openPage, pagesOf, serveSite, site } from "../test/package/site.js";

interface Flags {
  readonly pictures?: string;
  readonly jobs: number;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("expected a whole number");
  return value;
}

const { pictures, jobs } = new Command("npm run docs:look --")
  .description("looks at every page of the built site with the rules of WCAG A and AA")
  .option("--pictures <folder>", "keep a picture of each page, as high as the page, in this folder")
  .option("--jobs <count>", "pages at a time", positive, 2)
  .parse()
  .opts<Flags>();
if (!existsSync(join(site, "index.html"))) throw new Error("There is no site: npm run docs:build");
if (pictures !== undefined) mkdirSync(pictures, { recursive: true });

const served = await serveSite();
const browser = await openBrowser();
const pages = pagesOf(site);
const found: string[] = [];
const bar = new SingleBar({ format: "{bar} {value}/{total} pages, {found} findings", hideCursor: true });
bar.start(pages.length, 0, { found: 0 });
try {
  const context = await browser.newContext();
  await eachOf(pages, jobs, async (path) => {
    const page = await openPage(context, served.url + path, found);
    for (const look of looks) {
      found.push(...(await lookAt(page, look)));
      if (pictures === undefined) continue;
      const name = `${path.replaceAll("/", "-").replace(".html", "")}, ${look.name}.png`;
      await page.screenshot({ path: join(pictures, name), fullPage: true });
    }
    await page.close();
    bar.increment({ found: found.length });
  });
} finally {
  bar.stop();
  await browser.close();
  served.close();
}
console.log(
  found.length === 0 ? `${pages.length} pages, each in ${looks.length} looks: ok` : found.join("\n"),
);
process.exitCode = found.length === 0 ? 0 : 1;
