/** The shop's primary, from the command line to the line that says where to look. */
import cluster from "node:cluster";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAssets } from "./assets.ts";
import type { NodeConfig } from "./control.ts";
import { defaultPort, readOptions, type ShopOptions } from "./options.ts";
import { Primary } from "./primary.ts";
import { Carts } from "./store/carts.ts";
import { openDatabase, prepareDatabase } from "./store/database.ts";

/** A signal that follows another sooner is the same one, sent twice. */
const secondSignalMs = 1_000;

const say = (line: string): void => console.log(line);

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  const dataFolder = resolve(options.dataFolder);
  const ports = Array.from({ length: options.nodes + 1 }, (_, index) => options.port + index);
  for (const port of ports) await checkPort(port, options.host);

  say("Preparing the database and the pages …");
  const database = openDatabase(dataFolder);
  prepareDatabase(database);
  new Carts(database).prune(Date.now());
  database.close();
  const assetFolder = join(dataFolder, `assets-${options.port}`);
  await buildAssets(assetFolder);

  say(`Starting ${options.nodes} ${options.nodes === 1 ? "node" : "nodes"} …`);
  const secret = keptSecret(dataFolder);
  const configs = ports.slice(1).map((ownPort, index): NodeConfig => {
    const { host, port, pubsub, adminUser, adminPassword } = options;
    return {
      name: `node-${index + 1}`,
      host,
      port,
      ownPort,
      pubsub,
      dataFolder,
      assetFolder,
      secret,
      adminUser,
      adminPassword,
    };
  });
  // Each node takes its connections itself. Taking turns is more even, but hands connections on to a node that
  // has just died or does not answer: nobody would ever serve or close those.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL("worker.ts", import.meta.url)),
    execArgv: ["--import", import.meta.resolve("tsx")],
  });
  const primary = new Primary(configs, say);
  stopOnSignals(primary);
  try {
    await primary.start();
  } catch (error) {
    console.error(explain(error, options));
    await primary.stop();
    process.exit(1);
  }
  sayWhere(options, configs, primary);
}

/** The nodes share a port through the primary, where a failure would show late and unclear: try it first. */
function checkPort(port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const inUse = error.code === "EADDRINUSE";
      reject(
        new Error(
          inUse
            ? `Port ${port} is in use. Choose others with --port; the shop needs that one and one more per node after it.`
            : `Port ${port} on ${host} cannot be opened: ${error.message}`,
        ),
      );
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

/** Signs cookies and tokens; kept, so that carts outlive a restart of the shop. */
function keptSecret(folder: string): string {
  const file = join(folder, "secret");
  try {
    return readFileSync(file, "utf8");
  } catch {
    const secret = randomBytes(32).toString("base64url");
    writeFileSync(file, secret, { mode: 0o600 });
    return secret;
  }
}

function stopOnSignals(primary: Primary): void {
  let stoppingSinceMs: number | undefined;
  const stop = (): void => {
    if (stoppingSinceMs !== undefined) {
      // npm passes on the Ctrl-C that the terminal has sent already; a real second one does not wait.
      if (performance.now() - stoppingSinceMs > secondSignalMs) process.exit(1);
      return;
    }
    stoppingSinceMs = performance.now();
    say("\nStopping …");
    void primary.stop().then(() => {
      say("All nodes have stopped.");
      process.exit(0);
    });
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

function explain(error: unknown, { pubsub }: ShopOptions): string {
  const message = error instanceof Error ? error.message : String(error);
  return pubsub === "cluster" ? message : `${message}\nIs there a broker at ${pubsub}?`;
}

function sayWhere(
  { host, port, adminUser, adminPassword, adminPasswordMade }: ShopOptions,
  configs: readonly NodeConfig[],
  primary: Primary,
): void {
  const shown = host === "127.0.0.1" || host === "0.0.0.0" ? "localhost" : host;
  say("");
  say(`  Shop         http://${shown}:${port}/`);
  say(`  Back office  http://${shown}:${port}/admin`);
  say(
    `               user ${adminUser}, password ${adminPasswordMade ? adminPassword : "as set in ADMIN_PASSWORD"}`,
  );
  for (const { name, ownPort } of configs)
    say(`  Only ${name}  http://${shown}:${ownPort}/  (process ${primary.processId(name)})`);
  say("");
  const elsewhere = port === defaultPort ? "" : ` --url http://${shown}:${port}`;
  say(`  A thousand shoppers: npm run shop:load -- --shoppers 1000${elsewhere}`);
  say("  Ctrl-C ends it.");
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
