/** How many entries a topic has, where nobody holds them: who counts, what is left afterwards, and what is taken from others. */
import { describe, expect, it } from "vitest";
import { encodeFollowing } from "../../../src/replication/following/codec.js";
import { FOLLOWING_LIMITS, ITEMS_OF_A_COUNT } from "../../../src/replication/following/limits.js";
import { FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import { NO_TALLY } from "../../../src/replication/following/tally.js";
import type { Cluster } from "./cluster.js";
import { Cluster as SimulatedCluster } from "./cluster.js";
import { leaksOf } from "./leaks.js";
import { nodeOf, registrarsOf } from "./runs.js";

const NAMES = ["a", "b", "c", "d", "e"];
const OPTIONS = {
  ...{ windowMs: 1_500, lingering: 300, permdownPeriodMs: 60_000, maxFrameBytes: 256 * 1024 },
  ...{ echoes: false, following: { rules: FOLLOWING_RULES, limits: FOLLOWING_LIMITS } },
};

function started(topicsHeard = FOLLOWING_LIMITS.topicsHeard): Cluster {
  const limits = { ...FOLLOWING_LIMITS, topicsHeard };
  const cluster = new SimulatedCluster(1, { ...OPTIONS, following: { rules: FOLLOWING_RULES, limits } });
  for (const name of NAMES) cluster.start(name);
  cluster.run(10_000);
  return cluster;
}

/** A topic whose registrars are these, the first of which counts. */
function topicOf(first: string, second: string): string {
  for (let i = 0; ; i++) if (registrarsOf(`t${i}`, NAMES).join() === `${first},${second}`) return `t${i}`;
}

function followCount(cluster: Cluster, name: string, topic: string): void {
  cluster.step(nodeOf(cluster, name), { type: "followCount", topic });
}

function countOf(cluster: Cluster, name: string, topic: string): unknown {
  return nodeOf(cluster, name).follower.countOf(topic);
}

describe("a count", () => {
  it("is settled within some frames, whoever wants it: the registrar, an author, or one that has nothing there", () => {
    const cluster = started();
    const topic = topicOf("c", "d");
    for (const name of ["a", "b", "b", "e"]) cluster.track(nodeOf(cluster, name), topic, "k");
    cluster.run(10_000);
    for (const name of ["a", "c", "d"]) followCount(cluster, name, topic);
    cluster.run(100);
    for (const name of ["a", "c", "d"])
      expect(countOf(cluster, name, topic), name).toEqual({ entries: 4, isSettled: true });
    // Who comes later is told at once what the others know.
    followCount(cluster, "e", topic);
    cluster.run(20);
    expect(countOf(cluster, "e", topic)).toEqual({ entries: 4, isSettled: true });
  });

  it("goes on at the next registrar when that which counts says goodbye, and never begins again at nothing", () => {
    const cluster = started();
    const topic = topicOf("c", "d");
    for (const name of ["a", "b", "e"]) cluster.track(nodeOf(cluster, name), topic, "k");
    followCount(cluster, "a", topic);
    cluster.run(10_000);
    const c = nodeOf(cluster, "c");
    cluster.step(c, { type: "goodbye", windowMs: 0 });
    cluster.crash(c);
    let settledMs: number | undefined;
    for (let passedMs = 0; passedMs < 10_000; passedMs += 10) {
      cluster.run(10);
      expect(countOf(cluster, "a", topic)).toHaveProperty("entries", 3);
      const { isSettled } = nodeOf(cluster, "a").follower.countOf(topic);
      if (passedMs > 100 && isSettled) settledMs ??= passedMs;
    }
    // A registrar is settled when nobody has gone for two heartbeats.
    expect(settledMs).toBeGreaterThan(3_000);
    expect(settledMs).toBeLessThan(7_000);
  });

  it("moves to nodes that come and rank higher, and is settled there", () => {
    const cluster = new SimulatedCluster(1, OPTIONS);
    const topic = topicOf("d", "e");
    for (const name of ["a", "b", "c"]) cluster.start(name);
    cluster.run(10_000);
    cluster.track(nodeOf(cluster, "b"), topic, "k");
    followCount(cluster, "a", topic);
    cluster.run(5_000);
    expect(countOf(cluster, "a", topic)).toEqual({ entries: 1, isSettled: true });
    for (const name of ["e", "d"]) {
      cluster.start(name);
      for (let passedMs = 0; passedMs < 20_000; passedMs += 100) {
        cluster.run(100);
        expect(countOf(cluster, "a", topic)).toHaveProperty("entries", 1);
      }
      expect(countOf(cluster, "a", topic), name).toEqual({ entries: 1, isSettled: true });
      expect(nodeOf(cluster, "a").follower.interests.counts.watches.registrarOf(topic)).toBe(name);
    }
    expect(leaksOf(cluster)).toEqual([]);
  });

  it("stays settled when a node comes that holds everything, as that counts for nobody", () => {
    const cluster = started();
    const topics = Array.from({ length: 20 }, (_, i) => `t${i}`);
    for (const topic of topics) {
      cluster.track(nodeOf(cluster, "b"), topic, "k");
      followCount(cluster, "a", topic);
    }
    cluster.run(5_000);
    cluster.start("f", "everything");
    for (let passedMs = 0; passedMs < 10_000; passedMs += 1) {
      cluster.run(1);
      for (const topic of topics)
        expect(countOf(cluster, "a", topic), topic).toEqual({ entries: 1, isSettled: true });
    }
  });

  it("is not settled after an outage by what was said before it", () => {
    const cluster = started();
    const topic = topicOf("c", "d");
    cluster.track(nodeOf(cluster, "b"), topic, "k");
    followCount(cluster, "a", topic);
    cluster.run(5_000);
    cluster.attach(nodeOf(cluster, "a"), false);
    cluster.track(nodeOf(cluster, "b"), topic, "k2");
    cluster.run(3_000);
    cluster.cut.add("c>a");
    cluster.attach(nodeOf(cluster, "a"), true);
    cluster.run(2_000);
    expect(countOf(cluster, "a", topic)).toEqual({ entries: 1, isSettled: false });
    cluster.cut.clear();
    cluster.run(5_000);
    expect(countOf(cluster, "a", topic)).toEqual({ entries: 2, isSettled: true });
  });

  it("leaves nothing anywhere when nobody wants it any more, not even while its frames are lost", () => {
    for (const isLost of [false, true]) {
      const cluster = started();
      const topics = ["__proto__", ...Array.from({ length: 10 }, (_, i) => `t${i}`)];
      for (const topic of topics) {
        for (const name of ["a", "b"]) cluster.track(nodeOf(cluster, name), topic, "k");
        for (const name of ["b", "c", "c"]) followCount(cluster, name, topic);
      }
      cluster.run(5_000);
      const kept = [...cluster.nodes.values()].map(({ follower }) => follower.following);
      expect(kept.reduce((sum, { countsWanted }) => sum + countsWanted, 0)).toBe(2 * topics.length);
      expect(kept.some(({ countsAsked }) => countsAsked > 0)).toBe(true);
      if (isLost) cluster.faults = { ...cluster.faults, loss: 0.5 };
      for (const topic of topics) {
        for (const name of ["b", "c", "c"])
          cluster.step(nodeOf(cluster, name), { type: "unfollowCount", topic });
      }
      cluster.run(5_000);
      cluster.faults = { ...cluster.faults, loss: 0 };
      cluster.run(60_000);
      for (const { name, follower } of cluster.nodes.values()) {
        expect(follower.following, name).toMatchObject({ counts: 0, countsWanted: 0, countsAsked: 0 });
        for (const { pair } of follower.membership.replicas())
          expect([pair.counts.size, pair.countsHeard.size], name).toEqual([0, 0]);
        expect(follower.interests.counts.dueMs, name).toBe(Infinity);
      }
      expect(leaksOf(cluster)).toEqual([]);
      expect(cluster.wrong).toEqual([]);
    }
  });

  it("is told nothing while nothing changes", () => {
    const cluster = started();
    const topic = topicOf("c", "d");
    cluster.track(nodeOf(cluster, "b"), topic, "k");
    followCount(cluster, "a", topic);
    cluster.run(75_000);
    const before = cluster.sent.others;
    cluster.run(60_000);
    // A renewal may fall into it: two enlistments, and their answers.
    expect(cluster.sent.others - before).toBeLessThanOrEqual(4);
  });

  it("R59: is wanted of a node, and told to it, for no more topics than it has room for", () => {
    const cluster = started(50);
    for (let i = 0; i < 400; i++) followCount(cluster, "b", `t${i}`);
    cluster.run(20_000);
    for (const { name, follower } of cluster.nodes.values()) {
      if (name === "b") continue;
      expect(follower.following.countsWanted, name).toBeLessThanOrEqual(50 / ITEMS_OF_A_COUNT);
      expect(follower.counters.claimsCrowded, name).toBeGreaterThan(0);
    }
    for (let i = 0; i < 400; i++)
      cluster.step(nodeOf(cluster, "b"), { type: "unfollowCount", topic: `t${i}` });
    cluster.run(60_000);
    followCount(cluster, "b", "t0");
    cluster.run(2_000);
    expect(countOf(cluster, "b", "t0")).toEqual({ entries: 0, isSettled: true });
    expect(leaksOf(cluster)).toEqual([]);
  });

  it("takes no number of one that has nothing there, and refuses and counts what is none", () => {
    const cluster = started();
    const topic = topicOf("c", "d");
    cluster.track(nodeOf(cluster, "b"), topic, "k");
    followCount(cluster, "a", topic);
    cluster.step(nodeOf(cluster, "e"), { type: "follow", topic });
    cluster.run(5_000);
    const [c, e] = [nodeOf(cluster, "c"), nodeOf(cluster, "e")];
    const say = (entries: number): string =>
      encodeFollowing({
        ...{ from: e.life, to: c.life.incarnation, counter: 1e6 + entries },
        message: {
          ...{ type: "pair", part: 1, parts: 1 },
          letters: {
            counts: { stream: 7, since: 0, upTo: 1, items: [[topic, { ...NO_TALLY, answers: 1, entries }]] },
          },
        },
      });
    const { framesRefused } = c.follower.counters;
    cluster.step(c, { type: "frame", payload: say(2 ** 41), way: "inbox" });
    expect(c.follower.counters.framesRefused).toBe(framesRefused + 1);
    cluster.step(c, { type: "frame", payload: say(1_000), way: "inbox" });
    cluster.run(5_000);
    expect(countOf(cluster, "a", topic)).toEqual({ entries: 1, isSettled: true });
  });
});
