/** One rule per product that gives its stage a tint, as a stylesheet: inline styles are not allowed. */
import { products } from "../store/catalogue.ts";

export function paletteStyles(): string {
  return products.map(({ id, palette }) => `.product-${id}{--tint:${palette.tint}}`).join("\n");
}
