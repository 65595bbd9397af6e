/** How far apart nodes are. Knows no fault, and no payload. */
import type { SeededRandom } from "./random.js";

/** From the first to the second, in milliseconds. */
export type RangeMs = readonly [number, number];

/** How much longer what `from` sends is under way, to `to` or to all. No fault: it stays when all is healed. */
export interface Latency {
  readonly from: string;
  readonly to?: string;
  readonly delayMs: RangeMs;
}

/** The longest that distance alone keeps a payload under way. */
export function slowestOf(latencies: readonly Latency[]): number {
  let slowestMs = 0;
  for (const { from } of latencies) {
    let ofAllMs = 0;
    let ofOneMs = 0;
    for (const { from: other, to, delayMs } of latencies) {
      if (other !== from) continue;
      if (to === undefined) ofAllMs += delayMs[1];
      else ofOneMs = Math.max(ofOneMs, delayMs[1]);
    }
    slowestMs = Math.max(slowestMs, ofAllMs + ofOneMs);
  }
  return slowestMs;
}

/** How much longer a payload is under way because of where the nodes are. */
export function latencyOf(
  latencies: readonly Latency[],
  from: string,
  to: string,
  random: SeededRandom,
): number {
  let latencyMs = 0;
  for (const latency of latencies) {
    const isMeant = latency.from === from && (latency.to ?? to) === to;
    if (isMeant) latencyMs += random.between(...latency.delayMs);
  }
  return latencyMs;
}
