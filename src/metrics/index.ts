/** `rollcall/metrics`: what a tracker counts, for Prometheus, OpenTelemetry and `node:diagnostics_channel`. */
export { DIAGNOSTICS_CHANNELS, diagnosticsChannels } from "./diagnostics-channels.js";
export { metricsOf } from "./metrics.js";
export type { HistogramMetric, Metric, MetricLabels, NumberMetric } from "./metrics.js";
export { observeMetrics } from "./open-telemetry.js";
export type { MeterLike } from "./open-telemetry.js";
export { PROMETHEUS_CONTENT_TYPE, prometheusText } from "./prometheus.js";
export type { MetricsSource } from "./source.js";
