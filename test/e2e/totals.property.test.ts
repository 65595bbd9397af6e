/** The dashboard's counting, against counting everything anew. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Totals, type OpenPage } from "../../examples/shop/presence/totals.ts";

const openPages = fc.array(
  fc.record({
    page: fc.constantFrom("/", "/checkout", "__proto__", "constructor"),
    items: fc.array(fc.integer({ min: 101, max: 105 })),
  }),
  { maxLength: 3 },
);
const changes = fc.array(fc.tuple(fc.constantFrom("a", "b", "__proto__", "constructor"), openPages));

/** Shoppers once each, pages once per open page, items once per cart: that of the meta that changed last. */
function recount(shoppers: ReadonlyMap<string, readonly OpenPage[]>): object {
  const pages = new Map<unknown, number>();
  const items = new Map<unknown, number>();
  for (const open of shoppers.values()) {
    for (const { page } of open) pages.set(page, (pages.get(page) ?? 0) + 1);
    const held = open[open.length - 1]?.items as number[];
    for (const item of new Set(held)) items.set(item, (items.get(item) ?? 0) + 1);
  }
  return { shoppers: shoppers.size, pages, items };
}

describe("Totals", () => {
  it("counts changes as if it counted everything anew", () => {
    fc.assert(
      fc.property(changes, (steps) => {
        const totals = new Totals();
        const shoppers = new Map<string, readonly OpenPage[]>();
        for (const [key, open] of steps) {
          totals.set(key, open);
          if (open.length > 0) shoppers.set(key, open);
          else shoppers.delete(key);
          const { shoppers: count, pages, items } = totals;
          expect({ shoppers: count, pages, items }).toEqual(recount(shoppers));
          expect(totals.openPages).toBe([...pages.values()].reduce((sum, each) => sum + each, 0));
          expect(totals.itemsInCarts).toBe([...items.values()].reduce((sum, each) => sum + each, 0));
        }
      }),
    );
  });

  it("survives metas of any kind", () => {
    const totals = new Totals();
    totals.set("junk", [
      { page: null, items: "none" },
      { page: { toString: 1 }, items: [null, "203", NaN, 203] },
      {},
    ]);
    expect([totals.shoppers, totals.openPages, totals.itemsInCarts]).toEqual([1, 3, 0]);
    totals.set("junk", [{ items: [null, "203", NaN, 203] }]);
    expect(totals.items).toEqual(new Map([[203, 1]]));
  });
});
