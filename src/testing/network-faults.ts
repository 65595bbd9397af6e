/** What may go wrong with the payloads of a simulated network. */
import type { RangeMs } from "./latencies.js";

/** What goes wrong with single payloads. Rates are probabilities from 0 to 1. */
export interface NetworkFaults {
  /** How many copies are lost. Default 0. */
  readonly lossRate: number;
  /** How many copies arrive a second time. Default 0. */
  readonly repeatRate: number;
  /** How much later than the first the second copy arrives. Default 0 to 5,000. */
  readonly repeatDelayMs: RangeMs;
  /** How long a copy is under way. Default 0.2 to 3. */
  readonly delayMs: RangeMs;
  /** Whether payloads of one link may overtake each other. Default false. */
  readonly reorder: boolean;
  /** How many calls of `broadcast` and `send` fail, though the payload may have gone out. Default 0. */
  readonly sendErrorRate: number;
  /** How many broadcasts come back to their sender, as they have to. Default 1. */
  readonly echoRate: number;
}

/** A network on which nothing goes wrong. */
export const faultless: NetworkFaults = {
  lossRate: 0,
  repeatRate: 0,
  repeatDelayMs: [0, 5_000],
  delayMs: [0.2, 3],
  reorder: false,
  sendErrorRate: 0,
  echoRate: 1,
};
