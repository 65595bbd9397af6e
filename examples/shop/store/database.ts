/**
 * The one SQLite file that all nodes of the shop share: how it is opened, and its tables. WAL lets readers go
 * on while somebody writes; `busy_timeout` makes a writer wait for another one's few microseconds instead of
 * failing. Every transaction of the shop is short, and the ones that write take the lock at once.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import Libsql from "libsql";
import { firstStock, items, products } from "./catalogue.ts";

export type Database = Libsql.Database;

const schema = `
  CREATE TABLE IF NOT EXISTS products (
    id INTEGER PRIMARY KEY,
    released INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS stock (
    item_id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL REFERENCES products (id),
    available INTEGER NOT NULL CHECK (available >= 0)
  );
  CREATE INDEX IF NOT EXISTS stock_by_product ON stock (product_id);
  CREATE TABLE IF NOT EXISTS cart_items (
    cart_id TEXT NOT NULL,
    item_id INTEGER NOT NULL REFERENCES stock (item_id),
    added_ms INTEGER NOT NULL,
    PRIMARY KEY (cart_id, item_id)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY,
    cart_id TEXT NOT NULL,
    placed_ms INTEGER NOT NULL,
    total_cents INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS order_lines (
    order_id TEXT NOT NULL REFERENCES orders (id),
    item_id INTEGER NOT NULL,
    price_cents INTEGER NOT NULL,
    PRIMARY KEY (order_id, item_id)
  ) WITHOUT ROWID;
`;

const fileName = "shop.db";

/**
 * Makes the folder if it is missing, readable by its owner alone, as is what is in it: whoever reads a cart's id
 * has the cart.
 */
function prepareFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of [fileName, `${fileName}-wal`, `${fileName}-shm`]) {
    const file = join(folder, name);
    if (existsSync(file)) chmodSync(file, 0o600);
    // The journals take over the mode of the database.
    else if (name === fileName) closeSync(openSync(file, "a", 0o600));
  }
}

/** Opens the shop's database in a folder that is prepared. Whoever opens it closes it. */
export function openDatabase(folder: string): Database {
  prepareFolder(folder);
  const database = new Libsql(join(folder, fileName));
  database.pragma("busy_timeout = 5000");
  database.pragma("journal_mode = WAL");
  // With WAL this is safe against a crash of the process; only a power cut may cost the last orders.
  database.pragma("synchronous = NORMAL");
  database.pragma("foreign_keys = ON");
  return database;
}

/** Makes the tables and fills an empty shop with its first stock. The primary does it, before any node starts. */
export function prepareDatabase(database: Database): void {
  database.exec(schema);
  const addProduct = database.prepare("INSERT OR IGNORE INTO products (id, released) VALUES (?, ?)");
  const addStock = database.prepare(
    "INSERT OR IGNORE INTO stock (item_id, product_id, available) VALUES (?, ?, ?)",
  );
  database
    .transaction(() => {
      for (const product of products) addProduct.run(product.id, product.released ? 1 : 0);
      for (const item of items) addStock.run(item.id, item.product.id, firstStock(item));
    })
    .immediate();
}
