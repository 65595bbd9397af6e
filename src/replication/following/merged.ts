/** What came of a frame of a share at its follower. Types only. */
import type { SliceChange } from "../holding/identity.js";

export interface Merged {
  readonly change: SliceChange;
  /** Topics in which the author has nothing any more; and whether a registrar has named it since it had. */
  readonly closed: readonly (readonly [topic: string, isListed: boolean])[];
  /** Topics that it opened in another generation than the present one. */
  readonly ignored: readonly (readonly [topic: string, generation: number])[];
  /** Topics that it opened in the present one. */
  readonly opened: readonly string[];
}
