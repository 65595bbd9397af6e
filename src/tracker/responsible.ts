/**
 * Once per cluster: which node is to do something that one of them should do. Rendezvous hashing (D. G. Thaler,
 * C. V. Ravishankar, "Using name-based mappings to increase hit rates", 1998): each node has a weight for each text,
 * and the heaviest is responsible, so a node that comes or goes moves its own share and nothing else.
 *
 * Promises that nodes that agree on who is there agree on the answer, whatever their versions: the weight is part of
 * what nodes have to agree on, and a test holds it fast. Knows no entry and no time.
 */
import { requireIterable } from "../checks.js";
import { TrackerError } from "../errors.js";
import { hashText, mix } from "../replication/hash.js";
import type { Peer } from "../replication/lives/peer.js";

/** The one of the nodes that is responsible for a text; undefined of no nodes. */
export function responsibleOf(text: string, nodes: Iterable<string>): string | undefined {
  const textHash = hashText(text);
  let responsible: string | undefined;
  let heaviest = -1;
  for (const node of nodes) {
    const weight = weightOf(textHash, hashText(node));
    if (weight < heaviest) continue;
    // Of two names with one weight the later one, in whatever order they come.
    if (weight === heaviest && responsible !== undefined && node < responsible) continue;
    heaviest = weight;
    responsible = node;
  }
  return responsible;
}

/**
 * The names of the nodes that can be asked to do something: this one, unless it has said goodbye, and those that are
 * up; with `among`, only these of them. One that was silent and is heard again is there before its entries are shown,
 * because it counts itself.
 */
export function nodesOnDuty(
  own: string | undefined,
  peers: Iterable<Peer>,
  among: Iterable<string> | undefined,
): Set<string> {
  const nodes = new Set<string>(own === undefined ? [] : [own]);
  for (const peer of peers) if (peer.isAlive) nodes.add(peer.name);
  if (among === undefined) return nodes;
  const wanted = setOf(among);
  for (const node of nodes) if (!wanted.has(node)) nodes.delete(node);
  return nodes;
}

function weightOf(textHash: number, nodeHash: number): number {
  const both = mix(Math.imul(mix(textHash ^ nodeHash), 0x9e3779b1) ^ Math.imul(nodeHash, 0x85ebca77));
  return both >>> 0;
}

/** @throws TrackerError `INVALID_ARGUMENT` for what says that it can be iterated, and cannot. */
function setOf(among: Iterable<string>): Set<string> {
  requireIterable("among", among);
  try {
    return new Set(among);
  } catch (cause) {
    const text = "What `among` holds cannot be iterated";
    throw new TrackerError("INVALID_ARGUMENT", text, { argument: "among", value: among }, { cause });
  }
}
