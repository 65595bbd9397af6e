/** The simulated cluster itself: it runs real trackers, it does what it is told, and it can be run again. */
import { describe, expect, it } from "vitest";
import { randomSchedule } from "../../src/testing/random-schedule.js";
import { runSchedule } from "../../src/testing/run-schedule.js";
import { simulate, SimulationError, type SimulatedCluster } from "../../src/testing/cluster.js";

const room = "room:1";

async function makeCluster(nodes: string[] = ["a", "b", "c"]): Promise<SimulatedCluster> {
  const cluster = await simulate({ seed: 1, nodes });
  await cluster.settle();
  return cluster;
}

function keysAt(cluster: SimulatedCluster, name: string): string[] {
  return cluster
    .node(name)
    .tracker.list(room)
    .map(({ key }) => key)
    .sort();
}

describe("a simulated cluster", () => {
  it("brings what one node tracks to all others", async () => {
    const cluster = await makeCluster();
    const session = cluster.node("a").session();
    cluster.node("a").tracker.track(session, room, "user:1", { device: "phone" });
    expect(keysAt(cluster, "b")).toEqual([]);
    await cluster.advance(50);
    expect(keysAt(cluster, "b")).toEqual(["user:1"]);
    expect(keysAt(cluster, "c")).toEqual(["user:1"]);
    expect(cluster.node("b").diffs).toHaveLength(1);
    session.close();
    await cluster.settle();
    expect(keysAt(cluster, "c")).toEqual([]);
  });

  it("keeps partitions until it is healed", async () => {
    const cluster = await makeCluster();
    cluster.partition(["a"], ["b", "c"]);
    cluster.node("a").tracker.track(cluster.node("a").session(), room, "user:1", {});
    cluster.node("b").tracker.track(cluster.node("b").session(), room, "user:2", {});
    await cluster.advance(1_000);
    expect(keysAt(cluster, "a")).toEqual(["user:1"]);
    expect(keysAt(cluster, "c")).toEqual(["user:2"]);
    await cluster.settle();
    for (const name of ["a", "b", "c"]) expect(keysAt(cluster, name)).toEqual(["user:1", "user:2"]);
  });

  it("crashes, restarts and stops lives", async () => {
    const cluster = await makeCluster();
    cluster.node("a").tracker.track(cluster.node("a").session(), room, "user:1", {});
    await cluster.advance(50);
    cluster.crash("a");
    await cluster.advance(9_000);
    expect(keysAt(cluster, "b")).toEqual([]);
    const second = await cluster.restart("a");
    second.tracker.track(second.session(), room, "user:1", {});
    await cluster.advance(1_000);
    expect(keysAt(cluster, "b")).toEqual(["user:1"]);
    await cluster.stop("a", { handoffMs: 0 });
    await cluster.advance(1_000);
    expect(second.state).toBe("stopped");
    expect(keysAt(cluster, "b")).toEqual([]);
    expect(cluster.lives.filter(({ name }) => name === "a")).toHaveLength(2);
    await cluster.settle();
  });

  it("stalls a node: what comes meanwhile comes when the stall is over", async () => {
    const cluster = await makeCluster();
    cluster.stall("b", 3_000);
    cluster.node("a").tracker.track(cluster.node("a").session(), room, "user:1", {});
    await cluster.advance(2_900);
    expect(keysAt(cluster, "b")).toEqual([]);
    expect(keysAt(cluster, "c")).toEqual(["user:1"]);
    await cluster.advance(200);
    expect(keysAt(cluster, "b")).toEqual(["user:1"]);
  });

  it("tells of a broker outage, and of none that is silent", async () => {
    for (const announced of [true, false]) {
      const cluster = await makeCluster();
      cluster.outage({ nodes: ["b"], announced });
      await cluster.advance(1_000);
      expect(cluster.node("b").tracker.health().connected).toBe(!announced);
      expect(cluster.node("a").tracker.health().connected).toBe(true);
      await cluster.settle();
      expect(cluster.node("b").tracker.health().connected).toBe(true);
    }
  });

  it("gives a behaviour its diffs and the tracker", async () => {
    const seen: string[] = [];
    const cluster = await simulate({
      seed: 1,
      nodes: ["a", "b"],
      behaviour: (nodeName) => ({
        handleDiff: (diff, tracker) => {
          for (const [topic, { joins }] of diff) {
            seen.push(`${nodeName} ${topic} ${joins.length} of ${tracker.count(topic)}`);
          }
        },
      }),
    });
    cluster.node("a").tracker.track(cluster.node("a").session(), room, "user:1", {});
    await cluster.settle();
    expect(seen).toEqual([`a ${room} 1 of 1`, `b ${room} 1 of 1`]);
  });

  it("throws what it finds wrong", async () => {
    const cluster = await makeCluster(["a", "b"]);
    cluster.node("a").tracker.track(cluster.node("a").session(), room, "user:1", {});
    await cluster.advance(100);
    const diff = cluster.node("b").diffs[0]?.diff ?? new Map();
    cluster.node("b").violations.push(...cluster.node("b").fold.apply(diff));
    await expect(cluster.advance(1)).rejects.toThrow(SimulationError);
  });
});

describe("a run", () => {
  it("is the same for the same seed, to the byte, and another for another", async () => {
    for (const seed of [2, 3, 9]) {
      const traces: string[] = [];
      for (let time = 0; time < 2; time += 1) {
        const { cluster } = await runSchedule(randomSchedule(seed), { trace: true });
        expect(cluster.trace.length).toBeGreaterThan(20);
        traces.push(cluster.trace.join("\n"));
      }
      expect(traces[0]).toBe(traces[1]);
    }
    expect(randomSchedule(3)).toEqual(randomSchedule(3));
    expect(randomSchedule(3)).not.toEqual(randomSchedule(4));
  });
});
