/** Goals that stand still: what was known when a wait began is what it waits for, whatever comes meanwhile. */
import { describe, expect, it } from "vitest";
import type { Session } from "../../src/index.js";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import { faultless } from "../../src/testing/network.js";
import { SeededRandom } from "../../src/testing/random.js";

interface Visible {
  readonly v: number;
}

/** Users of some nodes who keep changing: so many changes per node and second, at random. */
class Users {
  readonly #cluster: SimulatedCluster<Visible>;
  readonly #random: SeededRandom;
  readonly #sessions = new Map<string, Session[]>();
  #version = 0;

  constructor(cluster: SimulatedCluster<Visible>, names: readonly string[], each: number, seed: number) {
    this.#cluster = cluster;
    this.#random = new SeededRandom(seed);
    for (const name of names) {
      const { tracker } = cluster.node(name);
      const sessions = Array.from({ length: each }, () => cluster.node(name).session());
      for (const [i, session] of sessions.entries()) {
        tracker.track(session, `room:${i}`, `${name} ${i}`, { v: 0 });
      }
      this.#sessions.set(name, sessions);
    }
  }

  async change(ms: number, perSecond: number): Promise<void> {
    for (let gone = 0; gone < ms; gone += 100) {
      for (const [name, sessions] of this.#sessions) {
        if (this.#random.next() >= perSecond / 10) continue;
        const i = Math.floor(this.#random.next() * sessions.length);
        this.#version += 1;
        this.#cluster.node(name).tracker.set(sessions[i]!, `room:${i}`, `${name} ${i}`, { v: this.#version });
      }
      await this.#cluster.advance(100);
    }
  }
}

describe("a node that is heard again", () => {
  it.each([
    { poolSize: 4, delayMs: [0, 4_000], lossRate: 0, withinMs: 30_000 },
    { poolSize: 64, delayMs: [0, 1_000], lossRate: 0, withinMs: 20_000 },
    { poolSize: 64, delayMs: [0, 4_000], lossRate: 0, withinMs: 60_000 },
    { poolSize: 64, delayMs: [0.2, 3], lossRate: 0.2, withinMs: 20_000 },
  ] as const)("is shown while its users are busy: %o", async ({ poolSize, delayMs, lossRate, withinMs }) => {
    for (let seed = 1; seed <= 2; seed++) {
      const cluster = await simulate<Visible>({ seed, nodes: ["a", "b"], options: { poolSize } });
      await cluster.advance(3_000);
      const users = new Users(cluster, ["a"], 200, seed);
      await users.change(3_000, 8);
      cluster.partition(["a"], ["b"]);
      await users.change(10_000, 8);
      const { tracker } = cluster.node("b");
      expect(tracker.count("room:1"), `seed ${seed}`).toBe(0);
      cluster.heal();
      cluster.network.faults = { ...faultless, ...{ delayMs, lossRate, reorder: true } };
      const healedMs = cluster.nowMs;
      while (tracker.count("room:1") === 0 && cluster.nowMs - healedMs < withinMs) await users.change(500, 8);
      expect(tracker.topics(), `seed ${seed}`).toHaveLength(200);
    }
  });
});

describe("a wait for completeness", () => {
  it("ends with what was known when it began, on a network that is never at rest", async () => {
    const names = Array.from({ length: 12 }, (_, i) => `n${i}`);
    const cluster = await simulate<Visible>({ seed: 5, nodes: names });
    await cluster.advance(3_000);
    const users = new Users(cluster, names, 20, 5);
    await cluster.advance(5_000);
    cluster.network.faults = { ...faultless, ...{ delayMs: [0, 1_000], reorder: true } };
    await users.change(5_000, 2);
    const { tracker } = await cluster.start("new");
    let listed = -1;
    void tracker.whenComplete().then(() => {
      listed = tracker.topics().reduce((sum, topic) => sum + tracker.count(topic), 0);
    });
    await users.change(20_000, 2);
    expect(listed).toBe(12 * 20);
    expect(tracker.health().complete).toBe(true);
    // And one that begins later, while nothing is at rest either.
    let again = false;
    void tracker.whenComplete().then(() => (again = true));
    await users.change(15_000, 2);
    expect(again).toBe(true);
  }, 30_000);

  it("waits for what is known to be missing when it begins", async () => {
    const cluster = await simulate<Visible>({ seed: 6, nodes: ["a", "b"], options: { expect: [] } });
    await cluster.advance(5_000);
    cluster.partition(["a"], ["b"]);
    cluster.node("a").tracker.track(cluster.node("a").session(), "room", "ann", { v: 1 });
    await cluster.advance(500);
    cluster.heal();
    // The next heartbeat tells of ann, and what is asked for then is lost.
    cluster.oneWay("b", "a");
    await cluster.advance(2_500);
    const { tracker } = cluster.node("b");
    let listed = -1;
    void tracker.whenComplete().then(() => (listed = tracker.count("room")));
    await cluster.advance(3_000);
    expect(listed).toBe(-1);
    cluster.heal();
    await cluster.advance(6_000);
    expect(listed).toBe(1);
  });

  it("does not wait for a life that ends or falls silent meanwhile", async () => {
    for (const ending of ["crash", "stop"] as const) {
      const cluster = await simulate<Visible>({ seed: 7, nodes: ["a", "b"] });
      await cluster.advance(5_000);
      cluster.oneWay("b", "a");
      cluster.partition(["a"], ["b"]);
      cluster.node("a").tracker.track(cluster.node("a").session(), "room", "ann", { v: 1 });
      await cluster.advance(500);
      cluster.heal();
      cluster.oneWay("b", "a");
      await cluster.advance(2_500);
      let isComplete = false;
      void cluster
        .node("b")
        .tracker.whenComplete()
        .then(() => (isComplete = true));
      await cluster.advance(1_000);
      expect(isComplete, ending).toBe(false);
      if (ending === "crash") cluster.crash("a");
      else await cluster.stop("a", { handoffMs: 0 });
      await cluster.advance(10_000);
      expect(isComplete, ending).toBe(true);
    }
  });

  it("tells with health that something has been missing for long", async () => {
    const cluster = await simulate<Visible>({ seed: 8, nodes: ["a", "b"] });
    await cluster.advance(5_000);
    const { tracker } = cluster.node("b");
    expect(tracker.health().complete).toBe(true);
    cluster.partition(["a"], ["b"]);
    cluster.node("a").tracker.track(cluster.node("a").session(), "room", "ann", { v: 1 });
    await cluster.advance(500);
    cluster.heal();
    cluster.oneWay("b", "a");
    await cluster.advance(15_000);
    expect(tracker.health()).toMatchObject({ complete: false, replicas: [{ status: "up" }] });
    cluster.heal();
    await cluster.advance(8_000);
    expect(tracker.health().complete).toBe(true);
  });
});
