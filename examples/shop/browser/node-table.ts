/** The nodes in a table: what each says of itself, what is heard of it here, and what can be done to it. */
import type { ClusterView, NodeAction, NodeStatus } from "../wire.ts";
import { find, findAll, setAttribute, setAvailable, setText } from "./dom.ts";
import { comparedWords, lookOf, signs, stateWords } from "./node-words.ts";

const labels: Readonly<Record<NodeAction, string>> = {
  stop: "Stop",
  kill: "Kill",
  pause: "Pause",
  cut: "Cut off",
  heal: "Heal",
};

export class NodeTable {
  show(view: ClusterView): void {
    for (const node of view.status.nodes) {
      const row = document.querySelector(`tr[data-node="${node.name}"]`);
      if (row !== null) update(row, node, view);
    }
  }
}

function update(row: Element, node: NodeStatus, { tells, heard }: ClusterView): void {
  const look = lookOf(node);
  const part = (name: string): HTMLElement => find(`[data-part="${name}"]`, row);
  setAttribute(row, "data-look", look);
  setText(part("sign"), signs[look]);
  setText(part("state"), stateWords(node));
  setText(part("shoppers"), node.shoppers === undefined ? "–" : String(node.shoppers));
  setText(part("compared"), comparedWords(node));
  setText(part("serves"), String(node.serves));
  setText(part("heard"), heardWords(node, tells, heard));
  for (const form of findAll("form", row)) {
    const wanted = form.dataset["action"] as NodeAction;
    const action = wanted === "cut" && node.cutOff ? "heal" : wanted;
    const button = find("button", form);
    setAttribute(form, "action", `/admin/nodes/${node.name}/${action}`);
    setText(button, labels[action]);
    setAttribute(button, "aria-label", `${labels[action]} ${node.name}`);
    setAvailable(button, node.off[action] === undefined, node.off[action]);
  }
}

function heardWords({ name, state }: NodeStatus, tells: string, heard: ClusterView["heard"]): string {
  if (name === tells) return "tells you this";
  // Who is known to be gone counts as silent for long, however lately it was heard.
  if (state === "ended") return "–";
  const found = heard.find((each) => each.name === name);
  if (found === undefined) return "never";
  const ago = `${(found.silentMs / 1_000).toFixed(1)} s ago`;
  return found.lagDots === 0 ? ago : `${ago}, ${found.lagDots} behind`;
}
