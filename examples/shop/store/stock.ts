/**
 * Stock and releases, read from the database. Shoppers are told a level, never the exact number, except when
 * only a few are left; the admin sees the numbers.
 */
import { firstStock, items, products, type Product } from "./catalogue.ts";
import type { Database } from "./database.ts";

export type Level = "out" | "low" | "medium" | "high";

const lowBelow = 10;
const mediumBelow = 60;

export function levelOf(available: number): Level {
  if (available <= 0) return "out";
  if (available < lowBelow) return "low";
  return available < mediumBelow ? "medium" : "high";
}

/** One product as of now: whether it is on sale, and how many of each size there are. */
export interface ProductStock {
  readonly released: boolean;
  /** Item id → how many are left. */
  readonly available: ReadonlyMap<number, number>;
}

interface StockRow {
  item_id: number;
  product_id: number;
  available: number;
  released: number;
}

export class Stock {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** All products, in one query. */
  all(): ReadonlyMap<number, ProductStock> {
    const rows = this.#database
      .prepare("SELECT item_id, product_id, available, released FROM stock JOIN products ON id = product_id")
      .all() as StockRow[];
    return byProduct(rows);
  }

  of(product: Product): ProductStock {
    const rows = this.#database
      .prepare(
        "SELECT item_id, product_id, available, released FROM stock JOIN products ON id = product_id WHERE id = ?",
      )
      .all(product.id) as StockRow[];
    return byProduct(rows).get(product.id) ?? { released: false, available: new Map() };
  }

  /** Puts a product on sale. Whether that changed anything. */
  release(product: Product): boolean {
    const { changes } = this.#database
      .prepare("UPDATE products SET released = 1 WHERE id = ? AND released = 0")
      .run(product.id);
    return changes > 0;
  }

  /** Puts everything back to how a new shop has it: stock, and what is on sale. Carts and orders stay. */
  reset(): void {
    const setStock = this.#database.prepare("UPDATE stock SET available = ? WHERE item_id = ?");
    const setReleased = this.#database.prepare("UPDATE products SET released = ? WHERE id = ?");
    this.#database
      .transaction(() => {
        for (const item of items) setStock.run(firstStock(item), item.id);
        for (const product of products) setReleased.run(product.released ? 1 : 0, product.id);
      })
      .immediate();
  }

  /** The items of the products on sale that are not sold out. */
  onSale(): readonly number[] {
    const all = this.all();
    return items
      .filter(({ id, product }) => {
        const stock = all.get(product.id);
        return stock?.released === true && (stock.available.get(id) ?? 0) > 0;
      })
      .map(({ id }) => id);
  }
}

function byProduct(rows: readonly StockRow[]): Map<number, ProductStock> {
  const found = new Map<number, { released: boolean; available: Map<number, number> }>();
  for (const row of rows) {
    let stock = found.get(row.product_id);
    if (stock === undefined) {
      stock = { released: row.released === 1, available: new Map() };
      found.set(row.product_id, stock);
    }
    stock.available.set(row.item_id, row.available);
  }
  return found;
}
