/**
 * The frame around every page: head, header with the cart, footer that says which node served the page and
 * which one the socket is connected to.
 */
import { html } from "hono/html";
import type { AssetPath } from "../assets.ts";
import { mark } from "./drawing.ts";

export type Markup = ReturnType<typeof html>;

/** What every page needs to know about the node that serves it. */
export interface PageFrame {
  readonly node: string;
  readonly asset: AssetPath;
  /** The shopper's cart id; absent on the admin's pages. */
  readonly cartId?: string;
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
        data-cart="${frame.cartId ?? ""}"
        data-admin-token="${frame.adminToken ?? ""}"
      >
        <a class="skip" href="#main">Skip to content</a>
        <header class="top">
          <a class="brand" href="/">${mark}<span>Lacewing</span></a>
          ${admin ? adminNavigation : shopNavigation}
        </header>
        <main id="main">${body}</main>
        <footer class="bottom">
          <p class="nodes" role="status">
            <span class="dot" data-connection></span>
            <span>Page from <b data-testid="page-node">${frame.node}</b></span>
            <span>Socket to <b data-testid="socket-node">…</b></span>
          </p>
          <p class="small">A sample shop. Nothing here is for sale, and nothing is asked of you.</p>
        </footer>
        ${admin ? "" : cartDialog}
        <div class="toast" role="status" aria-live="polite" data-toast hidden></div>
        <noscript><p class="toast">The shop needs JavaScript: everything in it is live.</p></noscript>
      </body>
    </html>`;
}

const adminNavigation = html`<p class="top-title">Back office</p>
  <nav class="top-links"><a href="/" target="_blank" rel="noopener">Open the shop</a></nav>`;

const shopNavigation = html`<nav class="top-links">
  <button class="cart-button" type="button" data-cart-open aria-haspopup="dialog">
    Cart <span class="count" data-testid="cart-count" aria-live="polite">0</span>
  </button>
</nav>`;

const cartDialog = html`<dialog class="cart" id="cart" aria-labelledby="cart-title">
  <div class="cart-head">
    <h2 id="cart-title">Your cart</h2>
    <form method="dialog"><button class="icon-button" aria-label="Close the cart">✕</button></form>
  </div>
  <p class="cart-empty" data-cart-empty>Nothing in it yet. Pick a size to put a pair in.</p>
  <ul class="cart-lines" data-testid="cart-lines"></ul>
  <div class="cart-foot">
    <p class="subtotal">Subtotal <b data-testid="cart-subtotal">€0</b></p>
    <a class="primary" href="/checkout" data-cart-checkout>Check out</a>
  </div>
</dialog>`;
