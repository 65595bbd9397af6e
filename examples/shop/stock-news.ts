/**
 * Tells the carts of all nodes that a product can or cannot be had any more. It goes over the same pubsub as
 * the presences, on a channel of its own.
 */
import type { PubSub } from "rollcall";
import { productById, type Product } from "./store/catalogue.ts";

const channel = "shop:stock-news";

export class StockNews {
  readonly #pubsub: PubSub;
  readonly #listeners = new Set<(product: Product) => void>();

  private constructor(pubsub: PubSub) {
    this.#pubsub = pubsub;
  }

  static async open(pubsub: PubSub): Promise<StockNews> {
    const news = new StockNews(pubsub);
    await pubsub.subscribe(channel, (payload) => {
      const product = productById(Number(payload));
      if (product !== undefined) news.#deliver(product);
    });
    return news;
  }

  listen(listener: (product: Product) => void): void {
    this.#listeners.add(listener);
  }

  announce(product: Product): void {
    this.#deliver(product);
    // What is lost here is seen by the next tab that is opened, and by the checkout in any case.
    Promise.resolve(this.#pubsub.broadcast(channel, String(product.id))).catch(() => undefined);
  }

  #deliver(product: Product): void {
    for (const listener of this.#listeners) listener(product);
  }
}
