/**
 * The longest turn of the event loop: whatever happens to a node of many entries, each turn is short, because the rest
 * follows in the next ones (docs/decisions/0200). In processor time, of the process with its collections; the turn of the
 * caller counts where a call begins it. Two nodes and newcomers on virtual time, each turn timed by itself.
 */
import { Session } from "../../src/session.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import type { Benchmark } from "../harness/command.js";
import { countAll, Lab, trackRange, type LabOptions } from "../harness/lab.js";
import { MeteredTime, processorMs } from "../harness/metered-time.js";
import { collectGarbage } from "../harness/stopwatch.js";
import { keyOf, metaOf, topicOf, type Viewer } from "../workload.js";
import { fillBareTable } from "./writes.js";

/** A turn above this stalls whatever else the process serves. */
const limitsMs = new Map([
  [100_000, 20],
  [500_000, 50],
]);

const options: LabOptions = {
  poolSize: 1,
  broadcastPeriodMs: 100,
  heartbeatPeriodMs: 1_000,
  downPeriodMs: 4_000,
  permdownPeriodMs: 60_000,
};
const behaviour = { handleDiff: () => {} };
const TOPIC = "lobby";

export const turns: Benchmark = {
  name: "turns",
  async run({ runs, sizes, report, progress }) {
    for (const count of sizes) {
      const limitMs = limitsMs.get(count);
      if (limitMs === undefined) continue;
      const figures = new Map<string, number[]>();
      const floors: number[] = [];
      const { table } = fillBareTable(count);
      // The first run compiles what a server has compiled within its first minute.
      await longestTurns(100_000);
      await longestTurnsOfFollowers(100_000);
      for (let run = 0; run < runs; run++) {
        progress(`${count}: ${run + 1} of ${runs}`);
        const measured = [...(await longestTurns(count)), ...(await longestTurnsOfFollowers(count))];
        for (const [what, longestMs] of measured) {
          const values = figures.get(what) ?? [];
          figures.set(what, values);
          values.push(longestMs);
        }
        collectGarbage();
        floors.push(
          processorMs(() => {
            const topics = new Map<string, object[]>();
            for (const entry of table.byClock.values()) {
              const entries = topics.get(entry.topic);
              if (entries === undefined) topics.set(entry.topic, [entry]);
              else entries.push(entry);
            }
          }),
        );
      }
      for (const [what, values] of figures) {
        report({
          name: `longest turn, ${count.toLocaleString("en-US")} entries: ${what}`,
          unit: "ms",
          values,
          floor: { what: "all entries walked into a list per topic, in one turn", values: floors },
          target: { text: `under ${limitMs} ms`, met: (median) => median < limitMs },
        });
      }
    }
  },
};

/** Notes the longest turn of any node while something happens. */
type During = (what: string, run: () => Promise<unknown>) => Promise<void>;

function meter(time: MeteredTime): { readonly longest: Map<string, number>; readonly during: During } {
  const longest = new Map<string, number>();
  const during: During = async (what, run) => {
    time.promisesEnd();
    collectGarbage();
    time.longestMs = 0;
    await run();
    longest.set(what, time.longestMs);
  };
  return { longest, during };
}

/** The same of two nodes of which one follows a large topic of the other. What the caller itself does in one turn is not counted. */
async function longestTurnsOfFollowers(count: number): Promise<Map<string, number>> {
  const time = new MeteredTime();
  const lab = new Lab({}, time);
  const { longest, during } = meter(time);
  const followed: LabOptions = { ...options, holds: "followed" };
  const author = await lab.start("author", followed, behaviour);
  const follower = await lab.start("follower", followed, behaviour);
  const follow = follower.follow(TOPIC);
  const first = new Session();
  author.track(first, TOPIC, "first", metaOf(1));
  await lab.until(() => follow.count() === 1);
  await lab.advance(5_000);
  const session = new Session();
  await during("followed, all come at once", async () => {
    for (let i = 1; i <= count; i++) author.track(session, TOPIC, keyOf(i), metaOf(i));
    await lab.until(() => follow.count() === count + 1);
  });
  await during("followed, their node goes down", async () => {
    lab.wire.hold();
    await lab.until(() => follow.count() === 0);
  });
  await during("followed, it comes back", async () => {
    lab.wire.release();
    await lab.until(() => follow.count() === count + 1);
  });
  await during("followed, all are updated at once", async () => {
    for (let i = 1; i <= count; i++) author.update(session, TOPIC, keyOf(i), metaOf(i, 1));
    const last = metaOf(count, 1).page;
    await lab.until(() => follow.getByKey(keyOf(count))[0]?.meta.page === last);
  });
  await during("followed, their session closes", async () => {
    const closingMs = processorMs(() => session.close());
    await lab.until(() => follow.count() === 1);
    time.longestMs = Math.max(time.longestMs, closingMs);
  });
  for (let i = 1; i <= count; i++) {
    author.track(first, TOPIC, keyOf(i), metaOf(i));
    if (i % 1_000 === 0) await lab.advance(10);
  }
  await lab.until(() => follow.count() === count + 1);
  await during("followed, a goodbye, and its window", async () => {
    await author.stop();
    await lab.until(() => follow.count() === 0);
  });
  await follower.stop({ handoffMs: 0 });
  return longest;
}

/** What happens, and the longest turn meanwhile on any node. */
async function longestTurns(count: number): Promise<Map<string, number>> {
  const time = new MeteredTime();
  const lab = new Lab({}, time);
  const { longest, during } = meter(time);
  const call = (what: string, run: () => void): void => {
    collectGarbage();
    longest.set(what, processorMs(run));
  };
  const a = await lab.start("a", options, behaviour);
  const b = await lab.start("b", options, behaviour);
  await lab.advance(3_000);
  const sessions: Session[] = [];
  await during("deltas", async () => {
    for (let from = 1; from <= count; from += 1_000) {
      for (const session of trackRange(a, from, from + 999)) sessions.push(session);
      await lab.advance(10);
    }
    await lab.until(() => countAll(b) === count);
  });
  let newcomer: Tracker<Viewer> | undefined;
  await during("a first sync", async () => {
    newcomer = await lab.start("c", options, behaviour);
    await lab.until(() => countAll(newcomer as Tracker<Viewer>) === count);
  });
  await newcomer?.stop({ handoffMs: 0 });
  await lab.advance(1_000);

  await during("a node goes down", async () => {
    lab.wire.hold();
    await lab.until(() => b.topics().length === 0);
  });
  await during("it comes back", async () => {
    lab.wire.release();
    await lab.until(() => countAll(b) === count);
  });
  call("the first list after it", () => b.list(topicOf(1)));
  call("explain", () => b.explain(topicOf(1), keyOf(1)));

  await during("a rebuild after a partition", async () => {
    lab.wire.hold();
    for (const [index, session] of sessions.entries()) {
      const i = index + 1;
      a.update(session, topicOf(i), keyOf(i), metaOf(i, 1));
      if (i % 1_000 === 0) await lab.advance(2);
    }
    lab.wire.release();
    const last = metaOf(count, 1).page;
    await lab.until(() => b.getByKey(topicOf(count), keyOf(count))[0]?.meta.page === last);
    await lab.advance(20_000);
  });

  const session = new Session();
  for (let i = 1; i <= count; i++) {
    a.track(session, topicOf(i), `device:${i}`, metaOf(i));
    if (i % 1_000 === 0) await lab.advance(10);
  }
  await lab.until(() => countAll(b) === 2 * count);
  await during("a session of as many closes", async () => {
    const closingMs = processorMs(() => session.close());
    await lab.until(() => countAll(b) === count);
    time.longestMs = Math.max(time.longestMs, closingMs);
  });

  await during("a goodbye, and its window", async () => {
    await a.stop();
    await lab.until(() => b.topics().length === 0);
  });
  trackRange(b, 1, count);
  await lab.advance(60_000);
  await during("stop", async () => {
    let stopped: Promise<void> | undefined;
    const callMs = processorMs(() => {
      stopped = b.stop({ handoffMs: 0 });
    });
    await stopped;
    time.longestMs = Math.max(time.longestMs, callMs);
  });
  return longest;
}
