/**
 * The cart of this browser: one channel per page, the same cart in all tabs, whichever nodes they are
 * connected to.
 */
import type { Channel, Socket } from "phoenix";
import { price } from "../store/price.ts";
import type { CartLineView, CartView } from "../wire.ts";
import { CartChanges } from "./cart-changes.ts";
import { join } from "./connection.ts";
import { element, find, isAvailable, reconcile, setAvailable, setText, toast } from "./dom.ts";

export class CartBox {
  readonly #channel: Channel;
  readonly #changes: CartChanges;
  readonly #changed: (view: CartView, isWaiting: (itemId: number) => boolean) => void;
  #view: CartView = { lines: [], subtotalCents: 0 };

  /** Joins the cart and keeps the box in step; calls back with every state of it. */
  constructor(
    socket: Socket,
    cart: { readonly id: string; readonly key: string },
    changed: (view: CartView, isWaiting: (itemId: number) => boolean) => void,
  ) {
    this.#changed = changed;
    this.#channel = socket.channel(`cart:${cart.id}`, { page: location.pathname, key: cart.key });
    this.#changes = new CartChanges(socket, this.#channel, (view) => this.#show(view ?? this.#view));
    this.#channel.on("cart", (view: CartView) => this.#show(view));
    join<{ cart: CartView }>(this.#channel, ({ cart: view }) => {
      this.#show(view);
      this.#changes.joined();
    });
    this.#listenToOpening();
    document.addEventListener("submit", (event) => this.#submitted(event));
    find("[data-cart-checkout]").addEventListener("click", (event) => {
      if (this.#view.lines.length > 0) return;
      event.preventDefault();
      toast("There is nothing in your cart yet.");
    });
  }

  #listenToOpening(): void {
    const dialog = find<HTMLDialogElement>("#cart");
    const opener = find("[data-cart-open]");
    // From here on it opens the dialog instead of leading to the checkout.
    opener.setAttribute("role", "button");
    opener.setAttribute("aria-haspopup", "dialog");
    opener.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.showModal();
    });
    opener.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      dialog.showModal();
    });
    dialog.addEventListener("click", (event) => {
      // Only a click on the backdrop has the dialog itself as its target.
      if (event.target === dialog) dialog.close();
    });
  }

  /** The forms that work without a socket too: here they go over it. */
  #submitted(event: SubmitEvent): void {
    const { target: form, submitter } = event;
    if (!(form instanceof HTMLFormElement) || !(submitter instanceof HTMLButtonElement)) return;
    const kind = form.dataset["cartForm"];
    if (kind === undefined) return;
    event.preventDefault();
    const itemId = Number(submitter.value);
    if (kind === "remove") return this.#remove(itemId, submitter.dataset["label"] ?? "The pair");
    if (!isAvailable(submitter)) return toast(`${submitter.getAttribute("aria-label") ?? "That"}.`);
    const size = submitter.dataset["size"] ?? "";
    this.#changes.ask({
      event: "add_item",
      itemId,
      clickedMs: Date.now(),
      done: `Size ${size} is in your cart.`,
    });
  }

  #remove(itemId: number, label: string): void {
    const done = `${label} is out of your cart.`;
    this.#changes.ask({ event: "remove_item", itemId, clickedMs: Date.now(), done });
  }

  #show(view: CartView): void {
    this.#view = view;
    setText(find('[data-testid="cart-count"]'), String(view.lines.length));
    setText(find('[data-testid="cart-subtotal"]'), price(view.subtotalCents));
    find("[data-cart-empty]").hidden = view.lines.length > 0;
    setAvailable(find("[data-cart-checkout]"), view.lines.length > 0);
    reconcile(
      find(".cart-lines"),
      view.lines,
      ({ id }) => String(id),
      (line) => this.#line(line),
      (child, line) => this.#updateLine(child, line),
      (child) => (child === undefined ? find("[data-cart-close]") : find("button", child)).focus(),
    );
    this.#changed(view, (itemId) => this.#changes.isWaiting(itemId));
  }

  #updateLine(child: Element, { id, soldOut, released }: CartLineView): void {
    child.classList.toggle("not-to-be-had", soldOut || !released);
    child.classList.toggle("sold-out", soldOut);
    child.classList.toggle("waiting", this.#changes.isWaiting(id));
    setText(find(".note", child), soldOut ? "Sold out" : released ? "" : "Not on sale");
  }

  #line(line: CartLineView): HTMLElement {
    const label = `${line.name}, size ${line.size}`;
    const remove = element(
      "button",
      {
        type: "button",
        class: "icon-button",
        "aria-label": `Remove ${label}`,
        "data-remove": String(line.id),
      },
      "✕",
    );
    remove.addEventListener("click", () => this.#remove(line.id, line.name));
    return element(
      "li",
      { class: `cart-line product-${Math.floor(line.id / 100)}`, "data-line": String(line.id) },
      element(
        "span",
        { class: "thumb" },
        element("img", { src: line.picture, width: "400", height: "260", alt: "" }),
      ),
      element(
        "span",
        { class: "line-text" },
        element("b", {}, line.name),
        element("span", { class: "small" }, `${line.brand} · size ${line.size}`),
        element("span", { class: "note" }),
      ),
      element("span", { class: "price" }, price(line.priceCents)),
      remove,
    );
  }
}
