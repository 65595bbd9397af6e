/** The nodes as one of them sees them, and what is left in stock. */
import type { ClusterView, NodeView } from "../wire.ts";
import { element, find, findAll, setText } from "./dom.ts";

interface NodeRow {
  readonly row: HTMLElement;
  readonly facts: HTMLElement;
  readonly shoppers: HTMLElement;
}

const statusWords: Record<NodeView["status"], string> = {
  up: "up",
  down: "silent, not counted",
  returning: "back, catching up",
  departing: "saying goodbye",
};

export class ClusterPanel {
  readonly #list = find("[data-nodes]");
  readonly #pipeline = find("[data-pipeline]");
  readonly #rows = new Map<string, NodeRow>();
  readonly #available = new Map<number, HTMLElement>();

  constructor() {
    for (const cell of findAll("[data-available]")) {
      this.#available.set(Number(cell.dataset["available"]), cell);
    }
  }

  show(view: ClusterView): void {
    const names = new Set(view.nodes.map(({ name }) => name));
    for (const [name, { row }] of this.#rows) {
      if (names.has(name)) continue;
      row.remove();
      this.#rows.delete(name);
    }
    for (const node of view.nodes) this.#showNode(node, view.tells);
    const { watched, products } = view.pipeline;
    const completeness = view.complete ? "" : " This node's list is not complete yet.";
    setText(
      this.#pipeline,
      watched === 0
        ? `Nobody looks at a product: the stock is not read.${completeness}`
        : `Stock is read for ${watched} of ${products} products: those somebody looks at.${completeness}`,
    );
    for (const [itemId, count] of view.available) {
      const cell = this.#available.get(itemId);
      if (cell !== undefined) setText(cell, String(count));
    }
    for (const { id, released } of view.products) this.#showRelease(id, released);
  }

  #showNode(node: NodeView, tells: string): void {
    const shown = this.#rows.get(node.name) ?? this.#addRow(node.name);
    shown.row.dataset["status"] = node.status;
    setText(shown.shoppers, String(node.shoppers));
    const heard = node.name === tells ? "tells you this" : `heard ${(node.heardMs / 1000).toFixed(1)} s ago`;
    const lag = node.lagDots === 0 ? "" : ` · ${node.lagDots} changes behind`;
    setText(shown.facts, node.status === "up" ? `${heard}${lag}` : statusWords[node.status]);
  }

  #addRow(name: string): NodeRow {
    const facts = element("span", { class: "small" });
    const shoppers = element("span", { class: "node-shoppers", "data-testid": `shoppers-on-${name}` });
    const row = element(
      "li",
      { class: "node", "data-node": name },
      element("span", { class: "dot" }),
      element("span", { class: "node-facts" }, element("b", {}, name), facts),
      shoppers,
      element(
        "span",
        { class: "node-actions" },
        action(name, "stop", "Stop", "secondary"),
        action(name, "kill", "Kill", "secondary danger"),
      ),
    );
    const after = [...this.#rows].filter(([other]) => other > name).sort(([a], [b]) => (a < b ? -1 : 1));
    this.#list.insertBefore(row, after[0]?.[1].row ?? null);
    const made = { row, facts, shoppers };
    this.#rows.set(name, made);
    return made;
  }

  #showRelease(productId: number, released: boolean): void {
    const row = document.querySelector<HTMLElement>(`[data-product="${productId}"]`);
    if (row === null || row.dataset["released"] === String(released)) return;
    row.dataset["released"] = String(released);
    find("[data-release]", row).hidden = released;
  }
}

function action(node: string, verb: string, label: string, style: string): HTMLElement {
  const button = element("button", { class: style, "aria-label": `${label} ${node}` }, label);
  return element(
    "form",
    { method: "post", action: `/admin/nodes/${node}/${verb}`, "data-quiet": "" },
    button,
  );
}
