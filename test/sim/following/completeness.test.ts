/** Authors that no list names, as they came after it was told: a follow that wants more of them waits for what they tell. */
import { describe, expect, it } from "vitest";
import { encodeFollowing } from "../../../src/replication/following/codec.js";
import type { Life } from "../../../src/replication/life.js";
import { HEARTBEAT_MS, type Cluster } from "./cluster.js";
import { clusterOf, follow, nodeOf, registrarsOf, track } from "./runs.js";

const NAMES = ["a", "b", "c", "d", "e", "f"];

/** Runs until a node says that it is complete, and returns how many it lists then. */
function listedWhenComplete(cluster: Cluster, topic: string): number {
  const node = nodeOf(cluster, "a");
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 1) {
    if (node.follower.isComplete(topic, cluster.nowMs)) return cluster.listed(node, topic).size;
    cluster.run(1);
  }
  return NaN;
}

describe("R102: a follow with a limit", () => {
  it("is not complete where the author that it has chosen has nothing any more, and another one offers more", () => {
    // The stake of the author ends with a tick, and within the window in which it answers the wish.
    for (let offsetMs = 200; offsetMs < 800; offsetMs += 20) {
      const cluster = clusterOf(1, {}, NAMES);
      const author = nodeOf(cluster, "b");
      for (const name of ["b", "c"]) track(cluster, name, ["room-5", "room-5"]);
      cluster.step(nodeOf(cluster, "a"), { type: "follow", topic: "other" });
      cluster.run(5_000);
      for (const entry of [...author.entries.keys()]) cluster.untrack(author, entry);
      cluster.run(offsetMs);
      track(cluster, "b", ["other"]);
      cluster.run(3);
      cluster.step(nodeOf(cluster, "a"), { type: "follow", topic: "room-5", limit: 2 });
      expect([offsetMs, listedWhenComplete(cluster, "room-5")]).toEqual([offsetMs, 2]);
    }
  });
});

describe("R115: whom a newcomer has not heard yet", () => {
  const topic = "t";

  /** A restarted author is named to a newcomer, which does not hear its greeting. Returns what it says and lists of the topic. */
  function named(hears: (cluster: Cluster, earlier: Life) => void): [isComplete: boolean, listed: number] {
    const cluster = clusterOf(1, {}, ["b", "c", "d", "x"]);
    const earlier = nodeOf(cluster, "x").life;
    cluster.crash(nodeOf(cluster, "x"));
    cluster.run(100);
    const { life } = cluster.start("x");
    track(cluster, "x", [topic]);
    cluster.run(5_000);
    const newcomer = cluster.start("n");
    follow(cluster, "n", [topic]);
    cluster.cut.add("x>n");
    const { meetings } = newcomer.follower.interests;
    for (let waitedMs = 0; waitedMs < 1_000 && !meetings.isHinted(life, topic); waitedMs++) cluster.run(1);
    hears(cluster, earlier);
    return [newcomer.follower.isComplete(topic, cluster.nowMs), cluster.listed(newcomer, topic).size];
  }

  it("is waited for, also where a late frame of the life before is heard", () => {
    expect(named(() => undefined)).toEqual([false, 0]);
    const late = (cluster: Cluster, from: Life): void => {
      const message = { type: "beat", periodMs: HEARTBEAT_MS, lateMs: 0 } as const;
      const payload = encodeFollowing({ from, to: undefined, counter: 7, message });
      cluster.step(nodeOf(cluster, "n"), { type: "frame", payload, way: "broadcasts" });
    };
    expect(named(late)).toEqual([false, 0]);
    const mended = (cluster: Cluster): void => {
      cluster.cut.clear();
      cluster.run(3_000);
    };
    expect(named(mended)).toEqual([true, 1]);
  });

  /** After how long a newcomer is complete to which somebody is named who was killed, and whose connections last so long. */
  function completeAfterMs(connectedMs: number): number {
    const cluster = clusterOf(1, {}, ["a", "b", "c", "d"], undefined, {}, 1_200_000);
    track(cluster, "a", [topic]);
    cluster.run(5_000);
    cluster.crash(nodeOf(cluster, "a"));
    cluster.run(20_000);
    const newcomer = cluster.start("n");
    follow(cluster, "n", [topic]);
    const fromMs = cluster.nowMs;
    while (cluster.nowMs - fromMs < 60_000) {
      for (let heardMs = 0; heardMs < connectedMs; heardMs += 50) {
        cluster.run(50);
        if (newcomer.follower.isComplete(topic, cluster.nowMs)) return cluster.nowMs - fromMs;
      }
      cluster.attach(newcomer, false);
      cluster.run(300);
      cluster.attach(newcomer, true);
    }
    return NaN;
  }

  it("is waited for no longer than four heartbeats in all, however often the connection is lost", () => {
    expect(completeAfterMs(60_000)).toBe(2 * HEARTBEAT_MS);
    expect(completeAfterMs(3_000)).toBe(4 * HEARTBEAT_MS + 2 * 300);
    expect(completeAfterMs(1_000)).toBe(4 * HEARTBEAT_MS + 7 * 300);
  });
});

describe("R78: a follow that was complete with a limit", () => {
  const topics = Array.from({ length: 100 }, (_, i) => `room-${i}`);
  const topic = topics.find((each) => !registrarsOf(each, NAMES).includes("a")) ?? "";

  /** One that is complete with its own entry, and wants offers of others; of one author, which came after it was told who is there. */
  function start(): Cluster {
    const cluster = clusterOf(1, {}, NAMES);
    track(cluster, "a", [topic]);
    cluster.step(nodeOf(cluster, "a"), { type: "follow", topic, limit: 1 });
    for (const author of ["c", "d", "b"]) {
      cluster.run(10_000);
      track(cluster, author, [topic]);
    }
    cluster.run(10_000);
    for (const author of ["c", "d"]) untrack(cluster, author);
    cluster.run(10_000);
    expect(listedWhenComplete(cluster, topic)).toBe(1);
    return cluster;
  }

  it("waits for an author that no list names, once it has no limit", () => {
    const cluster = start();
    cluster.step(nodeOf(cluster, "a"), { type: "follow", topic });
    expect(listedWhenComplete(cluster, topic)).toBe(2);
  });

  it("waits for an author that no list names, once it has a larger one", () => {
    const cluster = start();
    cluster.step(nodeOf(cluster, "a"), { type: "follow", topic, limit: 4 });
    expect(listedWhenComplete(cluster, topic)).toBe(2);
  });

  it("waits for an author that no list names, once whom it lists has left", () => {
    const cluster = start();
    untrack(cluster, "a");
    expect(listedWhenComplete(cluster, topic)).toBe(1);
  });
});

function untrack(cluster: Cluster, name: string): void {
  const node = nodeOf(cluster, name);
  for (const entry of [...node.entries.keys()]) cluster.untrack(node, entry);
}
