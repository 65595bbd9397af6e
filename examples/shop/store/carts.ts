/**
 * What each cart holds. A cart is known by its id, a secret of 64 characters that one browser keeps in a
 * signed cookie; all its tabs share it, whichever nodes serve them. An item is in a cart once or not at all.
 */
import { itemById, type Item } from "./catalogue.ts";
import type { Database } from "./database.ts";

/** More would only serve somebody who wants to fill the disk. */
const maxItemsPerCart = 24;
const keptMs = 7 * 24 * 3_600_000;
/** Items in all carts together. Above it the carts that were left alone longest go, a week old or not. */
const maxItemsKept = 200_000;
const cartIdPattern = /^[A-Za-z0-9_-]{64}$/;

/** Whether a text can be a cart id; says nothing about whether the cart exists. */
export function isCartId(value: unknown): value is string {
  return typeof value === "string" && cartIdPattern.test(value);
}

/** One line of a cart, as of now. */
export interface CartLine {
  readonly item: Item;
  readonly soldOut: boolean;
  readonly released: boolean;
}

export type CartRefusal = "unknown_item" | "not_released" | "sold_out" | "duplicate_item" | "cart_full";

interface LineRow {
  item_id: number;
  available: number;
  released: number;
}

export class Carts {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The lines of a cart in the order in which they were added. */
  lines(cartId: string): readonly CartLine[] {
    const rows = this.#database
      .prepare(
        `SELECT item_id, available, released FROM cart_items
         JOIN stock USING (item_id) JOIN products ON id = product_id
         WHERE cart_id = ? ORDER BY added_ms, item_id`,
      )
      .all(cartId) as LineRow[];
    const lines: CartLine[] = [];
    for (const row of rows) {
      const item = itemById(row.item_id);
      if (item === undefined) continue;
      lines.push({ item, soldOut: row.available === 0, released: row.released === 1 });
    }
    return lines;
  }

  /** Puts an item into a cart; what stands against it otherwise. */
  add(cartId: string, itemId: number, nowMs: number): CartRefusal | undefined {
    const database = this.#database;
    return database
      .transaction((): CartRefusal | undefined => {
        const [found] = database
          .prepare("SELECT available, released FROM stock JOIN products ON id = product_id WHERE item_id = ?")
          .all(itemId) as { available: number; released: number }[];
        if (found === undefined) return "unknown_item";
        if (found.released === 0) return "not_released";
        if (found.available === 0) return "sold_out";
        const held = database
          .prepare("SELECT item_id FROM cart_items WHERE cart_id = ?")
          .pluck()
          .all(cartId) as number[];
        if (held.includes(itemId)) return "duplicate_item";
        if (held.length >= maxItemsPerCart) return "cart_full";
        database
          .prepare("INSERT INTO cart_items (cart_id, item_id, added_ms) VALUES (?, ?, ?)")
          .run(cartId, itemId, nowMs);
        return undefined;
      })
      .immediate();
  }

  /** Takes an item out. Whether it was there. */
  remove(cartId: string, itemId: number): boolean {
    const { changes } = this.#database
      .prepare("DELETE FROM cart_items WHERE cart_id = ? AND item_id = ?")
      .run(cartId, itemId);
    return changes > 0;
  }

  /** Forgets carts to which nothing was added for a week, and the oldest ones where there are too many. */
  prune(nowMs: number): void {
    this.#database
      .prepare(
        `DELETE FROM cart_items WHERE cart_id IN
           (SELECT cart_id FROM cart_items GROUP BY cart_id HAVING MAX(added_ms) < ?)`,
      )
      .run(nowMs - keptMs);
    const [kept] = this.#database.prepare("SELECT COUNT(*) FROM cart_items").pluck().all() as number[];
    const tooMany = (kept ?? 0) - maxItemsKept;
    if (tooMany <= 0) return;
    this.#database
      .prepare(
        `DELETE FROM cart_items WHERE cart_id IN
           (SELECT cart_id FROM
             (SELECT cart_id, SUM(COUNT(*)) OVER (ORDER BY MAX(added_ms), cart_id) - COUNT(*) AS older
              FROM cart_items GROUP BY cart_id)
            WHERE older < ?)`,
      )
      .run(tooMany);
  }
}
