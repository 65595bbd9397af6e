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
  const shoppers = roster.shoppers();
  const { complete, replicas } = tracker.health();
  const nodes = new Map<string, NodeView>();
  // A node that was replaced may be known in two lives: the one that is up stands for it.
  for (const { name, status, lagDots, silentMs } of replicas) {
    if (nodes.get(name)?.status === "up") continue;
    nodes.set(name, {
      name,
      status,
      lagDots,
      heardMs: Math.round(silentMs),
      shoppers: shoppers.get(name) ?? 0,
    });
  }
  nodes.set(node, { name: node, status: "up", lagDots: 0, heardMs: 0, shoppers: shoppers.get(node) ?? 0 });
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
