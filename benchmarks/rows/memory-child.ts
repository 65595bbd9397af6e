/**
 * Measures the heap of one kind of holding, in a process of its own: `memory-child.ts <kind> <count>` prints
 * the bytes per entry. Run by the memory benchmark, with `--expose-gc`.
 */
import { BareTable } from "../floors.js";
import { countAll, Lab, quietOptions, trackRange, type LabOptions } from "../harness/lab.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { OwnEntries } from "../../src/replication/following/own-entries.js";
import { AuthoredShare } from "../../src/replication/following/share-author.js";
import { FollowedShare } from "../../src/replication/following/share-follower.js";
import { refPrefixOf } from "../../src/replication/life.js";
import { Session } from "../../src/session.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { keyOf, metaOf, topicCount, topicOf, type Viewer } from "../workload.js";

/** The heap in use when nothing more can be collected. */
async function heapUsed(): Promise<number> {
  for (let turn = 0; turn < 4; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
  }
  return process.memoryUsage().heapUsed;
}

/** What the owner of entries keeps. The sessions are the application's and were there before. */
async function ofOwn(count: number, options: LabOptions = quietOptions, updates = 0): Promise<number> {
  const lab = new Lab();
  const tracker = await lab.start("author", options);
  await lab.advance(500);
  const sessions = makeSessions(count);
  const before = await heapUsed();
  trackRange(tracker, 1, count, (i) => sessions[i - 1] ?? new Session());
  for (let revision = 1; revision <= updates; revision++) updateRange(tracker, 1, sessions, revision);
  await lab.advance(5_000);
  const after = await heapUsed();
  if (countAll(tracker) !== sessions.length) throw new Error("not all were tracked");
  return (after - before) / count;
}

/** Updates presences `from` to `from + sessions.length - 1`. */
function updateRange(
  tracker: Tracker<Viewer>,
  from: number,
  sessions: readonly Session[],
  revision: number,
): void {
  for (const [index, session] of sessions.entries()) {
    const i = from + index;
    tracker.update(session, topicOf(i), keyOf(i), metaOf(i, revision));
  }
}

/** What a node keeps of another's entries. The frames wait outside the heap until they are received. */
async function ofRemote(count: number, updates = 0): Promise<number> {
  const frames = await recordedFrames(count, updates);
  const lab = new Lab();
  const receiver = await lab.start("receiver", quietOptions, { handleDiff: () => {} });
  await lab.advance(500);
  const before = await heapUsed();
  for (const { channel, payload } of frames) {
    lab.wire.deliver({ from: "author", to: "receiver", channel, payload: payload.toString() });
  }
  await lab.advance(5_000);
  const after = await heapUsed();
  const held = countAll(receiver);
  if (held !== count) throw new Error(`the receiver holds ${held} of ${count}`);
  return (after - before) / count;
}

/** What a follower keeps of another's entries, and its author to tell them, in a hundred topics. */
async function ofFollowed(count: number): Promise<number> {
  const lab = new Lab();
  const [author, follower] = await startFollowed(lab);
  trackRange(author, 1, count);
  await lab.advance(20_000);
  const topics = Array.from({ length: topicCount }, (_, i) => topicOf(i));
  const before = await heapUsed();
  const follows = topics.map((topic) => follower.follow(topic));
  await lab.until(() => follows.every((follow) => follow.complete));
  await lab.advance(20_000);
  const after = await heapUsed();
  const held = follows.reduce((sum, follow) => sum + follow.count(), 0);
  if (held !== count) throw new Error(`the follower holds ${held} of ${count}`);
  return (after - before) / count;
}

async function startFollowed(lab: Lab): Promise<[Tracker<Viewer>, Tracker<Viewer>]> {
  const behaviour = { handleDiff: () => {} };
  const author = await lab.start("author", { holds: "followed" }, behaviour);
  const follower = await lab.start("follower", { holds: "followed" }, behaviour);
  await lab.advance(5_000);
  return [author, follower];
}

/**
 * What the two sides of a share keep for each topic that is open, beside its entries: of ten shares of one author, with one
 * entry in each topic. All is in one process, where a follower's entry has the meta of its author's: so have those that are
 * taken away.
 */
async function ofPairTopics(count: number): Promise<number> {
  const shares = 10;
  const life = { name: "author", incarnation: "00000000000001" };
  const owner = { ...life, departure: undefined };
  const own = new OwnEntries(owner, life);
  const topics = Array.from({ length: count / shares }, (_, i) => `room:${i}`);
  const meta = {};
  for (const topic of topics) own.add(topic, "k", "s", meta);
  const kept: object[] = [];
  const entries = await heapOf(() => {
    for (let share = 0; share < shares; share++) {
      const origin = { owner, shard: 0, refPrefix: refPrefixOf(life, 0) };
      const held = topics.map((topic, i) => new ReplicatedEntry(origin, i + 1, topic, "k", "s", meta));
      kept.push(new Map(held.map((entry, i) => [i + 1, entry])));
    }
  });
  const all = await heapOf(() => {
    for (let share = 0; share < shares; share++) {
      const authored = new AuthoredShare(own, share + 1, () => undefined);
      for (const topic of topics) authored.open(topic, 1);
      const origin = { owner, shard: 0, refPrefix: refPrefixOf(life, 0) };
      const followed = new FollowedShare(origin, () => 1);
      followed.merge(authored.next());
      while (followed.isUnfinished) {
        const frame = authored.answer(followed.place);
        if (frame !== undefined) followed.merge(frame);
      }
      authored.stands(followed.place);
      kept.push(authored, followed);
    }
  });
  if (kept.length !== 3 * shares) throw new Error("not all is kept");
  return (all - entries) / count;
}

async function heapOf(make: () => void): Promise<number> {
  const before = await heapUsed();
  make();
  return (await heapUsed()) - before;
}

function makeSessions(count: number): Session[] {
  return Array.from({ length: count }, () => new Session());
}

/** What an author broadcasts while somebody listens. */
async function recordedFrames(
  count: number,
  updates: number,
): Promise<{ channel: string; payload: Buffer }[]> {
  const lab = new Lab();
  const author = await lab.start("author", quietOptions);
  await lab.start("listener", quietOptions);
  await lab.advance(500);
  lab.wire.hold();
  const thousands: { from: number; sessions: Session[] }[] = [];
  for (let from = 1; from <= count; from += 1_000) {
    thousands.push({ from, sessions: trackRange(author, from, Math.min(count, from + 999)) });
    await lab.advance(10);
  }
  for (let revision = 1; revision <= updates; revision++) {
    for (const { from, sessions } of thousands) {
      updateRange(author, from, sessions, revision);
      await lab.advance(10);
    }
  }
  const frames = lab.wire.release();
  return frames.map(({ channel, payload }) => ({ channel, payload: Buffer.from(payload) }));
}

async function ofBareMaps(count: number): Promise<number> {
  const sessions = makeSessions(count);
  const before = await heapUsed();
  const table = new BareTable<Viewer>();
  for (const [index, session] of sessions.entries()) {
    const i = index + 1;
    table.add(topicOf(i), session, keyOf(i), metaOf(i));
  }
  const after = await heapUsed();
  if (table.byClock.size !== sessions.length) throw new Error("not all were added");
  return (after - before) / count;
}

/** What its owner keeps with an index of the topics of each key. */
function ofIndexed(count: number): Promise<number> {
  return ofOwn(count, { ...quietOptions, indexKeys: true });
}

/** What its owner keeps of entries that were all updated, each three times. */
function ofUpdated(count: number): Promise<number> {
  return ofOwn(count, quietOptions, updates);
}

function ofUpdatedRemote(count: number): Promise<number> {
  return ofRemote(count, updates);
}

/** After the first nothing more may be kept, so that a few stand for many. */
const updates = 3;
const kinds = {
  own: ofOwn,
  indexed: ofIndexed,
  remote: ofRemote,
  updated: ofUpdated,
  "updated-remote": ofUpdatedRemote,
  followed: ofFollowed,
  "pair-topics": ofPairTopics,
  bare: ofBareMaps,
};
const [kind, count] = process.argv.slice(2);
const measure = Object.entries(kinds).find(([name]) => name === kind)?.[1];
if (measure === undefined) throw new Error(`unknown kind ${kind}`);
// Compiled code is in the heap too, and is no entry's: it is there before the figure is taken.
await measure(2_000);
console.log(await measure(Number(count)));
