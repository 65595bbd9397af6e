/** Chaos with real processes over the cluster adapter, and that its own checks see what they are for. */
import { describe, expect, it } from "vitest";
import { LifeRecord } from "../../scripts/chaos/life-record.js";
import { lineOf, type Report } from "../../scripts/chaos/messages.js";
import { periodsOf } from "../../scripts/chaos/profiles.js";
import { runChaos } from "../../scripts/chaos/run-chaos.js";
import { differences } from "../../scripts/chaos/settle.js";
import { everyone, Timeline } from "../../scripts/chaos/timeline.js";
import { SeededRandom } from "../../src/testing/random.js";

const periods = periodsOf("short");

describe("chaos over the cluster adapter", () => {
  it("keeps every promise while five processes are killed, stopped, restarted and renamed", async ({
    signal,
  }) => {
    const { failures, events, counts } = await runChaos({
      seed: 20_261,
      durationMs: 60_000,
      checkpointPeriodMs: 20_000,
      nodes: 5,
      periods,
      clients: ["cluster"],
      signal,
    });
    expect(failures, `the last events:\n${events.join("\n")}`).toEqual([]);
    expect(counts.checkpoint).toBe(3);
    expect(counts.entries, "there is something to compare").toBeGreaterThan(20);
    expect(counts.commands).toBeGreaterThan(500);
    for (const kind of ["kill", "freeze", "longFreeze", "leave"] as const) {
      expect(counts[kind], kind).toBeGreaterThan(0);
    }
    // Three times the patience with a cluster that is to settle, and the chaos.
  }, 400_000);

  it("leaves no process behind when it is given up", async () => {
    const giveUp = new AbortController();
    const listenersBefore = process.listenerCount("exit");
    const run = runChaos({
      seed: 7,
      durationMs: 600_000,
      checkpointPeriodMs: 600_000,
      nodes: 2,
      periods,
      clients: ["cluster"],
      signal: giveUp.signal,
      progress: () => giveUp.abort(),
    });
    const { failures, counts, processes } = await run;
    expect(failures).toEqual([]);
    expect(counts.checkpoint).toBe(0);
    expect(processes.length).toBeGreaterThan(0);
    expect(processes.filter(isAlive)).toEqual([]);
    expect(process.listenerCount("exit")).toBe(listenersBefore);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("the record of a life", () => {
  it("holds what was answered, with its ref, and complains about a wrong answer", () => {
    const random = new SeededRandom(1);
    let revision = 0;
    const record = new LifeRecord("node-1", "ref of the life");
    const first = record.plan(random, 1, () => (revision += 1))[0];
    if (first?.call !== "track") throw new Error("Nothing but a track can come first");
    expect(record.confirm(["a ref"])).toEqual([]);
    const { topic, key, meta } = first;
    expect(record.lines()).toEqual([
      lineOf("lives", "node-1", "node-1", "ref of the life", { revision: 0, text: "life" }),
      lineOf(topic, key, "node-1", "a ref", meta),
    ]);
    record.plan(random, 1, () => (revision += 1));
    expect(record.confirm([null]), "the session is not closed").toHaveLength(1);
  });

  it("plans steps of every kind, and none on what is not there", () => {
    const random = new SeededRandom(2);
    let revision = 0;
    const record = new LifeRecord("node-1", "ref");
    const present = new Map<string, number>();
    const calls = new Set<string>();
    for (const step of record.plan(random, 2_000, () => (revision += 1))) {
      calls.add(step.call);
      if (step.call === "close" || step.call === "untrack") {
        for (const [identity, session] of present) {
          const [topic, key] = JSON.parse(identity) as [string, string];
          const isMeant =
            step.call === "close" || ((step.topic ?? topic) === topic && (step.key ?? key) === key);
          if (session === step.session && isMeant) present.delete(identity);
        }
        continue;
      }
      const identity = JSON.stringify([step.topic, step.key, step.session]);
      expect(present.has(identity), JSON.stringify(step)).toBe(step.call === "update");
      present.set(identity, step.session);
    }
    expect([...calls].sort()).toEqual(["close", "track", "untrack", "update"]);
    expect(record.lines()).toHaveLength(present.size + 1);
  });
});

describe("the comparison of all lists", () => {
  const report = (lines: readonly string[], complete = true): Report => {
    return { complete, lines, diffs: 0, replicas: [] };
  };
  const compare = (one: Report): string[] => {
    return differences({ expected: ["a", "b"], reports: [{ nodeName: "node-1", report: one }] });
  };

  it("sees what is missing, too much, twice or not complete", () => {
    expect(compare(report(["b", "a"]))).toEqual([]);
    expect(compare(report(["a"])).join()).toContain("lacks 1");
    expect(compare(report(["a", "b", "c"])).join()).toContain("has and should not 1");
    expect(compare(report(["a", "b", "b"])).join()).toContain("twice");
    expect(compare(report(["a", "b"], false)).join()).toContain("not complete");
  });
});

describe("who may be called down", () => {
  const atMs = 10_000;
  const complaint = (arrange: (timeline: Timeline) => void): string | undefined => {
    const timeline = new Timeline();
    arrange(timeline);
    return timeline.complaint({ observer: "observer", lifeId: "life", atMs }, periods);
  };

  it("is a life that ended, was stopped, or had no connection", () => {
    expect(complaint((timeline) => timeline.ended("life", atMs - 1))).toBeUndefined();
    expect(complaint((timeline) => timeline.silentFrom("life", atMs - 1_200))).toBeUndefined();
    expect(complaint((timeline) => timeline.status("life", false, atMs - 1_200))).toBeUndefined();
    expect(complaint((timeline) => timeline.silentSpan(everyone, atMs - 1_200, atMs))).toBeUndefined();
  });

  it("is not a life that was heard, though the observer was stopped", () => {
    expect(complaint(() => {})).toContain("observer called life down");
    expect(complaint((timeline) => timeline.silentFrom("observer", 0)(atMs - 10))).toBeDefined();
    expect(complaint((timeline) => timeline.silentFrom("life", 0)(atMs - 2_000))).toBeDefined();
    expect(complaint((timeline) => timeline.ended("life", atMs + 1))).toBeDefined();
  });

  it("is nobody for an outage that the observer shared", () => {
    const outage = (timeline: Timeline): void => {
      for (const lifeId of ["life", "observer"]) {
        timeline.status(lifeId, false, atMs - 3_000);
        timeline.status(lifeId, true, atMs - 500);
      }
    };
    expect(complaint(outage)).toBeDefined();
    // What the observer goes through afterwards changes nothing.
    const later = (timeline: Timeline): void => {
      timeline.silentFrom("life", atMs - 1_200);
      timeline.status("observer", false, atMs + 1_000);
      timeline.status("observer", true, atMs + 2_000);
    };
    expect(complaint(later)).toBeUndefined();
  });
});
