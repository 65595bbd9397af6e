/**
 * Puts the totals on the page, once per frame at most and only where a number changed: a storm of changes
 * costs one painting.
 */
import { element, find, findAll, setText } from "./dom.ts";
import type { Totals } from "../presence/totals.ts";

/** Paths shown at most: whoever opens a thousand different ones shall not fill the page. */
const maxPaths = 40;

export class Dashboard {
  readonly #totals: Totals;
  readonly #shoppers = find('[data-testid="shopper-count"]');
  readonly #openPages = find('[data-testid="page-count"]');
  readonly #inCarts = find('[data-testid="item-count"]');
  readonly #pageList = find("[data-pages]");
  readonly #pageRows = new Map<string, { row: HTMLElement; count: HTMLElement }>();
  readonly #cells = new Map<number, HTMLElement>();

  constructor(totals: Totals) {
    this.#totals = totals;
    for (const cell of findAll("[data-item]")) this.#cells.set(Number(cell.dataset["item"]), cell);
  }

  render(): void {
    setText(this.#shoppers, String(this.#totals.shoppers));
    setText(this.#openPages, String(this.#totals.openPages));
    setText(this.#inCarts, String(this.#totals.itemsInCarts));
    this.#renderPages();
    for (const [itemId, cell] of this.#cells) {
      const count = this.#totals.items.get(itemId) ?? 0;
      setText(cell, String(count));
      cell.parentElement?.toggleAttribute("data-some", count > 0);
    }
  }

  #renderPages(): void {
    const { pages } = this.#totals;
    for (const [path, { row }] of this.#pageRows) {
      if (pages.has(path)) continue;
      row.remove();
      this.#pageRows.delete(path);
    }
    let most = 0;
    for (const count of pages.values()) most = Math.max(most, count);
    for (const [path, count] of pages) {
      const shown = this.#pageRows.get(path) ?? this.#addRow(path);
      if (shown === undefined) continue;
      setText(shown.count, String(count));
      shown.row.style.setProperty("--share", String(count / most));
    }
  }

  /** In the order of the paths, so that rows do not change places with every number. */
  #addRow(path: string): { row: HTMLElement; count: HTMLElement } | undefined {
    if (this.#pageRows.size >= maxPaths) return undefined;
    const count = element("b", { "data-page": path });
    const row = element("li", { class: "page-row" }, element("span", {}, path), count);
    const after = [...this.#pageRows].filter(([other]) => other > path).sort(([a], [b]) => (a < b ? -1 : 1));
    this.#pageList.insertBefore(row, after[0]?.[1].row ?? null);
    const shown = { row, count };
    this.#pageRows.set(path, shown);
    return shown;
  }
}
