/**
 * Text for a terminal: tables that fit its width, colours where there are any, and nothing that a name from the network
 * could do to it.
 */

/** Where it is written, and what that can do. */
export interface Screen {
  readonly columns: number;
  readonly hasColors: boolean;
}

export type Style = "bold" | "dim" | "red" | "yellow" | "green";

const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  yellow: [33, 39],
  green: [32, 39],
};

export interface Cell {
  readonly text: string;
  readonly style?: Style | undefined;
}

export interface Column {
  readonly title: string;
  readonly align?: "right" | undefined;
  /** A column that is wider may be cut to this. One without is never cut. */
  readonly least?: number | undefined;
  /** Left away first where there is no room: the highest number first. */
  readonly spare?: number | undefined;
}

const GAP = 2;

export function styled(screen: Screen, style: Style | undefined, text: string): string {
  if (style === undefined || !screen.hasColors || text === "") return text;
  const [begin, end] = CODES[style];
  return `\u001b[${begin}m${text}\u001b[${end}m`;
}

/** A table in lines that are no wider than the screen, if the columns can be cut or left away so far. */
export function table(
  screen: Screen,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
): string[] {
  const texts = rows.map((row) => row.map(({ text, style }) => ({ text: plain(text), style })));
  let shown = columns.map((_, i) => i);
  const widthOf = (i: number): number =>
    Math.max(textWidth(columns[i]?.title ?? ""), ...texts.map((row) => textWidth(row[i]?.text ?? "")));
  const widths = columns.map((_, i) => widthOf(i));
  const sum = (): number => shown.reduce((all, i) => all + (widths[i] ?? 0) + GAP, -GAP);
  const leastOf = (i: number): number => Math.min(widths[i] ?? 0, columns[i]?.least ?? Infinity);
  const leastSum = (): number => shown.reduce((all, i) => all + leastOf(i) + GAP, -GAP);
  const spares = columns
    .map(({ spare }, i) => ({ spare, i }))
    .filter(({ spare }) => spare !== undefined)
    .sort((a, b) => (b.spare ?? 0) - (a.spare ?? 0));
  for (const { i } of spares) {
    if (leastSum() <= screen.columns) break;
    shown = shown.filter((each) => each !== i);
  }
  // The widest that may be cut is cut first.
  for (let over = sum() - screen.columns; over > 0; over = sum() - screen.columns) {
    const cut = shown
      .filter((i) => (widths[i] ?? 0) > leastOf(i))
      .sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))[0];
    if (cut === undefined) break;
    widths[cut] = (widths[cut] ?? 0) - 1;
  }
  const line = (cells: readonly Cell[]): string =>
    shown
      .map((i, at) => {
        const { text = "", style } = cells[i] ?? {};
        const width = widths[i] ?? 0;
        const isLast = at === shown.length - 1;
        const fitted = cutTo(text, width);
        const space = " ".repeat(Math.max(0, width - textWidth(fitted)));
        if (columns[i]?.align === "right") return space + styled(screen, style, fitted);
        return styled(screen, style, fitted) + (isLast ? "" : space);
      })
      .join(" ".repeat(GAP));
  const head = columns.map(({ title }): Cell => ({ text: title, style: "dim" }));
  return [line(head), ...texts.map(line)];
}

/** Words in lines of a width, each after the first with an indent. */
export function wrapped(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of plain(text).split(" ")) {
    const next = current === "" ? word : `${current} ${word}`;
    const room = width - (lines.length > 0 ? indent.length : 0);
    if (current !== "" && textWidth(next) > room) {
      lines.push(current);
      current = word;
    } else current = next;
  }
  lines.push(current);
  return lines.map((each, i) => (i === 0 ? each : indent + each));
}

/** Control characters, line separators and what changes the direction of the text, escaped. */
export function plain(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\ufeff]/gu,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** At most so wide, with an ellipsis where something was cut off. */
export function cutTo(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let cut = "";
  let used = 1;
  for (const character of text) {
    used += textWidth(character);
    if (used > width) break;
    cut += character;
  }
  return width > 0 ? `${cut}…` : "";
}

/** In columns of a terminal: characters of East Asia and emoji take two, and marks none. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += /^(\p{M}|\u200d)$/u.test(character) ? 0 : isWide(character) ? 2 : 1;
  return width;
}

function isWide(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}

const DURATIONS: readonly (readonly [unit: string, ms: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** In one unit, rounded down: `3s`, `12m`, `4h`. */
export function shortDuration(ms: number): string {
  for (const [unit, unitMs] of DURATIONS) if (ms >= unitMs) return `${Math.floor(ms / unitMs)}${unit}`;
  return ms >= 0 ? "0s" : "-";
}

/** With three digits at the most: `950`, `1.2k`, `34k`, `1.0M`. */
export function shortNumber(value: number): string {
  if (value < 999.5)
    return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
  const [scaled, unit] =
    value < 999_500 ? [value / 1_000, "k"] : value < 999_500_000 ? [value / 1e6, "M"] : [value / 1e9, "G"];
  return `${scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)}${unit}`;
}
