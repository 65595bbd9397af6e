/** Metrics as text, in the exposition format of Prometheus (version 0.0.4), which OpenMetrics scrapers read as well. */
import { metricsOf, type HistogramMetric, type MetricLabels, type NumberMetric } from "./metrics.js";
import type { MetricsSource } from "./source.js";

/** The `content-type` to serve the text with. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * All metrics of trackers and presences as a page for Prometheus to scrape.
 *
 * @throws TrackerError `INVALID_ARGUMENT` for a source that is neither.
 */
export function prometheusText(...sources: readonly MetricsSource[]): string {
  const lines: string[] = [];
  for (const metric of metricsOf(...sources)) {
    lines.push(`# HELP ${metric.name} ${metric.help.replace(/[\\\n]/g, escapeOne)}`);
    lines.push(`# TYPE ${metric.name} ${metric.kind}`);
    if (metric.kind === "histogram")
      for (const sample of metric.samples) lines.push(...histogram(metric, sample));
    else for (const { labels, value } of metric.samples) lines.push(line(metric.name, labels, value));
  }
  return lines.map((each) => `${each}\n`).join("");
}

function histogram(
  { name }: HistogramMetric,
  { labels, buckets, count, sum }: HistogramMetric["samples"][number],
): string[] {
  return [
    ...buckets.map((each) => line(`${name}_bucket`, { ...labels, le: String(each.bound) }, each.count)),
    line(`${name}_bucket`, { ...labels, le: "+Inf" }, count),
    line(`${name}_sum`, labels, sum),
    line(`${name}_count`, labels, count),
  ];
}

function line(name: string, labels: MetricLabels, value: NumberMetric["samples"][number]["value"]): string {
  const texts = Object.entries(labels).map(
    ([label, text]) => `${label}="${text.replace(/[\\\n"]/g, escapeOne)}"`,
  );
  return `${name}{${texts.join(",")}} ${value}`;
}

function escapeOne(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}
