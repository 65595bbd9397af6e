/** Which of this node's cart channels hold a pair of which product, to find those that a change concerns. */
import type { Product } from "../store/catalogue.ts";

export class CartHolders<Holder> {
  readonly #products = new Map<Holder, readonly Product[]>();
  readonly #holders = new Map<Product, Set<Holder>>();

  set(holder: Holder, products: readonly Product[]): void {
    this.delete(holder);
    if (products.length === 0) return;
    this.#products.set(holder, products);
    for (const product of products) {
      const holders = this.#holders.get(product);
      if (holders === undefined) this.#holders.set(product, new Set([holder]));
      else holders.add(holder);
    }
  }

  delete(holder: Holder): void {
    for (const product of this.#products.get(holder) ?? []) this.#holders.get(product)?.delete(holder);
    this.#products.delete(holder);
  }

  of(product: Product): readonly Holder[] {
    return [...(this.#holders.get(product) ?? [])];
  }
}
