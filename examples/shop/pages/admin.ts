/**
 * The back office. The page is a frame with every product's cells in it; `browser/admin.ts` fills in the
 * numbers from the presences, so they are right on whichever node the page is served by.
 */
import { html } from "hono/html";
import { itemsOf, products, type Product } from "../store/catalogue.ts";
import { layout, type Markup, type PageFrame } from "./layout.ts";
import type { StockByProduct } from "./products.ts";

export function adminPage(frame: PageFrame, stock: StockByProduct): Markup {
  return layout(
    frame,
    "Back office",
    html`<h1 class="hidden">Back office</h1>
      <section class="tiles" aria-label="Right now">
        ${tile("Unique shoppers", "shopper-count", "shoppers")} ${tile("Open pages", "page-count", "pages")}
        ${tile("Items in carts", "item-count", "items")}
        <div class="panel chart-panel">
          <h2>Shoppers and items, the last five minutes</h2>
          <div
            class="chart"
            data-chart
            role="img"
            aria-label="Shoppers and items over the last five minutes"
          ></div>
        </div>
      </section>
      <div class="columns">
        <div>
          <section class="panel" aria-labelledby="nodes-title">
            <div class="panel-head">
              <h2 id="nodes-title">Nodes</h2>
              <form method="post" action="/admin/restart" data-quiet>
                <button class="secondary">Rolling restart</button>
              </form>
            </div>
            <ul class="node-list" data-nodes></ul>
            <p class="small" data-pipeline>&nbsp;</p>
          </section>
          <section class="panel" aria-labelledby="pages-title">
            <h2 id="pages-title">Open pages</h2>
            <ul class="page-list" data-pages tabindex="0" aria-labelledby="pages-title"></ul>
          </section>
          <section class="panel" aria-labelledby="feed-title">
            <h2 id="feed-title">Live</h2>
            <ol class="feed" data-feed></ol>
          </section>
        </div>
        <section class="panel" aria-labelledby="items-title">
          <div class="panel-head">
            <h2 id="items-title">In carts, by product and size</h2>
            <p class="small">Below: left in stock</p>
          </div>
          <ul class="item-list">
            ${products.map((product) => productRow(frame, product, stock))}
          </ul>
        </section>
      </div>`,
  );
}

function tile(label: string, id: string, series: string): Markup {
  return html`<div class="panel tile" data-series="${series}">
    <h2>${label}</h2>
    <p class="number" data-testid="${id}">–</p>
  </div>`;
}

function productRow(frame: PageFrame, product: Product, stock: StockByProduct): Markup {
  const now = stock.get(product.id);
  const released = now?.released === true;
  return html`<li
    class="item-row product-${product.id}"
    data-product="${product.id}"
    data-released="${released}"
  >
    <div class="item-head">
      <span class="thumb"
        ><img src="${frame.asset(`${product.slug}.svg`)}" width="400" height="260" alt=""
      /></span>
      <span><b>${product.name}</b> <span class="small">${product.brand}</span></span>
      <form method="post" action="/admin/products/${product.id}/release" data-quiet>
        <button class="secondary" data-release ${released ? "hidden" : ""}>Release</button>
      </form>
    </div>
    <ul class="item-cells">
      ${itemsOf(product).map(
        (item) =>
          html`<li class="cell">
            <span class="cell-size">${item.size}</span>
            <b class="cell-count" data-item="${item.id}">0</b>
            <span class="cell-left"
              ><span data-available="${item.id}">${now?.available.get(item.id) ?? 0}</span
              ><span class="hidden"> left</span></span
            >
          </li>`,
      )}
    </ul>
  </li>`;
}
