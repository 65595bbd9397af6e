/** The page of React behind Fastify, built from its recipe alone with the packed library, in the tabs of a real browser. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../brokers/servers.js";
import { openBrowser, withoutBrowser } from "../e2e/browser.js";
import { installPacked } from "../runtimes/consumer.js";
import { Program } from "../runtimes/runtimes.js";
import { knock } from "../support/knock.js";
import { compile, piecesOf, replaced } from "./recipes.js";

const graceMs = 3_000;
const node = { name: "Node", command: [process.execPath] } as const;

describe.skipIf(withoutBrowser)("React behind Fastify", () => {
  let consumer: string;
  let browser: Browser;
  let script: string;
  let url: string;

  beforeAll(async () => {
    consumer = await installPacked(["fastify", "ws", "react", "react-dom"]);
    const pieces = piecesOf("react.md", "React");
    const server = replaced(pieces.get("server.ts") ?? "", { "10_000": String(graceMs) });
    for (const [name, text] of pieces) writeFileSync(join(consumer, name), text);
    script = await compile(consumer, new Map([["server.ts", server]]), "server.ts");
    await build({
      absWorkingDir: consumer,
      entryPoints: ["page.tsx"],
      bundle: true,
      outfile: "page.js",
      jsx: "automatic",
      logLevel: "silent",
    });
    url = `http://127.0.0.1:${await freePort()}`;
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(consumer, { recursive: true, force: true });
  });

  async function serve(): Promise<Program> {
    const program = new Program(node, [script], consumer, { PORT: new URL(url).port });
    onTestFinished(() => program.kill());
    await expect
      .poll(
        () =>
          fetch(url).then(
            ({ ok }) => ok,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    return program;
  }

  /** A browser of a user; its tabs share who they are. */
  async function visitor(user: string): Promise<() => Promise<Page>> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    await context.addCookies([{ name: "user", value: user, url }]);
    return async () => {
      const page = await context.newPage();
      await page.addInitScript(keepWhatWasShown);
      await page.goto(url);
      return page;
    };
  }

  it("shows who is here in every tab, through a reload and a restart of the server, and forgets who has gone", async () => {
    const complaints: string[] = [];
    const first = await serve();
    const [openAnn, openBob] = [await visitor("ann"), await visitor("bob")];
    const [ann, second] = [await openAnn(), await openAnn()];
    for (const page of [ann, second]) page.on("pageerror", (error) => complaints.push(String(error)));
    await becomes(ann, "ann");
    const bob = await openBob();
    for (const page of [ann, second, bob]) await becomes(page, "ann bob");

    await ann.evaluate(forgetWhatWasShown);
    await bob.reload();
    await becomes(bob, "ann bob");
    await second.close();
    await ann.waitForTimeout(200);
    // Neither the reload of an only tab nor the end of one of two was seen.
    expect(await ann.evaluate(whatWasShown)).toEqual([]);

    // Names that no recipe of ours would send: the server goes on.
    for (const path of ["//", "/rooms", `/rooms?room=${"x".repeat(600)}`, "/rooms?room=%ff%00"]) {
      await knock(url, path, { cookie: "user=eve" });
    }

    expect(await first.end()).toBe(0);
    expect(first.output).toBe("");
    const again = await serve();
    await becomes(bob, "ann bob");
    await becomes(ann, "ann bob");
    const shown = (await ann.evaluate(whatWasShown)) as string[];
    // The list stayed while there was no server; then the one who came first saw the other come.
    expect(shown.filter((text) => text === "")).toEqual([]);
    await bob.close();
    await becomes(ann, "ann", graceMs + 5_000);
    expect(complaints).toEqual([]);
    expect([await again.end(), again.output]).toEqual([0, ""]);
  });
});

async function becomes(page: Page, names: string, timeout = 10_000): Promise<void> {
  const shown = async (): Promise<string> => (await page.locator("li").allTextContents()).sort().join(" ");
  await expect.poll(shown, { timeout }).toBe(names);
}

/** In the page: each text that the list has had. */
function keepWhatWasShown(): void {
  const kept = globalThis as unknown as { shown: string[] };
  kept.shown = [];
  const look = (): void => {
    kept.shown.push(
      Array.from(document.querySelectorAll("li"))
        .map((item) => item.textContent)
        .join(" "),
    );
  };
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    });
  });
}

function forgetWhatWasShown(): void {
  (globalThis as unknown as { shown: string[] }).shown = [];
}

function whatWasShown(): string[] {
  return (globalThis as unknown as { shown: string[] }).shown;
}
