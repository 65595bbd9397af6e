/**
 * The load generator: brings shoppers in chunks, each on a socket of its own with a cart of its own and one
 * item in it, and lets them stay. With the admin's password it watches the dashboard's numbers too, and ends
 * with 1 if they were not exact.
 */
import { setTimeout as pause } from "node:timers/promises";
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { describeExpected, describeTimes, expectedOf, isExact } from "./load/report.ts";
import { newCart, Shopper } from "./load/shopper.ts";
import { adminPasswordIn, itemsOnSale } from "./load/shop-address.ts";
import { socketUrl, Watcher } from "./load/watcher.ts";

interface LoadOptions {
  shoppers: number;
  url: URL;
  chunk: number;
  rate?: number;
  stay?: number;
  churn: number;
  adminUser: string;
}

const chunkPeriodMs = 100;
/** So many wait at the door at most: a machine that is busy lets in fewer at once than would come. */
const mostAtDoor = 300;
const pages = ["/bench/1", "/bench/2", "/bench/3", "/bench/4"];
/** How long the numbers may take to become exact after the last shopper was let in. */
const settleMs = 10_000;

const options = new Command("npm run shop:load --")
  .description("Brings many shoppers into the sample shop, and says what the dashboard should show.")
  .option("--shoppers <number>", "how many", atLeast(1), 1_000)
  .option("--url <address>", "where the shop is", (text) => new URL(text), new URL("http://localhost:4000"))
  .option("--chunk <number>", `how many at once, every ${chunkPeriodMs} ms`, atLeast(1), 100)
  .option("--rate <number>", "shoppers per second instead of chunks", atLeast(1))
  .option("--stay <seconds>", "how long they stay; without it until Ctrl-C", atLeast(0))
  .option(
    "--churn <number>",
    "while they stay, so many per second leave and as many new ones come",
    atLeast(0),
    0,
  )
  .option("--admin-user <name>", "who watches, with the password in ADMIN_PASSWORD", "admin")
  .parse()
  .opts<LoadOptions>();

const interrupted = new AbortController();
// Not once: npm passes on the Ctrl-C that the terminal has sent already.
process.on("SIGINT", () => interrupted.abort());
process.on("SIGTERM", () => interrupted.abort());

try {
  process.exitCode = await run();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
// Sockets that are being closed need not be waited for.
process.exit();

async function run(): Promise<number> {
  const items = await itemsOnSale(options.url);
  const carts = new Set<string>();
  const watcher = await watch(carts);
  const present = new Set<Shopper>();
  const enter = async (): Promise<void> => {
    const cart = await newCart(options.url);
    carts.add(cart.id);
    const shopper = new Shopper({
      socketUrl: socketUrl(options.url, "/shop_socket"),
      page: oneOf(pages),
      itemId: oneOf(items),
      cart,
    });
    await shopper.enter();
    present.add(shopper);
  };

  await bringIn(enter);
  const first = [...present];
  console.log(describeExpected(expectedOf(present)));
  let exact = await settled(present, watcher);
  console.log(describeTimes(first, watcher));
  await stay(present, enter);
  if (options.churn > 0) exact = (await settled(present, watcher)) && exact;
  for (const shopper of present) shopper.leave();
  present.clear();
  exact = (await settled(present, watcher)) && exact;
  watcher?.close();
  return exact ? 0 : 1;
}

async function watch(carts: ReadonlySet<string>): Promise<Watcher | undefined> {
  const password = adminPasswordIn(process.env);
  if (password !== undefined) {
    return Watcher.connect(options.url, options.adminUser, password, (cartId) => carts.has(cartId));
  }
  console.log("Set ADMIN_PASSWORD to have the dashboard's numbers checked as well.");
  return undefined;
}

/** Brings all shoppers in; resolves when the last one has its item in the cart. */
async function bringIn(enter: () => Promise<void>): Promise<void> {
  const bar = new SingleBar({ format: "{bar} {value} of {total} shoppers", hideCursor: true });
  bar.start(options.shoppers, 0);
  const size = options.rate === undefined ? options.chunk : Math.max(1, Math.round(options.rate / 10));
  const periodMs = options.rate === undefined ? chunkPeriodMs : (size / options.rate) * 1_000;
  const failures: unknown[] = [];
  const entering = new Set<Promise<void>>();
  let oneIsIn = (): void => undefined;
  for (let left = options.shoppers; left > 0 && !interrupted.signal.aborted; left -= size) {
    for (let index = 0; index < Math.min(size, left); index++) {
      while (entering.size >= mostAtDoor) await new Promise<void>((resolve) => (oneIsIn = resolve));
      const one = enter()
        .then(
          () => bar.increment(),
          (error: unknown) => void failures.push(error),
        )
        .finally(() => {
          entering.delete(one);
          oneIsIn();
        });
      entering.add(one);
    }
    if (failures.length > 0) break;
    if (left > size) await pause(periodMs);
  }
  await Promise.all(entering);
  bar.stop();
  if (failures.length > 0) throw failures[0];
}

async function stay(present: Set<Shopper>, enter: () => Promise<void>): Promise<void> {
  const untilMs = options.stay === undefined ? Infinity : performance.now() + options.stay * 1_000;
  console.log(options.stay === undefined ? "They stay until Ctrl-C." : `They stay ${options.stay} s.`);
  while (!interrupted.signal.aborted && performance.now() < untilMs) {
    const periodMs = options.churn > 0 ? 1_000 / options.churn : Math.min(1_000, untilMs - performance.now());
    await pause(periodMs, undefined, { signal: interrupted.signal }).catch(() => undefined);
    if (options.churn === 0) continue;
    const [leaving] = present;
    if (leaving !== undefined) {
      present.delete(leaving);
      leaving.leave();
    }
    await enter();
  }
}

/** Waits until the admin sees exactly these shoppers; says so if it does not. */
async function settled(present: ReadonlySet<Shopper>, watcher: Watcher | undefined): Promise<boolean> {
  if (watcher === undefined) return true;
  const expected = expectedOf(present);
  const untilMs = performance.now() + settleMs;
  while (!isExact(expected, watcher.totals)) {
    if (performance.now() > untilMs) {
      const { shoppers, openPages, itemsInCarts } = watcher.totals;
      console.log(
        `NOT exact: the admin sees ${shoppers} shoppers, ${openPages} pages, ${itemsInCarts} items.`,
      );
      return false;
    }
    await pause(20);
  }
  console.log(`The admin sees exactly that: ${expected.shoppers} shoppers.`);
  return true;
}

function oneOf<Value>(values: readonly Value[]): Value {
  const value = values[Math.floor(Math.random() * values.length)];
  if (value === undefined) throw new Error("The shop has nothing on sale.");
  return value;
}

function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < least) {
      throw new InvalidArgumentError(`Expected a number of at least ${least}.`);
    }
    return value;
  };
}
