/** `npm start` as a command: what it says, what it refuses, and how it ends. */
import { createServer } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePorts, isAlive, Program } from "./processes.ts";

let dataFolder: string;
const programs: Program[] = [];

beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), "lacewing-"));
});

afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop("SIGKILL");
  rmSync(dataFolder, { recursive: true, force: true });
});

function start(...input: readonly string[]): Program {
  const environment = { DATA_DIR: dataFolder, ADMIN_PASSWORD: "" };
  const program = new Program("examples/shop/main.ts", [...input, "--quiet"], environment);
  programs.push(program);
  return program;
}

describe("npm start", () => {
  it("says where to look, lets in with the password it made, and ends cleanly on Ctrl-C", async () => {
    const port = await freePorts(3);
    const shop = start("--port", String(port), "--nodes", "2");
    await shop.said(/Ctrl-C ends it/, 60_000);
    expect(shop.output).toContain(`http://localhost:${port}/`);
    expect(shop.output).not.toContain("Only node-3");
    const password = shop.output.match(/user admin, password (\S+)/)?.[1] ?? "";
    expect(password).toMatch(/^[\w-]{12}$/);
    const admin = await fetch(`http://localhost:${port}/admin`, {
      headers: { authorization: `Basic ${btoa(`admin:${password}`)}` },
    });
    expect(admin.status).toBe(200);
    await admin.text();
    const processes = [...shop.output.matchAll(/\(process (\d+)\)/g)].map(([, id]) => Number(id));
    expect(processes).toHaveLength(2);

    // As npm does: the terminal's Ctrl-C, and the same once more from npm.
    shop.child.kill("SIGINT");
    shop.child.kill("SIGINT");
    expect(await shop.ended).toBe(0);
    expect(shop.output).toContain("All nodes have stopped.");
    expect(processes.filter(isAlive)).toEqual([]);
  });

  it("leaves no node behind when it is killed itself", async () => {
    const shop = start("--port", String(await freePorts(3)), "--nodes", "2");
    await shop.said(/Ctrl-C ends it/, 60_000);
    const processes = [...shop.output.matchAll(/\(process (\d+)\)/g)].map(([, id]) => Number(id));
    expect(processes).toHaveLength(2);
    shop.child.kill("SIGKILL");
    for (const id of processes) {
      await expect.poll(() => isAlive(id), { timeout: 10_000 }).toBe(false);
    }
  });

  it("leaves no connection with a node that does not take it", async () => {
    const port = await freePorts(3);
    const shop = start("--port", String(port), "--nodes", "2");
    await shop.said(/Ctrl-C ends it/, 60_000);
    const stuck = Number(shop.output.match(/Only node-2 .*\(process (\d+)\)/)?.[1]);
    process.kill(stuck, "SIGSTOP");
    try {
      // At once, so that each is on a connection of its own.
      const answers = await Promise.all(
        Array.from({ length: 10 }, () =>
          fetch(`http://localhost:${port}/`, { signal: AbortSignal.timeout(30_000) }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    } finally {
      process.kill(stuck, "SIGKILL");
    }
    await shop.said(/node-2 ended \(SIGKILL\)/, 10_000);
  });

  it("names the port that is in use", async () => {
    const port = await freePorts(3);
    const taken = createServer();
    await new Promise<void>((listening) => taken.listen(port + 1, "127.0.0.1", listening));
    const shop = start("--port", String(port), "--nodes", "2");
    expect(await shop.ended).toBe(1);
    expect(shop.output).toContain(`Port ${port + 1} is in use.`);
    expect(shop.output.trim().split("\n")).toHaveLength(1);
    await new Promise((closed) => taken.close(closed));
  });

  it("says at once that there is no broker", async () => {
    for (const scheme of ["redis", "nats"]) {
      const port = await freePorts(4);
      const shop = start(
        "--port",
        String(port),
        "--pubsub",
        `${scheme}://127.0.0.1:${port + 3}`,
        "--nodes",
        "2",
      );
      expect(await shop.ended, shop.output).toBe(1);
      expect(shop.output).toContain(`Is there a broker at ${scheme}://127.0.0.1:${port + 3}?`);
    }
  });

  it("explains its options, and refuses others", async () => {
    const help = start("--help");
    expect(await help.ended).toBe(0);
    for (const option of ["--port", "--nodes", "--pubsub", "DATA_DIR", "ADMIN_USER", "ADMIN_PASSWORD"]) {
      expect(help.output).toContain(option);
    }
    for (const wrong of [
      ["--port", "none"],
      ["--nodes", "0"],
      ["--pubsub", "carrier pigeon"],
      ["--colour"],
    ]) {
      const refused = start(...wrong);
      expect(await refused.ended).toBe(1);
      expect(refused.output).toMatch(/^error: /);
    }
  });
});
