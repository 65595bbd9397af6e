/**
 * Line charts as SVG text: panels side by side, both axes logarithmic, readable on a dark and on a light page.
 * Pure; knows nothing of what is drawn.
 */

export interface Line {
  readonly name: string;
  /** In the order of x; all positive, since the axes are logarithmic. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Panel {
  readonly title: string;
  readonly xLabel: string;
  readonly lines: readonly Line[];
}

const panelWidth = 400;
const panelHeight = 300;
const margin = { left: 62, right: 76, top: 40, bottom: 46 };

const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 13px; font-weight: 600; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .line { fill: none; stroke-width: 2; }
  .line0 { stroke: #0969da; } .dot0 { fill: #0969da; }
  .line1 { stroke: #bc4c00; } .dot1 { fill: #bc4c00; }
  .line2 { stroke: #1a7f37; } .dot2 { fill: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .grid { stroke: #3d444d; }
    .line0 { stroke: #58a6ff; } .dot0 { fill: #58a6ff; }
    .line1 { stroke: #f0883e; } .dot1 { fill: #f0883e; }
    .line2 { stroke: #3fb950; } .dot2 { fill: #3fb950; }
  }`;

/** The panels as one picture. `names` gives each line its colour, by its place: the same name, the same colour. */
export function chart(title: string, names: readonly string[], panels: readonly Panel[]): string {
  const width = panels.length * panelWidth;
  const drawn = panels.map((panel, index) => {
    return `<g transform="translate(${index * panelWidth} 0)">\n${drawPanel(panel, names)}\n</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${panelHeight}" width="${width}" height="${panelHeight}" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<style>${style}\n</style>`,
    ...drawn,
    "</svg>\n",
  ].join("\n");
}

function drawPanel({ title, xLabel, lines }: Panel, names: readonly string[]): string {
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const x = logScale(Math.min(...xs), Math.max(...xs), margin.left, panelWidth - margin.right);
  const [low, high] = decadesAround(points.map(([, y]) => y));
  const y = logScale(low, high, panelHeight - margin.bottom, margin.top);
  const parts = [text(margin.left, 20, title, "start", "title")];
  for (let tick = low; tick <= high * 1.001; tick *= 10) {
    parts.push(
      `<line class="grid" x1="${margin.left}" x2="${panelWidth - margin.right}" y1="${y(tick)}" y2="${y(tick)}"/>`,
      text(margin.left - 8, y(tick) + 4, short(tick), "end"),
    );
  }
  for (const tick of new Set(xs)) {
    parts.push(text(x(tick), panelHeight - margin.bottom + 18, short(tick), "middle"));
  }
  const middle = (margin.left + panelWidth - margin.right) / 2;
  parts.push(text(middle, panelHeight - 8, xLabel, "middle"));
  for (const line of lines) parts.push(...drawLine(line, names.indexOf(line.name), x, y));
  parts.push(...labels(lines, y));
  return parts.join("\n");
}

function drawLine(line: Line, colour: number, x: Scale, y: Scale): string[] {
  const path = line.points.map(([px, py]) => `${x(px)},${y(py)}`).join(" ");
  return [
    `<polyline class="line line${colour}" points="${path}"/>`,
    ...line.points.map(([px, py]) => `<circle class="dot${colour}" r="3" cx="${x(px)}" cy="${y(py)}"/>`),
  ];
}

/** The names of the lines at their ends, moved apart where they would overlap. */
function labels(lines: readonly Line[], y: Scale): string[] {
  const ends = lines.flatMap(({ name, points }) => {
    const last = points.at(-1);
    return last === undefined ? [] : [{ name, at: y(last[1]) + 4 }];
  });
  ends.sort((a, b) => a.at - b.at);
  let above = -Infinity;
  return ends.map(({ name, at }) => {
    above = Math.max(at, above + 14);
    return text(panelWidth - margin.right + 8, above, name, "start");
  });
}

type Scale = (value: number) => number;

function logScale(low: number, high: number, from: number, to: number): Scale {
  const span = Math.log(high / low) || 1;
  return (value) => round(from + ((to - from) * Math.log(value / low)) / span);
}

function decadesAround(values: readonly number[]): [number, number] {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(Math.max(...values)));
  return [10 ** low, 10 ** Math.max(high, low + 1)];
}

function text(x: number, y: number, content: string, anchor: string, kind = ""): string {
  const className = kind === "" ? "" : ` class="${kind}"`;
  return `<text${className} x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeText(content)}</text>`;
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  if (value >= 1e3) return `${value / 1e3}k`;
  return String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeText(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
