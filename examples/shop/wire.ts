/**
 * What pages and nodes say to each other over the sockets. Types only, so that the browser bundles and the
 * server share one description.
 */
import type { CartRefusal } from "./store/carts.ts";
import type { Level } from "./store/stock.ts";

/** What a cart channel tracks about its shopper: one open page of one cart. */
export interface CartMeta {
  page: string;
  page_loaded_at: number;
  items: number[];
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
}

export type CartProblem = CartRefusal | "not_in_cart";

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
}

/** Event `cluster` on `admin:cluster`, once a second. */
export interface ClusterView {
  /** The node that tells. */
  readonly tells: string;
  /** Whether it has heard and caught up with every other node. */
  readonly complete: boolean;
  readonly nodes: readonly NodeView[];
  readonly pipeline: PipelineView;
  /** Product id → whether it is on sale, and item id → how many are left. */
  readonly products: readonly { readonly id: number; readonly released: boolean }[];
  readonly available: readonly (readonly [itemId: number, available: number])[];
}

export interface NodeView {
  readonly name: string;
  readonly status: "up" | "down" | "returning" | "departing";
  readonly shoppers: number;
  /** When it began to serve, in milliseconds since 1970 by its own clock; 0 if it does not say. */
  readonly startedAtMs: number;
  /** Changes of that node which the telling one has not seen yet. */
  readonly lagDots: number;
  readonly heardMs: number;
}

/** The stock pipeline: it reads only what somebody looks at. */
export interface PipelineView {
  readonly watched: number;
  readonly products: number;
}
