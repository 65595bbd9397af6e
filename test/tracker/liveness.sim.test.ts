/** Who is alive: every rule about silence, lives, departures and conflicts, on virtual time. */
import { describe, expect, it } from "vitest";
import { simulate } from "../../src/testing/cluster.js";
import type { SimulatedCluster } from "../../src/testing/cluster.js";
import type { SimulatedNode } from "../../src/testing/simulated-node.js";

const DOWN_MS = 8_000 + 500;

interface Seen {
  readonly atMs: number;
  readonly what: string;
}

/** Every join, update and leave that a node delivered under a topic, with its time. */
function seenBy(node: SimulatedNode, topic = "lobby"): Seen[] {
  const seen: Seen[] = [];
  for (const { atMs, diff } of node.diffs) {
    const changes = diff.get(topic);
    for (const { key, node: from } of changes?.joins ?? [])
      seen.push({ atMs, what: `join ${key} of ${from}` });
    for (const { key, reason } of changes?.leaves ?? []) seen.push({ atMs, what: `leave ${key} ${reason}` });
  }
  return seen;
}

const what = ({ what }: Seen): string => what;

async function clusterOf(seed: number, nodes: string[]): Promise<SimulatedCluster> {
  const cluster = await simulate({ seed, nodes });
  await cluster.settle();
  return cluster;
}

function track(node: SimulatedNode, key: string): void {
  node.tracker.track(node.session(), "lobby", key, {});
}

describe("silence", () => {
  it("is not concluded from by a timer that comes before what waits, wherever a stall begins", async () => {
    for (let offsetMs = 5_500; offsetMs <= 7_000; offsetMs += 100) {
      const cluster = await clusterOf(1, ["a", "b"]);
      track(cluster.node("a"), "ann");
      await cluster.settle();
      // For 7 s nothing is heard of a, and before b could have called it down, b stalls; a is back when b is.
      cluster.stall("a", 7_000, "timers");
      await cluster.advance(offsetMs);
      cluster.stall("b", 3_000, "timers");
      await cluster.advance(6_000);
      expect(seenBy(cluster.node("b")).map(what), `${offsetMs} ms`).toEqual(["join ann of a"]);
    }
  });

  it("of a killed node is noticed by one that stalls again and again", async () => {
    const cluster = await clusterOf(1, ["a", "b"]);
    track(cluster.node("a"), "ann");
    await cluster.settle();
    cluster.crash("a");
    for (let stall = 0; stall < 20; stall++) {
      cluster.stall("b", 1_500, "timers");
      await cluster.advance(1_501);
    }
    expect(seenBy(cluster.node("b")).map(what)).toEqual(["join ann of a", "leave ann down"]);
  });

  it("of a killed node is noticed within downPeriodMs and one tick", async () => {
    for (let seed = 0; seed < 10; seed++) {
      const cluster = await clusterOf(seed, ["a", "b"]);
      track(cluster.node("a"), "ann");
      await cluster.settle();
      await cluster.advance(seed * 217);
      const killedMs = cluster.nowMs;
      cluster.crash("a");
      await cluster.advance(9_000);
      const left = seenBy(cluster.node("b")).find(({ what }) => what === "leave ann down");
      expect(left?.atMs).toBeGreaterThan(killedMs + 5_900);
      expect(left?.atMs).toBeLessThanOrEqual(killedMs + 8_500);
    }
  });

  it.each([
    [5_000, "timers"],
    [25_000, "timers"],
    [120_000, "timers"],
    [25_000, "arrivals"],
  ] as const)("during a stall of %d ms of one's own blames nobody (%s first)", async (stallMs, first) => {
    const cluster = await clusterOf(stallMs, ["a", "b", "c"]);
    for (const name of ["a", "b", "c"]) track(cluster.node(name), name);
    await cluster.settle();
    const before = cluster.node("b").diffs.length;
    cluster.stall("b", stallMs, first);
    await cluster.advance(stallMs + 10_000);
    await cluster.settle();
    expect(cluster.node("b").diffs.slice(before)).toEqual([]);
  });

  it("during a broker outage of an hour counts for nobody, and the list stays, marked incomplete", async () => {
    const cluster = await clusterOf(30, ["a", "b", "c"]);
    for (const name of ["a", "b", "c"]) track(cluster.node(name), name);
    await cluster.settle();
    const counts = cluster.running().map(({ diffs }) => diffs.length);
    cluster.outage();
    await cluster.advance(3_600_000);
    for (const { tracker } of cluster.running()) {
      expect(tracker.count("lobby")).toBe(3);
      expect(tracker.health()).toMatchObject({ complete: false, connected: false });
    }
    await cluster.settle();
    expect(cluster.running().map(({ diffs }) => diffs.length)).toEqual(counts);
    for (const { tracker } of cluster.running()) expect(tracker.health().complete).toBe(true);
  });

  it("of a node that is cut off alone hides it elsewhere, and not the others from it", async () => {
    const cluster = await clusterOf(31, ["a", "b"]);
    for (const name of ["a", "b"]) track(cluster.node(name), name);
    await cluster.settle();
    cluster.outage({ nodes: ["a"] });
    await cluster.advance(DOWN_MS + 2_000);
    expect(cluster.node("b").tracker.count("lobby")).toBe(1);
    expect(cluster.node("a").tracker.count("lobby")).toBe(2);
    expect(cluster.node("a").tracker.health().complete).toBe(false);
    track(cluster.node("a"), "during the outage");
    await cluster.settle();
    expect(cluster.node("b").tracker.count("lobby")).toBe(3);
  });

  it("changes of an outage appear within two heartbeats of reconnecting", async () => {
    const cluster = await clusterOf(32, ["a", "b"]);
    cluster.outage();
    await cluster.advance(30_000);
    track(cluster.node("a"), "ann");
    await cluster.advance(1_000);
    cluster.heal();
    await cluster.advance(4_000);
    expect(cluster.node("b").tracker.has("lobby", "ann")).toBe(true);
  });
});

describe("the pubsub's own news of a death", () => {
  it("hides at once, and shows again what is heard after all", async () => {
    const cluster = await simulate({ seed: 33, nodes: ["a", "b"], announceCrashes: true });
    track(cluster.node("a"), "ann");
    await cluster.settle();
    const killedMs = cluster.nowMs;
    cluster.crash("a");
    await cluster.advance(100);
    const seen = seenBy(cluster.node("b"));
    expect(seen.map(what)).toEqual(["join ann of a", "leave ann down"]);
    expect(seen[1]!.atMs - killedMs).toBeLessThan(100);
  });

  it("that is wrong costs one flicker, not the entries", async () => {
    const cluster = await clusterOf(34, ["a", "b"]);
    track(cluster.node("a"), "ann");
    await cluster.settle();
    cluster.network.announceGone("a");
    await cluster.advance(50);
    expect(cluster.node("b").tracker.count("lobby")).toBe(0);
    await cluster.advance(4_000);
    expect(cluster.node("b").tracker.count("lobby")).toBe(1);
  });
});

describe("a goodbye", () => {
  it("with a window keeps entries until their keys appear elsewhere, and the rest until it ends", async () => {
    const cluster = await clusterOf(40, ["a", "b", "c"]);
    const [a, b, c] = ["a", "b", "c"].map((name) => cluster.node(name)) as [
      SimulatedNode,
      SimulatedNode,
      SimulatedNode,
    ];
    for (const key of ["moves", "stays away"]) track(a, key);
    await cluster.settle();
    const stoppedMs = cluster.nowMs;
    await cluster.stop("a");
    await cluster.advance(3_000);
    expect(c.tracker.count("lobby")).toBe(2);
    track(b, "moves");
    await cluster.advance(20);
    expect(c.tracker.getByKey("lobby", "moves").map(({ node }) => node)).toEqual(["b"]);
    await cluster.advance(10_000);
    const seen = seenBy(c);
    expect(seen.map(what)).toEqual([
      "join moves of a",
      "join stays away of a",
      "join moves of b",
      "leave moves departed",
      "leave stays away departed",
    ]);
    // The join of the one and the leave of the other are one diff: the key never left.
    expect(seen[2]?.atMs).toBe(seen[3]?.atMs);
    expect(seen[4]!.atMs - stoppedMs).toBeGreaterThanOrEqual(8_000);
    expect(seen[4]!.atMs - stoppedMs).toBeLessThanOrEqual(8_600);
    expect(c.tracker.health().replicas.map(({ name }) => name)).toEqual(["b"]);
  });

  it("keeps what is elsewhere already, as another device is", async () => {
    const cluster = await clusterOf(41, ["a", "b", "c"]);
    for (const name of ["a", "b"]) track(cluster.node(name), "ann");
    await cluster.settle();
    await cluster.stop("a");
    await cluster.advance(20);
    expect(
      cluster
        .node("c")
        .tracker.getByKey("lobby", "ann")
        .map(({ node }) => node)
        .sort(),
    ).toEqual(["a", "b"]);
  });

  it("does not hand off to a node that departs too", async () => {
    const cluster = await clusterOf(42, ["a", "b", "c"]);
    track(cluster.node("a"), "ann");
    await cluster.settle();
    await cluster.stop("a", { handoffMs: 20_000 });
    track(cluster.node("b"), "ann");
    await cluster.stop("b", { handoffMs: 5_000 });
    await cluster.advance(10_000);
    // The entry of b went with its window; that of a was handed to it, or not: someone was there all the time.
    const seen = seenBy(cluster.node("c")).map(what);
    expect(seen[0]).toBe("join ann of a");
    expect(cluster.node("c").tracker.count("lobby")).toBeLessThanOrEqual(1);
  });

  it("that is repeated does not extend the window, and a departing life is never declared down", async () => {
    const cluster = await clusterOf(43, ["a", "b"]);
    track(cluster.node("a"), "ann");
    await cluster.settle();
    await cluster.stop("a", { handoffMs: 60_000 });
    await cluster.advance(59_000);
    expect(cluster.node("b").tracker.count("lobby")).toBe(1);
    expect(cluster.node("b").eventsOf("replicaDown")).toEqual([]);
    await cluster.advance(2_000);
    expect(seenBy(cluster.node("b")).map(what)).toEqual(["join ann of a", "leave ann departed"]);
  });

  it("announces no session that closes after it", async () => {
    const cluster = await clusterOf(44, ["a", "b"]);
    const a = cluster.node("a");
    const session = a.session();
    a.tracker.track(session, "lobby", "ann", {});
    await cluster.settle();
    await cluster.stop("a");
    session.close();
    await cluster.advance(5_000);
    expect(cluster.node("b").tracker.count("lobby")).toBe(1);
  });

  it("that is lost shows as silence", async () => {
    const cluster = await clusterOf(45, ["a", "b"]);
    track(cluster.node("a"), "ann");
    await cluster.settle();
    cluster.partition(["a"], ["b"]);
    await cluster.stop("a", { handoffMs: 0 });
    await cluster.advance(DOWN_MS);
    expect(seenBy(cluster.node("b")).map(what)).toEqual(["join ann of a", "leave ann down"]);
  });
});

describe("lives", () => {
  it("a crash and restart flickers for nobody whose key comes back in time", async () => {
    const cluster = await clusterOf(50, ["a", "b"]);
    track(cluster.node("a"), "ann");
    await cluster.settle();
    await cluster.advance(500);
    const a = await cluster.restart("a");
    await cluster.advance(1_000);
    track(a, "ann");
    await cluster.advance(15_000);
    const seen = seenBy(cluster.node("b"));
    expect(seen.map(what)).toEqual(["join ann of a", "join ann of a", "leave ann replaced"]);
    expect(seen[1]?.atMs).toBe(seen[2]?.atMs);
  });

  it("a restart with the wall clock further back is ignored while the larger is up, then admitted", async () => {
    const cluster = await clusterOf(51, ["a", "b"]);
    track(cluster.node("a"), "old");
    await cluster.settle();
    const a = await cluster.restart("a", { clockOffsetMs: -3_600_000 });
    track(a, "new");
    await cluster.advance(3_000);
    expect(
      cluster
        .node("b")
        .tracker.list("lobby")
        .map(({ key }) => key),
    ).toEqual(["old"]);
    await cluster.settle();
    expect(
      cluster
        .node("b")
        .tracker.list("lobby")
        .map(({ key }) => key),
    ).toEqual(["new"]);
    expect(cluster.node("b").eventsOf("nameConflict")).toEqual([]);
  });

  it("two of one name that stay alive are a conflict, reported once on each side and by the third", async () => {
    const cluster = await clusterOf(52, ["a", "b"]);
    const first = cluster.node("a");
    track(first, "first");
    await cluster.advance(1_000);
    const second = await cluster.start("a");
    track(second, "second");
    await cluster.advance(30_000);
    for (const node of [first, second, cluster.node("b")]) {
      expect(node.eventsOf("nameConflict")).toHaveLength(1);
    }
    expect(
      cluster
        .node("b")
        .tracker.list("lobby")
        .map(({ key }) => key),
    ).toEqual(["second"]);
  });

  it("a frame of a life that is over changes nothing", async () => {
    const cluster = await simulate({
      seed: 53,
      nodes: ["a", "b"],
      network: { repeatRate: 1, delayMs: [1, 9_000] },
      options: { startTimeoutMs: 30_000 },
    });
    track(cluster.node("a"), "old");
    await cluster.advance(5_000);
    await cluster.restart("a");
    await cluster.advance(60_000);
    expect(cluster.node("b").tracker.count("lobby")).toBe(0);
    expect(
      cluster
        .node("b")
        .tracker.health()
        .replicas.filter(({ name }) => name === "a"),
    ).toHaveLength(1);
  });

  it("hundreds of restarts leave nothing behind", async () => {
    const cluster = await clusterOf(54, ["b"]);
    const { tracker } = cluster.node("b");
    for (let restart = 0; restart < 400; restart++) {
      const a = await cluster.restart("a").catch(() => cluster.start("a"));
      track(a, "ann");
      await cluster.advance(700);
    }
    await cluster.advance(20_000);
    expect(tracker.count("lobby")).toBe(1);
    expect(tracker.health().replicas).toHaveLength(1);
  }, 60_000);
});

describe("complete", () => {
  it("is a node alone once others had a round of heartbeats to say that they are there", async () => {
    const cluster = await simulate({ seed: 60, nodes: ["a"] });
    const { tracker } = cluster.node("a");
    let complete = false;
    void tracker.whenComplete({ timeoutMs: 5_000 }).then(() => (complete = true));
    await cluster.advance(2_000);
    expect(complete).toBe(false);
    await cluster.advance(600);
    expect(complete).toBe(true);
    expect(tracker.health().complete).toBe(true);
    await tracker.whenComplete();
  });

  it("is a newcomer when it has caught up with everyone, and it then lists all", async () => {
    const cluster = await clusterOf(61, ["a", "b"]);
    for (const name of ["a", "b"]) {
      const node = cluster.node(name);
      const session = node.session();
      for (let i = 0; i < 5_000; i++) node.tracker.track(session, `topic ${i % 10}`, `${name} ${i}`, {});
    }
    await cluster.settle();
    const c = await cluster.start("c");
    let count = -1;
    void c.tracker.whenComplete({ timeoutMs: 60_000 }).then(() => {
      count = c.tracker.topics().reduce((sum, topic) => sum + c.tracker.count(topic), 0);
    });
    await cluster.advance(2_600);
    expect(count).toBe(10_000);
  });

  it("times out with the health as it is", async () => {
    const cluster = await simulate({ seed: 62, nodes: ["a"] });
    cluster.outage();
    await cluster.advance(10);
    let error: { code?: string; details?: { health?: { connected?: boolean } } } = {};
    cluster
      .node("a")
      .tracker.whenComplete({ timeoutMs: 1_000 })
      .catch((thrown) => (error = thrown as never));
    await cluster.advance(1_100);
    expect(error.code).toBe("TIMEOUT");
    expect(error.details?.health?.connected).toBe(false);
  });
});

it("explain tells whose an entry is, by which dot, and when its owner was heard", async () => {
  const cluster = await clusterOf(70, ["a", "b"]);
  track(cluster.node("a"), "ann");
  track(cluster.node("b"), "ann");
  await cluster.settle();
  const explained = cluster.node("b").tracker.explain("lobby", "ann");
  expect(explained).toHaveLength(2);
  const [local, remote] = ["local", "up"].map((status) => explained.find((each) => each.status === status));
  expect(local).toMatchObject({ node: "b", clock: 1, silentMs: 0, visible: true });
  expect(remote).toMatchObject({ node: "a", clock: 1, visible: true });
  expect(remote?.silentMs).toBeLessThan(2_500);
});
