/** The periods that chaos runs with. */
import type { Periods } from "./messages.js";

export type Profile = "short" | "medium" | "default";

/** As short as a busy machine can keep: many a node goes down and is forgotten in a minute. */
const short: Periods = {
  broadcastPeriodMs: 100,
  heartbeatPeriodMs: 300,
  downPeriodMs: 1_200,
  permdownPeriodMs: 6_000,
};

/** For many processes on few cores, each of which waits for its turn. */
const medium: Periods = {
  broadcastPeriodMs: 300,
  heartbeatPeriodMs: 1_000,
  downPeriodMs: 4_000,
  permdownPeriodMs: 20_000,
};

/** Those of `Tracker.start`. */
const standard: Periods = {
  broadcastPeriodMs: 1_500,
  heartbeatPeriodMs: 2_000,
  downPeriodMs: 8_000,
  permdownPeriodMs: 1_200_000,
};

export function periodsOf(profile: Profile): Periods {
  return { short, medium, default: standard }[profile];
}
