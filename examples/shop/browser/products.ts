/** The products that a page shows: one channel each, for the stock, the release, and who else is looking. */
import type { Socket } from "phoenix";
import { sizeLabel } from "../pages/size-label.ts";
import type { CartView, SizeView, StockView } from "../wire.ts";
import { join } from "./connection.ts";
import { find, findAll, setAttribute, setAvailable, setText, toast } from "./dom.ts";

/** Follows every product on the page. */
export function followProducts(socket: Socket, cartId: string): void {
  for (const card of findAll("[data-product]")) {
    const channel = socket.channel(`product:${card.dataset["product"]}`, { cart: cartId });
    channel.on("stock", (view: StockView) => show(card, view));
    join<{ stock: StockView }>(channel, ({ stock }) => show(card, stock));
  }
}

/** Marks the sizes that are in the cart, and those that are on their way into it or out of it. */
export function showInCart(view: CartView, isWaiting: (itemId: number) => boolean): void {
  const held = new Set(view.lines.map((line) => line.id));
  for (const button of findAll("[data-add]")) {
    const itemId = Number(button.dataset["add"]);
    button.dataset["inCart"] = String(held.has(itemId));
    setAttribute(button, "aria-busy", String(isWaiting(itemId)));
    label(button);
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

function showSize(button: HTMLElement, { level, left }: SizeView, released: boolean): void {
  button.dataset["level"] = level;
  button.dataset["left"] = left === undefined ? "" : String(left);
  setAvailable(button, released && level !== "out");
  label(button);
}

/** Says what the button's data say, in words. */
function label(button: HTMLElement): void {
  const { size = "", level, left = "", inCart } = button.dataset;
  const released = button.closest<HTMLElement>("[data-product]")?.dataset["released"] === "true";
  const words = sizeLabel(size, {
    released,
    level: level as SizeView["level"],
    inCart: inCart === "true",
    left: left === "" ? undefined : Number(left),
  });
  setAttribute(button, "aria-label", words);
  setAttribute(button, "title", words);
}
