/** Runs by hand, for rules whose absence random schedules show too seldom. Each returns what was found, one line each. */
import { FOLLOWING_LIMITS } from "../../../src/replication/following/limits.js";
import type { FollowingLimits } from "../../../src/replication/following/limits.js";
import { Meetings } from "../../../src/replication/following/meetings.js";
import { FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import type { FollowingRules } from "../../../src/replication/following/rules.js";
import { PROTOCOL } from "../../../src/replication/rules.js";
import type { Protocol, Rules } from "../../../src/replication/rules.js";
import { CALM, Cluster, HEARTBEAT_MS, type Holds, type Node } from "./cluster.js";

const TOPICS = Array.from({ length: 12 }, (_, i) => `t${i}`);

export type BrokenRules = Partial<FollowingRules>;

export function clusterOf(
  seed: number,
  rules: BrokenRules,
  names: readonly string[],
  protocol: Protocol = PROTOCOL,
  limits: Partial<FollowingLimits> = {},
  permdownPeriodMs = 15_000,
): Cluster {
  const following = {
    rules: { ...FOLLOWING_RULES, ...rules },
    limits: { ...FOLLOWING_LIMITS, ...limits },
  };
  const cluster = new Cluster(seed, {
    ...{ windowMs: 50, lingering: 300, permdownPeriodMs },
    ...{ maxFrameBytes: 256 * 1024, echoes: true, following, protocol },
  });
  cluster.faults = CALM;
  for (const name of names) cluster.start(name);
  cluster.run(10_000);
  return cluster;
}

export function nodeOf(cluster: Cluster, name: string): Node {
  const found = cluster.nodes.get(name);
  if (found === undefined) throw new Error(`there is no node ${name}`);
  return found;
}

export function follow(cluster: Cluster, name: string, topics: readonly string[] = TOPICS): void {
  for (const topic of topics) cluster.step(nodeOf(cluster, name), { type: "follow", topic });
}

export function track(cluster: Cluster, name: string, topics: readonly string[] = TOPICS): void {
  for (const topic of topics) cluster.track(nodeOf(cluster, name), topic, "k");
}

/** In which of the topics a node does not list what is there. */
export function lacking(cluster: Cluster, name: string, topics: readonly string[] = TOPICS): string[] {
  const wrong = [...cluster.wrong];
  for (const topic of topics) {
    const listed = cluster.listed(nodeOf(cluster, name), topic);
    for (const ref of cluster.truth(topic))
      if (!listed.has(ref)) wrong.push(`${name} lacks ${ref} of ${topic}`);
  }
  return wrong;
}

/** The registrars of a topic: the two that rank highest, as every node sees it, in that order. */
export function registrarsOf(topic: string, names: readonly string[]): readonly string[] {
  const [first = "", ...others] = names;
  const port = { enlist: () => undefined, meet: () => true };
  const meetings = new Meetings(first, port);
  for (const name of others) meetings.came(name);
  const registrars = names.filter((name) => meetings.isRegistrar(name, topic));
  return registrars.sort((one, other) => (meetings.isAbove(one, other, topic) ? -1 : 1));
}

/** A node is killed, and users who come right after that on a node without a stake are seen before the death is noticed. */
export function joinsAreSeenAfterAKill(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, ["a", "b", "c", "d"]);
  follow(cluster, "a");
  cluster.run(5_000);
  cluster.crash(nodeOf(cluster, "d"));
  track(cluster, "b");
  cluster.run(2_000);
  return lacking(cluster, "a");
}

/** One topic after the other is visited: its end, some time after the visit, is under way with the beginning of the next one. */
export function visitsCostFewFrames(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, ["a", "b"]);
  const before = cluster.sent.others;
  const topics = Array.from({ length: 20 }, (_, i) => `visited-${i}`);
  for (const topic of topics) {
    follow(cluster, "a", [topic]);
    track(cluster, "b", [topic]);
    cluster.run(700);
    cluster.step(nodeOf(cluster, "a"), { type: "unfollow", topic });
    cluster.run(700);
  }
  const frames = cluster.sent.others - before;
  const found = lacking(cluster, "a", []);
  return frames < 6 * topics.length ? found : [...found, `${frames} frames for ${topics.length} visits`];
}

/** A share and its first summaries are lost: nobody says for long that it is complete without what was in it. */
export function lostSharesAreNotTakenForComplete(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, ["a", "b", "c"]);
  const [topic = ""] = TOPICS;
  follow(cluster, "a", [topic]);
  track(cluster, "b", [topic]);
  cluster.run(20_000);
  cluster.cut.add("b>a");
  track(cluster, "b", [topic]);
  cluster.run(7_000);
  cluster.cut.clear();
  cluster.run(10_000);
  if (!nodeOf(cluster, "a").follower.isComplete(topic, cluster.nowMs)) return [];
  return lacking(cluster, "a", [topic]).map((each) => `${each}, and says that it is complete`);
}

/** The answers of both registrars are lost, and a node that only tracks is met all the same. */
export function lostListsAreSentAgain(seed: number, rules: BrokenRules = {}): readonly string[] {
  const names = ["a", "b", "c", "d", "e"];
  const cluster = clusterOf(seed, rules, names);
  const topics = TOPICS.filter(
    (topic) => !registrarsOf(topic, names).some((name) => name === "a" || name === "b"),
  );
  follow(cluster, "a", topics);
  cluster.run(5_000);
  for (const registrar of ["c", "d", "e"]) cluster.cut.add(`${registrar}>b`);
  track(cluster, "b", topics);
  cluster.run(100);
  cluster.cut.clear();
  cluster.run(10_000);
  return lacking(cluster, "a", topics);
}

/** A node is not heard for so long that all others forget it, while it hears them; then it is heard again. */
export function forgottenNodesAreMetAgain(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, ["a", "b", "c", "d"]);
  follow(cluster, "a");
  cluster.run(5_000);
  for (const other of ["b", "c", "d"]) cluster.cut.add(`a>${other}`);
  cluster.run(20_000);
  cluster.cut.clear();
  cluster.run(10_000);
  track(cluster, "b");
  cluster.run(10_000);
  const wrong = lacking(cluster, "a");
  for (const topic of TOPICS) {
    if (!nodeOf(cluster, "a").follower.isComplete(topic, cluster.nowMs))
      wrong.push(`a is not complete in ${topic}`);
  }
  return wrong;
}

/** Two nodes do not hear each other until each has forgotten the other, and no registrar notices anything. */
export function nodesThatForgotEachOtherMeetAgain(seed: number, rules: BrokenRules = {}): readonly string[] {
  const names = ["a", "b", "c", "d", "e"];
  const cluster = clusterOf(seed, rules, names);
  const topics = TOPICS.filter(
    (topic) => !registrarsOf(topic, names).some((name) => name === "a" || name === "b"),
  );
  follow(cluster, "a", topics);
  track(cluster, "b", topics);
  cluster.run(5_000);
  cluster.cut.add("a>b").add("b>a");
  cluster.run(40_000);
  cluster.cut.clear();
  cluster.run(10_000);
  return lacking(cluster, "a", topics);
}

/** Nodes start anew in a cluster where much is there: none of them says that a topic is complete before it is. */
export function newcomersAreNotCompleteTooSoon(seed: number, rules: BrokenRules = {}): readonly string[] {
  const names = ["a", "b", "c", "d"];
  const cluster = clusterOf(seed, rules, names);
  for (const name of names) track(cluster, name);
  cluster.run(5_000);
  const wrong: string[] = [];
  for (const name of ["e", "f"]) {
    cluster.start(name);
    follow(cluster, name);
  }
  let completeMs: number | undefined;
  for (let waitedMs = 0; waitedMs < 5 * HEARTBEAT_MS; waitedMs += 5) {
    cluster.run(5);
    let complete = 0;
    for (const name of ["e", "f"]) {
      for (const topic of TOPICS) {
        if (!nodeOf(cluster, name).follower.isComplete(topic, cluster.nowMs)) continue;
        complete += 1;
        for (const each of lacking(cluster, name, [topic]))
          wrong.push(`${each}, and says that it is complete`);
      }
      if (wrong.length > 0) return wrong;
    }
    if (complete === 2 * TOPICS.length) completeMs ??= waitedMs;
  }
  if (completeMs === undefined) wrong.push("the newcomers never were complete");
  return wrong;
}

/** A node starts, and the greeting of one that is named to it is lost: it is not complete before it hears that one. */
export function newcomersWaitForWhomTheyHaveNotHeard(
  seed: number,
  rules: BrokenRules = {},
): readonly string[] {
  const cluster = clusterOf(seed, rules, ["a", "b", "c", "d"]);
  track(cluster, "a");
  cluster.run(5_000);
  const newcomer = cluster.start("e");
  follow(cluster, "e");
  cluster.cut.add("a>e");
  let areAllComplete = false;
  for (let waitedMs = 0; waitedMs < 5 * HEARTBEAT_MS && !areAllComplete; waitedMs += 5) {
    cluster.run(5);
    if (waitedMs === HEARTBEAT_MS / 2) cluster.cut.clear();
    const complete = TOPICS.filter((topic) => newcomer.follower.isComplete(topic, cluster.nowMs));
    areAllComplete = complete.length === TOPICS.length;
    const wrong = lacking(cluster, "e", complete);
    if (wrong.length > 0) return wrong.map((each) => `${each}, and says that it is complete`);
  }
  return areAllComplete ? [] : ["the newcomer never was complete"];
}

/** Registrars have lost their rows, and nobody knows: within ten minutes and a little all are met again. */
export function whatNobodyThoughtOfHeals(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, ["a", "b", "c"]);
  follow(cluster, "a");
  cluster.run(5_000);
  for (const { follower } of cluster.nodes.values()) {
    for (const topic of TOPICS)
      follower.interests.registrar.enlist(nodeOf(cluster, "a").life, topic, undefined);
  }
  track(cluster, "b");
  cluster.run(1.1 * FOLLOWING_LIMITS.renewalMs);
  return lacking(cluster, "a");
}

/** A node crashes and starts again at once, and holds otherwise than before: its user takes the place of before. */
export function whoHoldsOtherwiseIsListedOnce(before: Holds, broken: Partial<Rules> = {}): readonly string[] {
  const cluster = clusterOf(1, {}, ["b"], { ...PROTOCOL, rules: { ...PROTOCOL.rules, ...broken } });
  cluster.start("a", "everything");
  cluster.start("x", before);
  cluster.run(5_000);
  track(cluster, "x", ["t"]);
  cluster.run(3_000);
  cluster.crash(nodeOf(cluster, "x"));
  cluster.start("x", before === "everything" ? "followed" : "everything");
  track(cluster, "x", ["t"]);
  cluster.run(3_000);
  const count = cluster.listed(nodeOf(cluster, "a"), "t").size;
  return count === 1 ? lacking(cluster, "a", ["t"]) : [`a lists x ${count === 2 ? "twice" : count}`];
}

/**
 * An author ends its stake, and this does not get through; it comes to the topic again, and does not hear who follows. Registrars
 * name it, and after that its follower hears that it has nothing.
 */
export function whoIsNamedAfterItClosedIsAsked(seed: number, rules: BrokenRules = {}): readonly string[] {
  const names = ["a", "b", "c", "d", "e"];
  const limits = { renewalMs: 1_000, summaryDelayMs: 500, summaryDelayMaxMs: 500 };
  const cluster = clusterOf(seed, rules, names, PROTOCOL, limits);
  const topics = TOPICS.filter(
    (topic) => !registrarsOf(topic, names).some((name) => name === "a" || name === "b"),
  );
  follow(cluster, "a", topics);
  cluster.run(3_000);
  // Unasked: of the one who follows it hears by its registrars.
  track(cluster, "b", topics);
  cluster.run(3_000);
  cluster.cut.add("b>a");
  const author = nodeOf(cluster, "b");
  for (const entry of [...author.entries.keys()]) cluster.untrack(author, entry);
  cluster.run(3_000);
  for (const registrar of ["c", "d", "e"]) cluster.cut.add(`${registrar}>b`);
  track(cluster, "b", topics);
  cluster.run(2_000);
  cluster.cut.delete("b>a");
  const found = new Set<string>();
  const follower = nodeOf(cluster, "a");
  for (let passedMs = 0; passedMs < 4_000; passedMs += 50) {
    cluster.run(50);
    for (const topic of topics) {
      // Until it has heard the end, it lists what there was.
      const isAfterTheEnd = cluster.listed(follower, topic).size === 0;
      if (!isAfterTheEnd || !follower.follower.isComplete(topic, cluster.nowMs)) continue;
      for (const each of lacking(cluster, "a", [topic])) found.add(`${each}, and says that it is complete`);
    }
  }
  return [...found, ...lacking(cluster, "a", topics)];
}
