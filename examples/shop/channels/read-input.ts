/** What shoppers send is checked here: it ends up in front of an admin. */
import type { JsonPayload } from "rollcall/channels";

const maxPageLength = 120;
/** A path of printable characters. Markup may be in it: it is shown as text everywhere. */
const pagePattern = /^\/[^\p{Control}\p{Line_Separator}\p{Paragraph_Separator}\p{Surrogate}]*$/u;

/** The path of an open page, or `undefined` for anything else. */
export function readPage(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > maxPageLength) return undefined;
  return pagePattern.test(value) ? value : undefined;
}

/** An item's id, as a number or in digits; NaN, which no item has, for anything else. */
export function readItemId(payload: JsonPayload): number {
  const value = payload["item_id"];
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : NaN;
}
