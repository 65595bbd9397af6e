/** How a size is called, on the server and, when it has changed, in the browser. */
import type { Level } from "../store/stock.ts";

export interface SizeState {
  readonly released: boolean;
  readonly level: Level;
  readonly inCart: boolean;
  /** The exact number, known only while few are left. */
  readonly left?: number | undefined;
}

export function sizeLabel(size: string, state: SizeState): string {
  return `Size ${size}, ${availability(state)}${state.inCart ? ", in your cart" : ""}`;
}

function availability({ released, level, left }: SizeState): string {
  if (!released) return "not on sale yet";
  if (level === "out") return "sold out";
  if (level === "low") return left === undefined ? "few left" : `only ${left} left`;
  return "in stock";
}
