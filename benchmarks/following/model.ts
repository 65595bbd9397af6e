/**
 * What a node is expected to hold and to receive per second, computed from a placement: means over a few nodes, of full
 * replication and of shares. A model, not a measurement: each run of `bench:following` says how far it is off.
 *
 * Left out are limits, which are not built, and pages.
 */
import { encodeFollowing } from "../../src/replication/following/codec.js";
import type { Letters, ShareFrame } from "../../src/replication/following/message.js";
import { FOLLOWING_LIMITS } from "../../src/replication/following/limits.js";
import { makeIncarnation } from "../../src/replication/life.js";
import { SAID_BY_A_FRAME, SAID_PER_SECOND } from "../../src/replication/limits.js";
import type { WireBirth, WireRemoval } from "../../src/replication/message.js";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import { Session } from "../../src/session.js";
import { keyOf, metaOf } from "../workload.js";
import type { Placement } from "./placement.js";

export interface Load {
  /** The share of all entries that is replaced per second: one leave and one join each. */
  readonly churnPerSecond: number;
  readonly windowMs: number;
  readonly lingerMs: number;
}

export interface Expected {
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  /** Entries, its own and those of others. */
  readonly held: number;
  readonly heapBytes: number;
}

/**
 * Bytes of what stands beside births in a frame, counted in the frames of a run of 20 nodes; topics as those of these
 * rooms.
 */
const BEAT = 56;
/** A life in a roll. */
const CALL = 9;
/** A topic that is wished for, or no longer, and the confirmation; one that is opened, or closed. */
const WISH = 43;
const OPEN = 6;
const CLOSE = 10;
/** A stake that is told to a registrar; its answer, without those whom it names; one life that it names, with its stake. */
const STAKE = 45;
const LIST = 70;
const MEMBER = 7;
/** A summary, or its confirmation, without its frame. */
const SUMMARY = 30;
/** Each end waits so long for another frame to the same peer: a heartbeat. */
const PATIENCE_MS = 2_000;
const HEARTBEAT_PER_SECOND = 0.5;
/** Bytes of the heap. */
const OWN = 386;
const REMOTE = 339;
const PAIR_TOPIC = 120;
const FULL = { windowMs: 1_500, shards: 4, heartbeat: 77 };
const SAMPLED = 8;
const LIFE = { name: "web-0001", incarnation: makeIncarnation(1_700_000_000_000, "abcde") };

/**
 * Frames per second from one node to another where nodes follow, whose windows are as long as their load makes them.
 * After a frame the next one leaves when there is something awaited and its window is over, or any change and the window
 * of changes is; ends go with them, and alone where none comes in time.
 */
function framesOfPair(changes: number, { awaited, ends }: News, windowMs: number): number {
  const window = windowMs / 1_000;
  const soon = Math.min(windowMs, FOLLOWING_LIMITS.awaitedWindowMs) / 1_000;
  const all = changes + awaited;
  const alone = ends * Math.exp((-all * PATIENCE_MS) / 1_000);
  if (all <= 0) return alone;
  const between =
    awaited > 0 ? (Math.exp(-awaited * soon) - Math.exp(-awaited * window)) / awaited : window - soon;
  // The awaited of the window are what the exponents leave out: nothing of them came until it ended.
  const rest = Math.exp(-all * window) / all;
  return 1 / (soon + between + rest) + alone;
}

/**
 * What a node that is no caller hears per second of who is there: each beat, or in a large cluster those of the callers and
 * their rolls, which name all.
 */
function beatsOf(nodes: number): { readonly frames: number; readonly bytes: number } {
  const { callers, callsFrom } = FOLLOWING_LIMITS;
  const ofAll = (nodes - 1) * HEARTBEAT_PER_SECOND;
  if (nodes < callsFrom) return { frames: ofAll, bytes: ofAll * BEAT };
  const each = callers * HEARTBEAT_PER_SECOND;
  return { frames: 2 * each, bytes: each * (2 * BEAT + nodes * CALL) };
}

/** What stakes that begin and end make a node say to another, per second. */
interface News {
  readonly awaited: number;
  readonly ends: number;
}

/**
 * A share sums itself up when it has been quiet for a while, and again for each period in which it is; with a frame that
 * tells something else, if one leaves in the last half of that time. So does its confirmation: alone are those that find none.
 */
function summariesOf(changes: number, { awaited, ends }: News, frames: number): Summaries {
  const [delay, period] = [FOLLOWING_LIMITS.summaryDelayMs / 1_000, FOLLOWING_LIMITS.summaryPeriodMs / 1_000];
  const said = changes * Math.exp(-changes * delay) + Math.exp(-changes * period) / period;
  const withoutAny = (rate: number): number => Math.exp((-rate * delay) / 2);
  return { said, alone: said * (withoutAny(awaited + ends) + withoutAny(frames)) };
}

/** Per second: summaries, and how many frames they and their confirmations are alone in. */
interface Summaries {
  readonly said: number;
  readonly alone: number;
}

/** Frames per second of one sender to one receiver: the first change leaves at once, further ones after the window. */
function framesOf(changesPerSecond: number, windowMs: number): number {
  if (changesPerSecond <= 0) return 0;
  const window = windowMs / 1_000;
  return 1 / (window + Math.exp(-changesPerSecond * window) / changesPerSecond);
}

/**
 * The part of so many frames of a pair in which any of these is, of all that is said. Missing are the frames that something
 * else has begun, and in whose window none of these came.
 */
function partWith(these: number, all: number, frames: number): number {
  if (these <= 0 || frames <= 0) return 0;
  const windowSeconds = Math.max(0, 1 / frames - 1 / all);
  return 1 - (1 - these / all) * Math.exp(-these * windowSeconds);
}

/** Bytes per second of one to another where nodes follow, without what opens and stakes have in them. */
function bytesOfPair(
  frames: number,
  changes: number,
  births: number,
  opens: number,
  { awaited, ends }: News,
): number {
  const { empty, share, first, birth, removal } = SHARE_BYTES;
  const all = changes + awaited + ends;
  // An open has births in it, a close has none.
  const withShare = partWith(changes + 2 * opens, all, frames);
  const withBirths = partWith(births + opens, all, frames);
  return frames * (empty + withShare * share + withBirths * (first - birth)) + births * (birth + removal);
}

/** Bytes on the wire, as the codec makes them of a member of a room. */
interface Bytes {
  /** A frame with one birth, a further birth, and a removal. */
  readonly frame: number;
  readonly birth: number;
  readonly removal: number;
}

/** Half of the changes are births, half removals; a frame has one birth, or those that there are. */
function bytesOf(frames: number, changes: number, { frame, birth, removal }: Bytes): number {
  return frames * (frame - birth) + (changes / 2) * (birth + removal);
}

const FULL_BYTES = bytesBy((births, removed) =>
  encodeFrame({
    ...{ from: LIFE, to: undefined, counter: 12_345 },
    message: { type: "delta", shard: 3, since: 12_340, upTo: 12_345, part: 1, parts: 1, births, removed },
  }),
);
/** The same of a share: a frame without any, what a share adds, and what the first birth in it does. */
const SHARE_BYTES = shareBytes();

function shareBytes() {
  const of = (letters: Letters): string =>
    encodeFollowing({
      ...{ from: LIFE, to: LIFE.incarnation, counter: 12_345 },
      message: { type: "pair", letters, part: 1, parts: 1 },
    });
  const shareOf = (births: readonly WireBirth[], removals: readonly WireRemoval[]): ShareFrame => {
    const range = { stream: 12, isWhole: false, since: 12_340, upTo: 12_345, from: 12, to: 12 };
    return { ...range, opens: [], floors: [], closes: [], births, removals, closed: [] };
  };
  const { frame, birth, removal } = bytesBy((births, removals) => of({ share: shareOf(births, removals) }));
  const [empty, without] = [of({}).length, of({ share: shareOf([], []) }).length];
  return { empty, share: without - empty, first: frame - without, birth, removal };
}

function bytesBy(encode: (births: readonly WireBirth[], removed: readonly WireRemoval[]) => string): Bytes {
  const births = [1, 2].map((i) => {
    const user = 10_000 + i;
    return {
      clock: 12_340 + i,
      topic: `room:${user}`,
      key: keyOf(user),
      session: new Session().id,
      meta: metaOf(user),
    };
  });
  const removed = [{ clock: 12_343, removed: 11_111, closed: true }];
  const [one, two] = [encode(births.slice(0, 1), []), encode(births, [])].map((text) => text.length) as [
    number,
    number,
  ];
  return { frame: one, birth: two - one, removal: encode(births.slice(0, 1), removed).length - one };
}

export function fullReplication({ size }: Placement, { churnPerSecond }: Load): Expected {
  const own = size.entries / size.nodes;
  const changes = 2 * churnPerSecond * own;
  const frames = framesOf(changes / FULL.shards, FULL.windowMs) * FULL.shards;
  const others = size.nodes - 1;
  return {
    receivedFrames: others * (frames + HEARTBEAT_PER_SECOND),
    receivedBytes:
      others * (bytesOf(frames, changes, FULL_BYTES) + HEARTBEAT_PER_SECOND * 2 * FULL.heartbeat),
    held: size.entries,
    heapBytes: own * OWN + (size.entries - own) * REMOTE,
  };
}

/** Draws the members of every room anew, so it is another placement of the same kind. */
export function shares(placement: Placement, load: Load): Expected {
  const { nodes, entries } = placement.size;
  const { churnPerSecond, lingerMs } = load;
  const sample = sampleOf(nodes);
  /** Of each node what a sampled one holds; how often something of it changes, and how often the two meet, per second. */
  const [entriesOf, changesOf, meetingsOf] = [1, 2, 3].map(() =>
    sample.map(() => new Float64Array(nodes)),
  ) as [Float64Array[], Float64Array[], Float64Array[]];
  const sums = { own: 0, held: 0, pairs: 0 };
  /** Over all nodes, per second: stakes that begin, and what each then has to do. */
  const begins = { stakes: 0, others: 0, entries: 0 };
  let rows = 0;
  for (let from = 0; from < entries; from += placement.rooms[placement.roomOf[from]!]!.size)
    addRoom(placement.roomOf[from]!);
  // A stake that begins at two registrars, which may be any node, and their answers. As much ends.
  const enlisted = (4 * begins.stakes) / (nodes * (nodes - 1));
  // Both registrars name the other, once each.
  const ofOther = 2 * WISH + OPEN + CLOSE + 2 * MEMBER;
  const ofStake = 4 * STAKE + 2 * LIST;
  const begun =
    (begins.entries * SHARE_BYTES.birth + begins.stakes * ofStake + begins.others * ofOther) / nodes;
  const said = saidWithin(load.windowMs, (windowMs) => {
    let [frames, bytes] = [0, begun];
    for (const [i, of] of entriesOf.entries()) {
      for (const [other, held] of of.entries()) {
        if (other === sample[i]) continue;
        const changes = changesOf[i]![other]!;
        // A wish, and an answer with the open.
        const meetings = meetingsOf[i]![other]!;
        const news = { awaited: enlisted + meetings, ends: enlisted + meetings };
        const each = framesOfPair(changes, news, windowMs);
        const { said, alone } = held > 0 ? summariesOf(changes + 2 * meetings, news, each) : NONE;
        frames += (each + alone) / sample.length;
        bytes += bytesOfPair(each, changes, held * churnPerSecond, meetings, news) / sample.length;
        bytes += (alone * SHARE_BYTES.empty + said * 2 * SUMMARY) / sample.length;
      }
    }
    return { frames, bytes };
  });
  const beats = beatsOf(nodes);
  return {
    receivedFrames: said.frames + beats.frames,
    receivedBytes: said.bytes + beats.bytes,
    held: (sums.own + sums.held) / sample.length,
    heapBytes:
      (sums.own * OWN + sums.held * REMOTE + sums.pairs * PAIR_TOPIC) / sample.length +
      ((2 * rows) / nodes) * PAIR_TOPIC,
  };

  function addRoom(room: number): void {
    const { size } = placement.rooms[room]!;
    const counts = new Map<number, number>();
    for (let i = 0; i < size; i++) {
      const node = placement.nodeIn(room);
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    // A user who left within the time for which topics linger leaves a follow behind.
    const left = (size * churnPerSecond * lingerMs) / 1_000;
    for (let i = Math.floor(left + placement.chance()); i > 0; i--) {
      const node = placement.nodeIn(room);
      if (!counts.has(node)) counts.set(node, 0);
    }
    rows += counts.size;
    // By as many who come as there are members: a single one would decide of all who come to a large room.
    let strangers = 0;
    for (let i = 0; i < size; i++) {
      const node = placement.nodeIn(room);
      if (counts.has(node)) continue;
      strangers += 1;
      // It meets all that are there.
      for (const [at, each] of sample.entries()) {
        if (each !== node) {
          if (counts.has(each)) meetingsOf[at]![node]! += churnPerSecond;
        } else for (const other of counts.keys()) meetingsOf[at]![other]! += churnPerSecond;
      }
    }
    const perSecond = strangers * churnPerSecond;
    begins.stakes += perSecond;
    begins.others += perSecond * counts.size;
    begins.entries += perSecond * size;
    for (const [i, node] of sample.entries()) {
      const own = counts.get(node);
      if (own === undefined) continue;
      sums.own += own;
      sums.held += size - own;
      sums.pairs += counts.size - 1;
      for (const [other, theirs] of counts) {
        if (other === node) continue;
        entriesOf[i]![other]! += theirs;
        // One goes and another comes in its place, at one moment: where both are on one node, that is one change.
        changesOf[i]![other]! += theirs * churnPerSecond * (2 - theirs / size);
      }
    }
  }
}

const NONE: Summaries = { said: 0, alone: 0 };

interface Said {
  readonly frames: number;
  readonly bytes: number;
}

/** What a node hears, and says as much, with the shortest window in which both are paid; or with the longest one. */
function saidWithin(longestMs: number, saidBy: (windowMs: number) => Said): Said {
  const isPaid = ({ frames, bytes }: Said): boolean =>
    2 * (frames * SAID_BY_A_FRAME + bytes) <= SAID_PER_SECOND;
  let [shortMs, longMs] = [0, longestMs];
  if (isPaid(saidBy(shortMs))) return saidBy(shortMs);
  if (!isPaid(saidBy(longMs))) return saidBy(longMs);
  while (longMs - shortMs > 1) {
    const middleMs = (shortMs + longMs) / 2;
    if (isPaid(saidBy(middleMs))) longMs = middleMs;
    else shortMs = middleMs;
  }
  return saidBy(longMs);
}

function sampleOf(nodes: number): number[] {
  const count = Math.min(nodes, SAMPLED);
  return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * nodes) / count));
}
