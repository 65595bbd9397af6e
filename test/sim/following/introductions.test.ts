/** A node that has forgotten another one, and does not get through to it when that is back: what was told before is told again. */
import { describe, expect, it } from "vitest";
import { leaksOf } from "./leaks.js";
import { clusterOf, follow, lacking, nodeOf, registrarsOf, track } from "./runs.js";

const ROOMS = Array.from({ length: 100 }, (_, i) => `room-${i}`);

describe("R72: a node that was forgotten", () => {
  it("is greeted until it has told its wishes anew, and not only its stakes", () => {
    // What the other enlists is heard by others, so that it has no stakes to tell.
    const names = ["a", "b", "c", "d"];
    const topics = ROOMS.filter((topic) => !registrarsOf(topic, names).includes("b")).slice(0, 1);
    const cluster = clusterOf(1, {}, names);
    follow(cluster, "a", topics);
    track(cluster, "b", topics);
    cluster.run(5_000);
    cluster.attach(nodeOf(cluster, "a"), false);
    cluster.run(40_000);
    expect(nodeOf(cluster, "b").follower.membership.presentOf("a")).toBeUndefined();
    // It greets the other, and hears no answer until that takes itself for introduced.
    cluster.cut.add("b>a");
    cluster.attach(nodeOf(cluster, "a"), true);
    cluster.run(1_000);
    expect(nodeOf(cluster, "b").follower.membership.presentOf("a")?.pair.hasToldStakes).toBe(true);
    cluster.cut.clear();
    cluster.run(20_000);
    expect(nodeOf(cluster, "b").follower.membership.presentOf("a")?.pair.wishesHeard.size).toBe(1);
    expect(lacking(cluster, "a", topics)).toEqual([]);
    expect(leaksOf(cluster)).toEqual([]);
  });
});
