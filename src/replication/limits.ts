/** Every limit of the protocol, with its reason. Both sides of a cluster may differ in all of them. */

/** A version of the protocol is a number up to this: what counts lives by version stays small. */
export const MAX_PROTOCOL_VERSION = 65_535;
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
/** Why somebody is evicted, in bytes of its JSON text without the quotes. */
export const MAX_REASON_BYTES = 128;
/** Sessions that one frame wants to end. */
export const MAX_EVICTED = 64;
/** How often the owner of an entry is asked to end it. */
export const EVICTIONS_ASKED = 5;
/** A node name. It stands in every frame. */
export const MAX_NODE_NAME_BYTES = 128;
/** The version of a library, in UTF-16 units: longer than any that this one will have. */
export const MAX_VERSION_LENGTH = 32;
/** More shards than this help nobody: every one costs its share of each heartbeat. */
export const MAX_POOL_SIZE = 1024;
/** Dots that one page says are kept. */
export const MAX_PAGE_KEPT = 16_384;
/** A delta cut into more parts is refused. */
export const MAX_PARTS = 10_000;
/**
 * What a cluster may say in a second before its nodes collect changes for longer, in UTF-16 units, and what a frame costs
 * beside its own: some 140 changes that go out one by one. To hear that much costs a node a hundredth of its time, and
 * half a megabit a second.
 */
export const SAID_PER_SECOND = 65_536;
export const SAID_BY_A_FRAME = 256;
/** What is said above that is remembered for so many periods: a lull within a busy time does not shorten the window. */
export const PERIODS_TO_PAY = 3;
/** A gap is asked for after this long at random: the missing delta may be on its way, others may be quicker. */
export const REQUEST_DELAY_MIN_MS = 20;
export const REQUEST_DELAY_MAX_MS = 60;
/**
 * Without an answer a request is repeated after what the measured round trips make likely (RFC 6298), no sooner than
 * the first of these: the other may be in a long turn. Patience doubles with every failure, up to the second (about a
 * heartbeat) or twice what is likely, whichever is longer.
 */
export const REQUEST_RETRY_MS = 250;
export const REQUEST_RETRY_MAX_MS = 2_000;
/**
 * Patience while no round trip is known: the value that TCP began with (RFC 2988). An answer that is under way is not
 * asked for again.
 */
export const REQUEST_FIRST_PATIENCE_MS = 3_000;
/**
 * Either is no longer than so many heartbeats of this node: what is seen within two of them, if nothing is lost any
 * more, waits for one of them at the most because of what was lost before.
 */
export const REQUEST_FIRST_PATIENCE_HEARTBEATS = 1.5;
export const REQUEST_RETRY_MAX_HEARTBEATS = 1;
/** No round trip makes it longer: what takes longer is lost. */
export const REQUEST_PATIENCE_MAX_MS = 15_000;
/** What any answer costs, however short. */
export const ITEMS_OF_ANY_ANSWER = 5;
/** An unknown life is greeted after this long at random, so that a hundred nodes do not greet it at once. */
export const GREETING_DELAY_MAX_MS = 60;
/**
 * How far a frame counter may run ahead of the highest that was heard: by this, and by so many for each millisecond
 * since. A frame costs its sender more than 10 microseconds; the first number is for a machine whose clock stood
 * still while it slept.
 */
export const COUNTER_JUMP = 2 ** 20;
export const COUNTER_JUMP_PER_MS = 100;
/** A frame that comes later than so many of this node's own delays after a goodbye was sent after it. */
export const DELAYS_TO_OUTLIVE = 4;
/** Runs of counters of a life that are remembered as passed over, for each of its two ways. */
export const MAX_UNHEARD_RUNS = 16;
/** A node tells how late its heartbeats come by so many of the last ones: as soon as two are, until they are past. */
export const HEARTBEATS_REMEMBERED = 8;
/** One is late that takes longer than so many periods: what is less is made up for by the down period. */
export const HEARTBEATS_TO_BE_LATE = 1.5;
/** No node says that it takes longer than this share of the time after which others forget it. */
export const SHARE_OF_PERMDOWN = 1 / 4;
/** A node's down period is at least so many of its heartbeats; a node with another period is judged by its own. */
export const HEARTBEATS_TO_DOWN = 3;
/**
 * A life that is heard and left so many requests unanswered, for longer than its down period, does not hear; or its
 * direct messages get lost. Where every fifth frame is lost at random, a third of the questions are left unanswered, and
 * fewer in a row often are.
 */
export const REQUESTS_UNANSWERED = 8;
/** One that does not hear has left so many requests unanswered that were made aloud. */
export const ALOUD_UNANSWERED = 4;
/**
 * A node that has not heard itself for so many heartbeats doubts its connection, and is deaf after the second: in each
 * it speaks, and a quarter is for the way and for a long turn. Deaf comes before the shortest down period of others.
 */
export const HEARTBEATS_TO_DOUBT = 1.25;
export const HEARTBEATS_TO_DEAF = 2.25;
/** A node speaks a newer version once it has heard so many heartbeats of all that there are, and a quarter is for the way. */
export const HEARTBEATS_TO_GO_UP = 1.25;
/** A node in doubt speaks with every tick, until it has not heard itself for so many heartbeats. */
export const HEARTBEATS_OF_SOUNDING = 8;
/** A node's frames tell of the connection if they come back within so many down periods; later ones are not counted. */
export const DOWN_PERIODS_TO_RETURN = 4;
/** Times at which it spoke that a node remembers: more than there usually are in that time. */
export const SOUNDING_MARKS = 128;
/**
 * The pubsub is asked about a node that has been silent for so many heartbeats. The node has ended if nobody listens
 * for as long as the second and the third: by default within 4 s of a kill, and nearly the 2 s for which a connection
 * may be cut. A node that was absent and came back in the last of these is known to be cut, and has more time.
 */
export const HEARTBEATS_TO_ASK = 1.02;
export const ABSENT_MS = 1_000;
export const ABSENT_HEARTBEATS = 0.93;
export const UNSTEADY_ABSENT_HEARTBEATS = 1.5;
export const UNSTEADY_HEARTBEATS = 150;
/** So many lives that do not hear are asked in a heartbeat whether they do again, however many there are. */
export const ONE_WAY_TRIES_PER_HEARTBEAT = 4;
/** How long one that answered only a broadcast is asked by broadcasts, before a direct request is tried again. */
export const ALOUD_MS = 30_000;
/**
 * An observer is answered like a node, and remembered for the account that it has: so many at a time, each for
 * so long after its last question. A dozen people look at a cluster in trouble.
 */
export const MAX_OBSERVERS = 64;
export const OBSERVER_MEMORY_MS = 120_000;
/** What is refused because a table is full, or is implausible, is reported so often at the most. */
export const REFUSAL_REPORT_MS = 60_000;
/** Nodes that speak no version in common with this one and are remembered by name: each is reported once. */
export const MAX_FOREIGN_NODES = 64;

/**
 * The limits that a replicator is given. All nodes have these; simulated ones also run with small ones, as what happens
 * only beyond ten thousand changes then happens within a few.
 */
export const LIMITS = Object.freeze({
  /**
   * The versions of the protocol that this library reads and writes: these two and all between them. Version 1 is that
   * of the builds before 0.1.0, which say nothing of their versions and refuse kinds that they do not know.
   */
  oldestVersion: 1,
  newestVersion: 2,
  /** Removals that an author remembers, so that a node which missed that many still gets a delta. */
  removalsKept: 10_000,
  /**
   * A change that makes this many dots wait for the flush flushes at once, and no more than this many are flushed in one
   * turn: some milliseconds of work for the author, and as many for each who hears of them. Below the removals kept.
   */
  pendingDots: 2_048,
  /** A node that lacks more dots than this gets pages instead of a delta: as much work, twice. */
  deltaDots: 4_096,
  /** Births and intervals of one page: some milliseconds of work on either side. */
  pageItems: 500,
  /** Entries that one step hides, shows or ends: some milliseconds of work, and the rest follows in the next. */
  entriesPerStep: 1_024,
  /** Answers in one turn of the event loop: a newcomer to a large cluster stalls nobody. */
  answersPerTurn: 1,
  /**
   * What one life may be told, in items: births, removals, intervals. At first twice all that there is (an answer may be
   * lost) and one longest delta; then all of it again in so many seconds, and no less than so many items a second, a
   * tenth of what a core can encode. What has changed since comes on top, twice. So a request of sixty bytes cannot make
   * this node send pages without end.
   */
  answerCreditItems: 8_192,
  answerItemsPerSecond: 1_000,
  answerRefillSeconds: 20,
  /**
   * Slices of one life that are asked for at the same time. An answer is one frame in nearly all cases, so a life has at
   * most some megabytes under way; with fewer, sixty-four shards over a slow network would take as many round trips.
   */
  requestsPerLife: 16,
  /**
   * Requests under way to lives that have never answered, beyond which each such life is asked one at a time until it
   * does: 64 nodes that start together are asked for all that they may be. Made-up ones cost a request each, and not
   * sixteen.
   */
  untriedRequests: 1_024,
  /** A life that has failed so often in a row is asked in the slow lane: one lost frame is no sign, two are. */
  failuresOfSlowLives: 2,
  /**
   * Lives of the slow lane that are asked at the same time: invented or deaf ones cost some frames a second, however
   * many.
   */
  slowRequests: 16,
  /** Lives that are known at a time: more are not listened to, so that forged names cannot fill the memory. */
  knownLives: 4_096,
  /**
   * Slices of which nothing came yet but that their authors claim them, over all lives: those of 256 nodes with 64
   * shards. With what is kept to ask for it each costs some four hundred bytes, and six bytes of a heartbeat claim it.
   * Beyond it every life may claim as many as it is asked for at a time, and the rest with its next heartbeats.
   */
  claimedSlices: 16_384,
  /** Lives that are over and remembered as such. */
  livesOver: 1_000,
  /**
   * How long a node that does not know the others' names hears them out before it believes that it knows all, in
   * heartbeat periods: in one of them everybody speaks, and a quarter is for the way and for a long turn.
   */
  hearingOutHeartbeats: 1.25,
});

export type Limits = { readonly [Limit in keyof typeof LIMITS]: number };
