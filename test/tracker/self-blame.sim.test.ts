/** What a node leaves out of the silence of others, as `health` tells it. Virtual time. */
import { describe, expect, it } from "vitest";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import type { SelfBlame } from "../../src/replication/lives/healthy-time.js";

const TICK_MS = 500;

async function start(): Promise<{ cluster: SimulatedCluster; blamed: (name?: string) => SelfBlame }> {
  const cluster = await simulate({ seed: 11, nodes: ["a", "b"] });
  await cluster.advance(5_000);
  return { cluster, blamed: (name = "a") => cluster.node(name).tracker.health().selfBlamed };
}

describe("a node that blames itself", () => {
  it("says so of no time in which it could hear, nor of its start", async () => {
    const { cluster, blamed } = await start();
    await cluster.advance(60_000);
    expect(blamed()).toEqual({ times: 0, durationMs: 0 });
  });

  it("counts a turn of its own that was long, but for two ticks", async () => {
    const { cluster, blamed } = await start();
    cluster.stall("a", 6_000);
    await cluster.advance(10_000);
    const { times, durationMs } = blamed();
    expect(times).toBe(1);
    expect(durationMs).toBeGreaterThanOrEqual(6_000 - 2 * TICK_MS);
    expect(durationMs).toBeLessThan(6_000);
    expect(blamed("b")).toEqual({ times: 0, durationMs: 0 });
  });

  it("counts a time in which the pubsub was disconnected once, while it lasts and after it", async () => {
    const { cluster, blamed } = await start();
    cluster.outage({ nodes: ["a"] });
    await cluster.advance(20_000);
    expect(blamed().times).toBe(1);
    const during = blamed().durationMs;
    cluster.reconnect(["a"]);
    await cluster.advance(10_000);
    expect(blamed().times).toBe(1);
    // The pubsub takes a moment to say so, each time.
    expect(Math.abs(during - 20_000)).toBeLessThan(TICK_MS);
    expect(Math.abs(blamed().durationMs - 20_000)).toBeLessThan(TICK_MS);
  });

  it("counts a time in which it did not hear itself, from when it took itself for deaf", async () => {
    const { cluster, blamed } = await start();
    cluster.outage({ nodes: ["a"], announced: false });
    await cluster.advance(20_000);
    cluster.heal();
    await cluster.advance(10_000);
    const { times, durationMs } = blamed();
    expect(times).toBe(1);
    expect(durationMs).toBeGreaterThan(20_000 - 2 * 2_000 - 2 * TICK_MS);
    expect(durationMs).toBeLessThan(20_000);
  });
});
