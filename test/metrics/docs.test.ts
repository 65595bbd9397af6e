/** The examples of docs/operations.md run as written, and its table names all metrics that there are. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { DIAGNOSTICS_CHANNELS } from "../../src/metrics/index.js";
import { allMetrics } from "../../src/metrics/metrics.js";
import { examplesOf, outputOf } from "../docs/examples.js";
import { codeWords, section, tableRows } from "../docs/markdown.js";

const page = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");

it.each(examplesOf(page))("the example of “$heading” prints what it says", async (example) => {
  expect(await outputOf(example)).toBe(example.printed);
});

it("names every metric, and no other", () => {
  const named = tableRows(section(page, "Metrics")).flatMap(([name = ""]) => codeWords(name));
  expect(named.sort()).toEqual(
    allMetrics()
      .map(({ name }) => name)
      .sort(),
  );
});

it("names every channel, and no other", () => {
  const named = tableRows(section(page, "What happens inside")).flatMap(([name = ""]) => codeWords(name));
  expect(named.sort()).toEqual(Object.values(DIAGNOSTICS_CHANNELS).sort());
});
