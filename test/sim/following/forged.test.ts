/** What somebody says in the name of a node that follows, once: it ends by itself, and costs no more memory than is said. */
import { describe, expect, it } from "vitest";
import { encodeFollowing } from "../../../src/replication/following/codec.js";
import type { FollowingLimits } from "../../../src/replication/following/limits.js";
import { FOLLOWS, HAS, type Letters, type Member } from "../../../src/replication/following/message.js";
import { makeIncarnation } from "../../../src/replication/life.js";
import { PROTOCOL } from "../../../src/replication/rules.js";
import type { Cluster, Node } from "./cluster.js";
import { clusterOf, follow, lacking, nodeOf, registrarsOf, track } from "./runs.js";

const NAMES = ["a", "b", "c", "d", "e"];
/** Neither a nor b introduces anybody there. */
const TOPIC =
  Array.from({ length: 50 }, (_, i) => `t${i}`).find(
    (topic) => !registrarsOf(topic, NAMES).some((name) => name === "a" || name === "b"),
  ) ?? "";

function start(limits: Partial<FollowingLimits> = {}): { cluster: Cluster; a: Node; b: Node } {
  const cluster = clusterOf(1, {}, NAMES, PROTOCOL, limits);
  return { cluster, a: nodeOf(cluster, "a"), b: nodeOf(cluster, "b") };
}

/** A node hears letters in the name of another one. */
function hears(cluster: Cluster, node: Node, other: Node, letters: Letters): void {
  const known = node.follower.membership.presentOf(other.name);
  const counter = (known?.directCounter ?? 0) + 1;
  const message = { type: "pair", letters, part: 1, parts: 1 } as const;
  const payload = encodeFollowing({ from: other.life, to: node.life.incarnation, counter, message });
  cluster.step(node, { type: "frame", payload, way: "inbox" });
}

function pairOf(
  node: Node,
  other: Node,
): NonNullable<ReturnType<typeof node.follower.membership.presentOf>>["pair"] {
  return node.follower.membership.presentOf(other.name)!.pair;
}

describe("what somebody says once in the name of a node that follows", () => {
  it("R66: that it follows in a later generation: the word of the follower itself counts", () => {
    const { cluster, a, b } = start();
    follow(cluster, "a", [TOPIC]);
    track(cluster, "b", [TOPIC]);
    cluster.run(5_000);
    const member = { life: a.life, stake: { roles: FOLLOWS, generation: 1_000 } };
    const lists = [{ topic: TOPIC, isSettled: true, members: [member] }];
    hears(cluster, b, nodeOf(cluster, "c"), { members: { stream: 1, number: 0, lists } });
    expect(pairOf(b, a).authored.generationOf(TOPIC)).toBe(1_000);
    // And that it follows in none is nothing that a node says: an open in that would be refused.
    const { framesRefused } = b.follower.counters;
    const none = {
      topic: TOPIC,
      isSettled: true,
      members: [{ ...member, stake: { roles: FOLLOWS, generation: 0 } }],
    };
    hears(cluster, b, nodeOf(cluster, "c"), { members: { stream: 1, number: 0, lists: [none] } });
    expect(b.follower.counters.framesRefused).toBe(framesRefused + 1);
    cluster.run(5_000);
    track(cluster, "b", [TOPIC]);
    cluster.run(5_000);
    expect(lacking(cluster, "a", [TOPIC])).toEqual([]);
    expect(a.follower.isComplete(TOPIC, cluster.nowMs)).toBe(true);
  });
});

describe("R114: a list that names lives by a view that nobody told", () => {
  it("confirms nothing: the registrar is asked again", () => {
    const { cluster, a } = start();
    track(cluster, "b", [TOPIC]);
    cluster.run(5_000);
    const registrars = registrarsOf(TOPIC, NAMES).map((name) => nodeOf(cluster, name));
    for (const { name } of registrars) cluster.cut.add(`${name}>a`);
    follow(cluster, "a", [TOPIC]);
    cluster.run(100);
    const lists = [
      { topic: TOPIC, isSettled: true, members: [{ life: 1, stake: { roles: HAS, generation: 0 } }] },
    ];
    for (const registrar of registrars) {
      const { stream, upTo } = pairOf(a, registrar).stakes.say(cluster.nowMs, { awaitedMs: 0, restMs: 0 });
      hears(cluster, a, registrar, { members: { stream, number: upTo, lists, view: 7 } });
      expect(pairOf(a, registrar).stakes.isConfirmed).toBe(false);
    }
    cluster.cut.clear();
    cluster.run(5_000);
    expect(lacking(cluster, "a", [TOPIC])).toEqual([]);
    expect(a.follower.isComplete(TOPIC, cluster.nowMs)).toBe(true);
  });
});

describe("what somebody makes up again and again", () => {
  const topics = Array.from({ length: 20 }, (_, i) => `topic ${i}`);

  /** Lists of lives that nobody runs, in the name of a registrar. */
  function members(from: number, count: number): readonly Member[] {
    return Array.from({ length: count }, (_, i) => ({
      life: { name: `made up ${from + i}`, incarnation: makeIncarnation(1.7e12, "zzzzz") },
      stake: { roles: HAS, generation: 0 },
    }));
  }

  it("R77: keeps hints of no more topics than are kept, the latest", () => {
    const { cluster, a } = start({ topicsHinted: 200 });
    follow(cluster, "a", topics);
    cluster.run(5_000);
    for (let from = 0; from < 100; from++) {
      const lists = topics.map((topic) => ({ topic, isSettled: false, members: members(from, 1) }));
      hears(cluster, a, nodeOf(cluster, "c"), { members: { stream: 1, number: 0, lists } });
      expect(a.follower.following.hints).toBeLessThanOrEqual(200);
    }
    expect(a.follower.following.hints).toBe(200);
  });

  it("keeps no more members of lists than there is room for, counts what it does not keep, and is not complete by it", () => {
    const { cluster, a } = start({ rowsListed: 100 });
    follow(cluster, "a", topics);
    track(cluster, "b", topics);
    cluster.run(5_000);
    for (const [i, topic] of topics.entries())
      for (const registrar of registrarsOf(topic, NAMES)) {
        if (registrar === "a") continue;
        const lists = [{ topic, isSettled: true, members: members(20 * i, 20) }];
        hears(cluster, a, nodeOf(cluster, registrar), { members: { stream: 1, number: 0, lists } });
      }
    expect(a.follower.counters.claimsCrowded).toBeGreaterThan(0);
    let kept = 0;
    const { meetings } = a.follower.interests;
    for (const topic of topics)
      for (const name of NAMES) kept += meetings.listOf(topic, name)?.members.length ?? 0;
    expect(kept).toBeLessThanOrEqual(100);
    expect(kept).toBeGreaterThan(0);
    // What ends makes room.
    for (const topic of topics) cluster.step(a, { type: "unfollow", topic });
    cluster.run(20_000);
    follow(cluster, "a", topics);
    cluster.run(5_000);
    for (const topic of topics) expect(a.follower.isComplete(topic, cluster.nowMs), topic).toBe(true);
    expect(lacking(cluster, "a", topics)).toEqual([]);
  });
});
