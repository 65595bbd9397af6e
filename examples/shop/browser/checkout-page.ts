/** The checkout page: fetched again when another tab or another buyer changes what it says. */
import type { CartView } from "../wire.ts";
import { find, findAll, isAvailable, toast } from "./dom.ts";

/** Keeps the open checkout page in step with the cart; does nothing on other pages. */
export function refreshCheckout(view: CartView): void {
  const open = document.querySelector(".checkout:not(.thanks)");
  if (open === null || sameLines(view)) return;
  void fetch("/checkout", { headers: { accept: "text/html" } })
    .then((response) => response.text())
    .then((text) => {
      const fresh = new DOMParser().parseFromString(text, "text/html").querySelector(".checkout");
      if (fresh !== null) replace(open, fresh);
    })
    // Without an answer the page stays as it is; the order itself is checked on the server anyway.
    .catch(() => undefined);
}

/** The order cannot be placed while something in it cannot be had: says so, where the page would be sent in vain. */
export function watchOrderButton(): void {
  document.addEventListener("submit", (event) => {
    const { submitter } = event;
    if (submitter?.id !== "place-order" || isAvailable(submitter)) return;
    event.preventDefault();
    toast("Take out first what cannot be had.");
    findAll(".not-to-be-had button")[0]?.focus();
  });
}

/** Puts the new content in the place of the old one, with the focus on what has it now, or next to it. */
function replace(open: Element, fresh: Element): void {
  const focused = document.activeElement;
  const had = focused !== null && open.contains(focused);
  const removals = (): readonly HTMLElement[] => findAll('[data-cart-form="remove"] button');
  const index = removals().findIndex((button) => button === focused);
  open.replaceWith(fresh);
  if (!had) return;
  const same = focused.id === "" ? null : document.getElementById(focused.id);
  const left = removals();
  const next = index < 0 ? undefined : left[Math.min(index, left.length - 1)];
  const target: HTMLElement = same ?? next ?? find("#checkout-title");
  target.focus();
}

function sameLines(view: CartView): boolean {
  const shown = findAll("[data-order-line]").map(
    (line) => `${line.dataset["orderLine"]} ${line.dataset["note"] === ""}`,
  );
  return (
    shown.join() === view.lines.map(({ id, soldOut, released }) => `${id} ${!soldOut && released}`).join()
  );
}
