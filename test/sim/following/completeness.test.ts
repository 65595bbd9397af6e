/** Authors that no list names, as they came after it was told: a follow that wants more of them waits for what they tell. */
import { describe, expect, it } from "vitest";
import type { Cluster } from "./cluster.js";
import { clusterOf, nodeOf, registrarsOf, track } from "./runs.js";

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
