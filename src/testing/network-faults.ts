/**
 * What can go wrong on a simulated network, and how far apart nodes are. Words only: `network.ts` does it.
 */

/** From the first to the second, in milliseconds. */
export type RangeMs = readonly [number, number];

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
  /** How many broadcasts come back to their sender. Default 0. */
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
  echoRate: 0,
};

/** What is broadcast and what is sent to one node may go different ways, and fail apart. */
export type Lane = "broadcast" | "send";

/** How much longer what `from` sends is under way, to `to` or to all. No fault: it stays when all is healed. */
export interface Latency {
  readonly from: string;
  readonly to?: string;
  readonly delayMs: RangeMs;
}

/** How a broker goes away. */
export interface Outage {
  /** Whether the adapters notice it (`disconnected`, later `connected`). Silent otherwise. */
  readonly announced: boolean;
  /** Whether sends fail meanwhile; otherwise they vanish. */
  readonly refuses: boolean;
}
