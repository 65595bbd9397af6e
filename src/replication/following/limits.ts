/** The limits of replication by interest, each with its reason. Nodes of a cluster may differ in all of them. */

/** Who know the stakes of a topic: with one alone, its death would keep new stakes from each other until it is noticed. */
const REGISTRARS = 2;

export interface FollowingLimits {
  readonly registrars: number;
  /** Removals that an author keeps: a follower that stands before them is told everything. */
  readonly removalsKept: number;
  /** Closes that a share keeps, for the same reason. */
  readonly closesKept: number;
  /** Names of nodes of which something is kept until they are heard: what is forgotten is told again by a renewal. */
  readonly namesHinted: number;
  /** What was not confirmed is said again after this time, and then after twice, four and eight times as long. */
  readonly repeatMs: number;
  readonly repeatDoublings: number;
  /** When a share is summed up after its last frame, and after each such summary. */
  readonly summaryDelaysMs: readonly number[];
  /** A registrar is settled when nobody has gone for so many heartbeats: until then others may not have noticed. */
  readonly heartbeatsToSettle: number;
  /** All stakes are enlisted again within this time. */
  readonly renewalMs: number;
}

export const FOLLOWING_LIMITS: FollowingLimits = {
  registrars: REGISTRARS,
  removalsKept: 10_000,
  closesKept: 256,
  namesHinted: 1_024,
  repeatMs: 250,
  repeatDoublings: 3,
  summaryDelaysMs: [2_000, 10_000, 60_000],
  heartbeatsToSettle: 2,
  renewalMs: 600_000,
};
