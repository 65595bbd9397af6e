/**
 * The process of the shop's own visitors: keeps as many about as the primary orders, and brings more, who stay
 * until they are sent home.
 */
import type { CrowdOrder, CrowdSays } from "./crowd-control.ts";
import { itemsOnSale } from "./load/shop-address.ts";
import { newCart, Shopper } from "./load/shopper.ts";
import { Visitor, type Pace } from "./load/visitor.ts";
import { socketUrl } from "./load/watcher.ts";

const tickMs = 100;
/** So many come in one tick at most, as at the doors of a real shop. */
const visitorsAtOnce = 1;
const broughtAtOnce = 10;
/** A visit takes a minute or so. */
const visitorPace: Pace = { looks: [4_000, 14_000], pages: [3, 9] };
const paths = ["/", "/", "/shoes/mistral-runner", "/shoes/stairwell-high", "/shoes/scree-trail", "/checkout"];

let order: CrowdOrder | undefined;
const visitors = new Set<Visitor>();
const brought: Shopper[] = [];
let entering = 0;
let items: readonly number[] = [];

process.on("message", (value) => (order = value as CrowdOrder));
// Without a primary there is no shop.
process.on("disconnect", () => process.exit(0));
process.on("SIGINT", () => undefined);
setInterval(() => {
  if (order === undefined) return;
  const url = new URL(order.url);
  for (let next = 0; next < visitorsAtOnce && visitors.size < order.visitors; next++) visit(url);
  const lacking = order.brought - brought.length - entering;
  for (let next = 0; next < Math.min(broughtAtOnce, lacking); next++) void bring(url).catch(() => undefined);
  while (brought.length > order.brought) brought.pop()?.leave();
  const says: CrowdSays = { visitors: visitors.size, brought: brought.length };
  process.send?.(says);
}, tickMs);

function visit(url: URL): void {
  const visitor = new Visitor(url, visitorPace);
  visitors.add(visitor);
  void visitor.walk().finally(() => visitors.delete(visitor));
}

async function bring(url: URL): Promise<void> {
  let shopper: Shopper;
  entering += 1;
  try {
    if (items.length === 0) items = await itemsOnSale(url);
    shopper = new Shopper({
      socketUrl: socketUrl(url, "/shop_socket"),
      page: paths[Math.floor(Math.random() * paths.length)] ?? "/",
      itemId: items[Math.floor(Math.random() * items.length)] ?? 0,
      cart: await newCart(url),
    });
    brought.push(shopper);
  } finally {
    entering -= 1;
  }
  // One that the shop does not let in is one less.
  await shopper.enter().catch(() => {
    shopper.leave();
    const index = brought.indexOf(shopper);
    if (index >= 0) brought.splice(index, 1);
  });
}
