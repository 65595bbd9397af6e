/**
 * Nodes that follow against damaged frames: the decoder never throws, never takes longer than its text is long, and what it
 * accepts it would have sent the same way; a node that is fed them never throws either, and is right again once it
 * hears what is true. `FUZZ_FRAMES` sets how many.
 */
import { describe, expect, it } from "vitest";
import { decodeFollowing, encodeFollowing } from "../../src/replication/following/codec.js";
import { FOLLOWING_LIMITS } from "../../src/replication/following/limits.js";
import { FOLLOWING_RULES } from "../../src/replication/following/rules.js";
import { SeededRandom } from "../../src/testing/random.js";
import { Cluster, type Holds, type Node } from "../sim/following/cluster.js";
import { damage, nonsense } from "./mutate.js";

const frames = Number(process.env["FUZZ_FRAMES"] ?? 40_000);
/** No frame of these sizes takes as long, not even while other tests run. */
const slowestMs = 1_000;
const topics = ["room:1", "room:2", "__proto__"];

interface Tapped {
  readonly cluster: Cluster;
  readonly said: string[];
}

/** A cluster that says all kinds of things, and what it has said. */
function makeCluster(holds: readonly Holds[] = ["followed", "followed", "followed"]): Tapped {
  const cluster = new Cluster(1, {
    ...{ windowMs: 50, lingering: 300, permdownPeriodMs: 15_000 },
    ...{ maxFrameBytes: 700, echoes: false },
    following: { rules: FOLLOWING_RULES, limits: FOLLOWING_LIMITS },
  });
  const said: string[] = [];
  const { step } = cluster;
  cluster.step = function (node: Node, event) {
    const isFollowing = node.holds === "followed" || (event.type === "frame" && event.way === "followers");
    if (event.type === "frame" && isFollowing) said.push(event.payload);
    return step.call(this, node, event);
  };
  for (const [i, each] of holds.entries()) cluster.start(["a", "b", "c"][i]!, each);
  const random = new SeededRandom("what followers say");
  for (let round = 0; round < 60; round += 1) {
    const node = [...cluster.nodes.values()][random.integer(0, 2)]!;
    const topic = random.pick(topics);
    const entries = [...node.entries.keys()];
    const chance = random.next();
    if (chance < 0.5) cluster.track(node, topic, random.pick(["user:1", "user:2", "__proto__"]));
    else if (chance < 0.75) cluster.step(node, { type: "follow", topic });
    else if (entries.length > 0) cluster.untrack(node, random.pick(entries));
    if (chance < 0.1) cluster.step(node, { type: "followCount", topic });
    if (round === 20) cluster.cut.add("a>b").add("b>a");
    if (round === 40) cluster.cut.clear();
    cluster.run(random.integer(0, 900));
  }
  cluster.run(20_000);
  return { cluster, said: [...new Set(said)] };
}

/** Decodes, and checks that what came out can go out again and comes back the same. */
function decodeAndCheck(text: string): "accepted" | "refused" {
  const beganMs = performance.now();
  const decoded = decodeFollowing(text);
  const tookMs = performance.now() - beganMs;
  if (tookMs > slowestMs) throw new Error(`decoding took ${tookMs} ms: ${text.slice(0, 500)}`);
  if (decoded.frame === undefined) return "refused";
  if (decoded.frame.message.type === "unknown") return "accepted";
  const encoded = encodeFollowing(decoded.frame);
  const again = decodeFollowing(encoded);
  if (again.frame === undefined) throw new Error(`accepted, but not when sent on: ${encoded.slice(0, 500)}`);
  if (encodeFollowing(again.frame) !== encoded) throw new Error("not the same when sent on");
  return "accepted";
}

describe("damaged frames of nodes that follow", () => {
  it(`are refused or taken as what they say, ${frames} of them`, { timeout: 600_000 }, () => {
    const { said } = makeCluster();
    const random = new SeededRandom("damaged frames of followers");
    const outcome = { accepted: 0, refused: 0 };
    for (let count = 0; count < frames; count += 1) {
      const text = random.chance(0.1) ? nonsense(random) : damage(random.pick(said), random);
      try {
        outcome[decodeAndCheck(text)] += 1;
      } catch (error) {
        throw new Error(`frame ${count}: ${text.slice(0, 2_000)}`, { cause: error });
      }
    }
    // The fuzzing reaches both sides of the border.
    expect(outcome.accepted).toBeGreaterThan(frames / 100);
    expect(outcome.refused).toBeGreaterThan(frames / 10);
  });

  it.each([
    ["that follows", ["followed", "followed", "followed"]],
    ["that holds everything beside others that follow", ["everything", "followed", "everything"]],
  ] as const)(
    "throw nothing in a node %s, which is right again a while later",
    { timeout: 600_000 },
    (_, holds) => {
      const { cluster, said } = makeCluster(holds);
      const random = new SeededRandom("a node is fed");
      const [victim] = cluster.nodes.values();
      if (victim === undefined) throw new Error("there is no node");
      const way = victim.holds === "everything" ? "followers" : "inbox";
      for (let count = 0; count < frames / 10; count += 1) {
        cluster.step(victim, { type: "frame", payload: damage(random.pick(said), random), way });
        if (random.chance(0.05)) cluster.run(random.integer(0, 50));
        // What is held meanwhile is what somebody has made up.
        cluster.wrong.length = 0;
      }
      // Frames in the names of others were ahead of their own, which are believed again after a down period.
      cluster.run(180_000);
      // One that lists everything lists made-up lives beside real ones, with the same sessions: a fold by these is none.
      const ofOthers = cluster.wrong.filter((each) => victim.holds === "followed" || !each.startsWith("a:"));
      expect(ofOthers.filter((each) => each.includes("diffs of"))).toEqual([]);
      for (const node of cluster.nodes.values()) {
        const { holds: held, follower, machine, name } = node;
        const listed = held === "everything" ? topics : follower.interests.follows.topics();
        for (const topic of listed) {
          expect(cluster.listed(node, topic), `${name} ${topic}`).toEqual(cluster.truth(topic));
          const isComplete =
            held === "everything"
              ? machine.hasCaughtUp(cluster.nowMs)
              : follower.isComplete(topic, cluster.nowMs);
          expect(isComplete, `${name} ${topic}`).toBe(true);
        }
        if (held === "everything") continue;
        for (const topic of follower.interests.counts.watches.topics()) {
          const count = { entries: cluster.truth(topic).size, isSettled: true };
          expect(follower.countOf(topic), `${name} ${topic}`).toEqual(count);
        }
      }
      expect(({} as Record<string, unknown>)["odd"]).toBeUndefined();
      expect(Object.keys(Object.prototype)).toEqual([]);
    },
  );
});
