/** Runs by hand of topics that are told in stretches: with them a topic of some dozens is a large one. */
import { PROTOCOL } from "../../../src/replication/rules.js";
import type { Cluster } from "./cluster.js";
import { clusterOf, follow, lacking, nodeOf, track, type BrokenRules } from "./runs.js";

const TOPIC = "t";
const ENTRIES = 50;
const LIMITS = { stretchBirths: 8, changesTold: 16, entriesPerTurn: 8, removalsKept: 20 };

function filled(seed: number, rules: BrokenRules): Cluster {
  const cluster = clusterOf(seed, rules, ["a", "b", "c"], PROTOCOL, LIMITS);
  for (let i = 0; i < ENTRIES; i++) {
    track(cluster, "b", [TOPIC]);
    if (i % LIMITS.stretchBirths === 0) cluster.run(100);
  }
  cluster.run(5_000);
  return cluster;
}

/** Its frames are short, where a topic is followed and where a follower was not reached for a while. */
export function largeTopicsAreToldInStretches(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = filled(seed, rules);
  follow(cluster, "a", [TOPIC]);
  cluster.run(3_000);
  const found = [...lacking(cluster, "a", [TOPIC]), ...tooLong(cluster)];
  cluster.cut.add("b>a");
  cluster.mostChanges = 0;
  for (let i = 0; i < 3 * LIMITS.changesTold; i++) {
    track(cluster, "b", [TOPIC]);
    cluster.run(100);
  }
  cluster.cut.clear();
  cluster.run(15_000);
  return [...found, ...lacking(cluster, "a", [TOPIC]), ...tooLong(cluster)];
}

/** A node tracks many at once, changes them and lets them go: each frame tells a portion of it. */
export function whatChangesAtOnceIsToldInPortions(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, ["a", "b"], PROTOCOL, LIMITS);
  follow(cluster, "a", [TOPIC]);
  track(cluster, "b", [TOPIC]);
  cluster.run(5_000);
  const author = nodeOf(cluster, "b");
  const found: string[] = [];
  const isTold = (): void => {
    cluster.run(5_000);
    found.push(...lacking(cluster, "a", [TOPIC]), ...tooLong(cluster));
  };
  for (let i = 0; i < 5 * LIMITS.changesTold; i++) track(cluster, "b", [TOPIC]);
  isTold();
  for (const entry of [...author.entries.keys()]) cluster.update(author, entry);
  isTold();
  for (const entry of [...author.entries.keys()]) cluster.untrack(author, entry);
  isTold();
  const listed = cluster.listed(nodeOf(cluster, "a"), TOPIC).size;
  if (listed > 0) found.push(`${listed} are listed that have left`);
  return found;
}

/** What a life has leaves and comes back in parts, when it falls silent, is heard again, and is gone. */
export function livesAreShownInParts(seed: number, entriesPerStep: number): readonly string[] {
  const protocol = { ...PROTOCOL, limits: { ...PROTOCOL.limits, entriesPerStep } };
  const cluster = clusterOf(seed, {}, ["a", "b", "c"], protocol, LIMITS);
  follow(cluster, "a", [TOPIC]);
  for (let i = 0; i < ENTRIES; i++) track(cluster, "b", [TOPIC]);
  track(cluster, "c", [TOPIC]);
  cluster.run(5_000);
  const found = lacking(cluster, "a", [TOPIC]);
  const lists = (count: number): void => {
    const listed = cluster.listed(nodeOf(cluster, "a"), TOPIC).size;
    if (listed !== count) found.push(`${listed} are listed instead of ${count}`);
    if (cluster.mostToldAtOnce > entriesPerStep) found.push(`${cluster.mostToldAtOnce} changes in one step`);
  };
  cluster.mostToldAtOnce = 0;
  cluster.cut.add("b>a");
  cluster.run(10_000);
  lists(1);
  cluster.cut.clear();
  cluster.run(10_000);
  lists(ENTRIES + 1);
  cluster.crash(nodeOf(cluster, "b"));
  cluster.run(60_000);
  lists(1);
  return [...found, ...cluster.wrong];
}

function tooLong({ mostChanges }: Cluster): string[] {
  return mostChanges > LIMITS.changesTold ? [`${mostChanges} changes in one frame`] : [];
}

/** A node is cut off for longer than its author remembers what it removed: nobody leaves for it who stays. */
export function whoStaysIsShownAllTheTime(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = filled(seed, rules);
  follow(cluster, "a", [TOPIC]);
  cluster.run(3_000);
  const found = lacking(cluster, "a", [TOPIC]);
  const { leaves } = cluster;
  const author = nodeOf(cluster, "b");
  const [leaver] = author.entries.keys();
  cluster.cut.add("b>a");
  for (let i = 0; i < 2 * LIMITS.removalsKept; i++) {
    track(cluster, "b", ["passing"]);
    cluster.untrack(author, [...author.entries.keys()].at(-1)!);
  }
  for (const entry of [...author.entries.keys()].slice(ENTRIES / 2)) cluster.update(author, entry);
  if (leaver !== undefined) cluster.untrack(author, leaver);
  cluster.run(3_000);
  cluster.cut.clear();
  cluster.run(15_000);
  const left = cluster.leaves - leaves;
  if (left !== 1) found.push(`${left} leaves are told where one has left`);
  return [...found, ...lacking(cluster, "a", [TOPIC])];
}

/** Whoever says that a large topic is complete lists all of it. */
export function largeTopicsAreNotCompleteTooSoon(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = filled(seed, rules);
  follow(cluster, "a", [TOPIC]);
  for (let waitedMs = 0; waitedMs < 5_000; waitedMs += 1) {
    cluster.run(1);
    if (!nodeOf(cluster, "a").follower.isComplete(TOPIC, cluster.nowMs)) continue;
    return lacking(cluster, "a", [TOPIC]).map((each) => `${each}, and says that it is complete`);
  }
  return ["it is never complete"];
}
