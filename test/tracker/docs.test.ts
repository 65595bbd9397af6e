/** The guide to the tracker is held to its word: its examples run as written and print what is said. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { examplesOf, outputOf } from "../docs/examples.js";

const examples = examplesOf(readFileSync(new URL("../../docs/tracker.md", import.meta.url), "utf8"));

describe("docs/tracker.md", () => {
  it("has examples that can be run", () => expect(examples.length).toBeGreaterThan(0));

  it.each(examples)("runs the example of “$heading” as written", async (example) => {
    expect(await outputOf(example)).toBe(example.printed);
  });
});
