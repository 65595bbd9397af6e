/**
 * The packed library on every runtime: the README, every entry both ways, channels with the official client, the limits of
 * channels, and the types of newer versions of Node.
 */
import { once } from "node:events";
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import * as phoenix from "phoenix";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { PresenceClient } from "../../src/client/index.js";
import { codeBlocks } from "../docs/markdown.js";
import { makeFolder, root, runTool } from "../package/tarball.js";
import { knock } from "../support/knock.js";
import { installPacked } from "./consumer.js";
import { Program, runtimes, type Runtime } from "./runtimes.js";

const { Presence, Socket } = phoenix;
const { LongPoll } = phoenix as unknown as { LongPoll: new (endpoint: string) => object };

const here = fileURLToPath(new URL(".", import.meta.url));
const page = (path: string): string => readFileSync(join(root, path), "utf8");
const readme = page("README.md");
let consumer: string;

beforeAll(async () => {
  const links = ["ws", "@types/node", "react", "react-dom", "vue", "svelte"];
  consumer = await installPacked(links);
  cpSync(join(here, "programs"), consumer, { recursive: true });
  writeFileSync(join(consumer, "readme.mjs"), codeBlocks(readme, "js")[0] ?? "");
  const [server = ""] = codeBlocks(page("docs/channels.md"), "ts");
  const { code } = await transform(server, { loader: "ts" });
  const tellPort = `httpServer.on("listening", () => console.log("port " + httpServer.address().port));`;
  writeFileSync(join(consumer, "chat.mjs"), `${code}\n${tellPort}\n`);
});

afterAll(() => rmSync(consumer, { recursive: true, force: true }));

function start(runtime: Runtime, ...input: string[]): Program {
  const program = new Program(runtime, input, consumer);
  onTestFinished(() => program.kill());
  return program;
}

describe.each(runtimes)("on $name", (runtime) => {
  it("the README prints what it says", async () => {
    const program = start(runtime, "readme.mjs");
    expect([await program.ended(), program.output]).toEqual([0, codeBlocks(readme, "text")[0]]);
  });

  it.each(["use-by-import.mjs", "use-by-require.cjs"])("every entry works: %s", async (script) => {
    const program = start(runtime, script);
    expect([await program.ended(), program.output.trim().split("\n").at(-1)]).toEqual([
      0,
      expect.stringContaining("rollcall/channels"),
    ]);
  });

  it("the chat of the guide serves the official client, by WebSocket and by long polling", async () => {
    const program = start(runtime, "chat.mjs");
    const address = `ws://127.0.0.1:${await program.said("port ")}/chat`;
    const [ann, bob] = [enter(address, "ann", WebSocket), enter(address, "bob", LongPoll)];
    await ann.until(() => ann.members() === "ann,bob");
    await bob.until(() => bob.members() === "ann,bob");
    bob.say("hello");
    await ann.until(() => ann.heard.includes("bob: hello"));
    ann.leave();
    await bob.until(() => bob.members() === "bob");
    bob.leave();
    expect([await program.end(), program.output]).toEqual([0, expect.stringMatching(/^port \d+\n$/)]);
  });

  it("channels drop a client that does not read, and slow down one that floods", async () => {
    const program = start(runtime, "limits.mjs");
    const port = await program.said("port ");
    const health = async (): Promise<Record<string, number>> =>
      (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as Record<string, number>;
    const slow = await joined(port, "room:loud");
    slow.pause();
    const flooding = await joined(port, "room:flood");
    const startedMs = performance.now();
    const text = "x".repeat(2_000);
    let sent = 0;
    while (performance.now() - startedMs < 3_000) {
      for (; flooding.bufferedAmount < 1_000_000 && sent < 10_000; sent++) {
        flooding.send(JSON.stringify(["1", String(sent), "room:flood", "say", { text }]));
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { handled = 0, slowReaders, pausedReads } = await health();
    const rated = 50 + (50 * (performance.now() - startedMs)) / 1_000;
    // One read may bring more than the rate; it is handled, and paid for before the next.
    const oneRead = (512 * 1_024) / 2_000;
    expect(sent).toBeGreaterThan(2 * (rated + oneRead));
    expect(handled).toBeGreaterThanOrEqual(50);
    expect(handled).toBeLessThanOrEqual(rated + oneRead);
    expect({ slowReaders, pausedReads }).toEqual({ slowReaders: 1, pausedReads: expect.any(Number) });
    expect(pausedReads).toBeGreaterThan(0);
    expect(program.output).not.toContain("UNSUPPORTED_DEPENDENCY");
    for (const socket of [slow, flooding]) socket.terminate();
    expect(await program.end()).toBe(0);
  });
});

it.each(runtimes.filter(({ name }) => name === "Bun" || name === "Deno"))(
  "$name serves WebSockets of its own, as its page says",
  async (runtime) => {
    const name = `${runtime.name.toLowerCase()}-server.mjs`;
    const code = codeBlocks(page("docs/runtimes.md"), "js").find((text) => text.startsWith(`// ${name}\n`));
    writeFileSync(join(consumer, name), String(code));
    const program = start(runtime, name);
    const origin = `ws://127.0.0.1:${await program.said("port ")}`;
    // What no recipe would send does not end it.
    await knock(origin, "//");
    await knock(origin, `/?room=lobby&user=${"x".repeat(600)}`);
    const address = `${origin}/?room=lobby&user=`;
    const [ann, bob] = [new PresenceClient(), new PresenceClient()];
    const annsSocket = listen(ann, `${address}ann`);
    await until(() => ann.get("ann") !== undefined);
    const bobsSocket = listen(bob, `${address}bob`);
    await until(() => ann.get("bob") !== undefined && bob.get("ann") !== undefined);
    bobsSocket.close();
    await until(() => ann.get("bob") === undefined);
    expect(Object.keys(ann.list())).toEqual(["ann"]);
    expect(await program.end()).toBe(0);
    annsSocket.terminate();
  },
);

it.each(runtimes.filter(({ name }) => name.startsWith("Node ")))(
  "the types hold with those of $name",
  async ({ name }) => {
    const types = `types${name.replace("Node ", "")}`;
    const folder = makeFolder();
    onTestFinished(() => rmSync(folder, { recursive: true }));
    cpSync(consumer, folder, { recursive: true, verbatimSymlinks: true });
    rmSync(join(folder, "node_modules/@types/node"));
    symlinkSync(join(here, "node_modules", types), join(folder, "node_modules/@types/node"));
    cpSync(join(folder, "consumer.ts"), join(folder, "consumer.mts"));
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      target: "es2022",
      module: "node16",
      types: ["node"],
    };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["consumer.mts"] }),
    );
    expect(await runTool("tsc", ["--project", "."], folder)).toEqual({ status: 0, output: "" });
  },
);

/** A visitor of the chat. */
function enter(address: string, user: string, transport: new (endpoint: string) => object) {
  const socket = new Socket(address, { transport, params: { user } });
  const channel = socket.channel("room:lobby");
  const presence = new Presence(channel);
  const heard: string[] = [];
  let changed: () => void = () => undefined;
  presence.onSync(() => changed());
  channel.on("said", (message: { user: string; text: string }) => {
    heard.push(`${message.user}: ${message.text}`);
    changed();
  });
  socket.connect();
  channel.join();
  return {
    heard,
    members: (): string =>
      presence
        .list((name: string) => name)
        .sort()
        .join(),
    say: (text: string): void => void channel.push("say", { text }),
    leave: (): void => socket.disconnect(),
    until: (condition: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        changed = () => condition() && resolve();
        changed();
      }),
  };
}

/** Feeds a client of presence from a socket. */
function listen(client: PresenceClient, address: string): WebSocket {
  const socket = new WebSocket(address);
  onTestFinished(() => socket.terminate());
  socket.on("message", (data: Buffer) => {
    const [event, payload] = JSON.parse(String(data)) as [string, never];
    client.receive(event, payload);
  });
  return socket;
}

async function until(condition: () => boolean): Promise<void> {
  for (const untilMs = performance.now() + 20_000; !condition();) {
    if (performance.now() > untilMs) throw new Error("it did not come to that in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A socket that has joined a topic. */
async function joined(port: string, topic: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat/websocket?vsn=2.0.0`);
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  socket.send(JSON.stringify(["1", "1", topic, "phx_join", {}]));
  await once(socket, "message");
  return socket;
}
