/** The guide to presence is held to its word: its example runs as written, its options are those of the sources. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { PresenceClient } from "../../src/client/index.js";
import { presenceSettings } from "../../src/presence/options.js";
import { examplesOf, outputOf } from "../docs/examples.js";
import { codeWords, section, tableRows } from "../docs/markdown.js";

const root = new URL("../../", import.meta.url);
const guide = readFileSync(new URL("docs/presence.md", root), "utf8");

describe("the guide", () => {
  it.each(examplesOf(guide))("runs the example of “$heading” as written", async (example) => {
    expect(await outputOf(example)).toBe(example.printed);
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
