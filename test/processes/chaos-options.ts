/** How the trackers of a chaos run are set: quick to notice, so that a minute holds many deaths and returns. */
export const chaosOptions = {
  heartbeatPeriodMs: 500,
  broadcastPeriodMs: 300,
  downPeriodMs: 2_000,
  permdownPeriodMs: 12_000,
};
