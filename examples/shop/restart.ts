/**
 * A rolling restart, watched: has the shop replace its nodes one after another, and says whether the
 * dashboard's shopper count ever dropped meanwhile.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import { basicAuthorization, Watcher } from "./load/watcher.ts";
import type { ClusterView } from "./wire.ts";

/** How long the entries of a node that said goodbye wait for their shoppers, and a little more. */
const lastHandoffMs = 9_000;

interface RestartOptions {
  url: URL;
  adminUser: string;
  timeout: number;
}

const { url, adminUser, timeout } = new Command("npm run shop:restart --")
  .description("Replaces the nodes of the running sample shop one after another, without losing a shopper.")
  .option("--url <address>", "where the shop is", (text) => new URL(text), new URL("http://localhost:4000"))
  .option("--admin-user <name>", "who asks, with the password in ADMIN_PASSWORD", "admin")
  .option("--timeout <seconds>", "how long it may take", Number, 120)
  .parse()
  .opts<RestartOptions>();

try {
  process.exitCode = await restart(process.env["ADMIN_PASSWORD"] ?? "");
} catch (error) {
  const unreachable = error instanceof TypeError;
  console.error(unreachable ? `There is no shop at ${url.href}: start it with npm start.` : String(error));
  process.exitCode = 1;
}
process.exit();

async function restart(password: string): Promise<number> {
  if (password === "") throw new Error("Set ADMIN_PASSWORD to the password that npm start has printed.");
  const watcher = await Watcher.connect(url, adminUser, password);
  let view: ClusterView | undefined;
  watcher.onCluster((told) => (view = told));
  while (view === undefined) await pause(50);
  const before = new Map(view.nodes.map(({ name, startedAtMs }) => [name, startedAtMs]));

  const start = watcher.totals.shoppers;
  let least = start;
  watcher.onChange(() => (least = Math.min(least, watcher.totals.shoppers)));
  const answer = await fetch(new URL("/admin/restart", url), {
    method: "POST",
    headers: { authorization: basicAuthorization(adminUser, password), origin: url.origin },
  });
  if (!answer.ok) throw new Error(`The back office answered ${answer.status}.`);
  console.log(`${start} shoppers are here. ${await answer.text()}`);

  const renewed = new Set<string>();
  const untilMs = performance.now() + timeout * 1_000;
  while (renewed.size < before.size) {
    if (performance.now() > untilMs) throw new Error(`Not finished after ${timeout} s.`);
    for (const { name, startedAtMs, status } of (view as ClusterView).nodes) {
      if (renewed.has(name) || status !== "up" || startedAtMs <= (before.get(name) ?? 0)) continue;
      renewed.add(name);
      console.log(`  ${name} is new; ${watcher.totals.shoppers} shoppers are here.`);
    }
    await pause(50);
  }
  // The last handoff may still hold somebody on the list who has not arrived: its end would show that.
  await pause(lastHandoffMs);
  watcher.close();
  if (least >= start) {
    console.log(`All nodes are new, and the shopper count never dropped below ${start}.`);
    return 0;
  }
  console.log(`All nodes are new, but the shopper count dropped from ${start} to ${least} meanwhile.`);
  return 1;
}
