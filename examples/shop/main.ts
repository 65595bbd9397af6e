/** The shop's primary, from the command line to the line that says where to look. */
import cluster from "node:cluster";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAssets } from "./assets.ts";
import type { NodeConfig } from "./control.ts";
import { Crowd } from "./crowd-control.ts";
import { defaultPort, readOptions, type ShopOptions } from "./options.ts";
import { Primary } from "./primary.ts";
import { keptSecret } from "./security/keys.ts";
import { signAdminToken } from "./security/tokens.ts";
import { Carts } from "./store/carts.ts";
import { openDatabase, prepareDatabase } from "./store/database.ts";

/** A signal that follows another sooner is the same one, sent twice. */
const secondSignalMs = 1_000;

const say = (line: string): void => console.log(line);

async function main(): Promise<void> {
  // Cart ids and keys are credentials: nothing that the shop writes is for anybody else.
  process.umask(0o077);
  const options = readOptions(process.argv.slice(2));
  // What the nodes are to know of it they are told; they do not inherit it.
  delete process.env["ADMIN_PASSWORD"];
  const dataFolder = resolve(options.dataFolder);
  const ports = Array.from({ length: options.nodes + 1 }, (_, index) => options.port + index);
  for (const port of ports) await checkPort(port, options.host);

  say("Preparing the database and the pages …");
  const assetFolder = join(dataFolder, `assets-${options.port}`);
  const secret = await prepared(dataFolder, assetFolder);

  say(`Starting ${options.nodes} ${options.nodes === 1 ? "node" : "nodes"} …`);
  const nodes = ports.slice(1).map((_, index) => `node-${index + 1}`);
  const configs = nodes.map((name, index): NodeConfig => {
    const { host, port, pubsub, adminUser, adminPassword } = options;
    return {
      name,
      nodes,
      host,
      port,
      ownPort: port + index + 1,
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
  const crowd = new Crowd(shopUrl(options), options.quiet ? 0 : options.visitors, say);
  const primary = new Primary(configs, crowd, say);
  stopOnSignals(primary);
  try {
    await primary.start();
  } catch (error) {
    console.error(explain(error, options));
    await primary.stop();
    process.exit(1);
  }
  await sayWhere(options, configs, primary, secret);
}

/** Makes ready what the nodes share, and returns the secret. Rejects with what is wrong with the folder. */
async function prepared(dataFolder: string, assetFolder: string): Promise<string> {
  try {
    const database = openDatabase(dataFolder);
    try {
      prepareDatabase(database);
      new Carts(database).prune(Date.now());
    } finally {
      database.close();
    }
    await buildAssets(assetFolder);
    return keptSecret(dataFolder);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(
      `The data folder ${dataFolder} cannot be used: ${message}\nAnother one is chosen by --data-dir or DATA_DIR.`,
      { cause: error },
    );
  }
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
  const message = withoutPasswords(error instanceof Error ? error.message : String(error));
  return pubsub === "cluster" ? message : `${message}\nIs there a broker at ${withoutPasswords(pubsub)}?`;
}

/** A text that may contain addresses with a name and a password in them, without those. */
function withoutPasswords(text: string): string {
  return text.replace(/(\w+:\/\/)[^\s/]*@/g, "$1…@");
}

function shopUrl({ host, port }: ShopOptions): string {
  const shown = host === "127.0.0.1" || host === "0.0.0.0" ? "localhost" : host;
  return `http://${shown}:${port}`;
}

async function sayWhere(
  options: ShopOptions,
  configs: readonly NodeConfig[],
  primary: Primary,
  secret: string,
): Promise<void> {
  const { port, adminUser, adminPassword, adminPasswordMade } = options;
  const url = shopUrl(options);
  say("");
  if (adminPasswordMade) {
    const key = await signAdminToken(secret, "admin link", Date.now());
    say("  Open this first: the dashboard, signed in.");
    say(`  ${url}/admin/enter?key=${key}`);
    say("");
  }
  say(`  Shop         ${url}/`);
  say(`  Back office  ${url}/admin`);
  say(
    `               user ${adminUser}, password ${adminPasswordMade ? adminPassword : "as set in ADMIN_PASSWORD"}`,
  );
  for (const { name, ownPort } of configs)
    say(`  Only ${name}  http://${new URL(url).hostname}:${ownPort}/  (process ${primary.processId(name)})`);
  say("");
  const elsewhere = port === defaultPort ? "" : ` --url ${url}`;
  if (!options.quiet) {
    say(`  ${options.visitors} visitors of the shop's own walk about; --quiet starts without them.`);
  }
  say("  In a second terminal, a thousand shoppers, measured:");
  say(`    npm run shop:load -- --shoppers 1000${elsewhere}`);
  say("  Ctrl-C ends it.");
}

main().catch((error: unknown) => {
  console.error(withoutPasswords(error instanceof Error ? error.message : String(error)));
  process.exit(1);
});
