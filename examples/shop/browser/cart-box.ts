/**
 * The cart of this browser: one channel per page, the same cart in all tabs, whichever nodes they are
 * connected to.
 */
import type { Channel, Socket } from "phoenix";
import { price } from "../store/price.ts";
import type { CartLineView, CartProblem, CartView } from "../wire.ts";
import { join } from "./connection.ts";
import { element, find, findAll, setText, toast } from "./dom.ts";

const problems: Record<CartProblem, string> = {
  unknown_item: "There is no such size.",
  not_released: "Not on sale yet.",
  sold_out: "Just sold out.",
  duplicate_item: "Already in your cart.",
  cart_full: "Your cart is full.",
  not_in_cart: "No longer in your cart.",
};

export class CartBox {
  readonly #channel: Channel;
  readonly #changed: (view: CartView) => void;

  /** Joins the cart and keeps the box in step; calls back with every state of it. */
  constructor(socket: Socket, cartId: string, changed: (view: CartView) => void) {
    this.#changed = changed;
    this.#channel = socket.channel(`cart:${cartId}`, { page: location.pathname });
    this.#channel.on("cart", (view: CartView) => this.#show(view));
    join<{ cart: CartView }>(this.#channel, ({ cart }) => this.#show(cart));
    const dialog = find<HTMLDialogElement>("#cart");
    find("[data-cart-open]").addEventListener("click", () => dialog.showModal());
    dialog.addEventListener("click", (event) => {
      // Only a click on the backdrop has the dialog itself as its target.
      if (event.target === dialog) dialog.close();
    });
  }

  add(itemId: number, size: string): void {
    this.#push("add_item", itemId, `Size ${size} is in your cart.`);
  }

  #push(event: string, itemId: number, done: string): void {
    this.#channel
      .push(event, { item_id: itemId })
      .receive("ok", ({ cart }: { cart: CartView }) => {
        this.#show(cart);
        toast(done);
      })
      .receive("error", ({ reason }: { reason: CartProblem }) => {
        toast(problems[reason] ?? "That did not work.");
      })
      .receive("timeout", () => toast("No answer yet. The shop is reconnecting …"));
  }

  #show(view: CartView): void {
    setText(find('[data-testid="cart-count"]'), String(view.lines.length));
    setText(find('[data-testid="cart-subtotal"]'), price(view.subtotalCents));
    find("[data-cart-empty]").hidden = view.lines.length > 0;
    find("[data-cart-checkout]").setAttribute("aria-disabled", String(view.lines.length === 0));
    find(".cart-lines").replaceChildren(...view.lines.map((line) => this.#line(line)));
    const held = new Set(view.lines.map((line) => String(line.id)));
    for (const button of findAll("[data-add]")) {
      button.setAttribute("aria-pressed", String(held.has(button.dataset["add"] ?? "")));
    }
    this.#changed(view);
  }

  #line(line: CartLineView): HTMLElement {
    const remove = element(
      "button",
      {
        type: "button",
        class: "icon-button",
        "aria-label": `Remove ${line.name}, size ${line.size}`,
        "data-remove": String(line.id),
      },
      "✕",
    );
    remove.addEventListener("click", () =>
      this.#push("remove_item", line.id, `${line.name} is out of your cart.`),
    );
    const text = element(
      "span",
      { class: "line-text" },
      element("b", {}, line.name),
      element("span", { class: "small" }, `${line.brand} · size ${line.size}`),
    );
    if (line.soldOut) text.append(element("span", { class: "note" }, "Sold out"));
    return element(
      "li",
      {
        class: `cart-line product-${Math.floor(line.id / 100)}${line.soldOut ? " sold-out" : ""}`,
        "data-line": String(line.id),
      },
      element(
        "span",
        { class: "thumb" },
        element("img", { src: line.picture, width: "400", height: "260", alt: "" }),
      ),
      text,
      element("span", { class: "price" }, price(line.priceCents)),
      remove,
    );
  }
}
