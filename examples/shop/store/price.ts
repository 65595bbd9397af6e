/** Prices as all pages show them, on the server and in the browser. */
export function price(cents: number): string {
  return `€${(cents / 100).toFixed(cents % 100 === 0 ? 0 : 2)}`;
}
