/** Follows with a limit, where numbers fall and rise: whether they are complete, and whether they say what others have. */
import { describe, expect, it } from "vitest";
import { clusterOf, nodeOf, registrarsOf } from "./runs.js";

const NAMES = ["a", "b", "c"];

/** A topic of which a node is no registrar. */
function topicWithout(name: string): string {
  const topics = Array.from({ length: 100 }, (_, i) => `t${i}`);
  return topics.find((topic) => !registrarsOf(topic, NAMES).includes(name)) ?? "";
}

describe("a follow with a limit", () => {
  it("is complete again when it had as many as it wants before its registrars were settled, and then has fewer", () => {
    const cluster = clusterOf(1, {}, []);
    for (const name of NAMES) cluster.start(name);
    const a = nodeOf(cluster, "a");
    const topic = topicWithout("a");
    for (const key of ["k", "l", "m"]) cluster.track(a, topic, key);
    cluster.track(nodeOf(cluster, "b"), topic, "n");
    cluster.step(a, { type: "follow", topic, limit: 3 });
    cluster.run(20_000);
    expect(a.follower.isComplete(topic, cluster.nowMs)).toBe(true);
    for (const entry of [...a.entries.keys()]) if (entry.key !== "k") cluster.untrack(a, entry);
    cluster.run(5_000);
    expect(cluster.listed(a, topic)).toEqual(cluster.truth(topic));
    expect(a.follower.isComplete(topic, cluster.nowMs)).toBe(true);
    expect(cluster.wrong).toEqual([]);
  });
});
