/** The README is held to its word: its example runs as written, its tables agree with the sources. */
import { readFileSync } from "node:fs";
import { transform } from "esbuild";
import { describe, expect, it } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { checkOptions } from "../../src/tracker/options.js";
import { outputOf } from "./examples.js";
import { codeBlocks, codeWords, section, tableRows } from "./markdown.js";

const root = new URL("../../", import.meta.url);
const readme = readFileSync(new URL("README.md", root), "utf8");
const manifest = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as Record<string, object>;

describe("the example", () => {
  const [plain = ""] = codeBlocks(section(readme, "Thirty lines"), "js");
  const [typed = ""] = codeBlocks(section(readme, "Thirty lines"), "ts");
  const [printed = ""] = codeBlocks(section(readme, "Thirty lines"), "text");
  const files = new Map<string, string>();

  it("has about thirty lines", () => {
    for (const code of [plain, typed]) expect(code.trim().split("\n").length).toBeLessThanOrEqual(32);
  });

  it("runs as written and prints what is said", async () => {
    expect(await outputOf({ files, code: plain })).toBe(printed.trim());
  });

  it("is the same in both, but for the types", async () => {
    const { code } = await transform(typed, { loader: "ts" });
    expect(code).toBe((await transform(plain, { loader: "js" })).code);
  });
});

describe("the tables", () => {
  it("name every option, with the default that it has", () => {
    const { maxFrameBytes: _, ...options } = checkOptions({ name: "a", pubsub: memoryPubSub() });
    const rows = tableRows(section(readme, "Options"));
    expect(rows.flatMap(([option = ""]) => codeWords(option)).sort()).toEqual(Object.keys(options).sort());
    for (const [option = "", value = ""] of rows) {
      const name = codeWords(option)[0] as keyof typeof options;
      if (typeof options[name] === "number")
        expect([name, codeWords(value)]).toEqual([name, [String(options[name])]]);
    }
  });

  it("name every error code, and no other", () => {
    const source = readFileSync(new URL("src/errors.ts", root), "utf8");
    const union = /export type TrackerErrorCode =([\s\S]*?);/.exec(source)?.[1] ?? "";
    const codes = [...union.matchAll(/"(\w+)"/g)].map((match) => match[1] ?? "");
    expect(codes).toContain("ALREADY_TRACKED");
    const named = tableRows(section(readme, "Errors")).flatMap(([code = ""]) => codeWords(code));
    expect(named.sort()).toEqual(codes.sort());
  });

  it("name every adapter, and no other", () => {
    const adapters = Object.keys(manifest["exports"] ?? {})
      .filter((path) => path.startsWith("./adapters/"))
      .map((path) => path.replace(/^\./, "rollcall"));
    const named = tableRows(section(readme, "Adapters")).flatMap(([entry = ""]) => codeWords(entry));
    expect(named.sort()).toEqual(adapters.sort());
  });
});
