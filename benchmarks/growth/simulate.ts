/**
 * A cluster of many nodes on virtual time, and what three of its nodes send, receive and do: idle, changing,
 * restarting.
 *
 * Two hundred nodes that hold everything would need the memory of two hundred nodes. But nobody relays
 * anything: what a node receives depends on who sends, not on what the senders hold. So only a few nodes hear
 * everybody; the others are real trackers with their share of entries, which hear only those few. What the few
 * see is what every node of the whole cluster would see. With `whole` everybody hears everybody, to check that.
 */
import { countAll, Lab, type LabOptions } from "../harness/lab.js";
import type { Traffic } from "../harness/wire.js";
import { Session } from "../../src/tracker/session.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { keyOf, metaOf, topicOf, type Viewer } from "../workload.js";

export interface Cluster {
  readonly nodes: number;
  readonly entries: number;
  /** Everybody hears everybody. */
  readonly whole?: boolean;
}

/** What one node does in a second. */
export interface Rates {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly receivedFrames: number;
  /** Deltas merged, whole or parts. */
  readonly merges: number;
  /** Milliseconds of work for what was received. */
  readonly workMs: number;
}

/** What the restart of one node costs. */
export interface Restart {
  /** What the new life receives and sends until it lists all. */
  readonly newcomerBytes: number;
  /** What another node receives and sends meanwhile. */
  readonly otherBytes: number;
  /** Virtual milliseconds until the new life lists all. */
  readonly caughtUpMs: number;
}

export interface Growth extends Cluster {
  readonly idle: Rates;
  readonly churn: Rates;
  readonly restart: Restart;
}

const hearing = 3;
/** A share of the entries that changes every second. */
export const churnPerSecond = 0.01;
const idleSeconds = 20;
const churnSeconds = 12;
const stepsPerSecond = 10;
const options: LabOptions = {};

interface Member {
  readonly name: string;
  readonly tracker: Tracker<Viewer>;
  /** The presences that it owns. */
  readonly from: number;
  readonly to: number;
  readonly sessions: Session[];
}

/** Runs one cluster through all three phases. */
export async function simulate(cluster: Cluster): Promise<Growth> {
  const { nodes, entries, whole = false } = cluster;
  const hears = (name: string): boolean => Number(name.slice(name.indexOf("-") + 1)) < hearing;
  const lab = new Lab({ hears: (to, from) => whole || hears(to) || hears(from) });
  const members: Member[] = [];
  for (let index = 0; index < nodes; index++) {
    const from = Math.floor((index * entries) / nodes) + 1;
    const to = Math.floor(((index + 1) * entries) / nodes);
    members.push(await join(lab, `node-${index}`, from, to));
  }
  const observer = members[1];
  if (observer === undefined) throw new Error("a cluster has at least two nodes");
  await lab.until(() => countAll(observer.tracker) === entries);
  await lab.advance(10_000);

  const idle = await rates(lab, observer, idleSeconds, () => {});
  let turn = 0;
  const churn = await rates(lab, observer, churnSeconds, () => {
    turn += 1;
    for (const member of members) change(member, turn);
  });
  await lab.advance(5_000);
  const restart = await restartFirst(lab, members, observer, entries);
  await Promise.all(members.map(({ tracker }) => tracker.stop({ handoffMs: 0 })));
  return { ...cluster, idle, churn, restart };
}

async function join(lab: Lab, name: string, from: number, to: number): Promise<Member> {
  const tracker = await lab.start(name, options, { handleDiff: () => {} });
  // A server's users come after it, not in the same instant as those of all other servers.
  await lab.advance(20);
  const sessions: Session[] = [];
  for (let i = from; i <= to; i++) {
    const session = new Session();
    sessions.push(session);
    tracker.track(session, topicOf(i), keyOf(i), metaOf(i));
  }
  return { name, tracker, from, to, sessions };
}

/** Updates the share of a member's entries that is due in one step; what is less than one entry adds up. */
function change({ tracker, from, sessions }: Member, turn: number): void {
  const perStep = (sessions.length * churnPerSecond) / stepsPerSecond;
  const [first, last] = [Math.floor((turn - 1) * perStep), Math.floor(turn * perStep)];
  for (let each = first; each < last; each++) {
    const index = (each * 7) % sessions.length;
    const session = sessions[index];
    const i = from + index;
    if (session !== undefined) tracker.update(session, topicOf(i), keyOf(i), metaOf(i, turn));
  }
}

async function rates(lab: Lab, { name, tracker }: Member, seconds: number, step: () => void): Promise<Rates> {
  const before = { ...lab.wire.traffic(name) };
  const mergesBefore = tracker.health().counters.deltasMerged;
  for (let turn = 0; turn < seconds * stepsPerSecond; turn++) {
    step();
    await lab.advance(1_000 / stepsPerSecond);
  }
  const after = lab.wire.traffic(name);
  const perSecond = (key: keyof Traffic): number => (after[key] - before[key]) / seconds;
  return {
    sentBytes: perSecond("sentBytes"),
    receivedBytes: perSecond("receivedBytes"),
    receivedFrames: perSecond("receivedFrames"),
    merges: (tracker.health().counters.deltasMerged - mergesBefore) / seconds,
    workMs: perSecond("receivingMs"),
  };
}

/** The first node stops gently and comes back with its users, as in a rolling restart. */
async function restartFirst(
  lab: Lab,
  members: Member[],
  observer: Member,
  entries: number,
): Promise<Restart> {
  const first = members[0];
  if (first === undefined) throw new Error("a cluster without nodes");
  const idleBytes = await bytesOf(lab, observer.name, 10_000);
  const before = total(lab.wire.traffic(observer.name));
  await first.tracker.stop();
  await lab.advance(1_000);
  const startMs = lab.time.nowMs;
  const successor = await join(lab, first.name, first.from, first.to);
  members[0] = successor;
  await lab.until(() => countAll(successor.tracker) >= entries);
  const caughtUpMs = lab.time.nowMs - startMs;
  const newcomerBytes = total(lab.wire.traffic(first.name));
  await lab.advance(10_000 - (lab.time.nowMs - startMs) - 1_000);
  return {
    newcomerBytes,
    otherBytes: Math.max(0, total(lab.wire.traffic(observer.name)) - before - idleBytes),
    caughtUpMs,
  };
}

async function bytesOf(lab: Lab, name: string, durationMs: number): Promise<number> {
  const before = total(lab.wire.traffic(name));
  await lab.advance(durationMs);
  return total(lab.wire.traffic(name)) - before;
}

function total({ sentBytes, receivedBytes }: Traffic): number {
  return sentBytes + receivedBytes;
}
