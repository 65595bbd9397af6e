/**
 * A topic that is large where nodes follow: how long it takes until a follow is complete, and how long the longest turn of
 * any node is meanwhile. On virtual time: what is reported is the time that passes there, and the work of all nodes, one after
 * the other, on top of it. Turns are in processor time, of the process with its collections.
 */
import { Session } from "../../src/session.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import type { Benchmark } from "../harness/command.js";
import { Lab, quietOptions, type LabOptions } from "../harness/lab.js";
import { MeteredTime, processorMs } from "../harness/metered-time.js";
import type { Figure } from "../harness/row.js";
import { collectGarbage } from "../harness/stopwatch.js";
import { keyOf, metaOf, type Viewer } from "../workload.js";

const TOPIC = "lobby";
const COMPLETE_WITHIN_MS = 1_500;
const TURN_MS = 30;
const WORK_PER_CHANGE = 20;
const CHANGES = 5_000;
const LARGE = { nodes: 20, topics: 1_000, entries: 1_000_000 };
const START_MS = 300;
const START_BYTES = 100_000;
const behaviour = { handleDiff: () => {} };
const followed: LabOptions = { holds: "followed" };

type Report = (figure: Figure) => void;
type Progress = (step: string) => void;

interface Measured {
  readonly completeMs: number;
  readonly longestTurnMs: number;
}

interface Scene {
  readonly time: MeteredTime;
  readonly lab: Lab;
}

export const shares: Benchmark = {
  name: "shares",
  async run({ runs, sizes, report, progress }) {
    for (const count of sizes) {
      if (count > 100_000) continue;
      const entries = `${count.toLocaleString("en-US")} entries`;
      const scenes = new Map<string, () => Promise<Measured>>([
        [`a follow of ${entries} on 10 nodes`, () => follows(count, 10)],
        [`a follow of ${entries} of one node`, () => follows(count, 1)],
        [`a follower far behind the author of ${entries}`, () => fallsBehind(count)],
        [`the first that follows beside a node that holds ${entries}`, () => comesToAHolder(count)],
        [`a follow of ${entries} ends`, () => leaves(count)],
      ]);
      // What else is waited for in the others is not the work: a summary, the greetings, a tick.
      const isTimed = (name: string): boolean => name.startsWith("a follow of") && !name.endsWith("ends");
      for (const [name, run] of scenes) {
        const measured: Measured[] = [];
        // The first run compiles what a server has compiled within its first minute.
        await run();
        for (let i = 0; i < runs; i++) {
          progress(`${name}: ${i + 1} of ${runs}`);
          measured.push(await run());
        }
        if (isTimed(name))
          report({
            name: `${name}: until it is complete`,
            unit: "ms",
            values: measured.map(({ completeMs }) => completeMs),
            target: { text: `under ${COMPLETE_WITHIN_MS} ms`, met: (median) => median < COMPLETE_WITHIN_MS },
          });
        report({
          name: `${name}: longest turn of any node`,
          unit: "ms",
          values: measured.map(({ longestTurnMs }) => longestTurnMs),
          target: { text: `under ${TURN_MS} ms`, met: (median) => median < TURN_MS },
        });
      }
    }
    await reportChanges(runs, report, progress);
    if (sizes.includes(100_000)) await reportStart(report, progress);
  },
};

/** What a change costs its follower, whatever else the share has. */
async function reportChanges(runs: number, report: Report, progress: Progress): Promise<void> {
  const [small, large]: [number[], number[]] = [[], []];
  // What a server has compiled within its first minute.
  for (let run = 0; run < 3; run++) await workPerChange(10);
  for (let run = 0; run < runs; run++) {
    progress(`changes: ${run + 1} of ${runs}`);
    small.push(await workPerChange(10));
    large.push(await workPerChange(10_000));
  }
  report({
    name: "work per change received, of a share of 10,000 entries",
    unit: "µs",
    values: large,
    target: { text: `under ${WORK_PER_CHANGE} µs`, met: (median) => median < WORK_PER_CHANGE },
    beside: [{ what: "of a share of 10 entries", values: small }],
  });
}

/** Microseconds of work of a follower for each change, where a frame has one. */
async function workPerChange(count: number): Promise<number> {
  const scene = begin();
  const { lab } = scene;
  const options = { ...quietOptions, ...followed };
  const [author] = await fill(scene, count, 1, options);
  const follower = await lab.start("follower", options, behaviour);
  const follow = follower.follow(TOPIC);
  await lab.until(() => follow.count() === count);
  await lab.advance(10_000);
  lab.wire.hold();
  const session = new Session();
  for (let i = 0; i < CHANGES; i++) {
    if (i % 2 === 0) author!.track(session, TOPIC, "passing", metaOf(i));
    else author!.untrack(session, TOPIC, "passing");
    await lab.advance(2);
  }
  const frames = lab.wire.release().filter(({ from, to }) => from === "author-0" && to === "follower");
  collectGarbage();
  const workMs = processorMs(() => lab.deliver(frames));
  if (follow.has("passing") || follow.count() !== count) throw new Error("not all changes came");
  return (workMs * 1_000) / CHANGES;
}

/** A node starts where a million entries are, and follows one of their topics. */
async function reportStart(report: Report, progress: Progress): Promise<void> {
  const { nodes, topics, entries } = LARGE;
  progress(`a start among ${entries}`);
  const scene = begin();
  const { lab } = scene;
  const trackers: Tracker<Viewer>[] = [];
  for (let node = 0; node < nodes; node++)
    trackers.push(await lab.start(`author-${node}`, followed, behaviour));
  await lab.advance(5_000);
  const session = new Session();
  for (let i = 0; i < entries; i++) {
    const topic = i % topics;
    // Each topic is on four nodes.
    trackers[(topic + 5 * (Math.floor(i / topics) % 4)) % nodes]!.track(
      session,
      `room:${topic}`,
      keyOf(i),
      metaOf(i),
    );
    if (i % 10_000 === 0) await lab.advance(50);
  }
  await lab.advance(20_000);
  const beganMs = scene.time.nowMs;
  const expect = trackers.map((_, node) => `author-${node}`);
  const newcomer = await lab.start("newcomer", { ...followed, expect }, behaviour);
  const follow = newcomer.follow("room:1");
  while (!follow.complete || !newcomer.health().complete) await lab.advance(1);
  const completeMs = scene.time.nowMs - beganMs;
  if (follow.count() !== entries / topics) throw new Error("it is complete without all");
  await lab.advance(5_000);
  const where = `${entries.toLocaleString("en-US")} entries on ${nodes} nodes`;
  report({
    name: `a node starts among ${where}, and expects them: until it is complete, with a topic of ${entries / topics} that it follows, virtual time`,
    unit: "ms",
    values: [completeMs],
    target: { text: `under ${START_MS} ms`, met: (median) => median < START_MS },
  });
  report({
    name: `a node starts among ${where}: received within five seconds`,
    unit: "B",
    values: [lab.wire.traffic("newcomer").receivedBytes],
    target: { text: `under ${START_BYTES / 1_000} kB`, met: (median) => median < START_BYTES },
    note: `${topics} topics, each on four nodes, of which it is a registrar of a tenth`,
  });
}

async function follows(count: number, authors: number): Promise<Measured> {
  const scene = begin();
  await fill(scene, count, authors, followed);
  const follower = await scene.lab.start("follower", followed, behaviour);
  await scene.lab.advance(20_000);
  return measure(scene, () => {
    const follow = follower.follow(TOPIC);
    return () => follow.complete && follow.count() === count;
  });
}

/** A follower does not hear its author while more changes than that remembers, and then again. */
async function fallsBehind(count: number): Promise<Measured> {
  const scene = begin();
  const { lab } = scene;
  const [author] = await fill(scene, count, 1, followed);
  const follower = await lab.start("follower", followed, behaviour);
  await lab.advance(20_000);
  const follow = follower.follow(TOPIC);
  await lab.until(() => follow.count() === count);
  const changing = new Session();
  lab.wire.hold();
  for (let i = 1; i <= 12_000; i++) {
    author!.track(changing, TOPIC, "passing", metaOf(i));
    author!.untrack(changing, TOPIC, "passing");
    if (i % 1_000 === 0) await lab.advance(100);
  }
  author!.track(changing, TOPIC, "last", metaOf(1));
  await lab.advance(1_000);
  for (const { payload } of lab.wire.release()) void payload;
  return measure(scene, () => () => follow.has("last") && follow.complete && follow.count() === count + 1);
}

/** A node that holds everything has many entries when somebody follows for the first time. */
async function comesToAHolder(count: number): Promise<Measured> {
  const scene = begin();
  await fill(scene, count, 1, {});
  return measure(scene, async () => {
    const follower = await scene.lab.start("follower", followed, behaviour);
    const follow = follower.follow(TOPIC);
    return () => follow.complete && follow.count() === count;
  });
}

async function leaves(count: number): Promise<Measured> {
  const scene = begin();
  await fill(scene, count, 1, followed);
  const follower = await scene.lab.start("follower", { ...followed, followLingerMs: 0 }, behaviour);
  await scene.lab.advance(20_000);
  const follow = follower.follow(TOPIC);
  await scene.lab.until(() => follow.count() === count);
  return measure(scene, () => {
    follow.close();
    return () => follower.health().replicas.every(({ entries }) => entries === 0);
  });
}

function begin(): Scene {
  const time = new MeteredTime();
  return { time, lab: new Lab({}, time) };
}

async function fill(
  { lab }: Scene,
  count: number,
  authors: number,
  options: LabOptions,
): Promise<Tracker<Viewer>[]> {
  const trackers: Tracker<Viewer>[] = [];
  for (let node = 0; node < authors; node++)
    trackers.push(await lab.start(`author-${node}`, options, behaviour));
  await lab.advance(5_000);
  for (let i = 1; i <= count; i++) {
    trackers[i % authors]!.track(new Session(), TOPIC, keyOf(i), metaOf(i));
    if (i % 1_000 === 0) await lab.advance(10);
  }
  await lab.advance(5_000);
  return trackers;
}

async function measure(
  { time, lab }: Scene,
  start: () => (() => boolean) | Promise<() => boolean>,
): Promise<Measured> {
  time.promisesEnd();
  collectGarbage();
  time.longestMs = 0;
  const beganMs = time.nowMs;
  const before = process.cpuUsage();
  let isReached: (() => boolean) | undefined;
  const callMs = processorMs(() => {
    void Promise.resolve(start()).then((condition) => (isReached = condition));
  });
  await lab.advance(0);
  while (isReached?.() !== true) {
    if (time.nowMs - beganMs > 600_000) throw new Error("the follow is never complete");
    await lab.advance(1);
  }
  const { user, system } = process.cpuUsage(before);
  const completeMs = time.nowMs - beganMs + (user + system) / 1_000;
  await lab.advance(1_000);
  return { completeMs, longestTurnMs: Math.max(callMs, time.longestMs) };
}
