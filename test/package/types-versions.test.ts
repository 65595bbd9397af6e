/** The old resolution of types, which knows no `exports`, finds every entry that these have. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

it("every entry has its types for the old resolution", () => {
  const { exports, typesVersions } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  ) as { exports: Record<string, object>; typesVersions: Record<"*", Record<string, string[]>> };
  const entries = Object.keys(exports)
    .filter((entry) => entry !== "." && entry !== "./package.json")
    .map((entry) => entry.slice(2));
  for (const entry of entries) {
    const pattern = entry.startsWith("adapters/") ? "adapters/*" : entry;
    expect(typesVersions["*"][pattern], entry).toEqual([`./dist/${pattern}.d.ts`]);
  }
});
