/** What the table of lives is told when it begins. Types only. */
import type { Life } from "../life.js";
import type { HealthyTime } from "./healthy-time.js";
import type { Peer } from "./peer.js";

export interface MembershipOptions<P extends Peer> {
  readonly self: Life;
  readonly downPeriodMs: number;
  readonly permdownPeriodMs: number;
  readonly healthy: HealthyTime;
  /** How long frames take at the most, as far as this node knows; `Infinity` if it does not. */
  readonly delayMs?: () => number;
  /** Makes what stands for a life that is heard for the first time. */
  readonly makePeer: (life: Life) => P;
}
