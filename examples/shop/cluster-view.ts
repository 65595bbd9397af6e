/** The cluster as this node sees it, for the back office. */
import type { CartTracker } from "./presence/cart-tracker.ts";
import type { Roster } from "./presence/roster.ts";
import type { Stock } from "./store/stock.ts";
import type { StockPipeline } from "./stock-pipeline.ts";
import type { ClusterView, NodeView } from "./wire.ts";

export interface ClusterViewParts {
  readonly tracker: CartTracker;
  readonly roster: Roster;
  readonly pipeline: StockPipeline;
  readonly stock: Stock;
}

export function clusterView({ tracker, roster, pipeline, stock }: ClusterViewParts): ClusterView {
  const node = tracker.nodeName;
  const said = roster.nodes();
  const { complete, replicas } = tracker.health();
  const nodes = new Map<string, NodeView>();
  const add = (name: string, status: NodeView["status"], lagDots: number, heardMs: number): void => {
    const { shoppers = 0, started_at: startedAtMs = 0 } = said.get(name) ?? {};
    nodes.set(name, { name, status, lagDots, heardMs: Math.round(heardMs), shoppers, startedAtMs });
  };
  // A node that was replaced may be known in two lives: the one that is up stands for it.
  for (const { name, status, lagDots, silentMs } of replicas) {
    if (nodes.get(name)?.status !== "up") add(name, status, lagDots, silentMs);
  }
  add(node, "up", 0, 0);
  const all = [...stock.all()];
  return {
    tells: node,
    complete,
    nodes: [...nodes.values()],
    pipeline: pipeline.state(),
    products: all.map(([id, { released }]) => ({ id, released })),
    available: all.flatMap(([, { available }]) => [...available]),
  };
}
