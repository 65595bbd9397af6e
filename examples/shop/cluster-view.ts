/** The cluster as this node sees it, beside what the primary knows of it, for the back office. */
import type { CartTracker } from "./presence/cart-tracker.ts";
import type { Stock } from "./store/stock.ts";
import type { StockPipeline } from "./stock-pipeline.ts";
import type { ClusterStatus, ClusterView, HeardNode } from "./wire.ts";

export interface ClusterViewParts {
  readonly tracker: CartTracker;
  readonly status: ClusterStatus;
  readonly pipeline: StockPipeline;
  readonly stock: Stock;
}

export function clusterView({ tracker, status, pipeline, stock }: ClusterViewParts): ClusterView {
  const { complete, replicas } = tracker.health();
  const heard = new Map<string, HeardNode>();
  // A node that was replaced may be known in two lives: the one that was heard last stands for it.
  for (const { name, lagDots, silentMs } of replicas) {
    const known = heard.get(name);
    if (known === undefined || silentMs < known.silentMs) {
      heard.set(name, { name, lagDots, silentMs: Math.round(silentMs) });
    }
  }
  const all = [...stock.all()];
  return {
    tells: tracker.nodeName,
    complete,
    heard: [...heard.values()],
    status,
    pipeline: pipeline.state(),
    products: all.map(([id, { released }]) => ({ id, released })),
    available: all.flatMap(([, { available }]) => [...available]),
  };
}
