/** The products that a page shows: one channel each, for the stock, the release, and who else is looking. */
import type { Socket } from "phoenix";
import type { SizeView, StockView } from "../wire.ts";
import { join } from "./connection.ts";
import { find, findAll, setText, toast } from "./dom.ts";

/** Follows every product on the page; `add` is called for a size that the shopper picks. */
export function followProducts(
  socket: Socket,
  cartId: string,
  add: (itemId: number, size: string) => void,
): void {
  for (const card of findAll("[data-product]")) {
    const channel = socket.channel(`product:${card.dataset["product"]}`, { cart: cartId });
    channel.on("stock", (view: StockView) => show(card, view));
    join<{ stock: StockView }>(channel, ({ stock }) => show(card, stock));
    for (const button of findAll("[data-add]", card)) {
      button.addEventListener("click", () =>
        add(Number(button.dataset["add"]), button.textContent?.trim() ?? ""),
      );
    }
  }
}

function show(card: HTMLElement, view: StockView): void {
  if (view.released && card.dataset["released"] === "false") {
    toast(`${card.querySelector("h1, h2")?.textContent?.trim() ?? "A new pair"} is out now.`);
  }
  card.dataset["released"] = String(view.released);
  for (const size of view.sizes) showSize(find(`[data-add="${size.id}"]`, card), size, view.released);
  const looking = find("[data-looking]", card);
  const others = view.looking - 1;
  looking.toggleAttribute("data-live", true);
  setText(looking, others > 0 ? `${others + 1} looking now` : "Only you are looking");
}

function showSize(button: HTMLElement, size: SizeView, released: boolean): void {
  button.dataset["level"] = size.level;
  button.toggleAttribute("disabled", !released || size.level === "out");
  button.setAttribute("aria-label", `Size ${button.textContent?.trim()}, ${words(size)}`);
  button.title = words(size);
}

function words(size: SizeView): string {
  if (size.level === "out") return "sold out";
  return size.left === undefined ? "in stock" : `only ${size.left} left`;
}
