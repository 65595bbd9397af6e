/** Nodes that have forgotten others: what was told before is told again, and what was shared is begun anew. */
import { describe, expect, it } from "vitest";
import { encodeFollowing } from "../../../src/replication/following/codec.js";
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

describe("R116: an author that tells its stakes in a later stream", () => {
  it("is asked for its share, which may have nothing to say by itself", () => {
    const cluster = clusterOf(1, {}, ["a", "b"]);
    const holder = cluster.start("h", "everything");
    track(cluster, "a", ["t"]);
    cluster.run(20_000);
    const partner = holder.follower.membership.presentOf("a")!;
    expect(partner.pair.hasCaughtUp).toBe(true);
    const { life } = nodeOf(cluster, "a");
    const stakes = { stream: partner.pair.followed.stream + 1, since: 0, upTo: 0, items: [] };
    const payload = encodeFollowing({
      ...{ from: life, to: holder.life.incarnation, counter: partner.directCounter + 1 },
      message: { type: "pair", letters: { stakes }, part: 1, parts: 1 },
    });
    cluster.step(holder, { type: "frame", payload, way: "followers" });
    expect(partner.pair.hasCaughtUp).toBe(false);
    // It was not its word: what it says itself, as it is asked, counts.
    cluster.run(1_000);
    expect(partner.pair.hasCaughtUp).toBe(true);
    expect(cluster.listed(holder, "t")).toEqual(cluster.truth("t"));
  });
});
