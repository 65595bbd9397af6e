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
      holds: "everything",
      deployEvery: 0,
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
      holds: "everything",
      deployEvery: 0,
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
    const record = new LifeRecord("node-1", "ref of the life", "everything");
    const first = record.plan(random, 1, () => (revision += 1))[0];
    if (first?.call !== "track") throw new Error("Nothing but a track can come first");
    expect(record.confirm(["a ref"])).toEqual([]);
    const { topic, key, meta } = first;
    expect(record.lines()).toEqual([
      {
        topic: "lives",
        line: lineOf("lives", "node-1", "node-1", "ref of the life", { revision: 0, text: "life" }),
      },
      { topic, line: lineOf(topic, key, "node-1", "a ref", meta) },
    ]);
    record.plan(random, 1, () => (revision += 1));
    expect(record.confirm([null]), "the session is not closed").toHaveLength(1);
  });

  it("of a node that follows plans follows too, and says what is left of them", () => {
    const random = new SeededRandom(3);
    const record = new LifeRecord("node-1", "ref", "followed");
    const handles = new Map<string, number>();
    let most = 0;
    for (const step of record.plan(random, 2_000, () => 1)) {
      if (step.call !== "follow" && step.call !== "unfollow") continue;
      const left = (handles.get(step.topic) ?? 0) + (step.call === "follow" ? 1 : -1);
      expect(left, "a handle is closed that there is").toBeGreaterThanOrEqual(0);
      if (left === 0) handles.delete(step.topic);
      else handles.set(step.topic, left);
      most = Math.max(most, left);
    }
    expect([...record.follows].sort()).toEqual([...handles.keys()].sort());
    expect(handles.size).toBeGreaterThan(3);
    expect(most, "several handles of one topic").toBeGreaterThan(1);
  });

  it("takes back those who arrived, and nothing else", () => {
    const record = new LifeRecord("node-1", "ref", "everything");
    record.arrive("travellers", ["a", "b"], 1);
    expect(record.confirm(["ref a", "ref b"])).toEqual([]);
    expect(record.lines().map(({ topic }) => topic)).toEqual(["lives", "travellers", "travellers"]);
    expect(record.depart("travellers").map(({ call }) => call)).toEqual(["close", "close"]);
    expect(record.confirm([null, null])).toEqual([]);
    expect(record.lines().map(({ topic }) => topic)).toEqual(["lives"]);
  });

  it("plans steps of every kind, and none on what is not there", () => {
    const random = new SeededRandom(2);
    let revision = 0;
    const record = new LifeRecord("node-1", "ref", "everything");
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
      if (!("session" in step)) throw new Error("Everything is held");
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
    return { complete, lines, follows: [], diffs: 0, replicas: [] };
  };
  const compare = (one: Report, follows: readonly string[] = []): string[] => {
    return differences({ reports: [{ nodeName: "node-1", expected: ["a", "b"], follows, report: one }] });
  };

  it("sees what is missing, too much, twice or not complete", () => {
    expect(compare(report(["b", "a"]))).toEqual([]);
    expect(compare(report(["a"])).join()).toContain("lacks 1");
    expect(compare(report(["a", "b", "c"])).join()).toContain("has and should not 1");
    expect(compare(report(["a", "b", "b"])).join()).toContain("twice");
    expect(compare(report(["a", "b"], false)).join()).toContain("not complete");
  });

  it("sees a follow that is not complete, one that is missing, and one too many", () => {
    const following = (...follows: Report["follows"]): Report => ({ ...report(["a", "b"]), follows });
    const room = { topic: "room", complete: true };
    expect(compare(following(room), ["room"])).toEqual([]);
    expect(compare(following({ ...room, complete: false }), ["room"]).join()).toContain(
      "not complete in room",
    );
    expect(compare(following(), ["room"]).join()).toContain("instead of");
    expect(compare(following(room)).join()).toContain("instead of");
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

  it("is suspected of not hearing only while what all messages pass stands still", () => {
    const alarm = (arrange: (timeline: Timeline) => void): string | undefined => {
      const timeline = new Timeline();
      arrange(timeline);
      return timeline.falseAlarm({ text: "node-1: DEAF", atMs }, periods);
    };
    expect(alarm((timeline) => timeline.silentSpan(everyone, atMs - 2_000, atMs - 1_600))).toBeUndefined();
    expect(alarm(() => {})).toContain("node-1: DEAF");
    expect(alarm((timeline) => timeline.silentSpan(everyone, atMs - 9_000, atMs - 5_000))).toBeDefined();
    expect(alarm((timeline) => timeline.silentSpan("life", atMs - 2_000, atMs))).toBeDefined();
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
