/** Runs by hand of a node that holds everything, among nodes that follow. */
import type { Cluster } from "./cluster.js";
import { clusterOf, follow, lacking, nodeOf, track, type BrokenRules } from "./runs.js";

const TOPIC = "t";

/** Nobody follows for so long that what those hear that follow is let go; and then somebody does again. */
export function whatNobodyHearsIsLetGo(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = clusterOf(seed, rules, ["a"]);
  const holder = cluster.start("h", "everything");
  follow(cluster, "a", [TOPIC]);
  for (let i = 0; i < 5; i++) track(cluster, "h", [TOPIC]);
  cluster.run(10_000);
  const found = lacking(cluster, "a", [TOPIC]);
  const before = refsOf(cluster, "a");
  cluster.cut.add("a>h");
  cluster.run(30_000);
  // What is left has other clocks than before, where it is counted from the beginning.
  const [first] = holder.entries.keys();
  if (first !== undefined) cluster.untrack(holder, first);
  cluster.run(30_000);
  cluster.cut.clear();
  cluster.run(10_000);
  if (holder.sides < 2) found.push("what nobody hears was kept");
  track(cluster, "h", [TOPIC]);
  cluster.run(4_000);
  for (const [ref, name] of refsOf(cluster, "a"))
    if (before.has(ref) && before.get(ref) !== name) found.push(`${ref} means two entries`);
  return [...found, ...lacking(cluster, "a", [TOPIC])];
}

/**
 * A node that follows forgets one that holds everything, and has nothing any more when they meet again. What it answers first
 * is lost, and with it that it has heard of no wishes.
 */
export function whoForgotAndHasNothingLeavesNothing(
  seed: number,
  rules: BrokenRules = {},
): readonly string[] {
  const cluster = clusterOf(seed, rules, ["a", "b"]);
  const holder = cluster.start("h", "everything");
  track(cluster, "a", [TOPIC]);
  cluster.run(10_000);
  const found = lacking(cluster, "h", [TOPIC]);
  cluster.cut.add("h>a");
  cluster.run(40_000);
  const author = nodeOf(cluster, "a");
  if (author.follower.membership.presentOf("h") !== undefined) found.push("a has not forgotten h");
  for (const entry of author.entries.keys()) cluster.untrack(author, entry);
  cluster.run(2_000);
  cluster.cut.clear();
  cluster.cut.add("a>h");
  cluster.run(7_000);
  cluster.cut.clear();
  cluster.run(30_000);
  for (const ref of cluster.listed(holder, TOPIC)) found.push(`h has the ghost ${ref} of ${TOPIC}`);
  return found;
}

function refsOf(cluster: Cluster, name: string): Map<string, string> {
  const entries = nodeOf(cluster, name).machine.view.list(TOPIC);
  return new Map(entries.map(({ ref, session, meta }) => [ref, `${session} ${JSON.stringify(meta)}`]));
}
