/** Shoppers and items over the last minutes. One sample per second, whatever happens in between. */
import UPlot from "uplot";
import { find } from "./dom.ts";
import type { ChartHistory } from "../wire.ts";
import type { Totals } from "../presence/totals.ts";

const keptSeconds = 300;

/** Goes on from the history that a node has kept. */
export function startChart(totals: Totals, history: ChartHistory): void {
  const box = find("[data-chart]");
  const seconds = history.timesMs.map((timeMs) => timeMs / 1_000);
  const shoppers = [...history.shoppers];
  const items = [...history.items];
  const colour = (name: string): string => getComputedStyle(box).getPropertyValue(name).trim();
  let plot: UPlot | undefined;

  const draw = (): void => {
    plot?.destroy();
    const muted = resolve(colour("--muted"));
    const grid = { stroke: resolve(colour("--line")), width: 1 };
    const axis = { stroke: muted, grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    plot = new UPlot(
      {
        width: box.clientWidth,
        height: box.clientHeight,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_plot, _least, most) => [0, Math.max(4, most * 1.1)] } },
        axes: [
          { ...axis, space: 90, values: (_plot, times) => times.map(clock) },
          { ...axis, size: 44, space: 28, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000] },
        ],
        series: [
          {},
          { label: "Shoppers", stroke: seriesColour("shoppers"), width: 2, points: { show: false } },
          { label: "Items", stroke: seriesColour("items"), width: 2, points: { show: false } },
        ],
      },
      [seconds, shoppers, items],
      box,
    );
  };

  const sample = (): void => {
    seconds.push(Date.now() / 1000);
    shoppers.push(totals.shoppers);
    items.push(totals.itemsInCarts);
    if (seconds.length > keptSeconds) for (const series of [seconds, shoppers, items]) series.shift();
    plot?.setData([seconds, shoppers, items]);
  };

  draw();
  setInterval(sample, 1_000);
  new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

function clock(seconds: number): string {
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
