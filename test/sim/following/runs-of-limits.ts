/** Runs by hand of follows with a limit, for rules whose absence random schedules show too seldom. Each returns what was found. */
import { samplesOf } from "../../../src/replication/following/samples.js";
import type { Cluster, Node } from "./cluster.js";
import { wrongInLimit } from "./limited-oracle.js";
import { clusterOf, nodeOf, registrarsOf, track, type BrokenRules } from "./runs.js";

const LIMIT = 5;

/** Authors come to a topic of which a node holds as many as it wants: none of them tells it what it lets go. */
export function whoComesOffers(seed: number, rules: BrokenRules = {}): readonly string[] {
  const coming = ["d", "e", "f", "g", "h"];
  const names = ["a", "b", "c", ...coming];
  const cluster = clusterOf(seed, rules, names);
  // Of a registrar others do not hear first what it wants.
  const topics = Array.from({ length: 100 }, (_, i) => `crowd-${i}`);
  const topic = topics.find((each) => !registrarsOf(each, names).includes("a")) ?? "";
  const crowd = Array.from({ length: 2 * LIMIT }, () => topic);
  for (const name of ["b", "c"]) track(cluster, name, crowd);
  cluster.step(nodeOf(cluster, "a"), { type: "follow", topic, limit: LIMIT });
  cluster.run(5_000);
  const before = cluster.letGo;
  for (const name of coming) {
    track(cluster, name, crowd);
    cluster.run(1_000);
  }
  const found = wrongInLimit(cluster, nodeOf(cluster, "a"), topic, LIMIT);
  const letGo = cluster.letGo - before;
  return letGo === 0 ? [...found, ...cluster.wrong] : [`${letGo} entries were told and let go`];
}

/** An author tells a sample; then all others leave, and one comes again. Each time its follower knows whether there are others. */
export function whatIsAllIsToldSo(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, ["a", "b"]);
  const [a, b] = [nodeOf(cluster, "a"), nodeOf(cluster, "b")];
  const found: string[] = [];
  const look = (): void => {
    cluster.run(5_000);
    found.push(...wrongInLimit(cluster, a, "t", 2));
  };
  trackIn(cluster, b, 1, 3);
  trackIn(cluster, b, 0, 2);
  cluster.step(a, { type: "follow", topic: "t", limit: 2 });
  look();
  for (const entry of [...b.entries.keys()]) if (samplesOf(entry) === 0) cluster.untrack(b, entry);
  look();
  trackIn(cluster, b, 0, 1);
  look();
  return [...found, ...cluster.wrong];
}

/** Tracks so many entries in topic t that are in so many samples. */
function trackIn(cluster: Cluster, node: Node, samples: number, count: number): void {
  for (let tracked = 0; tracked < count;) {
    cluster.track(node, "t", "k");
    const last = [...node.entries.keys()].at(-1);
    if (last !== undefined && samplesOf(last) !== samples) cluster.untrack(node, last);
    else tracked += 1;
  }
}
