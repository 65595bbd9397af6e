/** How much a node that follows keeps, counted: its health tells it, and at rest it shows what was left behind. */
import type { Interests } from "./interests.js";
import type { Pair } from "./pair.js";
import type { FollowerSizes } from "./port.js";

export function sizesOf(
  { follows, meetings, registrar, own, counts }: Interests,
  pairs: Iterable<Pair>,
  peers: number,
): FollowerSizes {
  let pairTopics = 0;
  for (const pair of pairs) pairTopics += pair.size;
  return {
    follows: follows.size,
    stakes: meetings.size,
    registrarRows: registrar.size,
    peers,
    hints: meetings.hintCount,
    pairTopics,
    watches: own.watchCount,
    samples: own.sampledCount,
    counts: counts.watches.size,
    countsWanted: counts.sums.size,
    countsAsked: counts.numbers.size,
  };
}
