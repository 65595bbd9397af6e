/**
 * Keeps the stock that pages show in step with the database, and reads the database only for products that
 * somebody looks at, on any node: the count of a tracker is what opens and shuts the pipeline. One node does
 * the reading, the first by name of those that are up; if two do for a moment, shoppers are told twice.
 */
import type { ChannelServer } from "rollcall/channels";
import { viewersTopic, type Viewers } from "./presence/viewers.ts";
import { products, itemsOf, type Product } from "./store/catalogue.ts";
import { levelOf, type ProductStock, type Stock } from "./store/stock.ts";
import type { StockNews } from "./stock-news.ts";
import type { PipelineView, StockView } from "./wire.ts";

const readPeriodMs = 1_000;

export interface PipelineParts {
  readonly stock: Stock;
  readonly viewers: Viewers;
  /** Topics of products that somebody has come to look at; taken out once that was told. */
  readonly arrivals: Set<string>;
  readonly channels: ChannelServer;
  readonly news: StockNews;
}

export class StockPipeline {
  readonly #parts: PipelineParts;
  /** What was told last, as text: only a difference is told, or what somebody who came has not heard. */
  readonly #told = new Map<Product, { text: string; outs: string }>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#readWatched(), readPeriodMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What a page that opens now is told. */
  viewOf(product: Product): StockView {
    return stockView(product, this.#parts.stock.of(product), this.#looking(product));
  }

  /** Tells at once what this node has changed. */
  changed(product: Product): void {
    this.#tell(product);
  }

  state(): PipelineView {
    const watched = products.filter((product) => this.#parts.viewers.count(viewersTopic(product)) > 0);
    return { watched: watched.length, products: products.length };
  }

  #readWatched(): void {
    if (!this.#isReader()) return;
    for (const product of products) {
      if (this.#parts.viewers.count(viewersTopic(product)) > 0) this.#tell(product);
      else this.#told.delete(product);
    }
  }

  #isReader(): boolean {
    const { viewers } = this.#parts;
    return viewers.health().replicas.every(({ name, status }) => status !== "up" || name >= viewers.nodeName);
  }

  #tell(product: Product): void {
    const { stock, arrivals, channels, news } = this.#parts;
    const view = stockView(product, stock.of(product), this.#looking(product));
    const text = JSON.stringify(view);
    const outs = `${view.released} ${view.sizes.filter(({ level }) => level === "out").map(({ id }) => id)}`;
    const told = this.#told.get(product);
    const topic = viewersTopic(product);
    // When one page opens and another closes, the count stays, but the new page may have been told another.
    if (told?.text === text && !arrivals.has(topic)) return;
    arrivals.delete(topic);
    this.#told.set(product, { text, outs });
    channels.broadcast(topic, "stock", view);
    // Carts hold what their shopper may not look at any more; they care only for what can be had.
    if (told?.outs !== outs) news.announce(product);
  }

  #looking(product: Product): number {
    return this.#parts.viewers.countKeys(viewersTopic(product));
  }
}

function stockView(product: Product, stock: ProductStock, looking: number): StockView {
  const sizes = itemsOf(product).map(({ id }) => {
    const available = stock.available.get(id) ?? 0;
    const level = levelOf(available);
    return level === "low" ? { id, level, left: available } : { id, level };
  });
  return { productId: product.id, released: stock.released, sizes, looking };
}
