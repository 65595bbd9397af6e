/**
 * What pages and nodes say to each other over the sockets. Hardly more than types, so that the browser bundles
 * and the server share one description.
 */
import type { CartRefusal } from "./store/carts.ts";
import type { Level } from "./store/stock.ts";

/** What a cart channel tracks about its shopper: one open page of one cart. */
export interface CartMeta {
  page: string;
  page_loaded_at: number;
  items: number[];
  /** The node that serves the page, and which start of it, from 1. */
  node: string;
  run: number;
  /** When the shopper clicked for this change of the cart, by the browser's clock. */
  clicked_at?: number;
}

/** Event `cart`, and the reply to joining `cart:<cart id>`, `add_item` and `remove_item`. */
export interface CartView {
  readonly lines: readonly CartLineView[];
  readonly subtotalCents: number;
}

export interface CartLineView {
  readonly id: number;
  /** The address of the product's drawing. */
  readonly picture: string;
  readonly name: string;
  readonly brand: string;
  readonly size: string;
  readonly priceCents: number;
  readonly soldOut: boolean;
  readonly released: boolean;
}

export type CartProblem = CartRefusal | "not_in_cart" | "unknown_cart";

/** Event `stock`, and the reply to joining `product:<id>`: what shoppers may know of a product's stock. */
export interface StockView {
  readonly productId: number;
  readonly released: boolean;
  readonly sizes: readonly SizeView[];
  /** Shoppers with a page open that shows this product. */
  readonly looking: number;
}

export interface SizeView {
  readonly id: number;
  readonly level: Level;
  /** The exact number, told only while few are left. */
  readonly left?: number;
}

/** In the reply to joining `admin:cluster`: the last minutes, one sample a second, oldest first. */
export interface ChartHistory {
  readonly timesMs: readonly number[];
  readonly shoppers: readonly number[];
  readonly items: readonly number[];
  /** Shoppers who came and who left in that second. */
  readonly joins: readonly number[];
  readonly leaves: readonly number[];
}

/** Event `cluster` on `admin:cluster`, several times a second. */
export interface ClusterView {
  /** The node that tells. */
  readonly tells: string;
  /** Whether it has heard and caught up with every other node. */
  readonly complete: boolean;
  /** What it has heard of the others itself. */
  readonly heard: readonly HeardNode[];
  /** What the primary knows of all of them. */
  readonly status: ClusterStatus;
  readonly pipeline: PipelineView;
  /** Product id → whether it is on sale, and item id → how many are left. */
  readonly products: readonly { readonly id: number; readonly released: boolean }[];
  readonly available: readonly (readonly [itemId: number, available: number])[];
}

export interface HeardNode {
  readonly name: string;
  /** Changes of that node which the telling one has not seen yet. */
  readonly lagDots: number;
  readonly silentMs: number;
}

export const nodeActions = ["stop", "kill", "pause", "cut", "heal"] as const;
export type NodeAction = (typeof nodeActions)[number];

/** The cluster as its primary governs it, whoever of the nodes hears whom. */
export interface ClusterStatus {
  readonly nodes: readonly NodeStatus[];
  readonly links: readonly LinkStatus[];
  /** The latest last. */
  readonly happened: readonly Happened[];
  /** What the rolling restart that goes on is doing. */
  readonly restart?: string;
  /** Why there can be none now. */
  readonly noRestart?: string;
  /** Shoppers that the shop has brought itself: those who live here, and those who were brought by a button. */
  readonly visitors: number;
  readonly brought: number;
}

export type NodeState = "up" | "starting" | "paused" | "departing" | "ended";

export interface NodeStatus {
  readonly name: string;
  /** Which start of the node this is, from 1. */
  readonly run: number;
  readonly state: NodeState;
  readonly cutOff: boolean;
  /** When the state ends by itself: an ended node is back, a paused one goes on. */
  readonly endsInMs?: number;
  /** Unique shoppers on this node's own list; absent while it does not say. */
  readonly shoppers?: number;
  /** How many shoppers its list and that of most nodes do not have in common; absent while it does not say. */
  readonly differsBy?: number;
  /** How many of these it lacks; the rest is on its list alone. */
  readonly lacks?: number;
  /** The same at this moment, with what is on its way. */
  readonly differsNowBy?: number;
  /** Shoppers whose pages it serves. */
  readonly serves: number;
  /** Those of its last life who have not arrived elsewhere, and when they are forgotten. */
  readonly awaited?: { readonly shoppers: number; readonly forgottenInMs: number };
  /** Which buttons make no sense now, and why. */
  readonly off: Readonly<Partial<Record<NodeAction, string>>>;
}

/** Between two nodes. */
export interface LinkStatus {
  readonly nodes: readonly [string, string];
  readonly cut: boolean;
  readonly framesPerSecond: number;
}

export type HappenedKind =
  | "killed"
  | "stopped"
  | "ended"
  | "paused"
  | "resumed"
  | "cut"
  | "healed"
  | "restarting"
  | "restarted"
  | "back";

export interface Happened {
  readonly id: number;
  readonly kind: HappenedKind;
  readonly atMs: number;
  readonly node?: string;
  /** The life that this happened to. */
  readonly run?: number;
  /** A line to read; what became of it is added when that is known. */
  readonly text: string;
}

/** The stock pipeline: it reads only what somebody looks at. */
export interface PipelineView {
  readonly watched: number;
  readonly products: number;
}
