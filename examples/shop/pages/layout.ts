/**
 * The frame around every page: head, header with the cart, footer that says which node served the page and
 * which one the socket is connected to.
 */
import { html } from "hono/html";
import type { AssetPath } from "../assets.ts";
import { mark } from "./drawing.ts";

export type Markup = ReturnType<typeof html>;

/** The shopper's cart as of when the page was made. */
export interface FrameCart {
  readonly id: string;
  /** Shows the cart's channel that the shop has made this id. */
  readonly key: string;
  readonly items: ReadonlySet<number>;
}

/**
 * What every page needs to know about the node that serves it. A boolean in `html` is left out of the page, in
 * attributes too: write `String(value)`.
 */
export interface PageFrame {
  readonly node: string;
  readonly asset: AssetPath;
  /** Absent on the admin's pages. */
  readonly cart?: FrameCart;
  /** The signed token of the admin socket; only on the admin's pages. */
  readonly adminToken?: string;
}

export function layout(frame: PageFrame, title: string, body: Markup): Markup {
  const admin = frame.adminToken !== undefined;
  const bundle = admin ? "admin" : "shop";
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · Lacewing</title>
        <link rel="icon" href="${frame.asset("icon.svg")}" type="image/svg+xml" />
        <link rel="stylesheet" href="${frame.asset(`${bundle}.css`)}" />
        <script type="module" src="${frame.asset(`${bundle}.js`)}"></script>
      </head>
      <body
        class="${bundle}"
        data-node="${frame.node}"
        data-cart="${frame.cart?.id ?? ""}"
        data-cart-key="${frame.cart?.key ?? ""}"
        data-admin-token="${frame.adminToken ?? ""}"
      >
        <a class="skip" href="#main">Skip to content</a>
        <header class="top">
          <a class="brand" href="/">${mark}<span>Lacewing</span></a>
          ${admin ? adminNavigation : shopNavigation(frame.cart?.items.size ?? 0)}
        </header>
        <main id="main">${body}</main>
        <footer class="bottom">
          <p class="nodes">
            <span class="dot" data-connection aria-hidden="true"></span>
            <span>Page from <b data-testid="page-node">${frame.node}</b></span>
            <span>Socket to <b data-testid="socket-node">…</b></span>
          </p>
          <p class="small">
            A sample shop. Nothing here is for sale, and nothing is asked of you.
            ${admin ? "" : html`<a href="/admin">Back office</a>`}
          </p>
        </footer>
        ${admin ? "" : cartDialog} ${toast}
        <noscript
          ><p class="without-script">
            Without JavaScript the shop works, and shows everything as it was when the page was made.
          </p></noscript
        >
      </body>
    </html>`;
}

const adminNavigation = html`<p class="top-title">Back office</p>
  <nav class="top-links" aria-label="Shop">
    <a href="/admin/inspect" target="_blank" rel="noopener">Look inside</a>
    <a href="/" target="_blank" rel="noopener">Open the shop</a>
  </nav>`;

/** A box for what is said for a moment. An open dialog has its own: what is outside is behind it, and not read. */
const toast = html`<div class="toast-place" role="status" aria-live="polite" data-toast></div>`;

/** A link for those without JavaScript; `browser/cart-box.ts` makes it the button of the cart's dialog. */
const shopNavigation = (count: number): Markup =>
  html`<nav class="top-links" aria-label="Cart">
    <a class="cart-button" href="/checkout" data-cart-open>
      Cart <span class="count" data-testid="cart-count">${count}</span>
    </a>
  </nav>`;

const cartDialog = html`<dialog class="cart" id="cart" aria-labelledby="cart-title">
  <div class="cart-head">
    <h2 id="cart-title">Your cart</h2>
    <form method="dialog">
      <button class="icon-button" data-cart-close aria-label="Close the cart">✕</button>
    </form>
  </div>
  <p class="cart-empty" data-cart-empty>Nothing in it yet. Pick a size to put a pair in.</p>
  <ul class="cart-lines" data-testid="cart-lines"></ul>
  <div class="cart-foot">
    <p class="subtotal">Subtotal <b data-testid="cart-subtotal">€0</b></p>
    <a class="primary" href="/checkout" data-cart-checkout>Check out</a>
  </div>
  ${toast}
</dialog>`;
