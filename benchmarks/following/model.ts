/**
 * What a node is expected to hold and to receive per second, computed from a placement: means over a few nodes, of full
 * replication and of shares. A model, not a measurement: each run of `bench:following` says how far it is off.
 *
 * Left out are limits and rolls, which are not built, and pages.
 */
import { encodeFollowing } from "../../src/replication/following/codec.js";
import { makeIncarnation } from "../../src/replication/life.js";
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

/** Bytes of what stands beside births in a frame. */
const BEAT = 70;
const WISH = 20;
const STAKE = 22;
const MEMBER = 10;
const SUMMARY = 110;
const HEARTBEAT_PER_SECOND = 0.5;
const SUMMARIES_PER_SECOND = 1 / 60;
/** Bytes of the heap. */
const OWN = 386;
const REMOTE = 339;
const PAIR_TOPIC = 120;
const FULL = { windowMs: 1_500, shards: 4, heartbeat: 77 };
const SAMPLED = 8;
const LIFE = { name: "web-0001", incarnation: makeIncarnation(1_700_000_000_000, "abcde") };

/** Frames per second of one sender to one receiver: the first change leaves at once, further ones after the window. */
function framesOf(changesPerSecond: number, windowMs: number): number {
  if (changesPerSecond <= 0) return 0;
  const window = windowMs / 1_000;
  return 1 / (window + Math.exp(-changesPerSecond * window) / changesPerSecond);
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
const SHARE_BYTES = bytesBy((births, removals) => {
  const share = {
    stream: 12,
    isWhole: false,
    since: 12_340,
    upTo: 12_345,
    from: 12,
    to: 12,
    opens: [],
    closes: [],
  };
  return encodeFollowing({
    ...{ from: LIFE, to: LIFE.incarnation, counter: 12_345 },
    message: { type: "pair", letters: { share: { ...share, births, removals } }, part: 1, parts: 1 },
  });
});

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
  const { churnPerSecond, windowMs, lingerMs } = load;
  const sample = sampleOf(nodes);
  const entriesOf = sample.map(() => new Float64Array(nodes));
  const sums = { own: 0, held: 0, pairs: 0 };
  /** Over all nodes, per second: stakes that begin, and what each then has to do. */
  const begins = { stakes: 0, others: 0, entries: 0 };
  let rows = 0;
  for (let from = 0; from < entries; from += placement.rooms[placement.roomOf[from]!]!.size)
    addRoom(placement.roomOf[from]!);
  // What is said because stakes begin and end: enlistments and answers at two registrars, wishes, opens and closes.
  const news = (6 * begins.stakes + 3 * begins.others) / nodes / (nodes - 1);
  let [frames, bytes] = [0, 0];
  for (const [i, of] of entriesOf.entries()) {
    for (const [other, held] of of.entries()) {
      if (other === sample[i]) continue;
      const changes = held * 2 * churnPerSecond;
      const each = framesOf(changes + news, windowMs);
      const summaries = held > 0 ? SUMMARIES_PER_SECOND : 0;
      frames += each + summaries;
      bytes += bytesOf(each, changes, SHARE_BYTES) + summaries * SUMMARY;
    }
  }
  const beats = (nodes - 1) * HEARTBEAT_PER_SECOND;
  const begun =
    begins.entries * SHARE_BYTES.birth + begins.stakes * 8 * STAKE + begins.others * (2 * MEMBER + WISH);
  return {
    receivedFrames: frames / sample.length + beats,
    receivedBytes: bytes / sample.length + beats * BEAT + begun / nodes,
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
    if (!counts.has(placement.nodeIn(room))) {
      const perSecond = size * churnPerSecond;
      begins.stakes += perSecond;
      begins.others += perSecond * counts.size;
      begins.entries += perSecond * size;
    }
    for (const [i, node] of sample.entries()) {
      const own = counts.get(node);
      if (own === undefined) continue;
      sums.own += own;
      sums.held += size - own;
      sums.pairs += counts.size - 1;
      for (const [other, theirs] of counts) if (other !== node) entriesOf[i]![other]! += theirs;
    }
  }
}

function sampleOf(nodes: number): number[] {
  const count = Math.min(nodes, SAMPLED);
  return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * nodes) / count));
}
