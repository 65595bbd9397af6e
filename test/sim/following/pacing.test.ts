/** When a node that follows sends what it has to say: windows that follow its load, and what nobody waits for. */
import { describe, expect, it } from "vitest";
import { FOLLOWING_LIMITS } from "../../../src/replication/following/limits.js";
import { FOLLOWING_RULES, type FollowingRules } from "../../../src/replication/following/rules.js";
import { SAID_BY_A_FRAME, SAID_PER_SECOND } from "../../../src/replication/limits.js";
import { Cluster, type Node } from "./cluster.js";

const PERIOD_MS = 1_500;
const STEP_MS = 50;
/** With such keys, of which none is gone before it is said, six nodes say more than is paid, however long they collect. */
const MUCH = { kept: 40, longer: "-".repeat(400) };

function clusterOf(
  count: number,
  lingering = 300,
  rules: Partial<FollowingRules> = {},
): { cluster: Cluster; nodes: readonly Node[] } {
  const cluster = new Cluster(1, {
    ...{ windowMs: PERIOD_MS, lingering, permdownPeriodMs: 60_000, maxFrameBytes: 256 * 1024 },
    ...{ echoes: false, following: { rules: { ...FOLLOWING_RULES, ...rules }, limits: FOLLOWING_LIMITS } },
  });
  const nodes = Array.from({ length: count }, (_, i) => cluster.start(`node-${i}`));
  cluster.run(10_000);
  return { cluster, nodes };
}

/** Everybody has something in each topic, and follows it. */
function meetIn(cluster: Cluster, nodes: readonly Node[], topics: readonly string[]): void {
  for (const topic of topics) {
    for (const node of nodes) {
      cluster.step(node, { type: "follow", topic });
      cluster.track(node, topic, `of-${node.name}`);
    }
  }
  cluster.run(10_000);
}

/** Every node adds an entry of the topic in each step, and removes its oldest one if it has more than these. */
function churn(
  { cluster, nodes }: ReturnType<typeof clusterOf>,
  topic: string,
  steps: number,
  { kept = 1, longer = "" } = {},
): void {
  for (let step = 0; step < steps; step++) {
    for (const node of nodes) {
      const [oldest] = node.entries.keys();
      if (oldest !== undefined && node.entries.size > kept) cluster.untrack(node, oldest);
      cluster.track(node, topic, `${node.name}-${step}${longer}`);
    }
    cluster.run(STEP_MS);
  }
}

/** What these have said so far, as it is paid. */
function saidBy(nodes: readonly Node[]): number {
  return nodes.reduce((sum, { follower: { counters } }) => {
    return sum + counters.bytesSent + SAID_BY_A_FRAME * counters.framesSent;
  }, 0);
}

describe("R89: the window of a node that follows", () => {
  it("is short while it says and hears little: one change right after another is seen at once", () => {
    const { cluster, nodes } = clusterOf(3);
    meetIn(cluster, nodes, ["t"]);
    const [author, reader] = nodes as [Node, Node];
    const seenAfterMs: number[] = [];
    for (let i = 0; i < 50; i++) {
      cluster.track(author, "t", `k${i}`);
      const { size } = cluster.truth("t");
      const fromMs = cluster.nowMs;
      while (cluster.listed(reader, "t").size < size && cluster.nowMs - fromMs < PERIOD_MS) cluster.run(1);
      seenAfterMs.push(cluster.nowMs - fromMs);
      cluster.run(100);
    }
    seenAfterMs.sort((one, other) => one - other);
    expect(seenAfterMs[25], "p50 of changes ten times a second").toBeLessThan(10);
    expect(cluster.wrong).toEqual([]);
  });

  it("is as long as it takes to pay what is said and heard, and a period at the most", () => {
    const busy = clusterOf(10);
    const { cluster, nodes } = busy;
    meetIn(cluster, nodes, ["t"]);
    churn(busy, "t", 40);
    const before = saidBy(nodes);
    churn(busy, "t", 60);
    // Each of them pays what it says, and hears as much.
    expect(saidBy(nodes) - before).toBeLessThan((1.1 * nodes.length * 3 * SAID_PER_SECOND) / 2);
    cluster.run(PERIOD_MS + 100);
    for (const node of nodes) expect(cluster.listed(node, "t")).toEqual(cluster.truth("t"));
    expect(cluster.wrong).toEqual([]);
  });

  it("is shorter for what somebody waits for: the first follower of a topic in a cluster that says too much", () => {
    const busy = clusterOf(6);
    const { cluster, nodes } = busy;
    meetIn(cluster, nodes, ["t"]);
    for (const node of nodes.slice(1)) cluster.track(node, "other", "k");
    churn(busy, "t", 200, MUCH);
    const [reader] = nodes as [Node];
    cluster.step(reader, { type: "follow", topic: "other" });
    const fromMs = cluster.nowMs;
    // Its enlistment, the answer and the wish wait for no window of changes, which are a period each.
    while (!reader.follower.isComplete("other", cluster.nowMs) && cluster.nowMs - fromMs < 10_000)
      churn(busy, "t", 1, MUCH);
    expect(cluster.nowMs - fromMs).toBeLessThan(1_000);
  });
});

describe("R89: a greeting begins no window", () => {
  /** After how long a node is complete that starts among twenty, and follows a topic at once. */
  function completeAfterMs(rules: Partial<FollowingRules> = {}): number {
    const { cluster, nodes } = clusterOf(20, 300, rules);
    for (const [i, node] of nodes.entries())
      for (let topic = 0; topic < 100; topic++) cluster.track(node, `t${(5 * topic + i) % 100}`, `of-${i}`);
    cluster.run(20_000);
    const newcomer = cluster.start("newcomer");
    cluster.step(newcomer, { type: "follow", topic: "t1" });
    const fromMs = cluster.nowMs;
    while (!newcomer.follower.isComplete("t1", cluster.nowMs) && cluster.nowMs - fromMs < 10_000)
      cluster.run(1);
    expect(cluster.listed(newcomer, "t1")).toEqual(cluster.truth("t1"));
    expect(cluster.wrong).toEqual([]);
    return cluster.nowMs - fromMs;
  }

  it("so a node that starts among many is complete soon", () => {
    expect(completeAfterMs()).toBeLessThan(200);
  });

  it("and else it waits for windows of frames that told nothing", () => {
    expect(completeAfterMs({ beginsWindow: () => true })).toBeGreaterThan(400);
  });
});

describe("R90: what nobody waits for", () => {
  it("is the confirmation of a summary, until shortly before that is said again: for 8 s", () => {
    const { cluster, nodes } = clusterOf(2);
    const [author] = nodes as [Node, Node];
    meetIn(cluster, nodes, ["t"]);
    const within = (durationMs: number): { summaries: number; others: number } => {
      const { summaries, others } = cluster.sent;
      cluster.run(durationMs);
      return { summaries: cluster.sent.summaries - summaries, others: cluster.sent.others - others };
    };
    // Both are confirmed, and were summed up just now: the next summaries are a minute away.
    cluster.run(200_000);
    while (within(1_000).summaries === 0);
    cluster.run(1_000);
    cluster.track(author, "t", "k");
    expect(within(9_500), "the change").toEqual({ summaries: 0, others: 1 });
    expect(within(1_000), "its summary").toEqual({ summaries: 1, others: 0 });
    expect(within(7_000), "what waits for another frame").toEqual({ summaries: 0, others: 0 });
    expect(within(1_500), "the confirmation, alone").toEqual({ summaries: 0, others: 1 });
    expect(within(20_000), "what is said again").toEqual({ summaries: 0, others: 0 });
  });

  it("leaves alone within a heartbeat, where there is not", () => {
    const { cluster, nodes } = clusterOf(2);
    const [author, reader] = nodes as [Node, Node];
    cluster.track(author, "t", "k");
    cluster.step(reader, { type: "follow", topic: "t" });
    cluster.run(10_000);
    expect(cluster.listed(reader, "t").size).toBe(1);
    cluster.step(reader, { type: "unfollow", topic: "t" });
    cluster.run(300 + 500 + 2_000 + 100);
    expect(author.follower.following.watches).toBe(0);
  });

  it("is taken back with a follow that ends, if its topic has had no entry for a while", () => {
    const lingerMs = 2 * FOLLOWING_LIMITS.lingerMinMs;
    for (const [leftMs, stakes] of [
      [lingerMs / 3, 0],
      [(2 * lingerMs) / 3, 1],
    ] as const) {
      const { cluster, nodes } = clusterOf(2, lingerMs);
      const [node] = nodes as [Node];
      cluster.track(node, "t", "k");
      cluster.step(node, { type: "follow", topic: "t" });
      cluster.run(5_000);
      cluster.step(node, { type: "unfollow", topic: "t" });
      cluster.run(leftMs);
      for (const entry of node.entries.keys()) cluster.untrack(node, entry);
      cluster.run(lingerMs - leftMs + 1_000);
      // What it had in the topic lingers for as long as the follow did: it would end later.
      expect([node.follower.interests.follows.size, node.follower.following.stakes]).toEqual([0, stakes]);
      cluster.run(leftMs + 1_000);
      expect(node.follower.following.stakes).toBe(0);
    }
  });
});
