/** A strict reader of Prometheus text, and as much of its query language as the alerts of the docs use. */

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Page {
  readonly types: ReadonlyMap<string, string>;
  readonly series: readonly Series[];
}

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"/y;

/** @throws Error for what is not of version 0.0.4 of the format, and for a series that is there twice. */
export function parseText(text: string): Page {
  if (text !== "" && !text.endsWith("\n")) throw new Error("the last line has no end");
  const types = new Map<string, string>();
  const helped = new Set<string>();
  const series: Series[] = [];
  const seen = new Set<string>();
  for (const line of text.split("\n").slice(0, -1)) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment !== null) {
      const [, what, name = "", rest = ""] = comment;
      if (what === "HELP") {
        if (helped.has(name)) throw new Error(`two HELP of ${name}`);
        if (/\\(?![\\n])/.test(rest)) throw new Error(`wrong escape in the help of ${name}`);
        helped.add(name);
      } else {
        if (types.has(name)) throw new Error(`two TYPE of ${name}`);
        if (!["counter", "gauge", "histogram"].includes(rest)) throw new Error(`type ${rest}`);
        types.set(name, rest);
      }
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (sample === null) throw new Error(`no line of the format: ${line}`);
    const [, name = "", inner = "", number = ""] = sample;
    const family = name.replace(/_(bucket|sum|count)$/, "");
    const type = types.get(name) ?? types.get(family);
    if (type === undefined) throw new Error(`${name} has no TYPE before it`);
    if (type !== "histogram" && !types.has(name)) throw new Error(`${name} is no series of a ${type}`);
    const value = number === "+Inf" ? Infinity : Number(number);
    if (Number.isNaN(value)) throw new Error(`no number: ${line}`);
    const labels = parseLabels(inner);
    const id = `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
    if (seen.has(id)) throw new Error(`twice: ${id}`);
    seen.add(id);
    series.push({ name, labels, value });
  }
  return { types, series };
}

function parseLabels(inner: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let at = 0;
  while (at < inner.length) {
    LABEL.lastIndex = at;
    const found = LABEL.exec(inner);
    if (found === null) throw new Error(`no labels: ${inner}`);
    const [whole, label = "", text = ""] = found;
    labels[label] = text.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
    at += whole.length;
    if (at < inner.length && inner[at++] !== ",") throw new Error(`no comma: ${inner}`);
  }
  return labels;
}

export interface Alert {
  readonly name: string;
  readonly expr: string;
  readonly forMs: number;
}

/** The alerts of a file of rules, as far as they are one line each. */
export function parseAlerts(yaml: string): Alert[] {
  return yaml
    .split(/^ +- alert: /m)
    .slice(1)
    .map((text) => ({
      name: text.split("\n")[0]?.trim() ?? "",
      expr: /^ +expr: (.+)$/m.exec(text)?.[1]?.trim() ?? "",
      forMs: durationMs(/^ +for: (.+)$/m.exec(text)?.[1]?.trim() ?? ""),
    }));
}

function durationMs(text: string): number {
  const [, number, unit = ""] = /^(\d+)([smh])$/.exec(text) ?? [];
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000 }[unit];
  if (number === undefined || unitMs === undefined) throw new Error(`no duration: ${text}`);
  return Number(number) * unitMs;
}

/** A page that was scraped, and when. */
export interface Scrape {
  readonly atMs: number;
  readonly page: Page;
}

const EXPRESSION =
  /^(?:(increase)\()?([a-z_]+)(?:\{([a-z]+)(=|!=)"([^"]*)"\})?(?:\[(\w+)\]\))? (==|>|<) ([0-9.]+)$/;

/** The series of the last scrape for which a comparison is true. @throws Error for any other expression. */
function matching(expr: string, scrapes: readonly Scrape[]): Series[] {
  const parts = EXPRESSION.exec(expr);
  const last = scrapes.at(-1);
  if (parts === null || last === undefined) throw new Error(`cannot evaluate ${expr}`);
  const [, increase, name = "", label, match, text, range, operator, limit] = parts;
  if (!last.page.types.has(name)) throw new Error(`there is no ${name}`);
  const value = (series: Series): number => {
    if (increase === undefined) return series.value;
    const sinceMs = last.atMs - durationMs(range ?? "");
    const first = scrapes.find(({ atMs }) => atMs >= sinceMs) ?? last;
    const before = first.page.series.find((each) => each.name === name && sameLabels(each, series));
    return series.value - (before?.value ?? series.value);
  };
  return last.page.series.filter((series) => {
    if (series.name !== name) return false;
    if (label !== undefined && (series.labels[label] === text) !== (match === "=")) return false;
    const found = value(series);
    return operator === "=="
      ? found === Number(limit)
      : operator === ">"
        ? found > Number(limit)
        : found < Number(limit);
  });
}

function sameLabels(a: Series, b: Series): boolean {
  return JSON.stringify(Object.entries(a.labels).sort()) === JSON.stringify(Object.entries(b.labels).sort());
}

/** Whether an alert fires at the last scrape: some series matched at all scrapes of its `for`, and those go back that far. */
export function fires({ expr, forMs }: Alert, scrapes: readonly Scrape[]): boolean {
  const lastMs = scrapes.at(-1)?.atMs ?? 0;
  const begin = scrapes.findLastIndex(({ atMs }) => atMs <= lastMs - forMs);
  if (begin < 0) return false;
  const always = scrapes.slice(begin).map((_, i) => {
    const found = matching(expr, scrapes.slice(0, begin + i + 1));
    return new Set(found.map(({ labels }) => JSON.stringify(labels)));
  });
  return [...(always[0] ?? [])].some((labels) => always.every((set) => set.has(labels)));
}
