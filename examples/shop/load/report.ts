/** What the load generator says at the end: what the dashboard should show, what it does show, and how fast. */
import type { Totals } from "../presence/totals.ts";
import type { Shopper } from "./shopper.ts";
import type { Watcher } from "./watcher.ts";

/** What is on the dashboard because of these shoppers. */
export interface Expected {
  readonly shoppers: number;
  readonly pages: ReadonlyMap<string, number>;
  readonly items: ReadonlyMap<number, number>;
}

export function expectedOf(shoppers: Iterable<Shopper>): Expected {
  const pages = new Map<string, number>();
  const items = new Map<number, number>();
  let count = 0;
  for (const { plan } of shoppers) {
    count += 1;
    pages.set(plan.page, (pages.get(plan.page) ?? 0) + 1);
    items.set(plan.itemId, (items.get(plan.itemId) ?? 0) + 1);
  }
  return { shoppers: count, pages, items };
}

/** Whether the totals are exactly these shoppers, pages and items. */
export function isExact(expected: Expected, totals: Totals): boolean {
  return (
    totals.shoppers === expected.shoppers &&
    sameCounts(totals.pages, expected.pages) &&
    sameCounts(totals.items, expected.items)
  );
}

export function describeExpected({ shoppers, pages, items }: Expected): string {
  const paths = [...pages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, count]) => `${path} ${count}`);
  const held = [...items.values()].reduce((sum, count) => sum + count, 0);
  return [
    "The dashboard should show, besides others who are in the shop,",
    `  ${shoppers} unique shoppers`,
    `  ${paths.join(", ") || "no page"}`,
    `  ${held} items in carts, of ${items.size} sizes`,
  ].join("\n");
}

export function describeTimes(shoppers: readonly Shopper[], watcher: Watcher | undefined): string {
  const joins: number[] = [];
  const seen: number[] = [];
  const itemsSeen: number[] = [];
  for (const { cartId, times } of shoppers) {
    if (times.joinedMs !== undefined) joins.push(times.joinedMs - times.startedMs);
    const sighting = watcher?.sightings.get(cartId);
    if (sighting === undefined) continue;
    seen.push(sighting.seenMs - times.startedMs);
    if (sighting.itemSeenMs !== undefined && times.addingMs !== undefined) {
      itemsSeen.push(sighting.itemSeenMs - times.addingMs);
    }
  }
  const lines = [line("Joined", joins)];
  if (watcher !== undefined) {
    lines.push(line("Seen by the admin", seen), line("Item seen by the admin", itemsSeen));
  }
  return lines.join("\n");
}

function line(label: string, durationsMs: number[]): string {
  durationsMs.sort((a, b) => a - b);
  const at = (share: number): string => {
    const value = durationsMs[Math.min(durationsMs.length - 1, Math.floor(durationsMs.length * share))];
    return value === undefined ? "–" : `${value.toFixed(0)} ms`;
  };
  return `${label.padEnd(24)} p50 ${at(0.5).padStart(9)}   p99 ${at(0.99).padStart(9)}`;
}

function sameCounts<Key>(left: ReadonlyMap<Key, number>, right: ReadonlyMap<Key, number>): boolean {
  return left.size === right.size && [...left].every(([key, count]) => right.get(key) === count);
}
