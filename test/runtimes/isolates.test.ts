/**
 * The packed library where there is no Node: in one isolate of workerd, and in the tabs of a browser, bundled as an
 * application bundles it.
 */
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../brokers/servers.js";
import { openBrowser, withoutBrowser } from "../e2e/browser.js";
import { installPacked } from "./consumer.js";
import { installed, Program } from "./runtimes.js";

const workerd = installed("workerd", "@cloudflare/workerd-linux-64/bin/workerd");
let consumer: string;

beforeAll(async () => {
  consumer = await installPacked();
  cpSync(fileURLToPath(new URL("programs", import.meta.url)), consumer, { recursive: true });
});

afterAll(() => rmSync(consumer, { recursive: true, force: true }));

/** One file of a program and all that it imports, with nothing of Node. */
async function bundle(program: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(consumer, program)],
    absWorkingDir: consumer,
    bundle: true,
    format: "esm",
    platform: "browser",
    minify: true,
    write: false,
  });
  return String(outputFiles[0]?.text);
}

describe.skipIf(workerd === undefined)("workerd", () => {
  it.each([
    ["without the modules of Node", ""],
    ["with them", `, compatibilityFlags = ["nodejs_compat"]`],
  ])("has nodes and a client in one isolate, %s", async (_, compatibilityFlags) => {
    const port = await freePort();
    writeFileSync(join(consumer, "worker.js"), await bundle("worker.mjs"));
    writeFileSync(
      join(consumer, "worker.capnp"),
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-01-01"${compatibilityFlags},
);
`,
    );
    const runtime = { name: "workerd", command: [String(workerd), "serve"] } as const;
    const program = new Program(runtime, ["worker.capnp"], consumer);
    onTestFinished(() => program.kill());
    const answer = await untilAnswered(`http://127.0.0.1:${port}/`);
    expect([answer, program.output]).toEqual([{ told: "a", elsewhere: ["ann on paris"] }, ""]);
  });
});

describe.skipIf(withoutBrowser)("a browser", () => {
  it("has a node in each tab, which sees the others come, change and go", async () => {
    const script = await bundle("tab.mjs");
    const server = createServer((request, response) => {
      const isScript = request.url === "/tab.js";
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      response.end(isScript ? script : `<!doctype html><script type="module" src="/tab.js"></script>`);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const browser = await openBrowser();
    onTestFinished(() => browser.close());
    const context = await browser.newContext();
    const errors: string[] = [];
    const open = async (name: string) => {
      const tab = await context.newPage();
      tab.on("pageerror", (error) => errors.push(error.message));
      await tab.goto(`http://127.0.0.1:${port}/?name=${name}`);
      return {
        shows: (text: string) => tab.waitForFunction((wanted) => document.title === wanted, text),
        type: () => tab.evaluate(() => void window.dispatchEvent(new Event("type"))),
        close: () => tab.close({ runBeforeUnload: true }),
      };
    };
    const ann = await open("ann");
    await ann.shows("ann");
    const bob = await open("bob");
    for (const tab of [ann, bob]) await tab.shows("ann bob");
    await bob.type();
    for (const tab of [ann, bob]) await tab.shows("ann bob…");
    await bob.close();
    await ann.shows("ann");
    expect(errors).toEqual([]);
  });
});

async function untilAnswered(url: string): Promise<unknown> {
  for (const untilMs = performance.now() + 20_000; ;) {
    try {
      return await (await fetch(url)).json();
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
