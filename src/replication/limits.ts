/**
 * Every limit of the protocol, with its reason. Both sides of a cluster may differ in all but the first.
 */

/** In every frame; another one is reported and not guessed. */
export const PROTOCOL_VERSION = 1;
/** No frame is larger, whatever the pubsub allows: a larger one would stall its receiver. */
export const MAX_FRAME_BYTES = 256 * 1024;
/** Texts of a frame's births, each written out wherever it is used, in UTF-16 units: what sharing may save. */
export const MAX_EXPANDED_LENGTH = 16 * MAX_FRAME_BYTES;
/** Births of one frame; above the pending dots and the dots of a delta. */
export const MAX_FRAME_BIRTHS = 16_384;
/** A meta is nested no deeper: a reader that recurses must not overflow. */
export const MAX_META_DEPTH = 64;
/** A session id, in UTF-16 units. Those that a `Session` makes are less than half as long. */
export const MAX_SESSION_LENGTH = 64;
/** A topic or key, in bytes of its JSON text without the quotes. */
export const MAX_NAME_BYTES = 512;
/** A node name. It stands in every frame. */
export const MAX_NODE_NAME_BYTES = 128;
/** More shards than this help nobody: every one costs its share of each heartbeat. */
export const MAX_POOL_SIZE = 1024;
/**
 * What an author keeps and says at once. One object, because simulated clusters also run with small ones: what
 * happens only beyond ten thousand changes then happens within a few.
 */
export const AUTHOR_LIMITS = {
  /** Removals that are remembered, so that a node which missed that many still gets a delta. */
  removalsKept: 10_000,
  /** A change that makes this many dots wait for the flush flushes at once; below the removals kept. */
  pendingDots: 8_192,
  /** A node that lacks more dots than this gets pages instead of a delta. */
  deltaDots: 8_192,
  /** Births and intervals of one page: some milliseconds of work on either side. */
  pageItems: 500,
};
/** Dots that one page says are kept. */
export const MAX_PAGE_KEPT = 16_384;
/** A delta cut into more parts is refused. */
export const MAX_PARTS = 10_000;
/** A gap is asked for after this long at random: the missing delta may be on its way, others may be quicker. */
export const REQUEST_DELAY_MIN_MS = 20;
export const REQUEST_DELAY_MAX_MS = 60;
/** Without an answer a request is repeated after this, then twice that, up to about a heartbeat. */
export const REQUEST_RETRY_MS = 250;
export const REQUEST_RETRY_MAX_MS = 2_000;
/** Slices that are asked for at the same time. */
export const MAX_REQUESTS_IN_FLIGHT = 3;
/** An unknown life is greeted after this long at random, so that a hundred nodes do not greet it at once. */
export const GREETING_DELAY_MAX_MS = 60;
/** How long a node waits for greetings before it believes that it is alone. */
export const GREETINGS_AWAITED_MS = 250;
/** Lives that are known at a time: more are not listened to, so that forged names cannot fill the memory. */
export const MAX_KNOWN_LIVES = 4_096;
/** Lives that are over and remembered as such. */
export const MAX_OVER_LIVES = 1_000;
/** A frame counter may not run ahead by more: no life sends that many frames within its memory. */
export const MAX_COUNTER_JUMP = 2 ** 32;
