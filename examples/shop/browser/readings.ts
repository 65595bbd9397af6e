/** What the dashboard measures by itself: who came and left, and the time from a click in the shop to this screen. */
import type { CartMeta } from "../wire.ts";
import { find, setText } from "./dom.ts";

const keptClicks = 50;
const keptShoppers = 20_000;
/** What took longer was on its way through an outage; what is below nothing is of another clock. */
const plausibleMs = 60_000;
const rateSeconds = 5;

export class Readings {
  readonly #clickedMs = new Map<string, number>();
  readonly #tookMs: number[] = [];
  readonly #rates: (readonly [joins: number, leaves: number])[] = [];
  #unshown: number[] = [];
  #joins = 0;
  #leaves = 0;

  came(): void {
    this.#joins += 1;
  }

  left(): void {
    this.#leaves += 1;
  }

  /** A cart has changed; `clicked_at` is new if a shopper clicked for it. */
  changed(key: string, metas: readonly CartMeta[]): void {
    for (const { clicked_at: clickedMs } of metas) {
      if (typeof clickedMs !== "number" || clickedMs <= (this.#clickedMs.get(key) ?? 0)) continue;
      // Kept when the shopper leaves: whoever comes back after a cut has not clicked again.
      this.#clickedMs.delete(key);
      this.#clickedMs.set(key, clickedMs);
      const [oldest] = this.#clickedMs.keys();
      if (this.#clickedMs.size > keptShoppers && oldest !== undefined) this.#clickedMs.delete(oldest);
      this.#unshown.push(clickedMs);
    }
  }

  /** What changed is on the screen now. */
  painted(): void {
    const nowMs = Date.now();
    for (const clickedMs of this.#unshown) {
      const tookMs = nowMs - clickedMs;
      if (tookMs >= 0 && tookMs < plausibleMs) this.#tookMs.push(tookMs);
    }
    this.#unshown = [];
    while (this.#tookMs.length > keptClicks) this.#tookMs.shift();
    const last = this.#tookMs.at(-1);
    if (last === undefined) return;
    const sorted = [...this.#tookMs].sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? last;
    setText(find('[data-testid="click-to-screen"]'), `${last} ms, median ${median} ms`);
  }

  /** What is known from a first state was clicked before anybody looked. */
  forgetClicks(): void {
    this.#unshown = [];
  }

  /** Ends a second: who came and left in it. */
  takeSecond(): { readonly joins: number; readonly leaves: number } {
    const second = { joins: this.#joins, leaves: this.#leaves };
    this.#joins = this.#leaves = 0;
    this.#rates.push([second.joins, second.leaves]);
    if (this.#rates.length > rateSeconds) this.#rates.shift();
    const perSecond = (index: 0 | 1): string =>
      (this.#rates.reduce((sum, rate) => sum + rate[index], 0) / this.#rates.length).toFixed(1);
    setText(find('[data-testid="rates"]'), `▲ ${perSecond(0)} in, ▼ ${perSecond(1)} out`);
    return second;
  }
}
