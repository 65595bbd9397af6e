/** How many different shoppers this node serves: a shopper with two pages here counts once. */
export class LocalShoppers {
  readonly #pages = new Map<string, number>();

  get count(): number {
    return this.#pages.size;
  }

  opened(cartId: string): void {
    this.#pages.set(cartId, (this.#pages.get(cartId) ?? 0) + 1);
  }

  closed(cartId: string): void {
    const left = (this.#pages.get(cartId) ?? 0) - 1;
    if (left > 0) this.#pages.set(cartId, left);
    else this.#pages.delete(cartId);
  }
}
