/** How nodes that follow are connected: reconnects, deafness, links of one way, and room. */
import { describe, expect, it } from "vitest";
import { encodeFollowing } from "../../../src/replication/following/codec.js";
import { FOLLOWING_LIMITS } from "../../../src/replication/following/limits.js";
import { FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import { Cluster, HEARTBEAT_MS, type Node } from "./cluster.js";

function clusterOf(
  names: readonly string[],
  options: { echoes?: boolean; maxEntries?: number } = {},
): Cluster {
  const cluster = new Cluster(1, {
    ...{ windowMs: 50, lingering: 300, permdownPeriodMs: 60_000, maxFrameBytes: 256 * 1024 },
    ...{ echoes: false, following: { rules: FOLLOWING_RULES, limits: FOLLOWING_LIMITS } },
    ...options,
  });
  for (const name of names) cluster.start(name);
  cluster.run(10_000);
  return cluster;
}

function nodeOf(cluster: Cluster, name: string): Node {
  const node = cluster.nodes.get(name);
  if (node === undefined) throw new Error(`there is no node ${name}`);
  return node;
}

function linkOf(cluster: Cluster, of: string, to: string): string | undefined {
  return nodeOf(cluster, of).follower.membership.presentOf(to)?.link.status;
}

describe("a node that follows", () => {
  it("asks everybody at once what it has missed, when it is connected again", () => {
    const cluster = clusterOf(["a", "b", "c"]);
    const a = nodeOf(cluster, "a");
    cluster.step(a, { type: "follow", topic: "t" });
    cluster.track(nodeOf(cluster, "b"), "t", "before");
    cluster.run(5_000);
    cluster.attach(a, false);
    cluster.track(nodeOf(cluster, "b"), "t", "meanwhile");
    // A topic to which b opens nothing until then.
    cluster.track(nodeOf(cluster, "c"), "t", "another");
    cluster.run(1_000);
    expect(a.follower.view.count("t")).toBe(1);
    cluster.attach(a, true);
    expect(a.follower.isComplete("t", cluster.nowMs)).toBe(false);
    cluster.run(300);
    expect(cluster.listed(a, "t")).toEqual(cluster.truth("t"));
    expect(a.follower.isComplete("t", cluster.nowMs)).toBe(true);
    expect(cluster.wrong).toEqual([]);
  });

  it("asks one again in whose name frames were ahead, though the two have nothing to say to each other", () => {
    const cluster = clusterOf(["a", "b"]);
    const [a, b] = [nodeOf(cluster, "a"), nodeOf(cluster, "b")];
    const beat = { type: "beat", periodMs: HEARTBEAT_MS, lateMs: 0 } as const;
    const payload = encodeFollowing({ from: b.life, to: undefined, counter: 5_000, message: beat });
    cluster.step(a, { type: "frame", payload, way: "broadcasts" });
    // Its own frames are late for a down period, and then believed again.
    cluster.run(15_000);
    expect(a.follower.membership.presentOf("b")?.broadcastCounter).toBeLessThan(5_000);
    expect(a.follower.hasCaughtUp(cluster.nowMs)).toBe(true);
  });

  it("sends nothing while it is disconnected, and says what it has afterwards", () => {
    const cluster = clusterOf(["a", "b"]);
    const [a, b] = [nodeOf(cluster, "a"), nodeOf(cluster, "b")];
    cluster.step(a, { type: "follow", topic: "t" });
    cluster.track(b, "t", "before");
    cluster.run(5_000);
    cluster.attach(b, false);
    const before = { ...b.follower.counters };
    cluster.track(b, "t", "meanwhile");
    cluster.run(3_000);
    expect(b.follower.counters.framesSent).toBe(before.framesSent);
    cluster.attach(b, true);
    cluster.run(300);
    expect(cluster.listed(a, "t")).toEqual(cluster.truth("t"));
  });

  it("is deaf where it does not hear itself, and declares nobody dead", () => {
    const cluster = clusterOf(["a", "b"], { echoes: true });
    const a = nodeOf(cluster, "a");
    cluster.step(a, { type: "follow", topic: "t" });
    cluster.track(nodeOf(cluster, "b"), "t", "k");
    cluster.run(5_000);
    expect(a.follower.connection.status).toBe("connected");
    cluster.cut.add("a>a").add("b>a");
    cluster.run(30_000);
    expect(a.follower.connection.status).toBe("deaf");
    expect(a.follower.view.count("t")).toBe(1);
    cluster.cut.clear();
    cluster.run(3_000);
    expect(a.follower.connection.status).toBe("connected");
    expect(a.follower.isComplete("t", cluster.nowMs)).toBe(true);
  });

  it("says whom it hears and who does not hear it, is not complete, and is once they do", () => {
    const cluster = clusterOf(["a", "b", "c"]);
    const a = nodeOf(cluster, "a");
    cluster.cut.add("a>b");
    cluster.step(a, { type: "follow", topic: "t" });
    cluster.track(nodeOf(cluster, "b"), "t", "k");
    cluster.run(30_000);
    expect(linkOf(cluster, "a", "b")).toBe("oneWay");
    expect(linkOf(cluster, "a", "c")).toBe("whole");
    cluster.cut.clear();
    cluster.run(5_000);
    expect(linkOf(cluster, "a", "b")).toBe("whole");
    expect(cluster.listed(a, "t")).toEqual(cluster.truth("t"));
    expect(a.follower.isComplete("t", cluster.nowMs)).toBe(true);
  });

  it("R24: concludes nothing from what one does not answer while it is not heard at all", () => {
    // For so long that it is nearly down, and may be heard again just before.
    for (let silentMs = 6_000; silentMs <= 6_500; silentMs += 50) {
      const cluster = clusterOf(["a", "b", "c"]);
      const [a, b] = [nodeOf(cluster, "a"), nodeOf(cluster, "b")];
      cluster.step(a, { type: "follow", topic: "t" });
      cluster.track(b, "t", "k");
      cluster.run(3_000);
      const asksFor = (topics: number, durationMs: number): void => {
        for (let i = 0; i < topics; i++) {
          cluster.step(a, { type: "follow", topic: `${topics} ${i}` });
          cluster.run(durationMs / topics);
        }
      };
      cluster.cut.add("a>b");
      const { requestsSent } = a.follower.counters;
      asksFor(5, 2_500);
      cluster.cut.add("b>a");
      asksFor(12, silentMs);
      expect(a.follower.counters.requestsSent - requestsSent).toBeGreaterThan(20);
      cluster.cut.clear();
      for (let i = 0; i < 100; i++) {
        cluster.run(10);
        expect(linkOf(cluster, "a", "b"), `after ${silentMs} ms`).toBe("whole");
      }
      cluster.run(3_000);
      expect(cluster.listed(a, "t")).toEqual(cluster.truth("t"));
    }
  });

  it("R59: holds what there is room for, says that it lacks the rest, and fetches it when there is room", () => {
    const cluster = clusterOf(["a", "b"], { maxEntries: 10 });
    const [a, b] = [nodeOf(cluster, "a"), nodeOf(cluster, "b")];
    cluster.step(a, { type: "follow", topic: "t" });
    for (let i = 0; i < 8; i++) cluster.track(b, "t", `k${i}`);
    cluster.run(1_000);
    expect(a.follower.isComplete("t", cluster.nowMs)).toBe(true);
    for (let i = 0; i < 8; i++) cluster.track(b, "t", `more${i}`);
    const { requestsSent } = a.follower.counters;
    cluster.run(30_000);
    expect(a.follower.view.count("t")).toBeLessThanOrEqual(10);
    expect(a.follower.isComplete("t", cluster.nowMs)).toBe(false);
    expect(a.follower.counters.entriesCrowded).toBeGreaterThan(0);
    // What finds no room is not asked for again and again.
    expect(a.follower.counters.requestsSent - requestsSent).toBeLessThan(5);
    for (const entry of [...b.entries.keys()].slice(0, 8)) cluster.untrack(b, entry);
    cluster.run(75_000);
    expect(cluster.listed(a, "t")).toEqual(cluster.truth("t"));
    expect(a.follower.isComplete("t", cluster.nowMs)).toBe(true);
  });

  it("R59: takes no more topics of others than it has room for", () => {
    const cluster = clusterOf(["a", "b"]);
    const small = new Cluster(1, {
      ...{ windowMs: 50, lingering: 300, permdownPeriodMs: 60_000, maxFrameBytes: 256 * 1024, echoes: false },
      following: { rules: FOLLOWING_RULES, limits: { ...FOLLOWING_LIMITS, topicsHeard: 20 } },
    });
    for (const each of [cluster, small]) {
      if (each === small) for (const name of ["a", "b"]) each.start(name);
      each.run(10_000);
      for (let i = 0; i < 100; i++) {
        each.track(nodeOf(each, "b"), `t${i}`, "k");
        each.run(100);
      }
    }
    expect(nodeOf(cluster, "a").follower.following.registrarRows).toBe(100);
    expect(nodeOf(small, "a").follower.following.registrarRows).toBeLessThanOrEqual(20);
    expect(nodeOf(small, "a").follower.counters.claimsCrowded).toBeGreaterThan(0);
  });
});
