/**
 * The behaviour that users of Phoenix.Tracker know, scenario by scenario, on a simulated cluster in virtual
 * time. Periods are the defaults: heartbeats every 2 s, down after 8 s, forgotten after 20 minutes.
 */
import { describe, expect, it } from "vitest";
import { simulate } from "../../src/testing/cluster.js";
import type { SimulatedCluster } from "../../src/testing/cluster.js";
import type { SimulatedNode } from "../../src/testing/simulated-node.js";
import type { Diff } from "../../src/words.js";
import { plainDiff } from "./recorder.js";

const DOWN_MS = 8_000 + 500;
const PERMDOWN_MS = 1_200_000 + 1_000;

function keys(node: SimulatedNode, topic = "lobby"): string[] {
  return node.tracker
    .list(topic)
    .map(({ key }) => key)
    .sort();
}

/** Follows the diffs of a node: each call returns those since the one before. */
function diffsOf(node: SimulatedNode): () => Record<string, string[]>[] {
  let seen = node.diffs.length;
  return () => {
    const fresh = node.diffs.slice(seen).map(({ diff }) => plainDiff(diff as Diff));
    seen = node.diffs.length;
    return fresh;
  };
}

async function pairOf(
  seed: number,
): Promise<{ cluster: SimulatedCluster; a: SimulatedNode; b: SimulatedNode }> {
  const cluster = await simulate({ seed, nodes: ["a", "b"] });
  await cluster.settle();
  return { cluster, a: cluster.node("a"), b: cluster.node("b") };
}

describe("entries", () => {
  it("are online where they were tracked and, after a hop, elsewhere; offline after untrack", async () => {
    const { cluster, a, b } = await pairOf(1);
    const session = a.session();
    a.tracker.track(session, "lobby", "alice", {});
    expect(keys(a)).toEqual(["alice"]);
    await cluster.advance(50);
    expect(keys(b)).toEqual(["alice"]);
    a.tracker.untrack(session, "lobby", "alice");
    expect(keys(a)).toEqual([]);
    await cluster.advance(2_000);
    expect(keys(b)).toEqual([]);
  });

  it("of both sides are reported once: join, leave, update", async () => {
    const { cluster, a, b } = await pairOf(2);
    const diffs = diffsOf(b);
    const alice = a.session();
    a.tracker.track(alice, "lobby", "alice", { n: 1 });
    b.tracker.track(b.session(), "lobby", "bob", {});
    await cluster.settle();
    expect(diffs()).toEqual([{ lobby: ["join bob"] }, { lobby: ["join alice"] }]);
    a.tracker.update(alice, "lobby", "alice", { n: 2 });
    a.tracker.track(a.session(), "lobby", "carol", {});
    await cluster.settle();
    expect(diffs()).toEqual([{ lobby: ["join carol", "update alice"] }]);
    a.tracker.untrack(alice, "lobby", "alice");
    await cluster.settle();
    expect(diffs()).toEqual([{ lobby: ["leave alice untracked"] }]);
    expect(keys(b)).toEqual(["bob", "carol"]);
  });

  it("are the same objects' worth on every node: key, meta, ref, session, node", async () => {
    const { cluster, a, b } = await pairOf(3);
    const session = a.session();
    a.tracker.track(session, "lobby", "alice", { n: 1 });
    await cluster.advance(50);
    a.tracker.update(session, "lobby", "alice", { n: 2 });
    await cluster.settle();
    expect(b.tracker.list("lobby")).toEqual(a.tracker.list("lobby"));
    expect(b.tracker.list("lobby")[0]?.prevRef).toBeTypeOf("string");
  });

  it("of one key on two nodes are both given by key; another key or topic returns none", async () => {
    const { cluster, a, b } = await pairOf(4);
    a.tracker.track(a.session(), "lobby", "alice", { device: "phone" });
    b.tracker.track(b.session(), "lobby", "alice", { device: "desktop" });
    await cluster.settle();
    for (const { tracker } of [a, b]) {
      const metas = tracker.getByKey("lobby", "alice").map(({ meta }) => meta["device"] as string);
      expect(metas.sort()).toEqual(["desktop", "phone"]);
      expect(tracker.getByKey("lobby", "bob")).toEqual([]);
      expect(tracker.getByKey("hall", "alice")).toEqual([]);
    }
  });

  it("that join and leave within one period cancel for others", async () => {
    const { cluster, a, b } = await pairOf(5);
    a.tracker.track(a.session(), "lobby", "first", {});
    await cluster.advance(100);
    const diffs = diffsOf(b);
    const session = a.session();
    for (let i = 0; i < 64; i++) a.tracker.track(session, `room ${i}`, "brief", {});
    await cluster.advance(100);
    // The first change of each shard has gone out at once; these wait for the end of their period.
    for (let i = 0; i < 64; i++) a.tracker.track(session, `room ${i}`, "briefer", {});
    for (let i = 0; i < 64; i++) a.tracker.untrack(session, `room ${i}`, "briefer");
    await cluster.settle();
    expect(JSON.stringify(diffs())).not.toContain("briefer");
  });

  it("that leave and join again within one period come as an update, never as both", async () => {
    const { cluster, a, b } = await pairOf(6);
    const session = a.session();
    a.tracker.track(session, "lobby", "alice", { n: 1 });
    await cluster.advance(100);
    const diffs = diffsOf(b);
    a.tracker.untrack(session, "lobby", "alice");
    a.tracker.track(session, "lobby", "alice", { n: 2 });
    await cluster.settle();
    expect(diffs()).toEqual([{ lobby: ["update alice"] }]);
    expect(b.tracker.list("lobby")[0]?.meta).toEqual({ n: 2 });
  });

  it("of a closed session leave everywhere, with that reason, in one diff", async () => {
    const { cluster, a, b } = await pairOf(7);
    const session = a.session();
    for (const key of ["x", "y", "z"]) a.tracker.track(session, "lobby", key, {});
    await cluster.settle();
    const diffs = diffsOf(b);
    session.close();
    await cluster.settle();
    expect(diffs()).toEqual([{ lobby: ["leave x closed", "leave y closed", "leave z closed"] }]);
  });
});

describe("nodes", () => {
  it("keep saying that they are there, and nothing else when idle", async () => {
    const cluster = await simulate({ seed: 8, nodes: ["a", "b"], trace: true });
    await cluster.settle();
    cluster.trace.length = 0;
    await cluster.advance(60_000);
    const isOwn = (line: string): boolean => / (\w+) > \1 /.test(line);
    const payloads = cluster.trace.map((line) => line.slice(line.indexOf("[")));
    const others = cluster.trace.filter((line) => !isOwn(line)).length;
    expect(others).toBeGreaterThanOrEqual(58);
    expect(others).toBeLessThanOrEqual(62);
    // Each comes back to its sender, which also sends one to its own inbox.
    expect(payloads.length - others).toBeGreaterThanOrEqual(2 * 58);
    expect(payloads.length - others).toBeLessThanOrEqual(2 * 62);
    for (const payload of payloads) expect(JSON.parse(payload)[1]).toBe(0);
  });

  it("that were not heard are asked once when they are: one request, one answer", async () => {
    const cluster = await simulate({ seed: 9, nodes: ["a", "b"], trace: true, options: { poolSize: 1 } });
    await cluster.settle();
    cluster.partition(["a"], ["b"]);
    for (const key of ["x", "y"])
      cluster.node("a").tracker.track(cluster.node("a").session(), "lobby", key, {});
    await cluster.advance(3_000);
    expect(keys(cluster.node("b"))).toEqual([]);
    cluster.trace.length = 0;
    await cluster.settle();
    expect(keys(cluster.node("b"))).toEqual(["x", "y"]);
    const inbox = cluster.trace.filter((line) => line.includes(":inbox"));
    expect(inbox.filter((line) => line.includes("b > a"))).toHaveLength(1);
    expect(inbox.filter((line) => line.includes("a > b"))).toHaveLength(1);
  });

  it("that fall silent are hidden, not forgotten, and come back in one diff of joins", async () => {
    const { cluster, a, b } = await pairOf(10);
    for (const key of ["x", "y"]) a.tracker.track(a.session(), "lobby", key, {});
    b.tracker.track(b.session(), "lobby", "bob", {});
    await cluster.settle();
    const diffs = diffsOf(b);
    cluster.partition(["a"], ["b"]);
    await cluster.advance(DOWN_MS);
    expect(diffs()).toEqual([{ lobby: ["leave x down", "leave y down"] }]);
    expect(keys(b)).toEqual(["bob"]);
    expect(b.tracker.health().replicas).toMatchObject([{ name: "a", status: "down", entries: 2 }]);
    expect(b.tracker.explain("lobby", "x")).toMatchObject([{ node: "a", status: "down", visible: false }]);
    b.tracker.track(b.session(), "lobby", "local goes on", {});
    diffs();
    await cluster.settle();
    expect(diffs()).toEqual([{ lobby: ["join x", "join y"] }]);
    expect(b.eventsOf("replicaDown")).toHaveLength(1);
    expect(b.eventsOf("replicaUp")).toHaveLength(2);
  });

  it("that changed while they were hidden come back as they are now", async () => {
    const { cluster, a, b } = await pairOf(11);
    const session = a.session();
    a.tracker.track(session, "lobby", "stays", { n: 1 });
    a.tracker.track(session, "lobby", "goes", {});
    await cluster.settle();
    cluster.partition(["a"], ["b"]);
    await cluster.advance(DOWN_MS);
    a.tracker.update(session, "lobby", "stays", { n: 2 });
    a.tracker.untrack(session, "lobby", "goes");
    a.tracker.track(session, "lobby", "new", {});
    const diffs = diffsOf(b);
    await cluster.settle();
    expect(diffs()).toEqual([{ lobby: ["join stays", "join new"] }]);
    expect(b.tracker.getByKey("lobby", "stays")[0]?.meta).toEqual({ n: 2 });
  });

  it("that stay silent are forgotten after permdownPeriodMs, and only then", async () => {
    const { cluster, a, b } = await pairOf(12);
    a.tracker.track(a.session(), "lobby", "x", {});
    await cluster.settle();
    cluster.crash("a");
    await cluster.advance(PERMDOWN_MS - 10_000);
    expect(b.tracker.health().replicas).toMatchObject([{ status: "down", entries: 1 }]);
    expect(b.eventsOf("replicaGone")).toHaveLength(0);
    await cluster.advance(20_000);
    expect(b.tracker.health().replicas).toEqual([]);
    expect(b.tracker.explain("lobby", "x")).toEqual([]);
    expect(b.eventsOf("replicaGone")).toHaveLength(1);
  });

  it("that were forgotten by a partition are whole again after it", async () => {
    const { cluster, a, b } = await pairOf(13);
    a.tracker.track(a.session(), "lobby", "x", {});
    await cluster.settle();
    cluster.partition(["a"], ["b"]);
    await cluster.advance(PERMDOWN_MS + 10_000);
    expect(b.tracker.health().replicas).toEqual([]);
    await cluster.settle();
    expect(keys(b)).toEqual(["x"]);
  });

  it("that are killed and started again have only what the new life tracked", async () => {
    const { cluster, b } = await pairOf(14);
    cluster.node("a").tracker.track(cluster.node("a").session(), "lobby", "old", {});
    await cluster.settle();
    const a = await cluster.restart("a");
    a.tracker.track(a.session(), "lobby", "new", {});
    await cluster.settle();
    await cluster.advance(DOWN_MS);
    expect(keys(b)).toEqual(["new"]);
    expect(b.tracker.health().replicas).toHaveLength(1);
    const reasons = b.diffs.flatMap(({ diff }) =>
      (diff.get("lobby")?.leaves ?? []).map(({ reason }) => reason),
    );
    expect(reasons).toEqual(["replaced"]);
  });

  it("that leave gracefully without a window leave at once", async () => {
    const { cluster, a, b } = await pairOf(15);
    a.tracker.track(a.session(), "lobby", "x", {});
    await cluster.settle();
    const diffs = diffsOf(b);
    await cluster.stop("a", { handoffMs: 0 });
    await cluster.advance(50);
    expect(diffs()).toEqual([{ lobby: ["leave x departed"] }]);
    expect(b.tracker.health().replicas).toEqual([]);
  });

  it("that appear hear of all entries of all nodes; nobody relays another's", async () => {
    const cluster = await simulate({ seed: 16, nodes: ["a", "b"], trace: true });
    for (const name of ["a", "b"]) {
      const node = cluster.node(name);
      node.tracker.track(node.session(), "lobby", `of ${name}`, {});
    }
    await cluster.settle();
    const c = await cluster.start("c");
    await cluster.advance(250);
    expect(keys(c)).toEqual(["of a", "of b"]);
    for (const line of cluster.trace) {
      const relays = / a > \S+ .*"of b"/.test(line) || / b > \S+ .*"of a"/.test(line);
      expect(relays).toBe(false);
    }
  });

  it("seen from one side only do not come through the other", async () => {
    const cluster = await simulate({ seed: 17, nodes: ["a", "b", "c"] });
    cluster.partition(["a"], ["c"]);
    for (const name of ["a", "b", "c"]) {
      const node = cluster.node(name);
      node.tracker.track(node.session(), "lobby", name, {});
    }
    await cluster.advance(5_000);
    expect(keys(cluster.node("b"))).toEqual(["a", "b", "c"]);
    expect(keys(cluster.node("a"))).toEqual(["a", "b"]);
    const diffs = diffsOf(cluster.node("c"));
    await cluster.settle();
    expect(diffs()).toEqual([{ lobby: ["join a"] }]);
  });

  it("a rolling update asks a new node for nothing while the old one's time runs", async () => {
    const cluster = await simulate({ seed: 18, nodes: ["a", "b"], trace: true });
    cluster.node("a").tracker.track(cluster.node("a").session(), "lobby", "x", {});
    await cluster.settle();
    cluster.crash("a");
    await cluster.start("c");
    await cluster.advance(DOWN_MS);
    cluster.trace.length = 0;
    await cluster.advance(60_000);
    const inboxes = cluster.trace.filter((line) => line.includes(":inbox"));
    expect(inboxes.filter((line) => !/ (\w+) > \1 /.test(line))).toEqual([]);
  });
});

describe.each([1, 2, 8, 512])("a pool of %d shards", (poolSize) => {
  it("tracks, updates and takes back a session in a hundred topics", async () => {
    const cluster = await simulate({ seed: poolSize, nodes: ["a", "b"], options: { poolSize } });
    const a = cluster.node("a");
    const session = a.session();
    const topics = Array.from({ length: 100 }, (_, i) => `topic ${i}`);
    const first = topics.map((topic) => a.tracker.track(session, topic, "ann", { n: 1 }));
    await cluster.settle();
    for (const [i, topic] of topics.entries()) {
      expect(cluster.node("b").tracker.list(topic)).toMatchObject([{ key: "ann", ref: first[i] }]);
      a.tracker.update(session, topic, "ann", (meta) => ({ ...meta, n: 2 }));
    }
    await cluster.settle();
    for (const [i, topic] of topics.entries()) {
      expect(cluster.node("b").tracker.list(topic)).toMatchObject([{ meta: { n: 2 }, prevRef: first[i] }]);
    }
    a.tracker.untrack(session, "topic 5", "ann");
    a.tracker.untrack(session);
    await cluster.settle();
    expect(cluster.node("b").tracker.topics()).toEqual([]);
  });
});

it("pools of different sizes understand each other in both directions", async () => {
  const cluster = await simulate({ seed: 19, nodes: ["a"], options: { poolSize: 4 } });
  await cluster.start("b", { options: { poolSize: 1 } });
  await cluster.start("c", { options: { poolSize: 64 } });
  for (const name of ["a", "b", "c"]) {
    const node = cluster.node(name);
    for (let i = 0; i < 20; i++) node.tracker.track(node.session(), `topic ${i}`, name, {});
  }
  await cluster.settle();
  for (const name of ["a", "b", "c"]) {
    for (let i = 0; i < 20; i++) expect(keys(cluster.node(name), `topic ${i}`)).toEqual(["a", "b", "c"]);
  }
});
