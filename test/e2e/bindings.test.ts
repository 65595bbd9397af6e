/** The bindings for user interfaces in a real browser: what is rendered, how often, and what is left behind. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { compile, compileModule } from "svelte/compiler";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PresenceClient } from "../../src/client/index.js";
import { usePresence } from "../../src/react/index.js";
import { openBrowser, withoutBrowser } from "./browser.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Components of Svelte by its own compiler, and the library by its package name. */
const plugin: Plugin = {
  name: "page",
  setup(builder) {
    builder.onResolve({ filter: /^rollcall\// }, ({ path }) => ({
      path: `${root}src/${path.slice("rollcall/".length)}/index.ts`,
    }));
    builder.onLoad({ filter: /\.svelte$/ }, ({ path }) => ({
      contents: compile(readFileSync(path, "utf8"), { generate: "client", dev: true }).js.code,
    }));
    builder.onLoad({ filter: /\.svelte\.js$/ }, async ({ path }) => ({
      contents: compileModule(path, { generate: "client" }).js.code,
    }));
  },
};

describe.skipIf(withoutBrowser)("in a browser", () => {
  let browser: Browser;
  let page: Page;
  /** What was complained about in the console. */
  const complaints: string[] = [];

  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: [`${root}test/e2e/bindings-page.ts`],
      bundle: true,
      write: false,
      format: "iife",
      conditions: ["browser", "development"],
      define: {
        "process.env.NODE_ENV": '"development"',
        __VUE_OPTIONS_API__: "true",
        __VUE_PROD_DEVTOOLS__: "false",
        __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "true",
      },
      plugins: [plugin],
      logLevel: "silent",
    });
    browser = await openBrowser();
    page = await browser.newPage();
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    await page.setContent("<!doctype html><title>bindings</title>");
    await page.addScriptTag({ content: outputFiles[0]?.text ?? "" });
  });
  afterAll(() => browser?.close());

  /** Runs one function of the page. */
  const run = (name: string, ...values: unknown[]): Promise<unknown> =>
    page.evaluate(
      ([called, given]) =>
        (window as unknown as { bindings: Record<string, (...values: unknown[]) => unknown> }).bindings[
          String(called)
        ]?.(...(given as unknown[])),
      [name, values],
    );

  it("React renders who watches one key of 10,000 only when that key changes, and asks once per change", async () => {
    const { first, others, asked, own, texts, ...listeners } = (await run("oneOfMany")) as {
      first: number;
      others: number;
      asked: number;
      own: number;
      texts: string[];
    };
    expect({ others, asked }).toEqual({ others: 0, asked: 50 });
    // In StrictMode each render is made twice.
    expect([first, own]).toEqual([2, 2]);
    expect(texts).toEqual(["u7", "u7,new", "nobody"]);
    expect(listeners).toEqual({ listenersShown: 1, listenersEnded: 0 });
  });

  it("takes over what a server rendered, though the client knows more already, and then shows that", async () => {
    const initial = { ann: { metas: [{ phx_ref: "1" }] }, bo: { metas: [{ phx_ref: "2" }] } };
    const client = new PresenceClient();
    const Names = () => {
      const select = (view: { list(): object }) => Object.keys(view.list()).join();
      return createElement("p", null, usePresence(client, { initial, select }));
    };
    const html = renderToString(createElement(Names));
    expect(html).toBe("<p>ann,bo</p>");
    expect(await run("hydrated", html, initial)).toEqual({
      first: "ann,bo",
      react: "cy",
      vue: ["ann,bo", "cy"],
    });
  });

  it("React follows another client, and keeps the list of one that connects again", async () => {
    expect(await run("changingClients")).toEqual(["10000", "0", "0", "1", "1"]);
  });

  it("Vue and Svelte render who watches one key only when that key changes", async () => {
    expect(await run("otherFrameworks")).toEqual({
      first: ["1", "u7"],
      others: 0,
      then: ["2", "u7,new"],
      renders: 1,
      listeners: 2,
      listenersEnded: 0,
    });
  });

  it("no framework has complained", () => {
    expect(complaints).toEqual([]);
  });
});
