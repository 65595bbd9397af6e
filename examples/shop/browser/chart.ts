/**
 * Shoppers and items over the last minutes, and below them who came and who left. One sample per second,
 * whatever happens in between; none while the page is not connected.
 */
import UPlot from "uplot";
import { find, findAll, setAttribute } from "./dom.ts";
import type { ChartHistory, Happened } from "../wire.ts";

const keptSeconds = 300;

/** What a chart asks of the page once a second. */
export interface ChartSource {
  readonly shoppers: number;
  readonly items: number;
  readonly joins: number;
  readonly leaves: number;
}

type Series = (number | null)[];

export class Chart {
  readonly #source: () => ChartSource | undefined;
  readonly #box = find("[data-chart]");
  readonly #rateBox = find("[data-rate-chart]");
  readonly #seconds: number[];
  readonly #shoppers: Series;
  readonly #items: Series;
  readonly #joins: Series;
  readonly #leaves: Series;
  #happened: readonly Happened[] = [];
  #windowSeconds = 60;
  #plots: readonly UPlot[] = [];

  /** Goes on from the history that a node has kept; the source is `undefined` while there is nothing to show. */
  constructor(history: ChartHistory, source: () => ChartSource | undefined) {
    this.#source = source;
    this.#seconds = history.timesMs.map((timeMs) => timeMs / 1_000);
    this.#shoppers = [...history.shoppers];
    this.#items = [...history.items];
    this.#joins = [...history.joins];
    this.#leaves = history.leaves.map((leaves) => -leaves);
    this.#draw();
    setInterval(() => this.#sample(), 1_000);
    new ResizeObserver(() => {
      this.#plots.forEach((plot, index) => plot.setSize(sizeOf(index === 0 ? this.#box : this.#rateBox)));
    }).observe(this.#box);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.#draw());
    }
    for (const button of findAll("[data-window]")) {
      button.addEventListener("click", () => this.#choose(button));
    }
  }

  /** Where the chart gets its marks. */
  mark(happened: readonly Happened[]): void {
    this.#happened = happened;
  }

  #choose(chosen: HTMLElement): void {
    this.#windowSeconds = Number(chosen.dataset["window"]);
    for (const button of findAll("[data-window]")) {
      setAttribute(button, "aria-pressed", String(button === chosen));
    }
    this.#setData();
  }

  #sample(): void {
    const now = this.#source();
    const sampled: [Series, number | null][] = [
      [this.#shoppers, now?.shoppers ?? null],
      [this.#items, now?.items ?? null],
      [this.#joins, now?.joins ?? null],
      [this.#leaves, now === undefined ? null : -now.leaves],
    ];
    this.#seconds.push(Date.now() / 1_000);
    for (const [series, value] of sampled) series.push(value);
    if (this.#seconds.length > keptSeconds) {
      this.#seconds.shift();
      for (const [series] of sampled) series.shift();
    }
    this.#setData();
  }

  #setData(): void {
    this.#plots[0]?.setData([this.#seconds, this.#shoppers, this.#items]);
    this.#plots[1]?.setData([this.#seconds, this.#joins, this.#leaves]);
  }

  #draw(): void {
    for (const plot of this.#plots) plot.destroy();
    const colour = (name: string): string =>
      resolve(getComputedStyle(this.#box).getPropertyValue(name).trim());
    const muted = colour("--muted");
    const axis = {
      stroke: muted,
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    const common = {
      legend: { show: false },
      cursor: { show: false },
      hooks: { draw: [(plot: UPlot) => this.#drawMarks(plot, colour("--ink"))] },
    };
    const x = { range: (): [number, number] => this.#range() };
    const bars = UPlot.paths.bars?.({ size: [0.7, 8] });
    this.#plots = [
      new UPlot(
        {
          ...common,
          ...sizeOf(this.#box),
          scales: { x, y: { range: (_plot, _least, most) => [0, Math.max(4, (most ?? 0) * 1.1)] } },
          axes: [
            { ...axis, space: 90, values: (_plot, times) => times.map(clockOf) },
            {
              ...axis,
              size: 44,
              space: 28,
              incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000],
            },
          ],
          series: [
            {},
            { stroke: seriesColour("shoppers"), width: 2.5, points: { show: false } },
            { stroke: seriesColour("items"), width: 2, dash: [7, 5], points: { show: false } },
          ],
        },
        [this.#seconds, this.#shoppers, this.#items],
        this.#box,
      ),
      new UPlot(
        {
          ...common,
          ...sizeOf(this.#rateBox),
          scales: { x, y: { range: (_plot, least, most) => ratesRange(least, most) } },
          axes: [
            { ...axis, show: false },
            {
              ...axis,
              size: 44,
              space: 20,
              values: (_plot, values) => values.map((value) => String(Math.abs(value))),
            },
          ],
          series: [
            {},
            { fill: seriesColour("shoppers"), ...(bars && { paths: bars }), points: { show: false } },
            { fill: muted, ...(bars && { paths: bars }), points: { show: false } },
          ],
        },
        [this.#seconds, this.#joins, this.#leaves],
        this.#rateBox,
      ),
    ];
  }

  #range(): [number, number] {
    const last = this.#seconds.at(-1) ?? Date.now() / 1_000;
    return [last - this.#windowSeconds, last];
  }

  #drawMarks({ ctx, bbox, valToPos }: UPlot, ink: string): void {
    const [from, to] = this.#range();
    ctx.save();
    ctx.strokeStyle = ink;
    ctx.fillStyle = ink;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textBaseline = "top";
    ctx.textAlign = "left";
    let freeFrom = -Infinity;
    for (const { atMs, kind, node } of this.#happened) {
      const at = atMs / 1_000;
      if (at < from || at > to) continue;
      const left = valToPos(at, "x", true);
      ctx.beginPath();
      ctx.moveTo(left, bbox.top);
      ctx.lineTo(left, bbox.top + bbox.height);
      ctx.stroke();
      const text = node === undefined ? kind : `${kind} ${node.replace("node-", "")}`;
      const width = ctx.measureText(text).width;
      // One that would stand on another is only a line; the list beside it has the words.
      const isHigh = bbox.height > 60 * devicePixelRatio;
      const start = Math.min(left + 4 * devicePixelRatio, bbox.left + bbox.width - width);
      if (!isHigh || start < freeFrom) continue;
      ctx.fillText(text, start, bbox.top + 2 * devicePixelRatio);
      freeFrom = start + width + 4 * devicePixelRatio;
    }
    ctx.restore();
  }
}

function ratesRange(least: number | null, most: number | null): [number, number] {
  const reach = Math.max(2, -(least ?? 0), most ?? 0);
  return [-reach, reach];
}

function sizeOf(box: HTMLElement): { width: number; height: number } {
  return { width: box.clientWidth, height: box.clientHeight };
}

function clockOf(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString(undefined, { hour12: false });
}

/** The colour that the tile of the same series has. */
function seriesColour(series: string): string {
  return getComputedStyle(find(`[data-series="${series}"] .number`)).color;
}

/** A canvas does not know `light-dark()`: let the browser work out the colour. */
function resolve(value: string): string {
  const probe = document.createElement("span");
  probe.style.color = value;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
