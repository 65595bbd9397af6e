/** Runs by hand of counts, for rules whose absence random schedules show too seldom. Each returns what was found. */
import type { Count } from "../../../src/replication/step.js";
import type { Cluster } from "./cluster.js";
import { clusterOf, nodeOf, registrarsOf, track, type BrokenRules } from "./runs.js";

const NAMES = ["a", "b", "c", "d"];

/** A topic whose count is told by one of these nodes, while this one is up. */
function topicCountedBy(registrar: string, names: readonly string[] = NAMES): string {
  for (let i = 0; ; i++) {
    const topic = `counted-${i}`;
    if (registrarsOf(topic, names)[0] === registrar) return topic;
  }
}

function followCount(cluster: Cluster, name: string, topic: string): void {
  cluster.step(nodeOf(cluster, name), { type: "followCount", topic });
}

function countOf(cluster: Cluster, name: string, topic: string): Count {
  return nodeOf(cluster, name).follower.countOf(topic);
}

/** What is said of a count that says it is settled, and is not what there is. */
function settledWrong(cluster: Cluster, name: string, topic: string): string[] {
  const { entries, isSettled } = countOf(cluster, name, topic);
  const { size } = cluster.truth(topic);
  return isSettled && entries !== size ? [`${name} counts ${entries}, settled, where ${size} are`] : [];
}

/** A count begins anew while its author is not heard: what that said before is no answer. */
export function countsBeginAnew(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, NAMES);
  const topic = topicCountedBy("c");
  track(cluster, "b", [topic]);
  followCount(cluster, "a", topic);
  cluster.run(5_000);
  const found = settledWrong(cluster, "a", topic);
  if (!countOf(cluster, "a", topic).isSettled) found.push("a has a count that is not settled");
  cluster.cut.add("b>c");
  track(cluster, "b", [topic]);
  cluster.run(200);
  cluster.step(nodeOf(cluster, "a"), { type: "unfollowCount", topic });
  cluster.run(5_000);
  followCount(cluster, "a", topic);
  cluster.run(2_000);
  found.push(...settledWrong(cluster, "a", topic));
  cluster.cut.clear();
  cluster.run(20_000);
  if (!countOf(cluster, "a", topic).isSettled) found.push("a has a count that never settles");
  return [...found, ...settledWrong(cluster, "a", topic), ...cluster.wrong];
}

/** An author is not heard when somebody wants to know how many are there: that nobody is, is not said to be settled. */
export function firstCountsAreNotSettledTooSoon(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, NAMES);
  const topic = topicCountedBy("c");
  for (const name of ["b", "d"]) track(cluster, name, [topic]);
  cluster.run(5_000);
  cluster.cut.add("b>c");
  followCount(cluster, "a", topic);
  const found: string[] = [];
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 10) {
    if (waitedMs === 6_000) cluster.cut.clear();
    cluster.run(10);
    found.push(...settledWrong(cluster, "a", topic));
  }
  if (!countOf(cluster, "a", topic).isSettled) found.push("a has a count that is not settled");
  return [...found, ...cluster.wrong];
}

/** Users come and go all the time: who looks on is sent no more than a frame in a second, nor is anybody by an author. */
export function countsCostFewFrames(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, NAMES);
  const topic = topicCountedBy("c");
  followCount(cluster, "a", topic);
  cluster.run(5_000);
  const before = cluster.sent.others;
  const seconds = 30;
  for (let i = 0; i < seconds * 20; i++) {
    track(cluster, i % 2 === 0 ? "b" : "d", [topic]);
    cluster.run(50);
  }
  // Two authors say it once in a second, and the registrar in three quarters of two; each is confirmed.
  const most = 2 * seconds * (2 + 2 / 3) * 1.1;
  const frames = cluster.sent.others - before;
  const found = frames < most ? [] : [`${frames} frames in ${seconds} s of counting, more than ${most}`];
  cluster.run(3_000);
  if (!countOf(cluster, "a", topic).isSettled) found.push("a has a count that is not settled");
  return [...found, ...settledWrong(cluster, "a", topic), ...cluster.wrong];
}

/** The registrar dies, and who looks on sees a number that stands still until the next one has counted. */
export function countsStandStillWhileARegistrarDies(
  seed: number,
  rules: BrokenRules = {},
): readonly string[] {
  const cluster = clusterOf(seed, rules, NAMES);
  const topic = topicCountedBy("c");
  const [next = ""] = registrarsOf(topic, ["a", "b", "d"]);
  for (const name of ["a", "b", "d"]) track(cluster, name, [topic, topic, topic]);
  followCount(cluster, next === "a" ? "b" : "a", topic);
  const watcher = next === "a" ? "b" : "a";
  cluster.run(5_000);
  cluster.crash(nodeOf(cluster, "c"));
  // Its successor hears one of the authors, and the other one only after a while.
  const author = ["a", "b", "d"].find((name) => name !== watcher && name !== next) ?? "";
  cluster.run(6_000);
  cluster.cut.add(`${author}>${next}`);
  cluster.run(4_000);
  cluster.cut.delete(`${author}>${next}`);
  const found: string[] = [];
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 50) {
    const { entries } = countOf(cluster, watcher, topic);
    if (entries !== 9) found.push(`${watcher} counts ${entries} while nobody came or went`);
    cluster.run(50);
  }
  if (!countOf(cluster, watcher, topic).isSettled) found.push(`${watcher} has a count that is not settled`);
  return [...found, ...cluster.wrong];
}
