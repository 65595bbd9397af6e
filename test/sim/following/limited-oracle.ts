/**
 * What a node is to hold that follows a topic with a limit, at rest: all that it has itself, and of each author that it has chosen
 * what that has told to tell; as many as the limit at least, or all that there are, and no more than the rules allow.
 */
import { ReplicatedEntry } from "../../../src/replication/entry.js";
import { OFFER_ONLY } from "../../../src/replication/following/message.js";
import { samplesOf } from "../../../src/replication/following/samples.js";
import { nameOf, type Cluster, type Node } from "./cluster.js";

/** The entries that a node has in a topic. */
function entriesOf({ entries }: Node, topic: string): readonly ReplicatedEntry[] {
  return [...entries.keys()].filter((entry) => ReplicatedEntry.topicOf(entry) === topic);
}

/** What each author tells a node, of those that tell it any. */
function toldTo(cluster: Cluster, node: Node, topic: string): ReadonlyMap<Node, readonly ReplicatedEntry[]> {
  const told = new Map<Node, readonly ReplicatedEntry[]>();
  for (const author of cluster.nodes.values()) {
    if (author === node) continue;
    const followed = node.follower.membership.presentOf(author.name)?.pair.followed;
    const cut = followed?.cutOf(topic);
    if (followed?.openedIn(topic) === undefined || cut?.limit === OFFER_ONLY) continue;
    const all = entriesOf(author, topic);
    told.set(author, cut === undefined ? all : all.filter((entry) => samplesOf(entry) >= cut.sample));
  }
  return told;
}

/** What a node is to list, of the authors and samples that it has. */
export function heldOf(cluster: Cluster, node: Node, topic: string): Set<string> {
  const others = [...toldTo(cluster, node, topic).values()].flat();
  return new Set([...entriesOf(node, topic), ...others].map(nameOf));
}

/** What is wrong with what it has chosen. */
export function wrongInLimit(cluster: Cluster, node: Node, topic: string, limit: number): string[] {
  const wrong: string[] = [];
  const who = `${node.name} follows ${topic} with a limit of ${limit}`;
  const all = cluster.truth(topic).size;
  const told = toldTo(cluster, node, topic);
  const held = heldOf(cluster, node, topic).size;
  if (held < Math.min(limit, all)) wrong.push(`${who}, and holds ${held} of ${all}`);
  for (const [author, entries] of told) {
    if (held > 2 * limit && entries.length > 0 && held - entries.length >= limit)
      wrong.push(`${who}, and holds ${held}, of which ${entries.length} are of ${author.name}`);
    const { sample = 0 } = node.follower.membership.presentOf(author.name)?.pair.followed.cutOf(topic) ?? {};
    // Of a sample that is all there is, it is told that it is none: half of it is half of the largest one that has all.
    const told = sample > 0 ? sample : Math.min(...entries.map(samplesOf));
    const halved = entries.filter((entry) => samplesOf(entry) > told).length;
    if (entries.length > 2 * limit && halved >= limit)
      wrong.push(`${who}, and holds ${entries.length} of ${author.name}, where ${halved} were enough`);
  }
  const isPartial = node.follower.isPartial(topic);
  if (isPartial !== held < all) wrong.push(`${who}, holds ${held} of ${all}, and is partial: ${isPartial}`);
  return wrong;
}
