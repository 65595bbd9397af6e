/** `npm start` as a command: what it says, what it refuses, and how it ends. */
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { Watcher } from "../../examples/shop/load/watcher.ts";
import { freePorts, isAlive } from "./processes.ts";
import { ScriptProcess } from "../support/script-process.ts";

/** What one test needs: a folder, and programs that end with it. */
class Workplace {
  readonly dataFolder = mkdtempSync(join(tmpdir(), "lacewing-"));
  readonly #programs: ScriptProcess[] = [];

  constructor({ onTestFinished }: TestContext) {
    onTestFinished(async () => {
      for (const program of this.#programs) await program.end("SIGKILL");
      rmSync(this.dataFolder, { recursive: true, force: true });
    });
  }

  start(...input: readonly string[]): ScriptProcess {
    const environment = { DATA_DIR: this.dataFolder, ADMIN_PASSWORD: "" };
    return this.run("examples/shop/main.ts", [...input, "--quiet"], environment);
  }

  run(
    script: string,
    input: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): ScriptProcess {
    const program = new ScriptProcess(script, input, environment);
    this.#programs.push(program);
    return program;
  }
}

// Each in a folder and on ports of its own: they mostly wait for processes to start.
describe.concurrent("npm start", () => {
  it("says where to look, lets in with the password it made, and ends cleanly on Ctrl-C", async (context) => {
    const place = new Workplace(context);
    const port = await freePorts(3);
    const shop = place.start("--port", String(port), "--nodes", "2");
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
    // One link that opens the dashboard, signed in.
    const link = shop.output.match(/http:\S+\/admin\/enter\?key=\S+/)?.[0] ?? "";
    const entered = await fetch(link, { redirect: "manual" });
    const cookie = entered.headers.get("set-cookie")?.split(";")[0] ?? "";
    const dashboard = await fetch(new URL(entered.headers.get("location") ?? "", link), {
      headers: { cookie },
    });
    expect(await dashboard.text()).toContain("data-admin-token");
    expect(shop.output).toContain("In a second terminal");
    // What the nodes know of it is in no environment.
    for (const [, id] of shop.output.matchAll(/\(process (\d+)\)/g)) {
      if (process.platform !== "linux") continue;
      const environment = readFileSync(`/proc/${id}/environ`, "utf8");
      expect(environment).not.toContain(password);
      expect(environment).not.toContain(readFileSync(join(place.dataFolder, "secret"), "utf8"));
    }
    const processes = [...shop.output.matchAll(/\(process (\d+)\)/g)].map(([, id]) => Number(id));
    expect(processes).toHaveLength(2);

    // As npm does: the terminal's Ctrl-C, and the same once more from npm.
    shop.signal("SIGINT");
    shop.signal("SIGINT");
    expect(await shop.ended).toBe(0);
    expect(shop.output).toContain("All nodes have stopped.");
    expect(processes.filter(isAlive)).toEqual([]);
  });

  it("leaves no connection with a node that does not take it, and no node behind when it is killed itself", async (context) => {
    const place = new Workplace(context);
    const port = await freePorts(4);
    const shop = place.start("--port", String(port), "--nodes", "3");
    await shop.said(/Ctrl-C ends it/, 60_000);
    const processes = [...shop.output.matchAll(/\(process (\d+)\)/g)].map(([, id]) => Number(id));
    expect(processes).toHaveLength(3);
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

    expect(processes.filter(isAlive)).toHaveLength(2);
    shop.signal("SIGKILL");
    await context.expect.poll(() => processes.filter(isAlive), { timeout: 10_000 }).toEqual([]);
  });

  it("names the port that is in use", async (context) => {
    const place = new Workplace(context);
    const port = await freePorts(3);
    const taken = createServer();
    await new Promise<void>((listening) => taken.listen(port + 1, "127.0.0.1", listening));
    const shop = place.start("--port", String(port), "--nodes", "2");
    expect(await shop.ended).toBe(1);
    expect(shop.output).toContain(`Port ${port + 1} is in use.`);
    expect(shop.output.trim().split("\n")).toHaveLength(1);
    await new Promise((closed) => taken.close(closed));
  });

  it("says at once that there is no broker, and keeps the password of one to itself", async (context) => {
    const place = new Workplace(context);
    const port = await freePorts(12);
    const none = `127.0.0.1:${port + 11}`;
    const addresses = [`redis://${none}`, `nats://${none}`, `redis://shop:open-sesame@${none}`];
    const shops = addresses.map((address, index) => {
      const input = ["--port", String(port + 3 * index), "--nodes", "2", "--quiet"];
      return place.run("examples/shop/main.ts", input, {
        DATA_DIR: join(place.dataFolder, String(index)),
        PUBSUB: address,
      });
    });
    const outputs = await Promise.all(
      shops.map(async (shop) => {
        expect(await shop.ended, shop.output).toBe(1);
        return shop.output;
      }),
    );
    for (const [index, shown] of [`redis://${none}`, `nats://${none}`, `redis://…@${none}`].entries()) {
      expect(outputs[index]).toContain(`Is there a broker at ${shown}?`);
    }
    expect(outputs[2]).not.toContain("open-sesame");
  });

  it("names the folder that it cannot use, and how to choose another", async (context) => {
    const place = new Workplace(context);
    const file = join(place.dataFolder, "file");
    writeFileSync(file, "");
    const junk = join(place.dataFolder, "junk");
    mkdirSync(junk);
    writeFileSync(
      join(junk, "shop.db"),
      "this is no database, and long enough to be taken for one ".repeat(100),
    );
    const damaged = join(place.dataFolder, "damaged");
    mkdirSync(damaged);
    writeFileSync(join(damaged, "secret"), "x");
    const port = await freePorts(12);
    const cases = [
      [file, file],
      [junk, "not a database"],
      [damaged, `${damaged}/secret is damaged`],
    ] as const;
    const shops = cases.map(([folder], index) =>
      place.start("--port", String(port + 4 * index), "--data-dir", folder),
    );
    for (const [index, [folder, what]] of cases.entries()) {
      const shop = shops[index] as ScriptProcess;
      expect(await shop.ended, shop.output).toBe(1);
      expect(shop.output).toContain(`The data folder ${folder} cannot be used`);
      expect(shop.output).toContain(what);
      expect(shop.output).toContain("--data-dir or DATA_DIR");
      expect(shop.output).not.toContain("    at ");
    }
  });

  it("explains its options, and refuses others", async (context) => {
    const place = new Workplace(context);
    const help = place.start("--help");
    const refusals = [["--port", "none"], ["--nodes", "0"], ["--pubsub", "carrier pigeon"], ["--colour"]].map(
      (wrong) => place.start(...wrong),
    );
    expect(await help.ended).toBe(0);
    for (const option of [
      "--port",
      "--nodes",
      "--pubsub",
      "--quiet",
      "DATA_DIR",
      "ADMIN_USER",
      "ADMIN_PASSWORD",
    ]) {
      expect(help.output).toContain(option);
    }
    for (const refused of refusals) {
      expect(await refused.ended).toBe(1);
      expect(refused.output).toMatch(/^error: /);
    }
  });
});

describe.concurrent("npm run shop:load and shop:restart", () => {
  const commands = ["examples/shop/load.ts", "examples/shop/restart.ts"];

  const refused = async (
    place: Workplace,
    script: string,
    url: string,
    password: string,
  ): Promise<ScriptProcess> => {
    const program = place.run(script, ["--url", url], { ADMIN_PASSWORD: password });
    expect(await program.ended, program.output).toBe(1);
    expect(program.output).not.toContain("    at ");
    return program;
  };

  it("say that there is no shop, or something else in its place", async (context) => {
    const place = new Workplace(context);
    const port = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const runAll = (): Promise<ScriptProcess[]> =>
      Promise.all(commands.map((script) => refused(place, script, url, "any")));
    for (const { output } of await runAll()) {
      expect(output).toContain(`There is no shop at ${url}/: start it with npm start.`);
    }
    for (const [status, body] of [
      [200, "<h1>Hello</h1>"],
      [404, "{}"],
      [200, '{"items":"none"}'],
    ] as const) {
      const foreign = createHttpServer((_request, response) => response.writeHead(status).end(body));
      await new Promise<void>((listening) => foreign.listen(port, "127.0.0.1", listening));
      for (const { output } of await runAll()) expect(output).toContain("it is not the shop");
      foreign.closeAllConnections();
      await new Promise((closed) => foreign.close(closed));
    }
  });

  it("take an empty password for none, and count their own shoppers only", async (context) => {
    const place = new Workplace(context);
    const port = await freePorts(3);
    const input = ["--port", String(port), "--nodes", "2", "--visitors", "5"];
    const environment = { DATA_DIR: place.dataFolder, ADMIN_PASSWORD: "a password for tests" };
    const shop = place.run("examples/shop/main.ts", input, environment);
    await shop.said(/Ctrl-C ends it/, 60_000);
    const url = `http://127.0.0.1:${port}`;
    const watcher = await Watcher.connect(new URL(url), "admin", "a password for tests", () => true);
    await context.expect.poll(() => watcher.totals.shoppers, { timeout: 20_000 }).toBe(5);
    watcher.close();
    expect((await refused(place, "examples/shop/restart.ts", url, "")).output).toContain(
      "Set ADMIN_PASSWORD",
    );
    const load = (password: string): ScriptProcess =>
      place.run("examples/shop/load.ts", ["--url", url, "--shoppers", "20", "--stay", "1"], {
        ADMIN_PASSWORD: password,
      });
    const unwatched = load("");
    expect(await unwatched.ended, unwatched.output).toBe(0);
    expect(unwatched.output).toContain("Set ADMIN_PASSWORD to have");
    // The shop's own visitors walk about meanwhile.
    const watched = load("a password for tests");
    expect(await watched.ended, watched.output).toBe(0);
    expect(watched.output).toContain("The admin sees exactly that: 20 shoppers.");
    expect(watched.output).toContain("The admin sees exactly that: 0 shoppers.");
  });
});
