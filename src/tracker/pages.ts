/**
 * Topics in pages: the keys of a topic in an order that all nodes share, for as long as anybody turns its pages. An
 * order is made when it is asked for first, kept by the changes, and forgotten once it was kept for longer than making
 * it anew would cost: after as many changes without a page as it has keys. Knows no entry.
 */
import { looked, wholeOption, wrongOption } from "../checks.js";
import { readOptions } from "../known-names.js";
import type { Diff } from "../words.js";
import { SortedKeys } from "./sorted-keys.js";

/** Which page of a topic. */
export interface PageOptions {
  /** The key behind which the page begins, or an entry that has it: the last one of the page before. Default: none. */
  readonly after?: string | { readonly key: string } | undefined;
  /** Of how many keys the page is, at most. Default 100. */
  readonly limit?: number | undefined;
}

export interface CheckedPage {
  readonly after: string | undefined;
  readonly limit: number;
}

const pageOptionNames: Readonly<Record<keyof PageOptions, true>> = { after: true, limit: true };

/** @throws TrackerError `INVALID_OPTION` */
export function checkPage(options: PageOptions): CheckedPage {
  const { after, limit = 100 } = readOptions(options, pageOptionNames);
  const isEntry = typeof after === "object" && after !== null;
  const key: unknown = isEntry ? looked("INVALID_OPTION", "after", () => after.key) : after;
  if (after !== undefined && typeof key !== "string") throw wrongOption("after", after, "a key, or an entry");
  return { after: key as string | undefined, limit: wholeOption("limit", limit, 1, Infinity) };
}

/** Of small topics too the order is kept for so many changes. */
const MIN_CHANGES = 1_000;

interface Order {
  readonly keys: SortedKeys;
  /** How many changes it was kept by since it was asked last. */
  changes: number;
}

export class Pages {
  readonly #orders = new Map<string, Order>();
  readonly #has: (topic: string, key: string) => boolean;

  /** `has` tells what is shown now. */
  constructor(has: (topic: string, key: string) => boolean) {
    this.#has = has;
  }

  get isEmpty(): boolean {
    return this.#orders.size === 0;
  }

  /** `keysOf` is asked if the topic has no order yet. */
  page(topic: string, after: string | undefined, limit: number, keysOf: () => Iterable<string>): string[] {
    let order = this.#orders.get(topic);
    if (order === undefined) {
      order = { keys: new SortedKeys(keysOf()), changes: 0 };
      // Of an empty topic there is nothing to keep.
      if (order.keys.size > 0) this.#orders.set(topic, order);
    }
    order.changes = 0;
    return order.keys.after(after, limit);
  }

  /** Takes a change that has just been committed. */
  change(diff: Diff): void {
    for (const [topic, order] of this.#orders) {
      const changed = diff.get(topic);
      if (changed === undefined) continue;
      const { joins, leaves, ended } = changed;
      if (ended === true) {
        this.#orders.delete(topic);
        continue;
      }
      const { keys } = order;
      order.changes += joins.length + leaves.length;
      if (order.changes > Math.max(MIN_CHANGES, keys.size)) {
        this.#orders.delete(topic);
        continue;
      }
      for (const { key } of joins) keys.add(key);
      // Another entry of the key may still be there, or have come in the same change.
      for (const { key } of leaves) if (!this.#has(topic, key)) keys.delete(key);
      if (keys.size === 0) this.#orders.delete(topic);
    }
  }
}
