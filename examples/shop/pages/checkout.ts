/** Checkout, what went wrong with it, and the thank-you page. */
import { html } from "hono/html";
import type { CartLine } from "../store/carts.ts";
import type { Item } from "../store/catalogue.ts";
import { total, type Order } from "../store/checkout.ts";
import { price } from "../store/price.ts";
import { layout, type Markup, type PageFrame } from "./layout.ts";

/** Why an order was not placed, as the shopper reads it. */
export interface CheckoutProblem {
  readonly status: "empty" | "sold_out" | "not_released";
  readonly items: readonly Item[];
}

export function checkoutPage(
  frame: PageFrame,
  lines: readonly CartLine[],
  problem?: CheckoutProblem,
): Markup {
  const possible = lines.filter(canBeHad);
  const obstacle = possible.length < lines.length;
  return layout(
    frame,
    "Checkout",
    html`<section class="checkout">
      <h1 id="checkout-title" tabindex="-1">Checkout</h1>
      ${problem === undefined ? "" : problemNotice(problem)}
      ${
        lines.length === 0
          ? html`<p>Your cart is empty.</p>
              <p><a class="primary" href="/">See the sneakers</a></p>`
          : html`<ul class="order-lines">
                ${lines.map((line) => orderLine(frame, line.item, lineNote(line), removal(line.item)))}
              </ul>
              <form method="post" action="/checkout" class="pay">
                <p class="subtotal">
                  Total <b data-testid="total">${price(total(possible.map((line) => line.item)))}</b>
                  ${obstacle ? html`<span class="small">without what cannot be had</span>` : ""}
                </p>
                <button class="primary" id="place-order" aria-disabled="${String(obstacle)}">
                  Place the order
                </button>
                ${
                  obstacle
                    ? html`<p class="small">
                        Take out of the cart what cannot be had, then place the order.
                      </p>`
                    : html`<p class="small">No payment, no address: it only takes the stock.</p>`
                }
              </form>`
      }
    </section>`,
  );
}

export function thanksPage(frame: PageFrame, order: Order): Markup {
  return layout(
    frame,
    "Thank you",
    html`<section class="checkout thanks" data-order="${order.id}">
      <h1>Thank you.</h1>
      <p>
        Order <b>${order.id.slice(0, 8)}</b> is placed. What it took from the stock is gone for everybody, on
        every node.
      </p>
      <ul class="order-lines">
        ${order.items.map((item) => orderLine(frame, item, ""))}
      </ul>
      <p class="subtotal">Total <b data-testid="total">${price(order.totalCents)}</b></p>
      <p><a class="primary" href="/">Back to the sneakers</a></p>
    </section>`,
  );
}

function orderLine(frame: PageFrame, item: Item, note: string, action: Markup | string = ""): Markup {
  const { product } = item;
  return html`<li
    class="order-line product-${product.id} ${note === "" ? "" : "not-to-be-had"}"
    data-order-line="${item.id}"
    data-note="${note}"
  >
    <span class="thumb"
      ><img src="${frame.asset(`${product.slug}.svg`)}" width="400" height="260" alt=""
    /></span>
    <span class="line-text"
      ><b>${product.name}</b>
      <span class="small">${product.brand} · size ${item.size}</span>
      ${note === "" ? "" : html`<span class="note">${note}</span>`}</span
    >
    <span class="price">${price(product.priceCents)}</span>
    ${action}
  </li>`;
}

function removal(item: Item): Markup {
  return html`<form method="post" action="/cart/remove" data-cart-form="remove">
    <button
      class="icon-button"
      id="take-out-${item.id}"
      name="item_id"
      value="${item.id}"
      data-label="${item.product.name}, size ${item.size}"
      aria-label="Take out ${item.product.name}, size ${item.size}"
    >
      ✕
    </button>
  </form>`;
}

function canBeHad(line: CartLine): boolean {
  return !line.soldOut && line.released;
}

function lineNote(line: CartLine): string {
  if (line.soldOut) return "Sold out meanwhile";
  return line.released ? "" : "Not released yet";
}

function problemNotice(problem: CheckoutProblem): Markup {
  return html`<div class="notice" role="alert" data-testid="checkout-problem">
    <p><b>${problemTitle[problem.status]}</b></p>
    ${
      problem.items.length === 0
        ? ""
        : html`<ul>
            ${problem.items.map((item) => html`<li>${item.product.name}, size ${item.size}</li>`)}
          </ul>`
    }
  </div>`;
}

const problemTitle: Record<CheckoutProblem["status"], string> = {
  empty: "There is nothing in your cart to order.",
  sold_out: "Somebody was faster. Sold out meanwhile:",
  not_released: "Not on sale yet:",
};
