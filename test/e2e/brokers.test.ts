/** The shop on a broker of one's own: the same exact numbers. */
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { requireTool } from "../support/require-tool.ts";
import { freePorts, Shop, startLoad } from "./processes.ts";

const redis = requireTool({ name: "redis-server", install: "apt-get install redis-server" });
const nats = requireTool({ name: "nats-server", install: "apt-get install nats-server" });

/** Resolves when something listens on the port. */
async function listening(port: number): Promise<void> {
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const probe = connect(port, "127.0.0.1", () => resolve(true));
      probe.once("error", () => resolve(false));
      probe.once("connect", () => probe.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function serveFifty(scheme: string, binary: string, input: (port: number) => string[]): Promise<void> {
  const port = await freePorts(1);
  const broker = spawn(binary, input(port), { stdio: "ignore" });
  const ended = new Promise((resolve) => broker.once("exit", resolve));
  let shop: Shop | undefined;
  try {
    await listening(port);
    shop = await Shop.start("--pubsub", `${scheme}://127.0.0.1:${port}`);
    const load = startLoad(shop, "--shoppers", "50", "--stay", "0");
    expect(await load.ended, load.output).toBe(0);
    expect(load.output).toContain("The admin sees exactly that: 50 shoppers.");
    expect(load.output).toContain("The admin sees exactly that: 0 shoppers.");
  } finally {
    await shop?.stop();
    broker.kill();
    await ended;
  }
}

// Each on processes of its own, which mostly wait for each other.
describe.concurrent("the shop on a broker", () => {
  it.skipIf(redis === undefined)("runs on Redis", async () => {
    await serveFifty("redis", redis ?? "", (port) => [
      "--port",
      String(port),
      "--save",
      "",
      "--appendonly",
      "no",
    ]);
  });

  it.skipIf(nats === undefined)("runs on NATS", async () => {
    await serveFifty("nats", nats ?? "", (port) => ["-a", "127.0.0.1", "-p", String(port)]);
  });
});
