/**
 * Long polling in a real browser, with the unmodified client: as what it falls back to while the server restarts,
 * and behind a load balancer that sends each request to another node than the last.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request as forward, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Browser, Page } from "playwright-core";
import { MemoryHub, memoryPubSub } from "../../src/adapters/memory.ts";
import { ChannelServer } from "../../src/channels/index.ts";
import type { PubSub } from "../../src/pubsub/pubsub.ts";
import { openBrowser, soon, withoutBrowser } from "./browser.ts";

interface Node {
  readonly channels: ChannelServer;
  readonly port: number;
  stop(): Promise<void>;
}

/** A page with the client of one line, and a node that serves it. */
function pageOf(packageName: string, options: string): { html: string; client: string } {
  const file = createRequire(import.meta.url)
    .resolve(packageName)
    .replace(/phoenix[^/]*$/, "phoenix.mjs");
  const html = `<!doctype html><script type="module">
    import { LongPoll, Socket } from "/phoenix.mjs";
    Object.assign(window, { joins: 0, transports: new Set() });
    const socket = new Socket("/socket", { rejoinAfterMs: () => 50, ${options} });
    socket.onOpen(() => transports.add(socket.transport.name));
    socket.connect();
    window.channel = socket.channel("room:1");
    channel.join().receive("ok", () => joins++);
    window.echo = (number) => new Promise((resolve) =>
      channel.push("echo", { number }).receive("ok", ({ number }) => resolve(number)));
  </script>`;
  return { html, client: readFileSync(file, "utf8") };
}

async function startNode(page: { html: string; client: string }, pubsub: PubSub, port = 0): Promise<Node> {
  const channels = new ChannelServer({ pubsub });
  channels.socket("/socket").channel("room:*", {
    join: () => ({ ok: {} }),
    handleIn: { echo: (_channel, payload) => ({ ok: payload }) },
  });
  const http = createServer((request, response) => {
    const isClient = request.url === "/phoenix.mjs";
    response.setHeader("Content-Type", isClient ? "text/javascript" : "text/html");
    response.end(isClient ? page.client : page.html);
  });
  channels.attach(http);
  http.listen(port, "127.0.0.1");
  await once(http, "listening");
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    http.close();
    await channels.stop({ graceMs: 500 });
    http.closeAllConnections();
  };
  onTestFinished(() => (stopped ??= stop()));
  return { channels, port: (http.address() as AddressInfo).port, stop: () => (stopped ??= stop()) };
}

/** Sends each request to the next of the nodes that are left. */
async function startBalancer(nodes: readonly Node[]): Promise<Server> {
  let count = 0;
  const balancer = createServer((request, response) => {
    const { url, method, headers } = request;
    const port = nodes[count++ % nodes.length]?.port;
    const upstream = forward(
      { port, host: "127.0.0.1", path: url, method, headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    upstream.on("error", () => response.destroy());
    response.on("close", () => upstream.destroy());
    request.pipe(upstream);
  });
  balancer.listen(0, "127.0.0.1");
  await once(balancer, "listening");
  onTestFinished(() => {
    balancer.closeAllConnections();
    balancer.close();
  });
  return balancer;
}

const joins = (page: Page): Promise<number> => page.evaluate("joins");
const echo = (page: Page, number: number): Promise<number> => page.evaluate(`echo(${number})`);
const transports = (page: Page): Promise<string[]> => page.evaluate("[...transports]");

describe.skipIf(withoutBrowser)("long polling in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  const open = async (port: number): Promise<Page> => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    return page;
  };

  describe.each(["phoenix", "phoenix17"])("with %s", (packageName) => {
    it("is what the client falls back to while the server restarts: the channel is joined again", async () => {
      const page = pageOf(packageName, "longPollFallbackMs: 300");
      const first = await startNode(page, memoryPubSub());
      const visitor = await open(first.port);
      await soon(() => joins(visitor)).toBe(1);
      await first.stop();
      // Until the client has given up on its WebSocket.
      await visitor.waitForTimeout(1_500);
      await startNode(page, memoryPubSub(), first.port);
      await soon(() => joins(visitor), 30_000).toBe(2);
      expect(await echo(visitor, 7)).toBe(7);
      expect(await transports(visitor)).toContain("LongPoll");
    });

    it("works through any of two nodes, and through the one that is left", async () => {
      const page = pageOf(packageName, "transport: LongPoll");
      const hub = new MemoryHub();
      const nodes = [await startNode(page, hub.node("one")), await startNode(page, hub.node("two"))];
      const balancer = await startBalancer(nodes);
      const visitor = await open((balancer.address() as AddressInfo).port);
      await soon(() => joins(visitor)).toBe(1);
      for (let number = 0; number < 5; number++) expect(await echo(visitor, number)).toBe(number);
      const owner = nodes.findIndex(({ channels }) => channels.health().sockets === 1);
      const [stopped] = nodes.splice(owner, 1);
      await stopped?.stop();
      await soon(() => joins(visitor), 30_000).toBe(2);
      expect(await echo(visitor, 7)).toBe(7);
      // 1.7 may have opened a session that it gave up at once.
      expect(nodes[0]?.channels.health().channels).toBe(1);
    });
  });
});
