/** A goodbye that was said in the name of a node that goes on: what it is told afterwards, by nodes of either kind. */
import { describe, expect, it } from "vitest";
import { encodeFollowing } from "../../../src/replication/following/codec.js";
import { FOLLOWING_PROTOCOL } from "../../../src/replication/following/rules.js";
import { CALM, Cluster, type Holds, type Node } from "./cluster.js";

function start(holds: Holds): { cluster: Cluster; author: Node; other: Node } {
  const cluster = new Cluster(1, {
    ...{ windowMs: 50, lingering: 300, permdownPeriodMs: 60_000, maxFrameBytes: 256 * 1024 },
    ...{ echoes: true, following: FOLLOWING_PROTOCOL },
  });
  cluster.faults = CALM;
  return { cluster, author: cluster.start("author"), other: cluster.start("other", holds) };
}

describe("a node that goes on after a goodbye in its name", () => {
  it.each(["everything", "followed"] as const)("lists what comes afterwards: one that holds %s", (holds) => {
    const { cluster, author, other } = start(holds);
    cluster.run(5_000);
    if (holds === "followed") cluster.step(other, { type: "follow", topic: "t" });
    cluster.track(author, "t", "before");
    cluster.track(author, "u", "before");
    cluster.run(3_000);
    const counter = (author.machine.membership.presentOf("other")?.broadcastCounter ?? 0) + 1;
    const message = { type: "goodbye", windowMs: 60_000 } as const;
    const holdsEverything = holds === "everything";
    const payload = encodeFollowing({ from: other.life, to: undefined, counter, message, holdsEverything });
    cluster.step(author, { type: "frame", payload, way: "broadcasts" });
    expect(author.machine.membership.presentOf("other")?.status).toBe("departing");
    cluster.track(author, "t", "meanwhile");
    for (const entry of [...author.entries.keys()]) if (entry.key === "before") cluster.update(author, entry);
    cluster.run(20_000);
    expect(author.machine.membership.presentOf("other")?.status).toBe("up");
    cluster.track(author, "t", "afterwards");
    cluster.run(20_000);
    expect(cluster.listed(other, "t")).toEqual(cluster.truth("t"));
    expect(cluster.wrong).toEqual([]);
    // And as a registrar it knows again who has a stake.
    expect(author.follower.following.registrarRows).toBe(holds === "followed" ? 3 : 2);
  });
});

it("a node that says goodbye as it is heard again is up no longer, and no registrar", () => {
  const { cluster, author, other } = start("followed");
  cluster.run(5_000);
  cluster.cut.add("author>other");
  cluster.run(15_000);
  expect(other.machine.membership.presentOf("author")?.status).toBe("down");
  cluster.cut.clear();
  cluster.step(author, { type: "goodbye", windowMs: 8_000 });
  cluster.crash(author);
  cluster.run(5_000);
  expect(other.machine.membership.presentOf("author")).toBeUndefined();
  expect([...other.follower.upNames()]).toEqual([]);
  expect(other.follower.interests.meetings.isRegistrar("author", "t")).toBe(false);
});
