/**
 * How many shoppers and items there were in the last minutes, for the chart of a dashboard that is opened now.
 * Each node keeps its own, from the changes that it hears anyway.
 */
import type { ChartHistory } from "../wire.ts";
import { cartTopic, type CartTracker } from "./cart-tracker.ts";
import { Totals } from "./totals.ts";

const samplePeriodMs = 1_000;
const keptSamples = 300;

export class History {
  readonly #totals = new Totals();
  readonly #timesMs: number[] = [];
  readonly #shoppers: number[] = [];
  readonly #items: number[] = [];
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(tracker: CartTracker) {
    const look = (key: string): void => this.#totals.set(key, tracker.getByKey(cartTopic, key)?.metas ?? []);
    tracker.subscribe(cartTopic, {
      state: (presences) => Object.keys(presences).forEach(look),
      diff: ({ joins, updates, leaves }) => {
        for (const part of [joins, updates, leaves]) Object.keys(part).forEach(look);
      },
    });
    this.#timer = setInterval(() => this.#sample(), samplePeriodMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get(): ChartHistory {
    return { timesMs: this.#timesMs, shoppers: this.#shoppers, items: this.#items };
  }

  #sample(): void {
    this.#timesMs.push(Date.now());
    this.#shoppers.push(this.#totals.shoppers);
    this.#items.push(this.#totals.itemsInCarts);
    if (this.#timesMs.length <= keptSamples) return;
    for (const series of [this.#timesMs, this.#shoppers, this.#items]) series.shift();
  }
}
