/**
 * Rows as text: an aligned table for the terminal, a Markdown table for a file. Pure.
 */
import type { Beside, Row, Unit } from "./row.js";
import type { Spread } from "./statistics.js";

const headings = ["what", "median", "min .. max", "floor", "ratio", "target", ""] as const;
const markdownHeadings = [
  ...headings.slice(0, 6),
  "met",
  "Phoenix.Tracker",
  "beside, in the same run",
] as const;

/** The rows as an aligned table, a title before each benchmark. */
export function terminalTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    ...commonCells(row),
    row.target === undefined ? "" : verdict(row.target.met),
  ]);
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const lines = [align(headings, widths)];
  for (const [index, row] of rows.entries()) {
    if (row.benchmark !== rows[index - 1]?.benchmark) lines.push("", row.benchmark);
    lines.push(align(cells[index] ?? [], widths));
    for (const beside of row.beside ?? []) lines.push(`    beside: ${besideText(beside, row.unit)}`);
    if (row.note !== undefined) lines.push(`    ${row.note}`);
  }
  return lines.join("\n");
}

/** The rows as a Markdown table. */
export function markdownTable(rows: readonly Row[]): string {
  const lines = [markdownLine(markdownHeadings), markdownLine(markdownHeadings.map(() => "---"))];
  for (const row of rows) {
    const beside = (row.beside ?? []).map((each) => besideText(each, row.unit));
    if (row.note !== undefined) beside.push(row.note);
    const met = row.target === undefined ? "" : row.target.met ? "yes" : "**no**";
    lines.push(markdownLine([...commonCells(row), met, row.phoenix ?? "", beside.join("; ")]));
  }
  return lines.join("\n");
}

/** A number with as many digits as carry meaning: three, and all of those before the point. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  const decimals = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function commonCells(row: Row): string[] {
  return [
    row.name,
    withUnit(row.value.median, row.unit),
    rangeText(row.value),
    row.floor === undefined ? "" : `${withUnit(row.floor.value.median, row.unit)} (${row.floor.what})`,
    row.floor === undefined ? "" : `${formatNumber(row.floor.ratio)}x`,
    row.target?.text ?? "",
  ];
}

function verdict(met: boolean): string {
  return met ? "met" : "MISSED";
}

function rangeText({ min, max, runs }: Spread): string {
  return runs === 1 ? "" : `${formatNumber(min)} .. ${formatNumber(max)}`;
}

function withUnit(value: number, unit: Unit): string {
  return unit === "" ? formatNumber(value) : `${formatNumber(value)} ${unit}`;
}

function besideText({ what, value }: Beside, unit: Unit): string {
  return `${what} ${withUnit(value.median, unit)}`;
}

function align(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join("  ")
    .trimEnd();
}

function markdownLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
