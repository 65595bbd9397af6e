/** What sealed pubsubs say to each other, beside what they carry. */

/** What goes between wrappers, from one run to another: is that run yours? It is, and its clock shows this. */
export type RunMessage = { readonly to: string; readonly question: string } & (
  { readonly kind: "ask" } | { readonly kind: "answer"; readonly clockMs: number }
);

/** Only who has a key gets this far; one that has a fault, too. */
export function runMessageOf(text: string): RunMessage | undefined {
  let message: Readonly<Partial<Record<"kind" | "to" | "question" | "clockMs", unknown>>>;
  try {
    message = Object(JSON.parse(text)) as typeof message;
  } catch {
    return undefined;
  }
  const { kind, to, question, clockMs } = message;
  if (typeof to !== "string" || typeof question !== "string" || question.length > 64) return undefined;
  if (kind === "ask") return { kind, to, question };
  if (kind === "answer" && Number.isSafeInteger(clockMs))
    return { kind, to, question, clockMs: clockMs as number };
  return undefined;
}
