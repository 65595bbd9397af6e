/** Why rows miss their targets, and what was tried: found out by hand, printed by the report. */

interface Reason {
  /** How the names of the rows begin or what they contain. */
  readonly row: RegExp;
  readonly reason: string;
}

const reasons: readonly Reason[] = [
  {
    row: /^track, filling up to 10,000$/,
    reason:
      "at this size the floor's Maps fit the processor's cache, and what is left of a track beside its Map inserts shows: " +
      "it allocates 1,050 B where the floor allocates 690 B (the meta's copy, the ref, the diff and its Map), and about a " +
      "third of either is garbage collection; two freezes, the clock and the meta's checks are 40 to 80 ns each. Tried " +
      "without a gain: walking the meta without a list of its names, a smaller entry. From 100,000 entries on the target " +
      "is met.",
  },
  {
    row: /^memory per own entry that was updated, of 10,000$/,
    reason:
      "two costs that do not grow with the entries are divided by few of them here: the author remembers its last 11,000 " +
      "removals, so that deltas stay small (44 B per entry), and a Map whose entries are replaced doubles its table where " +
      "half of the places would do (46 B). At 100,000 entries the removals are 4 B, and the target is met.",
  },
  {
    row: /^following: bytes received by a node, 100 nodes, 100,000 entries in rooms, placed at random$/,
    reason:
      "by the model three of four joins are on a node that nobody of the room was on: it meets the twelve nodes of that room, " +
      "and parts from them a minute later. The lists of two registrars, wishes, opens and their ends are 26 of 67 kB, changes " +
      "16 kB, and heads and the beginnings of frames most of the rest. Tried: longer windows where a node says much, and ends " +
      "that go with other frames (decision 0202).",
  },
  {
    row: /^client: a diff that updates all 20,000 users$/,
    reason:
      "each of 20,000 keys is listed twice, with the new meta beside the old one and then without it, as listeners of the " +
      "official client see it, and a third of the time is garbage collection. Without tables for keys of one meta it took " +
      "half of what it had; the official client takes longer in the same run.",
  },
];

/** The reason for a row, if one was found. */
export function reasonFor(rowName: string): string | undefined {
  return reasons.find(({ row }) => row.test(rowName))?.reason;
}
