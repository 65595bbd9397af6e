/**
 * Every adapter of the packed library on every runtime: the contract against real servers where it is not Node, clusters of
 * all runtimes over each broker, with a look at one by the command, and processes without a broker.
 */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { MemoryHub } from "../../src/adapters/memory.js";
import { pubsubContract } from "../../src/testing/pubsub-contract.js";
import { openNats, openPostgres, openRedis, type Broker } from "../brokers/servers.js";
import { installPacked } from "./consumer.js";
import { Program, runtimes, type Runtime } from "./runtimes.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const own: Runtime = { name: "this Node", command: [process.execPath] };
const others = runtimes.filter(({ name }) => name === "Bun" || name === "Deno");
const promises = pubsubContract((names) => {
  const hub = new MemoryHub();
  return { nodes: names.map((name) => hub.node(name)), end() {} };
});
const packages = [
  "redis",
  "redis5",
  "ioredis",
  "ioredis5",
  "@nats-io/transport-node",
  "pg",
  "socket.io",
  "@socket.io/redis-adapter",
];

/** The library by its package name, as it was packed. */
const packed: Plugin = {
  name: "packed",
  setup(builder) {
    const filter = /\/src\/(adapters\/[\w-]+|testing\/pubsub-contract)\.js$/;
    builder.onResolve({ filter }, ({ path }) => {
      const [, entry = ""] = filter.exec(path) ?? [];
      return { path: `rollcall/${entry.replace("/pubsub-contract", "")}`, external: true };
    });
  },
};

let consumer: string;
beforeAll(async () => {
  consumer = await installPacked(packages);
  cpSync(join(here, "programs"), consumer, { recursive: true });
  await build({
    entryPoints: [join(here, "contract.ts")],
    outfile: join(consumer, "contract.mjs"),
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    plugins: [packed],
    logLevel: "silent",
  });
});
afterAll(() => rmSync(consumer, { recursive: true, force: true }));

function start(runtime: Runtime, ...input: string[]): Program {
  const program = new Program(runtime, input, consumer);
  onTestFinished(() => program.kill());
  return program;
}

describe.each([
  { server: "Redis", open: openRedis, clusters: [["redis", "ioredis"], ["socket-io"]] },
  { server: "NATS", open: openNats, clusters: [["nats"]] },
  { server: "PostgreSQL", open: openPostgres, clusters: [["postgres"]] },
])("over $server", ({ server, open, clusters }) => {
  let broker: Broker;
  beforeAll(async () => {
    if (open !== undefined) broker = await open();
  });
  afterAll(() => broker?.stop());

  describe.each(others)("on $name", (runtime) => {
    it.skipIf(open === undefined).each(clusters.flat())("the contract is kept: %s", async (client) => {
      const program = start(runtime, "contract.mjs", client, broker.url.href);
      expect([await program.ended(), program.output]).toEqual([0, `kept ${promises.length}\n`]);
    });
  });

  it.skipIf(open === undefined || runtimes.length < 4).each(clusters.map((clients) => ({ clients })))(
    "a cluster of all runtimes agrees, the command sees it, and all end by themselves: $clients",
    async ({ clients }) => {
      const all = [own, ...runtimes].flatMap((runtime) => clients.map((client) => ({ runtime, client })));
      const names = all.map((_, index) => `node-${index}`);
      const nodes = all.map(({ runtime, client }, index) =>
        start(runtime, "node.mjs", String(names[index]), String(all.length), broker.url.href, client),
      );
      const lists = await Promise.all(nodes.map((node) => node.said("agreed ")));
      const expected = names.map((name) => `${name} on ${name}: 2`).join(", ");
      expect([...new Set(lists)]).toEqual([expected]);
      const looks = clients.includes("socket-io") ? [] : others;
      const flag = `--${server.replace("PostgreSQL", "postgres").toLowerCase()}`;
      const seen = looks.map(async (runtime) => {
        const script = "node_modules/rollcall/dist/cli.js";
        const input = ["list", "runtimes", "--name", "runtimes", flag, broker.url.href, "--json"];
        const look = start(runtime, script, ...input);
        return [await look.ended(), keysOf(look.output)];
      });
      expect(await Promise.all(seen)).toEqual(looks.map(() => [0, names]));
      expect(await Promise.all(nodes.map((node) => node.end()))).toEqual(all.map(() => 0));
    },
  );
});

it.each(others)(
  "on $name processes are a cluster without a broker, and know of a death at once",
  async (runtime) => {
    const program = start(runtime, "forks.mjs");
    await program.said("both");
    const killedMs = performance.now();
    await program.said("one");
    // By silence it would take eight seconds.
    expect(performance.now() - killedMs).toBeLessThan(4_000);
    expect([await program.end(), program.output]).toEqual([0, "both\none\nchild 0\n"]);
  },
);

/** The keys of what `list --json` has written. */
function keysOf(json: string): string[] {
  return (JSON.parse(json) as { readonly key: string }[]).map(({ key }) => key).sort();
}
