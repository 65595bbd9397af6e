/** Complete means complete: whoever was there when a node started is listed when `whenComplete` resolves. */
import { describe, expect, it } from "vitest";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import { faultless } from "../../src/testing/network.js";
import { memoryPubSub } from "../../src/adapters/memory.js";
import { Tracker } from "../../src/index.js";
import { virtualRuntime } from "../support/virtual-runtime.js";

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

describe("a newcomer within the window of a node that stopped", () => {
  async function deployed() {
    const cluster = await clusterOf(7);
    await cluster.stop("a");
    await cluster.advance(500);
    const startedMs = cluster.nowMs;
    const { tracker } = await cluster.start("a");
    const outcome = { ms: Infinity, listed: -1 };
    void tracker.whenComplete().then(() => {
      outcome.ms = cluster.nowMs - startedMs;
      outcome.listed = tracker.topics().reduce((sum, topic) => sum + tracker.count(topic), 0);
    });
    const wait = async (): Promise<void> => {
      while (outcome.listed < 0 && cluster.nowMs - startedMs < 20_000) await cluster.advance(50);
    };
    return { cluster, tracker, outcome, wait };
  }

  it("is complete when the window has ended", async () => {
    const { cluster, tracker, outcome, wait } = await deployed();
    await cluster.advance(5_000);
    expect(outcome.listed).toBe(-1);
    expect(tracker.health()).toMatchObject({ complete: false, ready: false });
    await wait();
    expect(outcome.listed).toBe(80);
    expect(outcome.ms).toBeGreaterThan(7_000);
    expect(outcome.ms).toBeLessThan(8_500);
    expect(cluster.node("b").tracker.countKeys("room:0")).toBe(tracker.countKeys("room:0"));
  });

  it("says what it waits for", async () => {
    const { cluster, tracker } = await deployed();
    await cluster.advance(3_000);
    const waiting = tracker.whenComplete({ timeoutMs: 1_000 });
    const refused = expect(waiting).rejects.toThrow(
      /nodes that stopped before this one started wait elsewhere/,
    );
    await cluster.advance(1_100);
    await refused;
  });

  it("is complete as soon as those who waited are back", async () => {
    const { cluster, outcome, wait } = await deployed();
    const { tracker } = cluster.node("b");
    for (let i = 0; i < 20; i++) tracker.track(cluster.node("b").session(), `room:${i % 7}`, `a ${i}`, {});
    await wait();
    expect(outcome.listed).toBe(100);
    expect(outcome.ms).toBeLessThan(5_000);
  });

  it("waits no longer than its own down period, and only once", async () => {
    const cluster = await clusterOf(8);
    await cluster.stop("a", { handoffMs: 3_600_000 });
    await cluster.advance(500);
    const { tracker } = await cluster.start("f");
    await cluster.advance(8_600);
    expect(tracker.health().complete).toBe(true);
    await cluster.stop("b", { handoffMs: 3_600_000 });
    await cluster.advance(2_000);
    expect(tracker.health().complete).toBe(true);
  });
});

describe("a wait", () => {
  it("keeps the process alive until its timeout, and no longer than it lasts", async () => {
    const { time, runtime } = virtualRuntime();
    const kept = new Set<object>();
    const counting: typeof runtime = {
      ...runtime,
      schedule(delayMs, callback, options) {
        const timer = {};
        if (options?.keepsAlive === true) kept.add(timer);
        const cancel = runtime.schedule(delayMs, () => {
          kept.delete(timer);
          callback();
        });
        return () => {
          kept.delete(timer);
          cancel();
        };
      },
    };
    const pubsub = memoryPubSub({ nodeName: "a" });
    const options = { name: "wait", pubsub, runtime: counting, expect: ["b"] };
    const starting = Tracker.start({}, options);
    await time.advance(0);
    const tracker = await starting;
    expect(kept.size).toBe(0);
    const outcome = tracker.whenComplete({ timeoutMs: 100 }).catch((error: { code: string }) => error.code);
    expect(kept.size).toBe(1);
    await time.advance(100);
    expect(await outcome).toBe("TIMEOUT");
    const reached = tracker.whenComplete({ timeoutMs: 60_000 });
    expect(kept.size).toBe(1);
    await time.advance(30_000);
    await reached;
    expect(kept.size).toBe(0);
    const stopping = tracker.stop();
    await time.advance(10_000);
    await stopping;
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

describe("a connection that flaps", () => {
  it.each([
    [1_900, 100],
    [1_000, 20],
    [900, 200],
    [1_000, 6_000],
  ])("for %i ms there, for %i ms away: the wait ends, and so does the next one", async (thereMs, awayMs) => {
    const cluster = await clusterOf(7);
    const { tracker } = await cluster.start("new");
    const { network } = cluster;
    for (let wait = 0; wait < 2; wait++) {
      let took = Infinity;
      const startedMs = cluster.nowMs;
      void tracker.whenComplete().then(() => (took = cluster.nowMs - startedMs));
      for (let ms = 0; ms < 120_000 && took === Infinity; ms += thereMs + awayMs) {
        network.beginOutage(["new"], { announced: true, refuses: true });
        await cluster.advance(awayMs);
        network.endOutages(["new"]);
        await cluster.advance(thereMs);
      }
      expect(took).toBeLessThan(120_000);
      expect(tracker.topics().reduce((sum, topic) => sum + tracker.count(topic), 0)).toBe(100);
    }
    expect(tracker.health().ready).toBe(true);
  });

  it("that never lasts long enough to be answered makes nobody complete", async () => {
    const cluster = await clusterOf(7);
    const { tracker } = await cluster.start("new");
    for (let ms = 0; ms < 60_000; ms += 100) {
      cluster.network.beginOutage(["new"], { announced: true, refuses: true });
      await cluster.advance(50);
      cluster.network.endOutages(["new"]);
      await cluster.advance(50);
      const listed = tracker.topics().reduce((sum, topic) => sum + tracker.count(topic), 0);
      expect(tracker.health().complete && listed < 100).toBe(false);
    }
  });

  it("is not complete at once after an outage in which others may have come", async () => {
    const cluster = await clusterOf(8);
    const { tracker } = await cluster.start("new");
    await cluster.settle();
    expect(tracker.health().complete).toBe(true);
    cluster.network.beginOutage(["new"], { announced: true, refuses: true });
    await cluster.advance(9_000);
    cluster.network.endOutages(["new"]);
    await cluster.advance(1_500);
    expect(tracker.health().complete).toBe(false);
    await cluster.advance(2_500);
    expect(tracker.health().complete).toBe(true);
  });
});
