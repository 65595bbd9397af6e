/** The checkout page: fetched again when another tab or another buyer changes what it says. */
import type { CartView } from "../wire.ts";
import { findAll } from "./dom.ts";

/** Keeps the open checkout page in step with the cart; does nothing on other pages. */
export function refreshCheckout(view: CartView): void {
  const open = document.querySelector(".checkout:not(.thanks)");
  if (open === null || sameLines(view)) return;
  void fetch("/checkout", { headers: { accept: "text/html" } })
    .then((response) => response.text())
    .then((text) => {
      const fresh = new DOMParser().parseFromString(text, "text/html").querySelector(".checkout");
      if (fresh !== null) open.replaceWith(fresh);
    })
    // Without an answer the page stays as it is; the order itself is checked on the server anyway.
    .catch(() => undefined);
}

function sameLines(view: CartView): boolean {
  const shown = findAll("[data-order-line]").map(
    (line) => `${line.dataset["orderLine"]} ${line.dataset["soldOut"]}`,
  );
  return shown.join() === view.lines.map((line) => `${line.id} ${line.soldOut}`).join();
}
