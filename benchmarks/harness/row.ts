/**
 * A row: one measured figure, with its unit, its floor, its target and what others reach. What every benchmark
 * reports, what the table prints and what the JSON file holds.
 */
import { pairedRatio, spread, type Spread } from "./statistics.js";

export type Unit = "ns" | "µs" | "ms" | "s" | "B" | "B/s" | "/s" | "";

/** A figure measured in the same run for comparison. */
export interface Beside {
  readonly what: string;
  readonly value: Spread;
}

interface Target {
  readonly text: string;
  readonly met: boolean;
}

export interface Row {
  /** The benchmark that the row belongs to, as `--only` selects it. */
  readonly benchmark: string;
  readonly name: string;
  readonly unit: Unit;
  readonly value: Spread;
  /** The least that could work, and how many times of it the value is (the median of neighbouring runs). */
  readonly floor?: Beside & { readonly ratio: number };
  readonly target?: Target;
  /** What Phoenix.Tracker took for the same on a machine of the same kind; measured another day. */
  readonly phoenix?: string;
  /** Other figures of the same run, such as a peer or a second percentile. */
  readonly beside?: readonly Beside[];
  readonly note?: string;
}

/** What a benchmark says about a figure; see {@link Row} for the meaning of each. */
export interface Figure {
  readonly name: string;
  readonly unit: Unit;
  readonly values: readonly number[];
  readonly floor?: { readonly what: string; readonly values: readonly number[] };
  readonly target?: {
    readonly text: string;
    readonly met: (median: number, ratio: number) => boolean;
  };
  readonly phoenix?: string | undefined;
  readonly beside?: readonly { readonly what: string; readonly values: readonly number[] }[];
  readonly note?: string;
}

/** @throws Error on a figure without values. */
export function toRow(benchmark: string, figure: Figure): Row {
  const value = spread(figure.values);
  const ratio = figure.floor === undefined ? NaN : pairedRatio(figure.values, figure.floor.values);
  return {
    benchmark,
    name: figure.name,
    unit: figure.unit,
    value,
    ...(figure.floor && { floor: { what: figure.floor.what, value: spread(figure.floor.values), ratio } }),
    ...(figure.target && {
      target: { text: figure.target.text, met: figure.target.met(value.median, ratio) },
    }),
    ...(figure.phoenix !== undefined && { phoenix: figure.phoenix }),
    ...(figure.beside && {
      beside: figure.beside.map(({ what, values }) => ({ what, value: spread(values) })),
    }),
    ...(figure.note !== undefined && { note: figure.note }),
  };
}
