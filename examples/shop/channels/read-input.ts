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

/** Further off than that, the browser's clock says nothing about this one's. */
const maxClockDifferenceMs = 10_000;

/** When the shopper clicked, by a clock that agrees with ours; `undefined` if the browser does not say. */
export function readClickedMs(payload: JsonPayload, nowMs: number): number | undefined {
  const value = payload["clicked_at"];
  if (typeof value !== "number" || !(Math.abs(value - nowMs) < maxClockDifferenceMs)) return undefined;
  return Math.round(value);
}
