/** What must stay small over long times. */
import { describe, expect, it } from "vitest";
import { Replicator } from "../../src/replication/replicator.js";
import type { ReplicatorOptions } from "../../src/replication/options.js";
import { changed, simulateBy } from "./protocol.js";

const timeout = 120_000;

describe("memory", () => {
  it("holds nothing of thousands of lives that have been", { timeout }, async () => {
    const seen = new Map<string, Replicator>();
    class Seen extends Replicator {
      constructor(options: ReplicatorOptions, nowMs: number) {
        super(options, nowMs);
        seen.set(options.life.name, this);
      }
    }
    const cluster = await simulateBy(changed({ replicator: Seen }), { seed: 1, nodes: ["a", "b"] });
    const restarts = 2_500;
    let replicasMax = 0;
    for (let count = 0; count < restarts; count += 1) {
      const b = await cluster.restart("b");
      b.tracker.track(b.session(), "room:1", `user:${count % 7}`, {});
      await cluster.advance(40);
      replicasMax = Math.max(replicasMax, cluster.node("a").tracker.health().replicas.length);
    }
    // Lives of the last eight seconds, and of the last tick, may still wait for their keys.
    expect(replicasMax).toBeLessThanOrEqual((8_000 + 500) / 40 + 10);
    await cluster.settle();
    const { tracker } = cluster.node("a");
    expect(tracker.health().replicas).toHaveLength(1);
    expect(tracker.count("room:1")).toBe(1);
    expect(seen.get("a")?.membership.size).toBe(1);
    expect(seen.get("a")?.membership.remembered).toBeLessThanOrEqual(2_000);
  });
});
