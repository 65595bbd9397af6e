/**
 * The checkout: takes the stock of a whole cart, or nothing. It runs in one transaction that holds the write
 * lock from its start, so of two buyers of the last pair exactly one gets it, whichever nodes they are on.
 */
import { randomUUID } from "node:crypto";
import { itemById, type Item } from "./catalogue.ts";
import type { Database } from "./database.ts";

export type CheckoutResult =
  | { readonly status: "placed"; readonly orderId: string; readonly items: readonly Item[] }
  | { readonly status: "empty" }
  | { readonly status: "not_released" | "sold_out"; readonly items: readonly Item[] };

export interface Order {
  readonly id: string;
  readonly totalCents: number;
  readonly items: readonly Item[];
}

interface CartRow {
  item_id: number;
  available: number;
  released: number;
}

/** Buys what is in the cart and empties it. If any line cannot be had, nothing changes. */
export function checkout(database: Database, cartId: string, nowMs: number): CheckoutResult {
  return database
    .transaction((): CheckoutResult => {
      const rows = database
        .prepare(
          `SELECT item_id, available, released FROM cart_items
           JOIN stock USING (item_id) JOIN products ON id = product_id WHERE cart_id = ?`,
        )
        .all(cartId) as CartRow[];
      if (rows.length === 0) return { status: "empty" };
      const notReleased = rows.filter((row) => row.released === 0);
      if (notReleased.length > 0) return { status: "not_released", items: itemsOf(notReleased) };
      const soldOut = rows.filter((row) => row.available === 0);
      if (soldOut.length > 0) return { status: "sold_out", items: itemsOf(soldOut) };

      const bought = itemsOf(rows);
      const orderId = randomUUID();
      const take = database.prepare("UPDATE stock SET available = available - 1 WHERE item_id = ?");
      const addLine = database.prepare(
        "INSERT INTO order_lines (order_id, item_id, price_cents) VALUES (?, ?, ?)",
      );
      database
        .prepare("INSERT INTO orders (id, cart_id, placed_ms, total_cents) VALUES (?, ?, ?, ?)")
        .run(orderId, cartId, nowMs, total(bought));
      for (const item of bought) {
        take.run(item.id);
        addLine.run(orderId, item.id, item.product.priceCents);
      }
      database.prepare("DELETE FROM cart_items WHERE cart_id = ?").run(cartId);
      return { status: "placed", orderId, items: bought };
    })
    .immediate();
}

/** An order of this cart; those of others are not found. */
export function findOrder(database: Database, cartId: string, orderId: string): Order | undefined {
  const [row] = database
    .prepare("SELECT total_cents FROM orders WHERE id = ? AND cart_id = ?")
    .all(orderId, cartId) as { total_cents: number }[];
  if (row === undefined) return undefined;
  const lines = database.prepare("SELECT item_id FROM order_lines WHERE order_id = ?").all(orderId) as {
    item_id: number;
  }[];
  return { id: orderId, totalCents: row.total_cents, items: itemsOf(lines) };
}

export function total(bought: readonly Item[]): number {
  return bought.reduce((sum, item) => sum + item.product.priceCents, 0);
}

function itemsOf(rows: readonly { item_id: number }[]): Item[] {
  return rows.map((row) => itemById(row.item_id)).filter((item) => item !== undefined);
}
