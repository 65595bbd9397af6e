/** What metrics are made of: trackers and presences, by what both of them tell. Types only. */
import type { DurationCounts } from "../durations.js";
import type { Health } from "../tracker/health.js";

/** A `Tracker` or a `Presence`. */
export interface MetricsSource {
  readonly name: string;
  readonly nodeName: string;
  health(): Health & {
    readonly fetches?: DurationCounts | undefined;
    readonly fetchFailures?: number | undefined;
  };
}
