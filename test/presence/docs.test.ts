/** The guide to presence is held to its word: its example runs as written, its options are those of the sources. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { PresenceClient } from "../../src/client/index.js";
import { presenceSettings } from "../../src/presence/options.js";
import { codeBlocks, codeWords, section, tableRows } from "../docs/markdown.js";

const root = new URL("../../", import.meta.url);
const guide = readFileSync(new URL("docs/presence.md", root), "utf8");

describe("the guide", () => {
  it("has an example that runs as written and prints what is said", async () => {
    const [example = ""] = codeBlocks(guide, "ts");
    const [printed = ""] = codeBlocks(guide, "text");
    mkdirSync(new URL("tmp/", root), { recursive: true });
    const folder = mkdtempSync(fileURLToPath(new URL("tmp/presence-", root)));
    const lines: string[] = [];
    const log = vi
      .spyOn(console, "log")
      .mockImplementation((...values) => void lines.push(format(...values)));
    try {
      writeFileSync(`${folder}/example.ts`, example);
      await import(/* @vite-ignore */ `${folder}/example.ts`);
    } finally {
      log.mockRestore();
      rmSync(folder, { recursive: true });
    }
    expect(lines.join("\n")).toBe(printed.trim());
  });

  it("names every option, with the default that it has", () => {
    const settings = presenceSettings({ name: "a", pubsub: memoryPubSub() });
    const rows = tableRows(section(guide, "Options"));
    const named = rows.map(([option = "", value = ""]) => [codeWords(option)[0], codeWords(value)[0]]);
    const expected = Object.entries(settings).map(([option, value]) => [option, value?.toString()]);
    expect(named).toEqual(expected);
  });

  it("names every call of the client, and no other", () => {
    const rows = tableRows(section(guide, "The client"));
    const named = rows.flatMap(([call = ""]) => codeWords(call)).map((call) => call.replace(/\(.*/, ""));
    const owners = [PresenceClient.prototype, new PresenceClient()];
    const members = owners.flatMap(Object.getOwnPropertyNames).filter((name) => name !== "constructor");
    expect(named.sort()).toEqual(members.sort());
  });
});
