/**
 * A rolling restart, watched: has the shop replace its nodes one after another, and says whether the
 * dashboard's shopper count ever dropped meanwhile.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import { adminPasswordIn, itemsOnSale } from "./load/shop-address.ts";
import { basicAuthorization, Watcher } from "./load/watcher.ts";
import type { ClusterView } from "./wire.ts";

/** What happens late is seen too. */
const settleMs = 2_000;

interface RestartOptions {
  url: URL;
  adminUser: string;
  timeout: number;
}

const { url, adminUser, timeout } = new Command("npm run shop:restart --")
  .description("Replaces the nodes of the running sample shop one after another, without losing a shopper.")
  .option("--url <address>", "where the shop is", (text) => new URL(text), new URL("http://localhost:4000"))
  .option("--admin-user <name>", "who asks, with the password in ADMIN_PASSWORD", "admin")
  .option("--timeout <seconds>", "how long it may take", Number, 300)
  .parse()
  .opts<RestartOptions>();

try {
  process.exitCode = await restart(adminPasswordIn(process.env));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
process.exit();

async function restart(password: string | undefined): Promise<number> {
  if (password === undefined) {
    throw new Error("Set ADMIN_PASSWORD to the password that npm start has printed.");
  }
  await itemsOnSale(url);
  const watcher = await Watcher.connect(url, adminUser, password, () => true);
  let view: ClusterView | undefined;
  watcher.onCluster((told) => (view = told));
  while (view === undefined) await pause(50);
  const before = new Map(view.status.nodes.map(({ name, run }) => [name, run]));

  const start = watcher.totals.shoppers;
  let least = start;
  watcher.onChange(() => (least = Math.min(least, watcher.totals.shoppers)));
  const answer = await fetch(new URL("/admin/restart", url), {
    method: "POST",
    headers: { authorization: basicAuthorization(adminUser, password), origin: url.origin },
  });
  const said = await answer.text();
  if (!answer.ok)
    throw new Error(answer.status === 409 ? said : `The back office answered ${answer.status}.`);
  console.log(`${start} shoppers are here. ${said}`);

  const renewed = new Set<string>();
  const untilMs = performance.now() + timeout * 1_000;
  let step: string | undefined;
  while (renewed.size < before.size || view.status.restart !== undefined) {
    if (performance.now() > untilMs) throw new Error(`Not finished after ${timeout} s.`);
    const { nodes, restart } = (view as ClusterView).status;
    const newStep = restart?.replace(/\w+ of /, "");
    if (newStep !== step && restart !== undefined) console.log(`  ${restart}.`);
    step = newStep;
    for (const { name, run, state } of nodes) {
      if (renewed.has(name) || state !== "up" || run <= (before.get(name) ?? 0)) continue;
      renewed.add(name);
      console.log(`  ${name} is new; ${watcher.totals.shoppers} shoppers are here.`);
    }
    await pause(50);
  }
  // The last handoff may still hold somebody on the list who has not arrived: its end would show that.
  await pause(settleMs);
  watcher.close();
  if (least >= start) {
    console.log(`All nodes are new, and the shopper count never dropped below ${start}.`);
    return 0;
  }
  console.log(`All nodes are new, but the shopper count dropped from ${start} to ${least} meanwhile.`);
  return 1;
}
