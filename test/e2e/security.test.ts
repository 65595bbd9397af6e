/** The shop's locks: the limiter, the kept secret, and what a stranger may do to a cart. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CartTabs } from "../../examples/shop/channels/cart-tabs.ts";
import { Attempts, networkOf } from "../../examples/shop/security/attempts.ts";
import { cartKey, isCartKey, keptSecret, keyFor } from "../../examples/shop/security/keys.ts";
import { Carts } from "../../examples/shop/store/carts.ts";
import { openDatabase, prepareDatabase } from "../../examples/shop/store/database.ts";

describe("attempts", () => {
  const limits = { windowMs: 60_000, failures: 10, failuresOfAll: 30, slowMs: 3_000 };
  /** How many of so many attempts may be made, all of which fail. */
  const tried = (attempts: Attempts, addresses: readonly string[], nowMs: number): number =>
    addresses.filter((address) => {
      if (attempts.waitMs(address, nowMs) > 0) return false;
      attempts.failed(address, nowMs);
      return true;
    }).length;

  it("are counted by the network that one customer has", () => {
    expect(networkOf("192.0.2.7")).toBe("192.0.2.7");
    expect(networkOf("::ffff:192.0.2.7")).toBe("192.0.2.7");
    expect(networkOf("2001:db8:0:7::1")).toBe(networkOf("2001:0db8::0007:a:b:c:d"));
    expect(networkOf("2001:db8:0:7::1")).not.toBe(networkOf("2001:db8:0:8::1"));
    expect(networkOf("::1")).toBe("0:0:0:0");
    const sixtyFour = Array.from({ length: 200 }, (_, index) => `2001:db8:1:2::${index.toString(16)}`);
    expect(tried(new Attempts(limits), sixtyFour, 0)).toBe(10);
  });

  it("have a budget over all networks", () => {
    const many = Array.from({ length: 400 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    expect(tried(new Attempts(limits), many, 0)).toBe(30);
  });

  it("go on slowly, so that who shares the address with a guesser gets in", () => {
    const attempts = new Attempts(limits);
    expect(tried(attempts, Array<string>(50).fill("192.0.2.7"), 0)).toBe(10);
    expect(attempts.waitMs("192.0.2.7", 2_999)).toBe(1);
    expect(tried(attempts, Array<string>(50).fill("192.0.2.7"), 3_000)).toBe(1);
    expect(attempts.waitMs("192.0.2.7", 3_001)).toBeGreaterThan(0);
    expect(attempts.waitMs("192.0.2.7", 60_000)).toBe(0);
    expect(attempts.waitMs("192.0.2.8", 3_001)).toBe(0);
  });
});

describe("what the shop keeps", () => {
  let folder: string;

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), "lacewing-")), "data");
  });

  afterEach(() => rmSync(join(folder, ".."), { recursive: true, force: true }));

  it("is for its owner alone", () => {
    const database = openDatabase(folder);
    prepareDatabase(database);
    keptSecret(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder).sort()).toEqual(["secret", "shop.db", "shop.db-shm", "shop.db-wal"]);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
    database.close();
  });

  it("is a whole secret or none", () => {
    openDatabase(folder).close();
    const secret = keptSecret(folder);
    expect(keptSecret(folder)).toBe(secret);
    for (const damaged of ["", "x", secret.slice(0, 20), `${secret.slice(0, 30)}\n`]) {
      writeFileSync(join(folder, "secret"), damaged);
      expect(() => keptSecret(folder), JSON.stringify(damaged)).toThrow(join(folder, "secret"));
    }
  });

  it("is never used itself: each purpose has its key", () => {
    const keys = ["cart cookie", "cart channel", "admin socket", "admin link", "admin session"] as const;
    const derived = keys.map((purpose) => keyFor("secret", purpose));
    expect(new Set([...derived, "secret"]).size).toBe(keys.length + 1);
    const id = "c".repeat(64);
    expect(isCartKey("secret", id, cartKey("secret", id))).toBe(true);
    for (const wrong of [undefined, "", 7, cartKey("other", id), cartKey("secret", `${id.slice(1)}d`)]) {
      expect(isCartKey("secret", id, wrong)).toBe(false);
    }
  });

  it("does not grow without an end: the carts left alone longest go first", () => {
    const database = openDatabase(folder);
    prepareDatabase(database);
    const add = database.prepare("INSERT INTO cart_items (cart_id, item_id, added_ms) VALUES (?, ?, ?)");
    const weekMs = 7 * 24 * 3_600_000;
    database
      .transaction(() => {
        add.run("old", 101, 0);
        for (let cart = 0; cart < 8_400; cart++) {
          for (let item = 0; item < 24; item++)
            add.run(`cart-${cart}`, 101 + item + 91 * Math.floor(item / 9), weekMs + cart);
        }
      })
      .immediate();
    new Carts(database).prune(weekMs + 10_000);
    const [count] = database.prepare("SELECT COUNT(*) FROM cart_items").pluck().all() as number[];
    const [oldest] = database.prepare("SELECT MIN(added_ms) FROM cart_items").pluck().all() as number[];
    expect(count).toBeLessThanOrEqual(200_000);
    expect(count).toBeGreaterThan(200_000 - 24);
    expect(oldest).toBe(weekMs + (8_400 * 24 - (count ?? 0)) / 24);
    database.close();
  });
});

describe("the tabs of a cart on one node", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("look once, however many they are and however often it changes", async () => {
    const looks: number[] = [];
    const tabs = new CartTabs<number>((_cart, open) => looks.push(open.size));
    for (let tab = 0; tab < 20; tab++) tabs.opened("cart", tab);
    for (let change = 0; change < 50; change++) for (let tab = 0; tab < 20; tab++) tabs.changed("cart");
    await vi.advanceTimersByTimeAsync(1);
    expect(looks).toEqual([20]);
    for (let elapsedMs = 0; elapsedMs < 1_000; elapsedMs += 10) {
      tabs.changed("cart");
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(looks.length).toBeLessThanOrEqual(11);
    expect(looks.length).toBeGreaterThan(8);
  });

  it("are not more than a person opens", () => {
    const tabs = new CartTabs<number>(() => undefined);
    let opened = 0;
    while (tabs.hasRoom("cart") && opened < 1_000) tabs.opened("cart", opened++);
    expect(opened).toBe(20);
    tabs.closed("cart", 3);
    expect(tabs.hasRoom("cart")).toBe(true);
    expect(tabs.hasRoom("another")).toBe(true);
  });

  it("look no more when they are closed", async () => {
    const looks: number[] = [];
    const tabs = new CartTabs<number>((_cart, open) => looks.push(open.size));
    tabs.opened("cart", 1);
    tabs.changed("cart");
    tabs.closed("cart", 1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(looks).toEqual([]);
  });
});
