/** A simulated cluster whose nodes hold what they follow: what it asks of them, and that it finds what is wrong. */
import { describe, expect, it } from "vitest";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import { convergence, foldEqualsList } from "../../src/testing/oracles.js";

const room = "room:1";

async function makeCluster(): Promise<SimulatedCluster> {
  const options = { holds: "followed", followLingerMs: 5_000 } as const;
  const cluster = await simulate({ seed: 1, nodes: ["a", "b", "c"], options });
  await cluster.settle();
  return cluster;
}

describe("a simulated cluster of nodes that follow", () => {
  it("settles whoever follows what, also where an author does not follow its own topic", async () => {
    const cluster = await makeCluster();
    const [a, b, c] = ["a", "b", "c"].map((name) => cluster.node(name));
    a!.tracker.track(a!.session(), room, "alice", {});
    b!.tracker.track(b!.session(), room, "bob", {});
    b!.tracker.follow(room);
    c!.tracker.follow(room);
    await cluster.settle();
    expect(c!.tracker.count(room)).toBe(2);
    expect(() => a!.tracker.count(room)).toThrow(expect.objectContaining({ code: "NOT_FOLLOWED" }));
  });

  it("takes no follow that lingers for a list, and hears how it ends", async () => {
    const cluster = await makeCluster();
    const a = cluster.node("a");
    const b = cluster.node("b");
    const handle = b.tracker.follow(room);
    a.tracker.track(a.session(), room, "alice", {});
    await cluster.advance(1_000);
    expect(b.tracker.count(room)).toBe(1);
    handle.close();
    a.tracker.track(a.session(), room, "anna", {});
    await cluster.advance(1_000);
    expect(b.fold.topics()).toEqual([room]);
    expect(foldEqualsList(b.fold, b.tracker)).toEqual([]);
    await cluster.settle();
    await cluster.advance(10_000);
    expect(b.fold.topics()).toEqual([]);
  });

  it("finds what a follower lacks, also where nobody lists it", async () => {
    const cluster = await makeCluster();
    const [a, b, c] = ["a", "b", "c"].map((name) => cluster.node(name));
    for (const node of [b!, c!]) node.tracker.follow(room);
    c!.tracker.follow("room:2");
    a!.tracker.track(a!.session(), room, "alice", {});
    await cluster.settle();
    cluster.partition(["c"], ["a", "b"]);
    a!.tracker.track(a!.session(), room, "anna", {});
    a!.tracker.track(a!.session(), "room:2", "arthur", {});
    await cluster.advance(1_000);
    const lacking = convergence(cluster.running());
    expect(lacking).toHaveLength(2);
    expect(lacking.join()).toMatch(/c lacks .*anna.*c lacks .*arthur/);
    await cluster.settle();
    expect(c!.tracker.has("room:2", "arthur")).toBe(true);
  });
});
