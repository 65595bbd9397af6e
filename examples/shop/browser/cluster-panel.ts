/** What is said about the cluster beside its map: whether the nodes agree, what happened, and what is left. */
import type { ClusterStatus, ClusterView, Happened, NodeStatus } from "../wire.ts";
import { ClusterMap } from "./cluster-map.ts";
import { element, find, findAll, reconcile, setAvailable, setText } from "./dom.ts";
import { clock } from "./liveness.ts";
import { NodeTable } from "./node-table.ts";
import { isFarOff } from "./node-words.ts";

const shownHappenings = 8;

export class ClusterPanel {
  readonly #map = new ClusterMap();
  readonly #table = new NodeTable();
  readonly #verdict = find("[data-verdict]");
  readonly #available = new Map<number, HTMLElement>();

  constructor() {
    for (const cell of findAll("[data-available]")) {
      this.#available.set(Number(cell.dataset["available"]), cell);
    }
  }

  show(view: ClusterView): void {
    const { status } = view;
    this.#map.show(view);
    this.#table.show(view);
    const verdict = verdictOf(status);
    this.#verdict.dataset["look"] = verdict.look;
    setText(this.#verdict, verdict.text);
    // Numbers change twice a second: read out is only whether the nodes agree, and who does not.
    if (verdict.look !== "unsettled") setText(find("[data-verdict-said]"), verdict.said);
    setText(find("[data-underway]"), verdict.why);
    this.#showHappened(status.happened);
    setText(
      find("[data-restart]"),
      status.restart === undefined ? "" : `Rolling restart: ${status.restart}.`,
    );
    setAvailable(find('[data-button="restart"]'), status.noRestart === undefined, status.noRestart);
    setAvailable(
      find('[data-button="home"]'),
      status.brought > 0,
      status.brought > 0 ? undefined : "Nobody was brought in by the button.",
    );
    const brought = status.brought === 0 ? "" : `, and ${status.brought} brought in`;
    setText(find('[data-testid="crowd"]'), `${status.visitors}${brought}`);
    this.#showStock(view);
  }

  #showHappened(happened: readonly Happened[]): void {
    setText(
      find("[data-latest]"),
      happened.at(-1)?.text ?? "Nothing has happened yet. Kill a node, or cut one off.",
    );
    find("[data-nothing-happened]").hidden = happened.length > 0;
    reconcile(
      find("[data-happened]"),
      happened.slice(-shownHappenings).reverse(),
      ({ id }) => String(id),
      ({ kind, atMs }) =>
        element(
          "li",
          { "data-kind": kind },
          element("time", {}, clock(new Date(atMs))),
          element("span", { "data-text": "" }),
        ),
      (child, { text }) => setText(find("[data-text]", child), text),
    );
  }

  #showStock({ complete, pipeline, available, products }: ClusterView): void {
    const completeness = complete ? "" : " This node's list is not complete yet.";
    setText(
      find("[data-pipeline]"),
      pipeline.watched === 0
        ? `Nobody looks at a product: the stock is not read.${completeness}`
        : `Stock is read for ${pipeline.watched} of ${pipeline.products} products: those somebody looks at.${completeness}`,
    );
    for (const [itemId, count] of available) {
      const cell = this.#available.get(itemId);
      if (cell !== undefined) setText(cell, String(count));
    }
    for (const { id, released } of products) showRelease(id, released);
  }
}

interface Verdict {
  readonly look: "agree" | "unsettled" | "differ";
  /** To be seen, and to be read out. */
  readonly text: string;
  readonly said: string;
  readonly why: string;
}

/** Whether all nodes that say something say the same. */
function verdictOf(status: ClusterStatus): Verdict {
  const saying = status.nodes.filter(({ differsBy, state }) => differsBy !== undefined && state === "up");
  if (saying.length === 0) {
    const said = "No node says anything.";
    return { look: "differ", text: said, said, why: "\u00a0" };
  }
  const differing = saying.filter(({ differsBy }) => differsBy !== 0);
  const [first] = differing;
  if (first !== undefined) {
    const rest = differing.length - 1;
    const who = rest === 0 ? `${first.name} differs` : `${first.name} and ${rest} more differ`;
    const text = rest === 0 ? `≠ ${who} by ${first.differsBy ?? 0}` : `≠ ${who}`;
    return { look: "differ", text, said: `${who}.`, why: differenceWords(first) };
  }
  const count = saying.length === 1 ? "One node" : `${saying.length} nodes`;
  if (saying.some(isFarOff)) {
    return {
      look: "unsettled",
      text: `≈ ${count}, not settled`,
      said: "",
      why: "A large change is on its way between them.",
    };
  }
  const said = saying.length === 1 ? "One node serves" : `${count} agree`;
  return { look: "agree", text: `✓ ${said}`, said: `${said}.`, why: underwayWords(status) };
}

/** Two totals do not say by how many the lists differ: each side may have whom the other lacks. */
function differenceWords({ name, differsBy = 0, lacks = 0, awaited }: NodeStatus): string {
  if (awaited !== undefined && lacks === differsBy) {
    return `${name} is new, and does not know those who are still waited for since its last life ended.`;
  }
  return `${name} lists ${differsBy - lacks} whom the others do not, and lacks ${lacks} whom they list.`;
}

/** Nodes that agree may show different numbers for a moment: says why. */
function underwayWords({ nodes }: ClusterStatus): string {
  const totals = nodes.flatMap(({ shoppers, state }) =>
    shoppers === undefined || state !== "up" ? [] : [shoppers],
  );
  const spread = Math.max(0, ...totals) - Math.min(...totals, Infinity);
  if (spread === 0) return "To the last shopper.";
  return `${spread === 1 ? "One shopper is" : `${spread} shoppers are`} on the way between them.`;
}

/** The button goes with the release; who had pressed it stays at that product. */
function showRelease(productId: number, released: boolean): void {
  const row = document.querySelector<HTMLElement>(`[data-product="${productId}"]`);
  if (row === null || row.dataset["released"] === String(released)) return;
  const hadFocus = find("[data-release]", row) === document.activeElement;
  row.dataset["released"] = String(released);
  if (hadFocus) find("[data-product-name]", row).focus();
}
