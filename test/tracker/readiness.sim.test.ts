/** Complete means complete: whoever was there when a node started is listed when `whenComplete` resolves. */
import { describe, expect, it } from "vitest";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import { faultless } from "../../src/testing/network.js";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { Tracker } from "../../src/index.js";

const others = ["a", "b", "c", "d", "e"];

async function clusterOf(seed: number, poolSize = 4): Promise<SimulatedCluster> {
  const cluster = await simulate({ seed, nodes: others, options: { poolSize } });
  await cluster.advance(2_000);
  for (const name of others) {
    const { tracker } = cluster.node(name);
    for (let i = 0; i < 20; i++)
      tracker.track(cluster.node(name).session(), `room:${i % 7}`, `${name} ${i}`, {});
  }
  await cluster.settle();
  return cluster;
}

/** How long a newcomer waits, and how many it lists then. */
async function newcomer(cluster: SimulatedCluster, expected?: readonly string[]) {
  const startedMs = cluster.nowMs;
  const { tracker } = await cluster.start(
    "new",
    expected === undefined ? {} : { options: { expect: expected } },
  );
  const outcome = { ms: Infinity, listed: -1 };
  void tracker.whenComplete().then(() => {
    outcome.ms = cluster.nowMs - startedMs;
    outcome.listed = tracker.topics().reduce((sum, topic) => sum + tracker.count(topic), 0);
  });
  while (outcome.listed < 0 && cluster.nowMs - startedMs < 12_000) await cluster.advance(10);
  return outcome;
}

describe("a newcomer that is complete", () => {
  it.each([
    ["as near as in one building", [1, 3], 0],
    ["on another continent", [130, 131], 0],
    ["a second away", [500, 900], 0],
    ["in a long turn", [1, 3], 300],
    ["in a very long turn", [1, 3], 1_500],
  ] as const)("lists what the others have who are %s", async (_, delayMs, stallMs) => {
    for (let seed = 1; seed <= 3; seed++) {
      const cluster = await clusterOf(seed);
      cluster.network.faults = { ...faultless, delayMs };
      if (stallMs > 0) for (const name of others.slice(0, seed)) cluster.stall(name, stallMs);
      const { ms, listed } = await newcomer(cluster);
      expect(listed, `seed ${seed}`).toBe(100);
      expect(ms, `seed ${seed}`).toBeLessThan(6_000);
    }
  });

  it("need not wait for a round of heartbeats when it has heard all whom it expects", async () => {
    const { ms, listed } = await newcomer(await clusterOf(4), ["new", ...others]);
    expect(listed).toBe(100);
    expect(ms).toBeLessThan(300);
  });

  it("waits for that round, and no longer, for one that it expects and that does not come", async () => {
    const { ms, listed } = await newcomer(await clusterOf(5), [...others, "never there"]);
    expect(listed).toBe(100);
    expect(ms).toBeGreaterThanOrEqual(2_500);
    expect(ms).toBeLessThan(2_600);
  });

  it("hears the others out again when its pubsub is back", async () => {
    const cluster = await clusterOf(6);
    const { tracker } = cluster.node("a");
    cluster.outage({ nodes: ["a"] });
    cluster.node("b").tracker.track(cluster.node("b").session(), "room:1", "meanwhile", {});
    await cluster.advance(2_000);
    let has: boolean | undefined;
    void tracker.whenComplete().then(() => (has = tracker.has("room:1", "meanwhile")));
    await cluster.advance(2_000);
    expect(has).toBeUndefined();
    cluster.heal();
    await cluster.advance(4_000);
    expect(has).toBe(true);
  });
});

describe("the option `expect`", () => {
  it("of nobody makes a node complete at once", async () => {
    const tracker = await Tracker.start({}, { name: "alone", pubsub: memoryPubSub(), expect: [] });
    await tracker.whenComplete({ timeoutMs: 100 });
    expect(tracker.health().complete).toBe(true);
    await tracker.stop();
  });

  it.each([
    ["a"],
    [[""]],
    [[1]],
    [["x".repeat(129)]],
    [Array.from({ length: 4_097 }, (_, i) => `n${i}`)],
    [null],
  ])("is refused if it is no list of node names", async (value) => {
    const starting = Tracker.start({}, { name: "x", pubsub: memoryPubSub(), expect: value as never });
    await expect(starting).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
