/**
 * Metrics for OpenTelemetry, by the shape of its meter: no package of it is needed here. Its collector asks, and
 * nothing is counted twice.
 */
import { hasFunctions, looked, requireTracker, wrongArgument } from "../checks.js";
import type { MetricsSource } from "./source.js";
import { allMetrics, metricsOf, type MetricLabels } from "./metrics.js";

/** What an instrument of OpenTelemetry is observed through. */
interface ObservableResult<Instrument> {
  observe(instrument: Instrument, value: number, attributes?: Record<string, string>): void;
}

/** The part of OpenTelemetry's `Meter` that is used: `metrics.getMeter("rollcall")` is one. */
export interface MeterLike<Instrument> {
  createObservableGauge(name: string, options?: { description?: string; unit?: string }): Instrument;
  createObservableCounter(name: string, options?: { description?: string; unit?: string }): Instrument;
  addBatchObservableCallback(
    callback: (result: ObservableResult<Instrument>) => void,
    observables: Instrument[],
  ): void;
  removeBatchObservableCallback(
    callback: (result: ObservableResult<Instrument>) => void,
    observables: Instrument[],
  ): void;
}

const UNITS: Readonly<Record<string, string>> = { seconds: "s", bytes: "By", "": "1" };

/**
 * Observes trackers and presences on a meter. Names are those of {@link metricsOf} with dots for the first `_`, as
 * `rollcall.frames_sent`, and without `_total`. An observable instrument cannot be a histogram: of durations their sum
 * and their count are told. Returns what ends it.
 *
 * @throws TrackerError `INVALID_ARGUMENT` for what is no meter, and a source that is neither.
 */
export function observeMetrics<Instrument>(
  meter: MeterLike<Instrument>,
  ...sources: readonly MetricsSource[]
): () => void {
  looked("INVALID_ARGUMENT", "meter", () => {
    if (!hasFunctions(meter, ["addBatchObservableCallback"]))
      throw wrongArgument("meter", meter, 'a meter of OpenTelemetry, such as metrics.getMeter("rollcall")');
  });
  for (const source of sources) requireTracker("source", source);
  const instruments = new Map<string, Instrument>();
  for (const { name, unit, help: description, kind } of allMetrics()) {
    const plain = name.replace(/^rollcall_/, "rollcall.").replace(/_total$/, "");
    const options = { description, unit: UNITS[unit] ?? `{${unit}}` };
    if (kind === "gauge") instruments.set(name, meter.createObservableGauge(plain, options));
    else if (kind === "counter") instruments.set(name, meter.createObservableCounter(plain, options));
    else {
      instruments.set(`${name}_sum`, meter.createObservableCounter(`${plain}.sum`, options));
      const count = { description, unit: "{times}" };
      instruments.set(`${name}_count`, meter.createObservableCounter(`${plain}.count`, count));
    }
  }
  const callback = (result: ObservableResult<Instrument>): void => {
    const observe = (name: string, value: number, labels: MetricLabels): void => {
      const instrument = instruments.get(name);
      if (instrument !== undefined) result.observe(instrument, value, { ...labels });
    };
    for (const metric of metricsOf(...sources)) {
      if (metric.kind !== "histogram") {
        for (const { value, labels } of metric.samples) observe(metric.name, value, labels);
        continue;
      }
      for (const { labels, sum, count } of metric.samples) {
        observe(`${metric.name}_sum`, sum, labels);
        observe(`${metric.name}_count`, count, labels);
      }
    }
  };
  const all = [...instruments.values()];
  meter.addBatchObservableCallback(callback, all);
  return () => meter.removeBatchObservableCallback(callback, all);
}
