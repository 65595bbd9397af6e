/** What is left in the tables of a cluster at rest, and should not be: found by counting. */
import { GENERATION_OF_EVERYTHING } from "../../../src/replication/following/limits.js";
import { OFFER_ONLY } from "../../../src/replication/following/message.js";
import type { Cluster, Node } from "./cluster.js";

/** Whether two nodes speak with each other as those do that follow: unless both hold everything. */
function speaksWith(node: Node, other: Node): boolean {
  return node.holds === "followed" || other.holds === "followed";
}

export function leaksOf(cluster: Cluster): string[] {
  const found: string[] = [];
  let rows = 0;
  let stakes = 0;
  for (const node of cluster.nodes.values()) {
    const { following: sizes } = node.follower;
    const others = [...cluster.nodes.values()].filter((other) => other !== node && speaksWith(node, other));
    // Where nobody follows there is no side for those that do.
    if (node.holds === "everything" && others.length === 0) continue;
    rows += sizes.registrarRows;
    stakes += sizes.stakes;
    const peers = others.length;
    if (sizes.peers !== peers) found.push(`${node.name} keeps ${sizes.peers} peers of ${peers}`);
    if (sizes.hints !== 0) found.push(`${node.name} keeps ${sizes.hints} hints`);
    const topics = new Set([
      ...node.follower.interests.follows.topics(),
      ...node.follower.interests.own.topics(),
    ]);
    if (sizes.stakes !== topics.size)
      found.push(`${node.name} keeps ${sizes.stakes} stakes in ${topics.size} topics`);
    found.push(...leaksOfPairs(cluster, node), ...leaksOfCounts(cluster, node));
  }
  const following = [...cluster.nodes.values()].filter(({ holds }) => holds === "followed");
  const registrars = Math.min(2, following.length);
  if (rows !== registrars * stakes) found.push(`registrars keep ${rows} rows of ${stakes} stakes`);
  return found;
}

function leaksOfPairs(cluster: Cluster, node: Node): string[] {
  const found: string[] = [];
  const { follows, meetings } = node.follower.interests;
  let opens = 0;
  const cut = new Set<string>();
  for (const { name, pair } of node.follower.membership.replicas()) {
    const owner = cluster.nodes.get(name);
    const other = owner?.follower;
    const back = other?.membership.presentOf(node.name)?.pair;
    if (other === undefined || back === undefined) continue;
    for (const [topic, generation, { limit = OFFER_ONLY } = {}] of pair.authored.opened()) {
      opens += 1;
      if (limit !== OFFER_ONLY) cut.add(topic);
      const wanted =
        owner?.holds === "everything"
          ? GENERATION_OF_EVERYTHING
          : other.interests.follows.generationOf(topic);
      if (wanted !== generation)
        found.push(`${node.name} has ${topic} open to ${name}, which does not follow it so`);
    }
    const aside = pair.followed.weight - pair.followed.entries.size;
    if (aside > 0) found.push(`${node.name} keeps ${aside} entries of ${name} that were not told anew`);
    for (const [topic, { generation, limit }] of pair.wishes) {
      if (follows.generationOf(topic) !== generation)
        found.push(`${node.name} tells ${name} the wish ${generation} of ${topic}`);
      // One that has left may come again to what was wished of it before.
      const isOpen = pair.followed.openedIn(topic) !== undefined;
      if (isOpen && limit !== node.follower.interests.limited.wantedOf(pair, topic))
        found.push(`${node.name} wishes ${limit} of ${topic} from ${name}, and wants something else`);
    }
    for (const [topic] of pair.stakes) {
      if (!meetings.registrarsOf(topic).includes(name))
        found.push(`${node.name} has enlisted ${topic} at ${name}`);
    }
    const pairs = [
      ["wishes", pair.wishes.size, back.wishesHeard.size],
      ["stakes", pair.stakes.size, back.stakesHeard.size],
      ["counts", pair.counts.size, back.countsHeard.size],
      ["opens", pair.authored.openCount, back.followed.openedCount],
    ] as const;
    for (const [what, told, heard] of pairs) {
      if (told !== heard) found.push(`${node.name} tells ${name} ${told} ${what}, heard are ${heard}`);
    }
  }
  if (node.follower.following.watches !== opens)
    found.push(`${node.name} keeps ${node.follower.following.watches} watches of ${opens} opens`);
  if (node.follower.following.samples > cut.size)
    found.push(`${node.name} keeps samples of ${node.follower.following.samples} topics of ${cut.size}`);
  return found;
}

/** What is told of counts to others, and kept of them, that nobody wants to know. */
function leaksOfCounts(cluster: Cluster, node: Node): string[] {
  const found: string[] = [];
  const { watches, dueMs } = node.follower.interests.counts;
  let wanted = 0;
  let asked = 0;
  for (const topic of watches.topics()) if (watches.registrarOf(topic) === node.name) wanted += 1;
  for (const { name, pair } of node.follower.membership.replicas()) {
    const other = cluster.nodes.get(name)?.follower;
    if (other === undefined) continue;
    for (const [topic, { want, ask, answers, tells }] of pair.counts) {
      if (want > 0 && watches.registrarOf(topic) !== name)
        found.push(`${node.name} wants the count of ${topic} from ${name}`);
      const isWanted = other.interests.counts.watches.registrarOf(topic) === node.name;
      if (tells > 0) wanted += 1;
      if (tells > 0 && !isWanted) found.push(`${node.name} tells ${name} the count of ${topic}`);
      if (answers > 0) asked += 1;
      const isCounted = [...cluster.nodes.values()].some(
        ({ follower }) => follower.interests.counts.watches.registrarOf(topic) === node.name,
      );
      if (ask > 0 && !isCounted) found.push(`${node.name} asks ${name} for the count of ${topic}`);
    }
  }
  const { countsWanted, countsAsked } = node.follower.following;
  if (countsWanted !== wanted) found.push(`${node.name} keeps ${countsWanted} wants of ${wanted}`);
  if (countsAsked !== asked) found.push(`${node.name} keeps ${countsAsked} asks of ${asked}`);
  if (dueMs !== Infinity) found.push(`${node.name} has to say something of counts at ${dueMs}`);
  return found;
}
