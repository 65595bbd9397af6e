/** Whether all lists are what the driver's record says. Pure: compares lines of text. */
import type { Report } from "./messages.js";

/** What must be listed, and what each process lists. */
export interface Listing {
  readonly expected: readonly string[];
  readonly reports: readonly { readonly nodeName: string; readonly report: Report }[];
}

/** Of each kind so many are named. */
const shown = 10;

/** What is missing, too much, or not complete, one text each; nothing if all lists equal the record. */
export function differences({ expected, reports }: Listing): string[] {
  const wrong: string[] = [];
  const truth = new Set(expected);
  if (truth.size !== expected.length) wrong.push("the record has an entry twice");
  for (const { nodeName, report } of reports) {
    const listed = new Set(report.lines);
    const lacking = [...truth].filter((line) => !listed.has(line));
    const ghosts = [...listed].filter((line) => !truth.has(line));
    if (listed.size !== report.lines.length) wrong.push(`${nodeName} lists an entry twice`);
    if (lacking.length > 0) wrong.push(`${nodeName} lacks ${named(lacking)}`);
    if (ghosts.length > 0) wrong.push(`${nodeName} has and should not ${named(ghosts)}`);
    if (!report.complete) wrong.push(`${nodeName} is not complete`);
    if (lacking.length + ghosts.length > 0 || !report.complete) {
      wrong.push(`${nodeName} knows: ${report.replicas.join("; ")}`);
    }
  }
  return wrong;
}

function named(lines: readonly string[]): string {
  return `${lines.length}:\n  ${lines.slice(0, shown).join("\n  ")}`;
}
