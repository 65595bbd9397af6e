/** Whether all lists are what the driver's record says. Pure: compares lines of text. */
import type { Report } from "./messages.js";

/** What each process must list, and what it lists. */
export interface Listing {
  readonly reports: readonly {
    readonly nodeName: string;
    readonly expected: readonly string[];
    /** What it must follow. */
    readonly follows: readonly string[];
    readonly report: Report;
  }[];
}

/** Of each kind so many are named. */
const shown = 10;

/** What is missing, too much, or not complete, one text each; nothing if all lists equal the record. */
export function differences({ reports }: Listing): string[] {
  const wrong: string[] = [];
  for (const { nodeName, expected, follows, report } of reports) {
    const truth = new Set(expected);
    if (truth.size !== expected.length) wrong.push("the record has an entry twice");
    const listed = new Set(report.lines);
    const lacking = [...truth].filter((line) => !listed.has(line));
    const ghosts = [...listed].filter((line) => !truth.has(line));
    if (listed.size !== report.lines.length) wrong.push(`${nodeName} lists an entry twice`);
    if (lacking.length > 0) wrong.push(`${nodeName} lacks ${named(lacking)}`);
    if (ghosts.length > 0) wrong.push(`${nodeName} has and should not ${named(ghosts)}`);
    if (!report.complete) wrong.push(`${nodeName} is not complete`);
    const followed = report.follows.map(({ topic }) => topic);
    if (followed.sort().join("\n") !== [...follows].sort().join("\n")) {
      wrong.push(`${nodeName} follows ${JSON.stringify(followed)} instead of ${JSON.stringify(follows)}`);
    }
    const waiting = report.follows.filter(({ complete }) => !complete);
    if (waiting.length > 0)
      wrong.push(`${nodeName} is not complete in ${waiting.map(({ topic }) => topic).join()}`);
    if (lacking.length + ghosts.length + waiting.length > 0 || !report.complete) {
      wrong.push(`${nodeName} knows: ${report.replicas.join("; ")}`);
    }
  }
  return wrong;
}

function named(lines: readonly string[]): string {
  return `${lines.length}:\n  ${lines.slice(0, shown).join("\n  ")}`;
}
