/**
 * A session with many entries closes: no turn takes all of them, the caller's least of all. Each part is in the list and
 * in the diffs at once, and whoever asks for a topic meanwhile is told what is right.
 */
import { describe, expect, it } from "vitest";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { Replicator } from "../../src/replication/replicator.js";
import type { ReplicationEvent, Step } from "../../src/replication/step.js";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import { settlePromises } from "../../src/testing/virtual-time.js";
import type { Runtime } from "../../src/runtime.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { by, changed } from "../sim/protocol.js";

const perStep = 20;
const entries = 400;
const topics = 40;
const protocol = changed({ limits: { entriesPerStep: perStep } });
const options = by(protocol, { indexKeys: true, lastSeenKept: 1_000 });
const topicOf = (i: number): string => `room:${i % topics}`;

interface Setting {
  readonly cluster: SimulatedCluster;
  readonly tracker: Tracker;
  readonly session: Session;
  /** Removals in each turn, the caller's first. */
  readonly removals: number[];
}

/** Turns of an event loop in virtual time. */
class Turns implements Runtime {
  #nowMs = 0;
  readonly #due = new Set<{ readonly atMs: number; readonly run: () => void }>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallClockMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return 0.5;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const task = { atMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#due.add(task);
    return () => void this.#due.delete(task);
  }

  /** The process stands still: what becomes due meanwhile comes late. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await settlePromises();
      const [next] = [...this.#due].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#due.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = untilMs;
  }
}

interface Alone {
  readonly tracker: Tracker;
  readonly session: Session;
  /** What each diff took, and what the handler then found under the topic of the first of it. */
  readonly parts: { readonly leaves: number; readonly left: number }[];
  readonly turns: Turns;
}

/** Runs with a session of many entries on one node, at which nobody looks. */
async function alone(nameOf: (i: number) => string, act: (setting: Alone) => Promise<void>): Promise<void> {
  const turns = new Turns();
  const parts: { readonly leaves: number; readonly left: number }[] = [];
  const pubsub = memoryPubSub();
  const starting = Tracker.start(
    {
      handleDiff: (diff, tracker) => {
        const leaves = [...diff.values()].reduce((sum, each) => sum + each.leaves.length, 0);
        const [topic = ""] = diff.keys();
        if (leaves > 0) parts.push({ leaves, left: tracker.count(topic) });
      },
    },
    by(protocol, { name: "alone", pubsub, runtime: turns }),
  );
  await turns.advance(100);
  const tracker = await starting;
  await turns.advance(100);
  const session = new Session();
  for (let i = 0; i < entries; i++) tracker.track(session, nameOf(i), `user:${i}`, { v: 1 });
  await turns.advance(10_000);
  await act({ tracker, session, parts, turns });
  const stopping = tracker.stop();
  await turns.advance(100);
  await stopping;
}

/** Runs with a session of many entries, all under one topic or under many, and counts removals by turn. */
async function withMany(
  nameOf: (i: number) => string,
  act: (setting: Setting) => Promise<void>,
): Promise<void> {
  const removals = [0];
  class Counting extends Replicator {
    override step(event: ReplicationEvent, nowMs: number): Step {
      if (event.type === "remove") removals[removals.length - 1]! += 1;
      return super.step(event, nowMs);
    }
  }
  const cluster = await simulate({
    seed: 1,
    nodes: ["a", "b"],
    options: by(changed({ limits: { entriesPerStep: perStep }, replicator: Counting }), options),
    aroundTask: (run) => {
      run();
      removals.push(0);
    },
  });
  const { tracker } = cluster.node("a");
  const session = cluster.node("a").session();
  for (let i = 0; i < entries; i++) tracker.track(session, nameOf(i), `user:${i}`, { v: 1 });
  await cluster.settle();
  removals.splice(0, removals.length, 0);
  await act({ cluster, tracker, session, removals });
}

function leavesOf({ cluster }: Setting, name: string, fromMs: number): number[] {
  return cluster
    .node(name)
    .diffs.filter(({ atMs }) => atMs >= fromMs)
    .map(({ diff }) => [...diff.values()].reduce((sum, { leaves }) => sum + leaves.length, 0))
    .filter((leaves) => leaves > 0);
}

describe("a session with many entries", () => {
  it("costs the turn of who closes it nothing but a mark, and leaves in parts that add up", async () => {
    await alone(topicOf, async ({ tracker, session, parts, turns }) => {
      session.close();
      expect(parts).toEqual([]);
      expect(tracker.session(session.id)).toBeUndefined();
      expect(tracker.health().own).toEqual({ entries: 0, sessions: 0 });
      await turns.advance(1);
      expect(parts.map(({ leaves }) => leaves)).toEqual(
        Array.from({ length: entries / perStep }, () => perStep),
      );
      expect(tracker.topics()).toEqual([]);
    });
  });

  it("leaves one topic in parts where it is too much, and handlers read what they were told", async () => {
    await alone(
      () => "all",
      async ({ tracker, session, parts, turns }) => {
        session.close();
        await turns.advance(1);
        const counts = Array.from({ length: entries / perStep }, (_, i) => entries - (i + 1) * perStep);
        expect(parts.map(({ left }) => left)).toEqual(counts);
        expect(tracker.topics()).toEqual([]);
      },
    );
  });

  it("has left one topic as a whole, however many they were, for whoever reads it", async () => {
    await alone(
      () => "all",
      async ({ tracker, session, parts }) => {
        session.close();
        expect(tracker.count("all")).toBe(0);
        expect(parts).toEqual([{ leaves: entries, left: 0 }]);
      },
    );
  });

  it("has left wherever somebody looks, and the diffs have said so", async () => {
    await withMany(topicOf, async (setting) => {
      const { cluster, tracker, session, removals } = setting;
      const fromMs = cluster.nowMs;
      session.close();
      expect(tracker.list(topicOf(7))).toEqual([]);
      expect(tracker.count(topicOf(8))).toBe(0);
      expect(tracker.has(topicOf(9), "user:9")).toBe(false);
      expect(tracker.getByKey(topicOf(10), "user:10")).toEqual([]);
      expect(tracker.countKeys(topicOf(11))).toBe(0);
      expect(tracker.entries(topicOf(12))).toEqual([]);
      expect(tracker.lastSeen(topicOf(13), "user:13")?.reason).toBe("closed");
      expect(removals).toEqual([7 * (entries / topics)]);
      expect(leavesOf(setting, "a", fromMs)).toEqual(Array.from({ length: 7 }, () => entries / topics));
      expect(tracker.topicsOf("user:399")).toEqual([]);
      expect(tracker.topics()).toEqual([]);
      expect(removals).toEqual([entries]);
      await cluster.settle();
    });
  });

  it("may be tracked again at once where it was untracked: the old entry leaves first", async () => {
    await withMany(topicOf, async (setting) => {
      const { cluster, tracker, session, removals } = setting;
      expect(tracker.untrack(session)).toBe(entries);
      expect(removals).toEqual([0]);
      expect(() => tracker.update(session, topicOf(5), "user:5", { v: 2 })).toThrow("not tracked");
      tracker.track(session, topicOf(5), "user:5", { v: 3 });
      expect(tracker.list(topicOf(5)).map(({ meta }) => meta)).toEqual([{ v: 3 }]);
      await cluster.settle();
      for (const name of ["a", "b"]) {
        expect(cluster.node(name).tracker.topics()).toEqual([topicOf(5)]);
        expect(cluster.node(name).tracker.getByKey(topicOf(5), "user:5")).toMatchObject([{ meta: { v: 3 } }]);
      }
      expect(tracker.untrack(session)).toBe(1);
      await cluster.settle();
    });
  });

  it("has left before its node says goodbye", async () => {
    await withMany(topicOf, async ({ cluster, session }) => {
      session.close();
      await cluster.stop("a");
      await cluster.advance(100);
      expect(cluster.node("b").tracker.topics()).toEqual([]);
    });
  });

  it("leaves once where it closes for good while its grace lasts", async () => {
    await alone(topicOf, async ({ tracker, session, parts, turns }) => {
      session.close({ graceMs: 1_000 });
      await turns.advance(999);
      session.close();
      turns.stall(100);
      await turns.advance(1_000);
      expect(parts.map(({ leaves }) => leaves)).toEqual(
        Array.from({ length: entries / perStep }, () => perStep),
      );
      expect(tracker.topics()).toEqual([]);
    });
  });

  it("leaves in parts when its grace is over", async () => {
    await withMany(topicOf, async ({ cluster, tracker, session, removals }) => {
      session.close({ graceMs: 1_000 });
      await cluster.advance(900);
      expect(tracker.count(topicOf(1))).toBe(entries / topics);
      removals.splice(0, removals.length, 0);
      await cluster.advance(1_000);
      expect(tracker.topics()).toEqual([]);
      expect(Math.max(...removals)).toBe(perStep);
    });
  });
});
