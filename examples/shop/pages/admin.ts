/**
 * The back office. The page is a frame with every product's cells in it; `browser/admin.ts` fills in the
 * numbers from the presences, so they are right on whichever node the page is served by.
 */
import { html } from "hono/html";
import { itemsOf, products, sizes, type Product } from "../store/catalogue.ts";
import { about } from "./about.ts";
import { layout, type Markup, type PageFrame } from "./layout.ts";
import type { StockByProduct } from "./products.ts";

export function adminPage(frame: PageFrame, nodes: readonly string[], stock: StockByProduct): Markup {
  return layout(
    frame,
    "Back office",
    html`<h1 class="hidden">Back office</h1>
      <div class="lost" role="alert" data-lost hidden></div>
      ${clusterPanel(nodes)} ${about()}
      <section class="tiles" aria-label="Right now">
        ${tile("Unique shoppers", "shopper-count", "shoppers")} ${tile("Open pages", "page-count", "pages")}
        ${tile("Items in carts", "item-count", "items")} ${chartPanel}
      </section>
      <div class="columns">
        <section class="panel" aria-labelledby="happened-title">
          <h2 id="happened-title">What happened</h2>
          <p class="small nothing" data-nothing-happened>
            Nothing yet. What is done to the nodes is noted here, and what became of their shoppers.
          </p>
          <ol class="happened" data-happened></ol>
        </section>
        <section class="panel" aria-labelledby="pages-title">
          <h2 id="pages-title">Open pages</h2>
          <ul class="page-list" data-pages tabindex="0" aria-labelledby="pages-title"></ul>
        </section>
        <section class="panel" aria-labelledby="feed-title">
          <div class="panel-head">
            <h2 id="feed-title">Shoppers, live</h2>
            <button class="secondary" type="button" data-feed-pause aria-label="Pause the list of shoppers">
              Pause
            </button>
          </div>
          <ol class="feed" data-feed></ol>
        </section>
      </div>
      ${stockTable(frame, stock)}`,
  );
}

const nodeButtons = [
  ["stop", "Stop"],
  ["kill", "Kill"],
  ["pause", "Pause"],
  ["cut", "Cut off"],
] as const;

/** Sent without leaving the page. An `aria-disabled` one says why it is. */
function quietButton(action: string, label: string, name: string, style = "secondary"): Markup {
  return html`<form method="post" action="${action}" data-quiet>
    <button class="${style}" data-button="${name}">${label}</button>
  </form>`;
}

/** What the browser fills in, and the buttons; one button cuts off and heals, whichever makes sense. */
function nodeRow(name: string): Markup {
  const cell = (part: string, title: string, testId: string): Markup =>
    html`<td role="cell" data-part="${part}" data-label="${title}" data-testid="${testId}">–</td>`;
  return html`<tr role="row" data-node="${name}" data-look="up">
    <th scope="row" role="rowheader">${name}</th>
    <td role="cell" data-label="State">
      <span class="sign" aria-hidden="true" data-part="sign"></span>
      <span data-part="state">–</span>
    </td>
    ${cell("shoppers", "Its own total", `total-of-${name}`)}
    ${cell("compared", "Compared", `compared-${name}`)} ${cell("serves", "Serves", `shoppers-on-${name}`)}
    ${cell("heard", "Heard here", `heard-${name}`)}
    <td role="cell" class="node-actions">
      ${nodeButtons.map(
        ([action, label]) =>
          html`<form method="post" action="/admin/nodes/${name}/${action}" data-quiet data-action="${action}">
            <button class="secondary ${action === "kill" ? "danger" : ""}" aria-label="${label} ${name}">
              ${label}
            </button>
          </form>`,
      )}
    </td>
  </tr>`;
}

/** The roles are said too: on a phone the table's rows are no table to the eye, and to some browsers none at all. */
const clusterPanel = (nodes: readonly string[]): Markup =>
  html`<section class="panel cluster" aria-labelledby="cluster-title">
    <div class="panel-head">
      <h2 id="cluster-title">The cluster</h2>
      <div class="cluster-actions">
        ${quietButton("/admin/crowd/bring", "Bring in 1,000", "bring")}
        ${quietButton("/admin/crowd/home", "Send them home", "home")}
        ${quietButton("/admin/restart", "Rolling restart", "restart")}
        ${quietButton("/admin/reset", "Reset stock", "reset")}
      </div>
    </div>
    <div class="cluster-parts">
      <svg class="map" viewBox="0 0 520 330" data-map aria-hidden="true" focusable="false"></svg>
      <div class="cluster-words">
        <p class="verdict" data-verdict>&nbsp;</p>
        <p class="hidden" data-verdict-said role="status"></p>
        <p class="small" data-underway>&nbsp;</p>
        <p class="latest" data-latest role="status">&nbsp;</p>
        <p class="small" data-restart></p>
        <dl class="readings">
          <div>
            <dt>Click in the shop to this screen</dt>
            <dd data-testid="click-to-screen">–</dd>
          </div>
          <div>
            <dt>Shoppers in and out, a second</dt>
            <dd data-testid="rates">–</dd>
          </div>
          <div>
            <dt>The shop's own visitors</dt>
            <dd data-testid="crowd">–</dd>
          </div>
        </dl>
        <p class="small" data-pipeline>&nbsp;</p>
      </div>
    </div>
    <table class="nodes-table" role="table">
      <caption class="hidden">
        The nodes: what each of them has on its own list
      </caption>
      <thead role="rowgroup">
        <tr role="row">
          ${["Node", "State", "Its own total", "Compared", "Serves", "Heard here", "Actions"].map(
            (title) => html`<th scope="col" role="columnheader">${title}</th>`,
          )}
        </tr>
      </thead>
      <tbody data-nodes role="rowgroup">
        ${nodes.map(nodeRow)}
      </tbody>
    </table>
  </section>`;

const chartPanel = html`<div class="panel chart-panel">
  <div class="panel-head">
    <h2>Shoppers and items</h2>
    <div class="windows" role="group" aria-label="How far back">
      <button class="secondary" type="button" data-window="60" aria-pressed="true">1 minute</button>
      <button class="secondary" type="button" data-window="300" aria-pressed="false">5 minutes</button>
    </div>
  </div>
  <div
    class="chart"
    data-chart
    role="img"
    aria-label="Shoppers and items over the last minutes; the numbers of now are beside it"
  ></div>
  <div
    class="chart rates"
    data-rate-chart
    role="img"
    aria-label="Shoppers who came, upwards, and who left, downwards, each second"
  ></div>
  <ul class="legend">
    <li><span class="key solid" aria-hidden="true"></span>Shoppers</li>
    <li><span class="key dashed" aria-hidden="true"></span>Items in carts</li>
    <li><span aria-hidden="true">▲</span>came <span aria-hidden="true">▼</span>left</li>
    <li><span aria-hidden="true">┊</span>something happened</li>
  </ul>
</div>`;

function tile(label: string, id: string, series: string): Markup {
  return html`<div class="panel tile" data-series="${series}">
    <h2>${label}</h2>
    <p class="number" data-testid="${id}">–</p>
  </div>`;
}

function stockTable(frame: PageFrame, stock: StockByProduct): Markup {
  return html`<section class="panel" aria-labelledby="items-title">
    <div class="panel-head">
      <h2 id="items-title">In carts, by product and size</h2>
      <p class="small">Below each: how many are left</p>
    </div>
    <div class="table-place" role="region" aria-labelledby="items-title" tabindex="0">
      <table class="items">
        <thead>
          <tr>
            <th scope="col">Product</th>
            ${sizes.map((size) => html`<th scope="col"><span class="hidden">Size </span>${size}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${products.map((product) => productRow(frame, product, stock))}
        </tbody>
      </table>
    </div>
  </section>`;
}

function productRow(frame: PageFrame, product: Product, stock: StockByProduct): Markup {
  const now = stock.get(product.id);
  const released = now?.released === true;
  return html`<tr
    class="item-row product-${product.id}"
    data-product="${product.id}"
    data-released="${String(released)}"
  >
    <th scope="row">
      <div class="item-head">
        <span class="thumb"
          ><img src="${frame.asset(`${product.slug}.svg`)}" width="400" height="260" alt=""
        /></span>
        <span tabindex="-1" data-product-name
          ><b>${product.name}</b> <span class="small">${product.brand}</span></span
        >
        <span class="release-place">
          <span class="small on-sale">On sale</span>
          <form method="post" action="/admin/products/${product.id}/release" data-quiet>
            <button class="secondary" aria-label="Release ${product.name}" data-release>Release</button>
          </form>
        </span>
      </div>
    </th>
    ${itemsOf(product).map(
      (item) =>
        html`<td class="cell">
          <b class="cell-count" data-item="${item.id}">0</b><span class="hidden"> in carts, </span>
          <span class="cell-left"
            ><span data-available="${item.id}">${now?.available.get(item.id) ?? 0}</span
            ><span class="hidden"> left</span></span
          >
        </td>`,
    )}
  </tr>`;
}
