/** The access rules of the docs, given to real brokers as they stand: nodes do all that they do, and others can do nothing. */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectNats } from "@nats-io/transport-node";
import { Client } from "pg";
import { createClient } from "redis";
import { describe, expect, it, onTestFinished } from "vitest";
import { natsPubSub } from "../../src/adapters/nats.js";
import { channelName } from "../../src/pubsub/channel-names.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { codeBlocks, section } from "../docs/markdown.js";
import { findTool } from "../support/require-tool.js";
import { openPostgresNode, openNodeRedis6 } from "./clients.js";
import { freePort, openNats, openPostgres, openRedis, SpawnedBroker, temporaryFolder } from "./servers.js";

const page = readFileSync(new URL("../../docs/recipes/access-rules.md", import.meta.url), "utf8");
const rules = (broker: string, language: string): string =>
  codeBlocks(section(page, broker), language)[0] ?? "";

/** Two trackers by these rights: they list the same, the broker tells who listens, and nothing is reported. */
async function expectToWork(open: (nodeName: string) => Promise<PubSub>): Promise<void> {
  const errors: unknown[] = [];
  const pubsubs = [await open("paris"), await open("tokyo")];
  const trackers: Tracker[] = [];
  for (const pubsub of pubsubs) {
    const tracker = await Tracker.start({}, { name: "shop", pubsub });
    tracker.on("error", (error) => errors.push(error));
    trackers.push(tracker);
  }
  trackers[0]?.track(new Session(), "lobby", "ann", {});
  await expect.poll(() => trackers[1]?.has("lobby", "ann"), { timeout: 10_000 }).toBe(true);
  const listening = await pubsubs[0]?.listening?.(channelName("to", "shop"), ["tokyo", "nobody"]);
  expect([...(listening ?? [])]).toEqual(["tokyo"]);
  for (const tracker of trackers) await tracker.stop();
  expect(errors).toEqual([]);
}

/** The URL of a broker for a user of the page. */
function as(url: URL, user: string, path = url.pathname): string {
  const own = new URL(url);
  [own.username, own.password, own.pathname] = [user, "a-long-password", path];
  return own.href;
}

describe.skipIf(openRedis === undefined || process.env["REDIS_URL"])("Redis", () => {
  it("lets the nodes do what they do, and others neither hear nor say anything there", async () => {
    const redis = await openRedis!();
    onTestFinished(() => redis.stop());
    const admin = await createClient({ url: redis.url.href }).connect();
    onTestFinished(() => admin.destroy());
    await admin.sendCommand(rules("Redis", "text").trim().split(" "));
    await admin.sendCommand(["ACL", "SETUSER", "default", "resetchannels"]);

    await expectToWork(async (nodeName) => {
      const { node, end } = await openNodeRedis6(as(redis.url, "presence"), nodeName, "rollcall");
      onTestFinished(async () => void (await end()));
      return node;
    });
    await expect(admin.publish("rollcall:x", "made up")).rejects.toThrow(/NOPERM/);
    await expect(admin.sendCommand(["SUBSCRIBE", "rollcall:x"])).rejects.toThrow(/NOPERM/);
    const node = await createClient({ url: as(redis.url, "presence") }).connect();
    onTestFinished(() => node.destroy());
    await expect(node.get("a key")).rejects.toThrow(/NOPERM/);
    await expect(node.publish("elsewhere", "text")).rejects.toThrow(/NOPERM/);
  });
});

describe.skipIf(openNats === undefined || process.env["NATS_URL"])("NATS", () => {
  it("lets the nodes do what they do, and others neither hear nor say anything there", async () => {
    const folder = temporaryFolder("nats-rules");
    const config = join(folder, "nats.conf");
    writeFileSync(config, rules("NATS", "text"));
    const port = await freePort();
    const command = String(findTool("nats-server"));
    const input = ["-a", "127.0.0.1", "-p", String(port), "-c", config];
    const nats = new SpawnedBroker("nats", new URL(`nats://127.0.0.1:${port}`), folder, () =>
      spawn(command, input, { stdio: "ignore" }),
    );
    await nats.start();
    onTestFinished(() => nats.stop());
    const connect = async (user: string, pass: string) => {
      const connection = await connectNats({ servers: nats.url.host, user, pass, reconnect: false });
      onTestFinished(() => connection.close());
      return connection;
    };
    await expectToWork(async (nodeName) =>
      natsPubSub({ connection: await connect("presence", "a-long-password"), nodeName }),
    );
    const app = await connect("app", "another-one");
    const { closed } = app.subscribe("rollcall.>", { callback: () => undefined });
    expect(await closed).toMatchObject({ operation: "subscription", subject: "rollcall.>" });
  });
});

describe.skipIf(openPostgres === undefined || process.env["DATABASE_URL"])("PostgreSQL", () => {
  it("lets the nodes do what they do in a database of theirs, and nobody else into it", async () => {
    const postgres = await openPostgres!();
    onTestFinished(() => postgres.stop());
    const open = async (url: string): Promise<Client> => {
      const client = new Client({ connectionString: url });
      onTestFinished(() => client.end());
      await client.connect();
      return client;
    };
    const admin = await open(postgres.url.href);
    for (const statement of rules("PostgreSQL", "sql").split(";\n").filter(Boolean)) {
      await admin.query(statement);
    }
    await admin.query("CREATE ROLE app LOGIN");

    await expectToWork(async (nodeName) => {
      const { node, end } = await openPostgresNode(
        as(postgres.url, "presence", "/presence"),
        nodeName,
        "rollcall",
      );
      onTestFinished(async () => void (await end()));
      return node;
    });
    await expect(open(as(postgres.url, "app", "/presence"))).rejects.toThrow(
      /permission denied for database/,
    );
  });
});
