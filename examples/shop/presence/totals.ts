/**
 * The dashboard's numbers, kept by key: a change costs what that shopper has open, not what all of them have.
 * Shoppers are counted once however many pages they have open, pages once per open page, and items once per
 * cart.
 */

/** What the totals need of a cart's meta. What came over the wire may be anything. */
export interface OpenPage {
  readonly page?: unknown;
  readonly items?: unknown;
  readonly node?: unknown;
  readonly run?: unknown;
}

interface Share {
  readonly pages: readonly string[];
  readonly items: readonly number[];
  readonly homes: readonly string[];
}

/** Names one start of a node: the life that serves an open page. */
export function homeOf(node: unknown, run: unknown): string {
  return `${String(node)} ${String(run)}`;
}

export class Totals {
  readonly #shares = new Map<string, Share>();
  readonly #pages = new Map<string, number>();
  readonly #items = new Map<number, number>();
  readonly #homes = new Map<string, number>();
  #openPages = 0;
  #itemsInCarts = 0;

  get shoppers(): number {
    return this.#shares.size;
  }

  get openPages(): number {
    return this.#openPages;
  }

  get itemsInCarts(): number {
    return this.#itemsInCarts;
  }

  /** Open pages by path; only paths that are open somewhere. */
  get pages(): ReadonlyMap<string, number> {
    return this.#pages;
  }

  /** Carts by the item that is in them; only items that are in some cart. */
  get items(): ReadonlyMap<number, number> {
    return this.#items;
  }

  /** Shoppers by the life that serves them: one with pages on two nodes counts for both. */
  get homes(): ReadonlyMap<string, number> {
    return this.#homes;
  }

  /** Sets what one shopper has open. No pages: the shopper has gone. */
  set(key: string, open: readonly OpenPage[]): void {
    const before = this.#shares.get(key);
    if (before !== undefined) this.#count(before, -1);
    if (open.length === 0) {
      this.#shares.delete(key);
      return;
    }
    const share = shareOf(open);
    this.#shares.set(key, share);
    this.#count(share, 1);
  }

  #count(share: Share, by: 1 | -1): void {
    for (const page of share.pages) add(this.#pages, page, by);
    for (const item of share.items) add(this.#items, item, by);
    for (const home of share.homes) add(this.#homes, home, by);
    this.#openPages += by * share.pages.length;
    this.#itemsInCarts += by * share.items.length;
  }
}

/** All pages of a shopper share one cart; the meta that changed last has its newest content. */
function shareOf(open: readonly OpenPage[]): Share {
  const items = open[open.length - 1]?.items;
  return {
    pages: open.map(({ page }) => (typeof page === "string" ? page : "(unknown)")),
    items: Array.isArray(items) ? [...new Set(items.filter((item) => Number.isSafeInteger(item)))] : [],
    homes: [...new Set(open.map(({ node, run }) => homeOf(node, run)))],
  };
}

function add<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
