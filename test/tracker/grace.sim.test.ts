/**
 * A grace period before a leave: entries of a session that has closed stay until somebody else was tracked under their
 * topic and key, on whatever node, or until the time is up. In virtual time.
 */
import { EventEmitter } from "node:events";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Session } from "../../src/session.js";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import { codeOf, startAlone } from "./recorder.js";

const TOPIC = "room";
const GRACE_MS = 5_000;
/** A period ends with its slot. */
const SLOT_MS = 50;

async function clusterOf(seed: number, ...nodes: string[]): Promise<SimulatedCluster> {
  const cluster = await simulate({ seed, nodes });
  await cluster.settle();
  return cluster;
}

function connect(cluster: SimulatedCluster, node: string, key: string, topic = TOPIC): Session {
  const session = cluster.node(node).session();
  cluster.node(node).tracker.track(session, topic, key, {});
  return session;
}

/** Which users a node saw come and go, each with all their entries. */
function goings(cluster: SimulatedCluster, node: string): string[] {
  const told: string[] = [];
  const counts = new Map<string, number>();
  for (const { diff } of cluster.node(node).diffs) {
    const before = new Map(counts);
    const reasons = new Map<string, string>();
    const { joins = [], leaves = [] } = diff.get(TOPIC) ?? {};
    for (const { key, reason } of leaves) {
      counts.set(key, (counts.get(key) ?? 0) - 1);
      reasons.set(key, reason);
    }
    for (const { key } of joins) counts.set(key, (counts.get(key) ?? 0) + 1);
    for (const [key, count] of counts) {
      const had = before.get(key) ?? 0;
      if (had === 0 && count > 0) told.push(`+${key}`);
      if (had > 0 && count === 0) told.push(`-${key} ${reasons.get(key) ?? ""}`);
    }
  }
  return told;
}

describe("a session that closes with a grace period", () => {
  it("lets its entries leave when the time is up, with the reason closed, all in one diff", async () => {
    const cluster = await clusterOf(1, "a", "b");
    const session = connect(cluster, "a", "ann");
    const { tracker } = cluster.node("a");
    tracker.track(session, TOPIC, "bo", {});
    await cluster.advance(2_000);
    session.close({ graceMs: GRACE_MS });
    expect(session.closed).toBe(true);
    expect(session.signal.aborted).toBe(true);
    expect(tracker.track(session, TOPIC, "cy", {})).toBeUndefined();
    expect(tracker.list(TOPIC).map(({ leaving }) => leaving)).toEqual([true, true]);
    expect(JSON.stringify(tracker.list(TOPIC))).not.toContain("leaving");
    const before = cluster.node("a").diffs.length;
    await cluster.advance(GRACE_MS - 2 * SLOT_MS);
    expect([tracker.count(TOPIC), cluster.node("b").tracker.count(TOPIC)]).toEqual([2, 2]);
    expect(
      cluster
        .node("b")
        .tracker.list(TOPIC)
        .map(({ leaving }) => leaving),
    ).toEqual([false, false]);
    expect(cluster.node("a").diffs).toHaveLength(before);
    await cluster.advance(4 * SLOT_MS);
    expect(tracker.count(TOPIC)).toBe(0);
    expect(cluster.node("a").diffs).toHaveLength(before + 1);
    expect(goings(cluster, "a")).toEqual(["+ann", "+bo", "-ann closed", "-bo closed"]);
    await cluster.settle();
    expect(goings(cluster, "b").slice(2)).toEqual(["-ann closed", "-bo closed"]);
  });

  it.each(["a", "b"])(
    "ends in silence when its key is tracked anew on %s, and nobody is seen to go",
    async (home) => {
      const cluster = await clusterOf(2, "a", "b", "c");
      const session = connect(cluster, "a", "ann");
      await cluster.advance(3_000);
      session.close({ graceMs: GRACE_MS });
      await cluster.advance(300);
      connect(cluster, home, "ann");
      await cluster.advance(1_700);
      for (const name of ["a", "b", "c"]) {
        expect(
          cluster
            .node(name)
            .tracker.getByKey(TOPIC, "ann")
            .map(({ node }) => node),
        ).toEqual([home]);
        expect(cluster.node(name).tracker.count(TOPIC)).toBe(1);
      }
      await cluster.advance(3 * GRACE_MS);
      for (const name of ["a", "b", "c"])
        expect(goings(cluster, name).filter((told) => told[0] === "-")).toEqual([]);
    },
  );

  it("counts only who was tracked since, under that topic, and gives one place to one", async () => {
    const cluster = await clusterOf(3, "a", "b");
    const other = connect(cluster, "b", "ann");
    const [first, second] = [connect(cluster, "a", "ann"), connect(cluster, "a", "ann")];
    await cluster.advance(3_000);
    const { tracker } = cluster.node("a");
    first.close({ graceMs: GRACE_MS });
    await cluster.advance(100);
    second.close({ graceMs: GRACE_MS });
    connect(cluster, "b", "ann", "elsewhere");
    cluster.node("b").tracker.update(other, TOPIC, "ann", { moved: true });
    await cluster.advance(2_000);
    expect(tracker.count(TOPIC)).toBe(3);
    connect(cluster, "b", "ann");
    await cluster.advance(1_600);
    // The one that closed first has given its place.
    const here = (): string[] => tracker.getByKey(TOPIC, "ann").map((entry) => entry.session);
    expect(here()).toHaveLength(3);
    expect([here().includes(first.id), here().includes(second.id)]).toEqual([false, true]);
    await cluster.advance(GRACE_MS);
    expect(here()).toHaveLength(2);
  });

  it("does not take a node that is heard again for somebody who came", async () => {
    const cluster = await clusterOf(4, "a", "b");
    connect(cluster, "b", "ann");
    const laptop = connect(cluster, "a", "ann");
    await cluster.advance(3_000);
    cluster.node("b").machine.stall(12_000);
    await cluster.advance(9_500);
    const { tracker } = cluster.node("a");
    expect(tracker.count(TOPIC)).toBe(1);
    laptop.close({ graceMs: 30_000 });
    await cluster.advance(6_000);
    expect(tracker.count(TOPIC)).toBe(2);
    await cluster.advance(30_000);
    expect(tracker.count(TOPIC)).toBe(1);
  });

  it("ends at once when it is untracked, or closed without a grace", async () => {
    const cluster = await clusterOf(5, "a");
    const { tracker } = cluster.node("a");
    const [one, two] = [connect(cluster, "a", "ann"), connect(cluster, "a", "bo")];
    for (const session of [one, two]) session.close({ graceMs: GRACE_MS });
    one.close({ graceMs: 1 });
    expect(tracker.count(TOPIC)).toBe(2);
    one.close();
    expect(tracker.list(TOPIC).map(({ key }) => key)).toEqual(["bo"]);
    expect(tracker.untrack(two)).toBe(1);
    expect(tracker.count(TOPIC)).toBe(0);
    connect(cluster, "a", "ann");
    await cluster.advance(2 * GRACE_MS);
    expect(tracker.count(TOPIC)).toBe(1);
    expect(goings(cluster, "a")).toEqual(["+ann", "+bo", "-ann closed", "-bo untracked", "+ann"]);
  });

  it("waits in the window of a node that stops within it, and announces nothing then", async () => {
    const cluster = await clusterOf(6, "a", "b");
    connect(cluster, "a", "ann").close({ graceMs: GRACE_MS });
    await cluster.advance(2_000);
    await cluster.stop("a");
    await cluster.advance(7_000);
    expect(cluster.node("b").tracker.count(TOPIC)).toBe(1);
    await cluster.advance(2_000);
    expect(goings(cluster, "b")).toEqual(["+ann", "-ann departed"]);
  });

  it("leaves before the goodbye of a node that stops, if its place was taken on another", async () => {
    const cluster = await clusterOf(21, "a", "b", "c");
    const session = connect(cluster, "a", "ann");
    connect(cluster, "a", "bo").close({ graceMs: GRACE_MS });
    await cluster.settle();
    session.close({ graceMs: GRACE_MS });
    connect(cluster, "b", "ann");
    while (cluster.node("a").tracker.getByKey(TOPIC, "ann").length < 2) await cluster.advance(10);
    await cluster.advance(50);
    await cluster.node("a").tracker.stop();
    await cluster.advance(500);
    for (const name of ["b", "c"]) {
      const { tracker } = cluster.node(name);
      expect(
        tracker.getByKey(TOPIC, "ann").map(({ node }) => node),
        name,
      ).toEqual(["b"]);
      // Nobody has come in this one's place: it waits in the window.
      expect(tracker.count(TOPIC), name).toBe(2);
      expect(goings(cluster, name), name).toEqual(["+ann", "+bo"]);
    }
  });

  it("ends with the tracker that is stopped when another's time is up", async () => {
    let stop: (() => void) | undefined;
    const left: string[] = [];
    vi.useFakeTimers();
    try {
      const tracker = await startAlone({
        handleDiff: (diff) => {
          for (const { key } of diff.get(TOPIC)?.leaves ?? []) {
            left.push(key);
            stop?.();
          }
        },
      });
      stop = () => void tracker.stop();
      for (const [key, graceMs] of [
        ["ann", 100],
        ["bo", 400],
      ] as const) {
        const session = new Session();
        tracker.track(session, TOPIC, key, {});
        session.close({ graceMs });
      }
      await vi.advanceTimersByTimeAsync(1_000);
      expect(tracker.stopped).toBe(true);
      expect(left).toEqual(["ann"]);
      expect(tracker.count(TOPIC)).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("gives who comes back one turn more where the process stood still beyond the end", async () => {
    const cluster = await clusterOf(7, "a", "b");
    const session = connect(cluster, "a", "ann");
    await cluster.advance(2_000);
    session.close({ graceMs: GRACE_MS });
    await cluster.advance(1_000);
    cluster.node("a").machine.stall(6_000);
    await cluster.advance(1_000);
    connect(cluster, "b", "ann");
    await cluster.advance(8_000);
    expect(goings(cluster, "a").filter((told) => told[0] === "-")).toEqual([]);
    expect(cluster.node("a").tracker.count(TOPIC)).toBe(1);
  });

  it("of many ends with one timer, and holds nothing afterwards", async () => {
    const cluster = await clusterOf(8, "a");
    const sessions = Array.from({ length: 2_000 }, (_, i) => connect(cluster, "a", `u${i}`));
    await cluster.advance(2_000);
    const { diffs, tracker } = cluster.node("a");
    const before = diffs.length;
    for (const session of sessions) session.close({ graceMs: GRACE_MS });
    await cluster.advance(GRACE_MS + SLOT_MS);
    // A turn ends 1,024 of them, and the next one the rest.
    expect([tracker.count(TOPIC), diffs.length]).toEqual([0, before + 2]);
  });

  it("keeps a user on every list who comes back in time, whichever node hears of it first", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1_000),
        fc.array(fc.nat(4_000), { minLength: 3, maxLength: 8 }),
        async (seed, pauses) => {
          const cluster = await clusterOf(seed, "a", "b", "c");
          let session = connect(cluster, "a", "ann");
          await cluster.advance(3_000);
          for (const [index, pauseMs] of pauses.entries()) {
            session.close({ graceMs: GRACE_MS });
            await cluster.advance(pauseMs);
            session = connect(cluster, ["a", "b", "c"][(seed + index) % 3] ?? "a", "ann");
            await cluster.advance(1_700);
            for (const name of ["a", "b", "c"]) expect(cluster.node(name).tracker.count(TOPIC)).toBe(1);
          }
          for (const name of ["a", "b", "c"]) expect(goings(cluster, name)).toEqual(["+ann"]);
        },
      ),
      { numRuns: 15 },
    );
  }, 60_000);
});

describe("a session of a source with a grace period", () => {
  it("closes with it when the source ends, and at once if it has ended before", async () => {
    const tracker = await startAlone();
    const socket = new EventEmitter();
    const session = Session.from(socket, "close", { graceMs: 60_000 });
    tracker.track(session, TOPIC, "ann", {});
    const controller = new AbortController();
    const request = Session.from(controller.signal, { graceMs: 60_000 });
    tracker.track(request, TOPIC, "bo", {});
    socket.emit("close");
    controller.abort();
    expect([session.closed, request.closed, tracker.count(TOPIC)]).toEqual([true, true, 2]);
    session[Symbol.dispose]();
    request.close();
    expect(tracker.count(TOPIC)).toBe(0);
    expect(Session.from(controller.signal, { graceMs: 1 }).closed).toBe(true);
    await tracker.stop();
  });

  it("refuses what is no time, and options that there are not; as a listener it takes anything", () => {
    const socket = new EventEmitter();
    for (const graceMs of [-1, NaN, Infinity, "5" as never]) {
      expect(codeOf(() => Session.from(socket, "close", { graceMs }))).toBe("INVALID_OPTION");
      expect(codeOf(() => new Session().close({ graceMs }))).toBe("INVALID_OPTION");
    }
    expect(codeOf(() => Session.from(socket, "close", { grace: 5 } as never))).toBe("INVALID_OPTION");
    expect(socket.eventNames()).toEqual([]);
    const session = new Session();
    socket.on("close", session.close.bind(session));
    socket.emit("close", 1001, Buffer.from("going away"));
    expect(session.closed).toBe(true);
  });
});
