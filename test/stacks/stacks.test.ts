/** The recipes that need a framework's own server are run as they stand, with the packed library, one process each. */
import { mkdirSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "redis";
import { io, type Socket } from "socket.io-client";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { redisPubSub } from "../../src/adapters/redis.js";
import { PresenceClient } from "../../src/client/index.js";
import { Tracker } from "../../src/index.js";
import { freePort, openRedis, type Broker } from "../brokers/servers.js";
import { codeBlocks, section } from "../docs/markdown.js";
import { root } from "../package/tarball.js";
import { installPacked } from "../runtimes/consumer.js";
import { Program } from "../runtimes/runtimes.js";
import { requireTool } from "../support/require-tool.js";
import { knock } from "../support/knock.js";
import { compile, piecesOf, replaced } from "./recipes.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const own = ["@nestjs/common", "@nestjs/core", "@nestjs/platform-express", "reflect-metadata", "rxjs"];
const installed = requireTool({
  name: "Nest and Jest",
  install: "npm ci --prefix test/stacks",
  path: existsSync(join(here, "node_modules/@nestjs/core")) ? here : "",
});
const next = requireTool({
  name: "Next",
  install: "npm ci --prefix test/stacks",
  path: existsSync(join(here, "node_modules/next")) ? here : "",
});
const node = { name: "Node", command: [process.execPath] } as const;
let consumer: string;

beforeAll(async () => {
  const links = ["redis", "ws", "express", "socket.io", "@socket.io/redis-adapter", "@trpc/server"];
  consumer = await installPacked(links);
  for (const name of own) {
    const link = join(consumer, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(here, "node_modules", name), link, "junction");
  }
});

afterAll(() => rmSync(consumer, { recursive: true, force: true }));

function start(script: string, env: Readonly<Record<string, string>> = {}): Program {
  const program = new Program(node, [script], consumer, env);
  onTestFinished(() => program.kill());
  return program;
}

describe.skipIf(installed === undefined)("Nest", () => {
  it("lists the readers of a stream, and ends the streams when it stops", async () => {
    const main = await compile(join(consumer, "nest"), piecesOf("servers.md", "Nest"), "main.js");
    const port = await freePort();
    const program = start(main, { PORT: String(port) });
    const ann = await EventReader.open(`http://127.0.0.1:${port}/rooms/lobby/events?user=ann`);
    await ann.until((text) => text.includes('{"ann":'));
    const bob = await EventReader.open(`http://127.0.0.1:${port}/rooms/lobby/events?user=bob`);
    await bob.until((text) => text.includes('"ann":') && text.includes('"bob":'));
    bob.close();
    await ann.until((text) => /"leaves":\{"bob":/.test(text));
    // Nest ends by the signal itself when its hooks are through.
    expect(await program.end()).toBe("SIGTERM");
    await ann.ended;
  });
});

it("tRPC serves a list, and a subscription that ends with the process", async () => {
  const [recipe = ""] = piecesOf("streams.md", "tRPC").values();
  const router = recipe.slice(0, recipe.indexOf("presence.track("));
  const server = `${router}
import { createHTTPServer } from "@trpc/server/adapters/standalone";
presence.track(new Session(), "lobby", "ann", {});
const server = createHTTPServer({ router: rooms });
server.listen(0, "127.0.0.1", () => console.log("port " + (server.address() as { port: number }).port));
process.once("SIGTERM", async () => {
  await presence.stop();
  server.close();
});
`;
  const program = start(await compile(join(consumer, "trpc"), new Map([["server.ts", server]]), "server.ts"));
  const url = `http://127.0.0.1:${await program.said("port ")}`;
  const room = encodeURIComponent(JSON.stringify("lobby"));
  const answer = (await (await fetch(`${url}/list?input=${room}`)).json()) as { result: { data: object } };
  expect(Object.keys(answer.result.data)).toEqual(["ann"]);
  const changes = await EventReader.open(`${url}/changes?input=${room}`);
  await changes.until((text) => text.includes('"event":"presence_state"') && text.includes('{"ann":'));
  expect(await program.end()).toBe(0);
  await changes.ended;
});

it("ws: a server of rooms is not ended by what comes from outside", async () => {
  const [recipe = ""] = piecesOf("sockets.md", "ws").values();
  const server = replaced(recipe.slice(0, recipe.indexOf("// In a browser")), {
    'await once(server, "listening");':
      'await once(server, "listening");\nconsole.log("port " + (server.address() as AddressInfo).port);',
  });
  const program = start(await compile(join(consumer, "ws"), new Map([["server.ts", server]]), "server.ts"));
  const origin = `ws://127.0.0.1:${await program.said("port ")}`;
  for (const path of ["//", "/", `/?room=${"x".repeat(600)}&user=ann`, "/?room=%ff&user=%00"])
    await knock(origin, path);
  const client = new PresenceClient();
  const socket = new WebSocket(`${origin}/?room=lobby&user=ann`);
  onTestFinished(() => socket.terminate());
  socket.on("message", (data: Buffer) => {
    const [event, payload] = JSON.parse(String(data)) as [string, never];
    client.receive(event, payload);
  });
  await expect.poll(() => Object.keys(client.list()), { timeout: 20_000 }).toEqual(["ann"]);
});

describe.skipIf(openRedis === undefined)("over Redis", () => {
  let redis: Broker;
  beforeAll(async () => void (redis = await openRedis!()));
  afterAll(() => redis.stop());

  it("Express with Socket.IO: two servers list the same, over the adapter that they have", async () => {
    const [recipe = ""] = piecesOf("sockets.md", "Socket.IO").values();
    const server = replaced(recipe, {
      "createClient()": `createClient({ url: ${JSON.stringify(redis.url.href)} })`,
      "createServer(); //": "createServer(express()); //",
      "server.listen(3000);":
        'server.listen(0, () => console.log("port " + (server.address() as { port: number }).port));',
    });
    const given = 'import express from "express";\nconst userOf = (token: unknown) => token;\n';
    const evicting = `
io.on("connection", (socket) => {
  socket.on("evict", (room: string, user: string) => presence.evict(room, user, "signed in elsewhere"));
});
`;
    const files = new Map([["server.ts", given + server + evicting]]);
    const script = await compile(join(consumer, "socket-io"), files, "server.ts");
    const servers = [start(script), start(script)];
    const ports = await Promise.all(servers.map((program) => program.said("port ")));
    const [ann, bob] = [visit(String(ports[0]), "ann"), visit(String(ports[1]), "bob")];
    for (const { client } of [ann, bob]) {
      await expect.poll(() => Object.keys(client.list()).sort(), { timeout: 20_000 }).toEqual(["ann", "bob"]);
    }
    for (const room of ["x".repeat(600), 42]) bob.socket.emit("enter", room);
    // Ann is ended by the other server; her own closes her socket.
    const ended = new Promise((resolve) => ann.socket.once("disconnect", resolve));
    bob.socket.emit("evict", "lobby", "ann");
    expect(await ended).toBe("io server disconnect");
    expect(await servers[0]?.said("ended: ")).toBe("signed in elsewhere");
    await expect.poll(() => Object.keys(bob.client.list()), { timeout: 20_000 }).toEqual(["bob"]);
    ann.socket.connect();
    await expect
      .poll(() => Object.keys(ann.client.list()).sort(), { timeout: 20_000 })
      .toEqual(["ann", "bob"]);
    bob.socket.disconnect();
    await expect.poll(() => Object.keys(ann.client.list()), { timeout: 20_000 }).toEqual(["ann"]);
    const stranger = io(`http://127.0.0.1:${ports[0]}`, { auth: {}, reconnection: false });
    onTestFinished(() => void stranger.disconnect());
    const refused = await new Promise<Error>((resolve) => stranger.on("connect_error", resolve));
    expect(refused.message).toBe("sign in first");
  });

  it("Next: a route streams a room, from one presence however often its module is loaded", async () => {
    const pieces = piecesOf("servers.md", "Next.js");
    const route = await compile(join(consumer, "next"), pieces, "app/rooms/[room]/events/route.ts");
    // As a hot reload loads a module: again, with nothing of what it was before.
    const driver = `
const load = (version) => import(${JSON.stringify(route)} + "?" + version);
const open = async (version, user, signal) => {
  const { GET } = await load(version);
  const request = new Request("http://localhost/rooms/lobby/events?user=" + user, { signal });
  const { body } = await GET(request, { params: Promise.resolve({ room: "lobby" }) });
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  return async () => (await reader.read()).value;
};
const [annLeaves, bobLeaves] = [new AbortController(), new AbortController()];
const ann = await open(1, "ann", annLeaves.signal);
console.log("first " + (await ann()).split("\\n")[1]);
const first = await globalThis.presence;
const bob = await open(2, "bob", bobLeaves.signal);
await bob();
console.log("second " + (await ann()).split("\\n")[1]);
bobLeaves.abort();
console.log("third " + (await ann()).split("\\n")[1]);
console.log("same " + (first === (await globalThis.presence)));
setInterval(() => {}, 1_000);
process.once("SIGTERM", async () => {
  console.log("end " + (await ann()));
  process.exit(0);
});
`;
    writeFileSync(join(consumer, "next/driver.mjs"), driver);
    const program = start(join(consumer, "next/driver.mjs"), { REDIS_URL: redis.url.href });
    expect(await program.said("first ")).toMatch(/^data: \{"ann":/);
    expect(await program.said("second ")).toMatch(/^data: \{"joins":\{"bob":.*"leaves":\{\}/);
    expect(await program.said("third ")).toMatch(/^data: \{"joins":\{\},"leaves":\{"bob":/);
    expect(await program.said("same ")).toBe("true");
    expect(await program.end()).toBe(0);
    expect(await program.said("end ")).toBe("undefined"); // stopped by the recipe, the stream has ended
  });

  it.skipIf(next === undefined)(
    "Next itself: its modules are edited without another node, and it says goodbye",
    async () => {
      const folder = join(consumer, "next-itself");
      for (const [name, text] of piecesOf("servers.md", "Next.js")) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), text);
      }
      writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
      // What is linked lies elsewhere.
      writeFileSync(join(folder, "next.config.mjs"), 'export default { turbopack: { root: "/" } };');
      for (const name of ["next", "react", "react-dom"]) link(folder, join(here, "node_modules"), name);
      const shared = ["typescript", "@types/react", "@types/node", "redis"];
      for (const name of shared) link(folder, join(root, "node_modules"), name);
      const port = await freePort();
      const dev = [
        join(folder, "node_modules/next/dist/bin/next"),
        "dev",
        "-H",
        "127.0.0.1",
        "-p",
        String(port),
      ];
      const env = { REDIS_URL: redis.url.href, NEXT_TELEMETRY_DISABLED: "1" };
      const program = new Program(node, dev, folder, env);
      onTestFinished(() => program.kill());
      const events = `http://127.0.0.1:${port}/rooms/lobby/events?user=`;
      const ann = await EventReader.open(`${events}ann`);
      await ann.until((text) => text.includes('presence_state\ndata: {"ann":'));
      // Both modules are edited: what bob gets is of the new ones.
      const edited = ["app/rooms/[room]/events/route.ts", "lib/presence.ts"];
      for (const name of edited) {
        const text = readFileSync(join(folder, name), "utf8");
        writeFileSync(join(folder, name), `${text}\nconsole.log("loaded again: ${name}");\n`);
      }
      const bob = await EventReader.open(`${events}bob`);
      await bob.until((text) => text.includes('"ann":') && text.includes('"bob":'));
      await ann.until((text) => text.includes('"joins":{"bob":'));
      await program.said("loaded again: app/rooms/[room]/events/route.ts");
      await program.said("loaded again: lib/presence.ts");
      // Whoever looks on finds one node of all that was loaded.
      const publisher = await createClient({ url: redis.url.href }).connect();
      const subscriber = await publisher.duplicate().connect();
      const pubsub = redisPubSub({ publisher, subscriber });
      const observer = await Tracker.start({}, { name: "app", pubsub, observer: true });
      await expect.poll(() => observer.list("lobby").length, { timeout: 20_000 }).toBe(2);
      expect(observer.health().replicas.map(({ status }) => status)).toEqual(["up"]);
      expect(await program.end()).toBe(0);
      // In development Next itself cuts what is open.
      await Promise.allSettled([ann.ended, bob.ended]);
      const statuses = (): readonly string[] => observer.health().replicas.map(({ status }) => status);
      // It said goodbye: a node that was killed would be up for as long as it may be silent.
      await expect.poll(statuses, { timeout: 2_000 }).toEqual(["departing"]);
      await observer.stop();
      await Promise.all([publisher.close(), subscriber.close()]);
    },
  );
});

describe.skipIf(installed === undefined)("Jest", () => {
  it("runs the test of the page", async () => {
    const text = readFileSync(join(root, "docs/testing.md"), "utf8");
    const [test = ""] = codeBlocks(section(text, "In Jest and Vitest"), "js");
    const folder = join(consumer, "jest");
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), '{ "private": true }');
    writeFileSync(join(folder, "lobby.test.js"), test);
    const jest = join(here, "node_modules/jest/bin/jest.js");
    const program = new Program(node, [jest, "--rootDir", folder, "--no-cache"], folder);
    onTestFinished(() => program.kill());
    expect([await program.ended(), program.output]).toEqual([
      0,
      expect.stringContaining("1 passed, 1 total"),
    ]);
  });
});

/** A package of another folder, where a program of this one finds it. */
function link(folder: string, packages: string, name: string): void {
  const path = join(folder, "node_modules", name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(packages, name), path, "junction");
}

/** A visitor of the rooms of Socket.IO. */
function visit(port: string, user: string): { readonly socket: Socket; readonly client: PresenceClient } {
  const client = new PresenceClient();
  const socket = io(`http://127.0.0.1:${port}`, { auth: { token: user } });
  onTestFinished(() => void socket.disconnect());
  for (const event of ["presence_state", "presence_diff"]) {
    socket.on(event, (payload: unknown) => client.receive(event, payload as never));
  }
  socket.on("connect", () => void socket.emit("enter", "lobby"));
  return { socket, client };
}

/** Server-Sent Events, as they come. */
class EventReader {
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<void>;
  readonly #abort: AbortController;
  #text = "";
  #onText: () => void = () => undefined;

  private constructor(body: ReadableStream<Uint8Array>, abort: AbortController) {
    this.#abort = abort;
    this.ended = this.#read(body);
    this.ended.catch(() => undefined);
  }

  /** Tries again until the server takes connections. */
  static async open(url: string): Promise<EventReader> {
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    for (const untilMs = performance.now() + 20_000; ;) {
      try {
        const { body } = await fetch(url, { signal: abort.signal, headers: { accept: "text/event-stream" } });
        return new EventReader(body as ReadableStream<Uint8Array>, abort);
      } catch (error) {
        if (performance.now() > untilMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  until(condition: (text: string) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onText = () => condition(this.#text) && resolve();
      this.#onText();
    });
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      this.#text += decoder.decode(read.value, { stream: true });
      this.#onText();
    }
  }
}
