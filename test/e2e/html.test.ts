/** The pages as the server sends them: right before any script runs, and without one. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { aboutFiles, aboutLines } from "../../examples/shop/pages/about.ts";
import { adminPage } from "../../examples/shop/pages/admin.ts";
import { checkoutPage } from "../../examples/shop/pages/checkout.ts";
import type { Markup, PageFrame } from "../../examples/shop/pages/layout.ts";
import { productPage, productsPage } from "../../examples/shop/pages/products.ts";
import { itemById, itemsOf, products, type Item } from "../../examples/shop/store/catalogue.ts";
import type { ProductStock } from "../../examples/shop/store/stock.ts";

const inCart = 203;
const frame: PageFrame = {
  node: "node-1",
  asset: (name) => `/assets/${name}`,
  cart: { id: "c".repeat(64), key: "key", items: new Set([inCart]) },
};
const adminFrame: PageFrame = { node: "node-1", asset: frame.asset, adminToken: "token" };

/** Three sizes of each product are sold out. */
const stock = new Map(
  products.map((product): [number, ProductStock] => [
    product.id,
    {
      released: product.released,
      available: new Map(itemsOf(product).map(({ id }, index) => [id, index < 3 ? 0 : 20 * index])),
    },
  ]),
);
const item = (id: number): Item => itemById(id) as Item;
const lines = [
  { item: item(inCart), soldOut: false, released: true },
  { item: item(304), soldOut: true, released: true },
  { item: item(705), soldOut: false, released: false },
];

async function text(page: Markup): Promise<string> {
  return String(await page);
}

const pages: Readonly<Record<string, () => Promise<string>>> = {
  products: () => text(productsPage(frame, stock)),
  product: () => text(productPage(frame, products[6]!, stock.get(7)!)),
  checkout: () => text(checkoutPage(frame, lines)),
  admin: () => text(adminPage(adminFrame, ["node-1", "node-2"], stock)),
};

describe("the HTML of a page", () => {
  it.each(Object.keys(pages))("says every truth of %s, false ones too", async (name) => {
    const html = (await pages[name]?.()) ?? "";
    const attributes = [...html.matchAll(/\s((?:data|aria)-[a-z-]+)="([^"]*)"/g)];
    expect(attributes.length).toBeGreaterThan(20);
    // These are texts, of which an empty one means that there is none.
    const mayBeEmpty = new Set(["data-cart", "data-cart-key", "data-admin-token", "data-note"]);
    const empty = attributes.filter(
      ([, attribute = "", value]) => value === "" && !mayBeEmpty.has(attribute),
    );
    expect(empty.map(([, attribute]) => attribute)).toEqual([]);
    for (const [, attribute, value] of attributes) {
      if (!["data-released", "data-in-cart", "aria-disabled"].includes(attribute ?? "")) continue;
      expect(value, attribute).toMatch(/^(true|false)$/);
    }
  });

  it("shows which shoes are on sale, and which sizes can be had", async () => {
    const html = (await pages["products"]?.()) ?? "";
    const released = [...html.matchAll(/data-product="(\d)"\s+data-released="(\w+)"/g)];
    expect(released.map(([, id, value]) => [Number(id), value])).toEqual(
      products.map(({ id, released }) => [id, String(released)]),
    );
    const button = (id: number): string =>
      html.match(new RegExp(`<button[^>]*data-add="${id}"[^>]*>`))?.[0] ?? "";
    expect(button(204)).toContain('aria-disabled="false"');
    expect(button(204)).toContain('aria-label="Size 40, in stock"');
    expect(button(inCart)).toContain('aria-label="Size 39, sold out, in your cart"');
    expect(button(201)).toContain('aria-disabled="true"');
    expect(button(704)).toContain("not on sale yet");
    expect(html).not.toMatch(/aria-pressed/);
    expect(html).toMatch(/data-testid="cart-count">1</);
  });

  it("leaves out of the total what cannot be had, and lets it be taken out", async () => {
    const html = (await pages["checkout"]?.()) ?? "";
    expect(html).toMatch(/data-testid="total">€99</);
    for (const { item: each } of lines) {
      expect(html).toMatch(new RegExp(`action="/cart/remove"[\\s\\S]*?name="item_id"\\s+value="${each.id}"`));
    }
    expect(html.match(/<button[^>]*id="place-order"[^>]*>/)?.[0]).toContain('aria-disabled="true"');
  });

  it("explains itself with lines that are in the files that it links to", async () => {
    const html = (await pages["admin"]?.()) ?? "";
    expect(aboutLines).toHaveLength(10);
    for (const { code, file } of aboutLines) {
      const source = readFileSync(new URL(`../../examples/shop/${file}`, import.meta.url), "utf8");
      expect(source.replace(/\s+/g, " "), file).toContain(code);
      expect(html).toContain(`/admin/source/${file}`);
    }
    expect(aboutFiles.every((file) => !file.includes(".."))).toBe(true);
  });
});
