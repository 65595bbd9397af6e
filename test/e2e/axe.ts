/** What axe finds wrong with a page as it is now, by the rules of WCAG 2.2 A and AA. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Those whose finding depends on the colours. */
const colourRules = ["color-contrast", "link-in-text-block"];

/** Which rules a page is looked at by. */
export type Extent = "all" | "colours" | "all but colours";

/** What it finds, a line for each element. */
export async function violationsOf(page: Page, extent: Extent = "all"): Promise<readonly string[]> {
  // By the debugger, because the page's own policy lets no foreign script in.
  const session = await page.context().newCDPSession(page);
  const options = {
    runOnly: extent === "colours" ? { type: "rule", values: colourRules } : { type: "tag", values: rules },
    ...(extent === "all but colours" && {
      rules: Object.fromEntries(colourRules.map((rule) => [rule, { enabled: false }])),
    }),
    resultTypes: ["violations"],
  };
  const run = `${source}; axe.run(document, ${JSON.stringify(options)}).then(({ violations }) => JSON.stringify(violations))`;
  const { result } = await session.send("Runtime.evaluate", {
    expression: run,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  const violations = JSON.parse(String(result.value)) as readonly Violation[];
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
}

/** Rejects with what it finds. */
export async function expectNoViolations(page: Page, what: string): Promise<void> {
  const lines = await violationsOf(page);
  if (lines.length > 0) throw new Error(`axe finds on ${what}:\n${lines.join("\n")}`);
}
