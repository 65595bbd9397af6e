/**
 * How many shoppers and items there were in the last minutes, for the chart of a dashboard that is opened now,
 * and who moved when a node ended. Each node keeps its own, from the changes that it hears anyway.
 */
import type { ChartHistory } from "../wire.ts";
import { cartTopic, type CartTracker } from "./cart-tracker.ts";
import { Moves, type Outcome } from "./moves.ts";
import { homeOf, Totals } from "./totals.ts";

const samplePeriodMs = 1_000;
const keptSamples = 300;

export class History {
  readonly totals = new Totals();
  readonly #moves: Moves;
  readonly #timesMs: number[] = [];
  readonly #shoppers: number[] = [];
  readonly #items: number[] = [];
  readonly #joins: number[] = [];
  readonly #leaves: number[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #joined = 0;
  #left = 0;
  #largestDiff = 0;

  constructor(tracker: CartTracker, moved: (happenedId: number, outcome: Outcome) => void) {
    this.#moves = new Moves(moved);
    const look = (key: string): void => {
      const open = tracker.getByKey(cartTopic, key)?.metas ?? [];
      const before = this.totals.shoppers;
      this.totals.set(key, open);
      this.#joined += Math.max(0, this.totals.shoppers - before);
      this.#left += Math.max(0, before - this.totals.shoppers);
      this.#moves.set(key, open, performance.now());
    };
    tracker.subscribe(cartTopic, {
      state: (presences) => Object.keys(presences).forEach(look),
      diff: ({ joins, updates, leaves }) => {
        this.#largestDiff = Math.max(this.#largestDiff, Object.keys(joins).length);
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
    return {
      timesMs: this.#timesMs,
      shoppers: this.#shoppers,
      items: this.#items,
      joins: this.#joins,
      leaves: this.#leaves,
    };
  }

  /** A life has ended: tells `moved` when all whom it served are listed again. */
  lifeEnded(happenedId: number, node: string, run: number): void {
    this.#moves.begin(happenedId, homeOf(node, run), performance.now());
  }

  /** Shoppers in the largest single change since {@link forgetLargestDiff}. */
  get largestDiff(): number {
    return this.#largestDiff;
  }

  forgetLargestDiff(): void {
    this.#largestDiff = 0;
  }

  #sample(): void {
    this.#moves.tick(performance.now());
    const sampled: [number[], number][] = [
      [this.#timesMs, Date.now()],
      [this.#shoppers, this.totals.shoppers],
      [this.#items, this.totals.itemsInCarts],
      [this.#joins, this.#joined],
      [this.#leaves, this.#left],
    ];
    this.#joined = this.#left = 0;
    for (const [series, value] of sampled) {
      series.push(value);
      if (series.length > keptSamples) series.shift();
    }
  }
}
