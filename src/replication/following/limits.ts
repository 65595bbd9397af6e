/** The limits of replication by interest, each with its reason. Nodes of a cluster may differ in all of them. */

import { MAX_POOL_SIZE } from "../limits.js";

/** In every frame of following; another one is reported and not guessed. */
export const FOLLOWING_VERSION = 2;
/** Topics, and lives, that one frame names beside its births: each costs its receiver some microseconds and a few hundred bytes. */
export const MAX_FRAME_ITEMS = 8_192;

/** What is kept and done for a count that somebody wants or asks for, in topics that are told otherwise: four times as much. */
export const ITEMS_OF_A_COUNT = 4;

/** Lives that one frame introduces: each costs its receiver some steps for each topic in which that has a stake. */
export const MAX_FRAME_NAMES = 32;

/** Streams that nodes begin with pairs are below it: what is begun anew within a pair has another one. */
export const STREAMS_OF_PAIRS = 2 ** 32;

/** The most entries that a life may say it has in a topic: the sum of all lives that may be known is exact still. */
export const MAX_AUTHOR_ENTRIES = 2 ** 40;

/** The generation in which a node that holds everything follows each topic, from its beginning to its end. */
export const GENERATION_OF_EVERYTHING = 1;
/**
 * The shard of what such a node has, as those that follow are told of it: above all that nodes have, so that no two refs
 * of a life are the same.
 */
export const SHARD_OF_EVERYTHING = MAX_POOL_SIZE;

/** Who know the stakes of a topic: with one alone, its death would keep new stakes from each other until it is noticed. */
const REGISTRARS = 2;

/** Entries hash to 32 bits, of which so many may be zero. */
export const MAX_SAMPLE = 32;
/** The largest limit of a follow: who wants more may as well hold all. */
export const MAX_FOLLOW_LIMIT = 1_000;

export interface FollowingLimits {
  readonly registrars: number;
  /** Removals that an author keeps: a follower that stands before them is told everything. */
  readonly removalsKept: number;
  /**
   * Births of topics that one frame opens or goes on to tell: some milliseconds of work for the author, and for the follower.
   * What is more is told in stretches.
   */
  readonly stretchBirths: number;
  /**
   * Changes that a frame tells: of what changes at once, more follows in the next frame; a follower that lacks more is told
   * everything, in stretches.
   */
  readonly changesTold: number;
  /** Entries that leave in one turn, of those that were held and are not told anew: some milliseconds of work. */
  readonly entriesPerTurn: number;
  /** Closes that a share keeps, for the same reason. */
  readonly closesKept: number;
  /** Names of nodes of which something is kept until they are heard: what is forgotten is told again by a renewal. */
  readonly namesHinted: number;
  /** And topics of these: each is some eighty bytes. */
  readonly topicsHinted: number;
  /** Members of followed topics that registrars have named, over all lists that are kept: each is some seventy bytes. */
  readonly rowsListed: number;
  /** Who waits for something, such as the first follower of a topic, waits for no longer window than this at each step. */
  readonly awaitedWindowMs: number;
  /** What was not confirmed is said again after this time, and then after twice, four and eight times as long. */
  readonly repeatMs: number;
  readonly repeatDoublings: number;
  /**
   * A share is summed up so long after its last frame, and again until the follower has confirmed it; from then on once in each
   * period. A confirmation waits four fifths of that time for another frame, and a summary goes with one that leaves in the last half of it.
   * Where few changes are shared most frames are followed by none for seconds: after 4 s summaries were a quarter of all
   * frames.
   */
  readonly summaryDelayMs: number;
  readonly summaryPeriodMs: number;
  /** A registrar is settled when nobody has gone for so many heartbeats: until then others may not have noticed. */
  readonly heartbeatsToSettle: number;
  /**
   * Topics that other lives may have told, wished for and opened here, over all of them: each is a few hundred bytes, and
   * ten bytes of a frame tell one.
   */
  readonly topicsHeard: number;
  /**
   * A follow that lingers by what it costs lasts for so long at least, as a user who reloads a page is back within seconds; and
   * for so long at most.
   */
  readonly lingerMinMs: number;
  readonly lingerMaxMs: number;
  /** And a stake without an entry for so long: it costs a row at two registrars. */
  readonly stakeLingerMs: number;
  /** All stakes are enlisted again within this time. */
  readonly renewalMs: number;
  /** The roll is called by so many: two may die, and be slow to be missed. */
  readonly callers: number;
  /**
   * From so many nodes that are up, this one included, beats go to callers, and again to all when there are fewer than so
   * many: up to some dozens, what all hear of all is less than what rolls cost in time until a death is noticed.
   */
  readonly callsFrom: number;
  readonly callsUntil: number;
  /** Lives that are known by their hash alone, and were asked for: more than there can be in a frame are made up. */
  readonly hashesAsked: number;
}

export const FOLLOWING_LIMITS: FollowingLimits = {
  registrars: REGISTRARS,
  removalsKept: 10_000,
  stretchBirths: 1_024,
  changesTold: 2_048,
  entriesPerTurn: 1_024,
  closesKept: 256,
  namesHinted: 1_024,
  topicsHinted: 500_000,
  rowsListed: 2_000_000,
  awaitedWindowMs: 500,
  repeatMs: 250,
  repeatDoublings: 3,
  summaryDelayMs: 10_000,
  summaryPeriodMs: 60_000,
  heartbeatsToSettle: 2,
  topicsHeard: 2_000_000,
  lingerMinMs: 30_000,
  lingerMaxMs: 600_000,
  stakeLingerMs: 60_000,
  renewalMs: 600_000,
  callers: 3,
  callsFrom: 64,
  callsUntil: 48,
  hashesAsked: MAX_FRAME_ITEMS,
};
