/** What lives only claim to have: bounded, whoever claims it, and fetched all the same. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/replication/limits.js";
import type { Heartbeat, ShardSummary } from "../../src/replication/message.js";
import { PROTOCOL, RULES } from "../../src/replication/rules.js";
import { Link } from "./two-nodes.js";
import type { LinkedNode } from "./two-nodes.js";

function heartbeat(poolSize: number, clock: number): Heartbeat {
  const shards = Array.from({ length: poolSize }, (): ShardSummary => ({ clock, count: 0, digest: 0 }));
  return { type: "heartbeat", poolSize, firstShard: 0, shards };
}

function slicesHeld({ replicator }: LinkedNode): number {
  let held = 0;
  for (const each of replicator.membership.replicas()) held += each.held.slices.size;
  return held;
}

describe("what lives claim", () => {
  it("R42: is bounded over all, and each may claim what it is asked for at a time", () => {
    const node = new Link().start("a");
    const link = new Link();
    const lives = 100;
    for (let i = 0; i < lives; i++) link.forge(`p${i}`, node, heartbeat(1_024, 1));
    expect(slicesHeld(node)).toBeLessThanOrEqual(LIMITS.claimedSlices + lives * LIMITS.requestsPerLife);
    expect(slicesHeld(node)).toBeGreaterThanOrEqual(LIMITS.claimedSlices);
    expect(node.replicator.counters.claimsCrowded).toBe(lives * 1_024 - slicesHeld(node));
    // A delta that joins on to nothing claims as much.
    const delta = { type: "delta", since: 1, upTo: 2, part: 1, parts: 1, births: [], removed: [] } as const;
    for (let shard = 0; shard < 100; shard++) link.forge("q", node, { ...delta, shard });
    expect(node.replicator.membership.presentOf("q")?.held.slices.size).toBe(LIMITS.requestsPerLife);
    // One that begins with nothing is taken.
    link.forge("q", node, { ...delta, shard: 99, since: 0 });
    expect(node.replicator.membership.presentOf("q")?.held.slices.get(99)?.clock).toBe(2);
  });

  it("R42: is bounded by nothing without the rule", () => {
    const node = new Link({ ...PROTOCOL, rules: { ...RULES, isClaimKept: () => true } }).start("a");
    const link = new Link();
    for (let i = 0; i < 20; i++) link.forge(`p${i}`, node, heartbeat(1_024, 1));
    expect(slicesHeld(node)).toBe(20 * 1_024);
  });

  it("R42: leaves room again when the lives that claimed are forgotten", () => {
    const protocol = { ...PROTOCOL, limits: { ...LIMITS, claimedSlices: 8, requestsPerLife: 2 } };
    const link = new Link(protocol);
    const node = link.start("a");
    link.forge("p", node, heartbeat(16, 1));
    link.forge("q", node, heartbeat(16, 1));
    expect(slicesHeld(node)).toBe(10);
    link.advance(1_300_000);
    expect(slicesHeld(node)).toBe(0);
    link.forge("r", node, heartbeat(16, 1));
    expect(slicesHeld(node)).toBe(8);
  });

  it("R42: is fetched a few shards at a time where there is no room, and nobody is complete before", () => {
    const protocol = { ...PROTOCOL, limits: { ...LIMITS, claimedSlices: 8, requestsPerLife: 2 } };
    const link = new Link(protocol);
    const author = link.start("b", 8);
    for (let shard = 0; shard < 8; shard++) link.track(author, shard, "t", `k${shard}`, "s");
    link.advance(100);
    const node = link.start("a");
    link.forge("p", node, heartbeat(16, 1));
    const keys = (): number => node.replicator.view.count("t");
    let isEarly = false;
    for (let ms = 0; ms < 20_000; ms += 50) {
      link.advance(50);
      if (keys() < 8 && node.replicator.membership.presentOf("b")?.held.isComplete === true) isEarly = true;
    }
    expect(node.replicator.counters.claimsCrowded).toBeGreaterThan(0);
    expect(isEarly).toBe(false);
    expect(keys()).toBe(8);
    expect(node.replicator.membership.presentOf("b")?.held.isComplete).toBe(true);
  });
});
