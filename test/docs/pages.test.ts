/** The pages that have no test of their own are held to their word: their examples run as written. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { examplesOf, outputOf } from "./examples.js";

const root = new URL("../../docs/", import.meta.url);
const pages = [
  "tracker-or-presence.md",
  "diffs.md",
  ...readdirSync(new URL("recipes/", root)).map((name) => `recipes/${name}`),
];

describe.each(pages)("%s", (page) => {
  const text = readFileSync(new URL(page, root), "utf8");
  const examples = examplesOf(text);

  it("has as many examples as it says what is printed", () => {
    expect(examples).toHaveLength(text.match(/^It prints:$/gm)?.length ?? 0);
  });

  it.each(examples)("runs the example of “$heading” as written", async (example) => {
    expect(await outputOf(example)).toBe(example.printed);
  });
});
