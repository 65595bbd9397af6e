/** The product grid and the page of one product. Both are filled in live by `browser/products.ts`. */
import { html } from "hono/html";
import { itemsOf, products, type Item, type Product } from "../store/catalogue.ts";
import { price } from "../store/price.ts";
import { levelOf, type Level, type ProductStock } from "../store/stock.ts";
import { sizeLabel } from "./size-label.ts";
import { layout, type Markup, type PageFrame } from "./layout.ts";

export type StockByProduct = ReadonlyMap<number, ProductStock>;

export function productsPage(frame: PageFrame, stock: StockByProduct): Markup {
  return layout(
    frame,
    "Sneakers",
    html`<section class="hero">
        <h1>Walk in on one server. Check&nbsp;out on another.</h1>
        <p>
          Stock, your cart and who else is looking are live on every page, whichever node of the shop happens
          to serve you. Open a second tab and watch.
        </p>
      </section>
      <ul class="grid">
        ${products.map((product) => html`<li>${card(frame, product, stock.get(product.id))}</li>`)}
      </ul>`,
  );
}

function card(frame: PageFrame, product: Product, stock: ProductStock | undefined): Markup {
  const released = stock?.released === true;
  return html`<article
    class="card product-${product.id}"
    data-product="${product.id}"
    data-released="${String(released)}"
  >
    <a class="stage" href="/shoes/${product.slug}" tabindex="-1" aria-hidden="true">
      <img src="${frame.asset(`${product.slug}.svg`)}" width="400" height="260" alt="" />
      <span class="soon">Coming soon</span>
    </a>
    <div class="card-text">
      <h2><a href="/shoes/${product.slug}">${product.name}</a></h2>
      <p class="price">${price(product.priceCents)}</p>
      <p class="small">${product.brand} · ${product.colour}</p>
      ${looking}
    </div>
    ${sizePicker(frame, product, stock)}
  </article>`;
}

export function productPage(frame: PageFrame, product: Product, stock: ProductStock): Markup {
  return layout(
    frame,
    `${product.name} by ${product.brand}`,
    html`<article
        class="detail product-${product.id}"
        data-product="${product.id}"
        data-released="${String(stock.released)}"
      >
        <div class="stage">
          <img
            src="${frame.asset(`${product.slug}.svg`)}"
            width="400"
            height="260"
            alt="${product.name}, ${product.colour}"
          />
          <span class="soon">Coming soon</span>
        </div>
        <div class="detail-text">
          <p class="small"><a href="/">All sneakers</a> / ${product.brand}</p>
          <h1>${product.name}</h1>
          <p class="detail-price">
            ${price(product.priceCents)} <span class="small">${product.colour}</span>
          </p>
          <p class="blurb">${product.blurb}</p>
          <h2 class="label">Size</h2>
          ${sizePicker(frame, product, stock)} ${looking}
          <ul class="facts">
            ${product.details.map((detail) => html`<li>${detail}</li>`)}
          </ul>
        </div>
      </article>
      ${others(frame, product)}`,
  );
}

const otherCount = 4;

/** The next ones of the catalogue, round and round. */
function others(frame: PageFrame, shown: Product): Markup {
  const start = products.indexOf(shown) + 1;
  const next = [...products.slice(start), ...products.slice(0, start)].slice(0, otherCount);
  return html`<nav class="others" aria-labelledby="others-title">
    <h2 id="others-title">Also here</h2>
    <ul>
      ${next.map(
        (product) =>
          html`<li>
            <a class="product-${product.id}" href="/shoes/${product.slug}">
              <span class="stage"
                ><img src="${frame.asset(`${product.slug}.svg`)}" width="400" height="260" alt=""
              /></span>
              <b>${product.name}</b>
              <span class="small">${product.brand} · ${price(product.priceCents)}</span>
            </a>
          </li>`,
      )}
    </ul>
  </nav>`;
}

/** Its place is kept while nobody is counted yet, so that nothing jumps when the number comes. */
const looking = html`<p class="looking" data-looking>&nbsp;</p>`;

/** A form, so that a pair can be had before the page is live, and without JavaScript. */
function sizePicker(frame: PageFrame, product: Product, stock: ProductStock | undefined): Markup {
  return html`<form
    method="post"
    action="/cart/add"
    class="sizes"
    data-cart-form="add"
    role="group"
    aria-label="Sizes of ${product.name}"
  >
    ${itemsOf(product).map((item) => sizeButton(frame, item, stock))}
  </form>`;
}

/**
 * One that cannot be had is not `disabled`, because the focus would be lost from it when somebody buys the last
 * pair; it says why, and the server refuses it.
 */
function sizeButton(frame: PageFrame, item: Item, stock: ProductStock | undefined): Markup {
  const available = stock?.available.get(item.id) ?? 0;
  const released = stock?.released === true;
  const level: Level = levelOf(available);
  const inCart = frame.cart?.items.has(item.id) === true;
  return html`<button
    class="size"
    name="item_id"
    value="${item.id}"
    data-add="${item.id}"
    data-size="${item.size}"
    data-level="${level}"
    data-in-cart="${String(inCart)}"
    aria-disabled="${String(!released || level === "out")}"
    aria-label="${sizeLabel(item.size, { released, level, inCart })}"
  >
    ${item.size}
  </button>`;
}
