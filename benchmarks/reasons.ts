/** Why rows miss their targets, and what was tried: found out by hand, printed by the report. */

interface Reason {
  /** How the names of the rows begin or what they contain. */
  readonly row: RegExp;
  readonly reason: string;
}

const reasons: readonly Reason[] = [
  {
    row: /^track, filling up to/,
    reason:
      "three promises that the floor does not make, each measured by switching it off: the value of an entry is hashed for " +
      "the digest (0.25 to 0.29 µs a track), its `ref` is a property of its own that is made when it is read (0.22 to 0.24 µs), " +
      "and the meta is checked, copied and frozen. Tried with a gain, and taken: hashing without a list of names, a list of " +
      "sessions in place of a set, no look at what a node waits for in each change (decision 0260). Tried without one: " +
      "another way of defining the property, a smaller entry.",
  },
  {
    row: /: longest event-loop delay meanwhile, at the new node$/,
    reason:
      "no turn of the tracker takes half of it (see beside), and frames that have arrived at once are taken in turns of 5 ms " +
      "each (decision 0200), where all of them were: what is left is the client of the broker, which reads up to 2 MB in one turn " +
      "and makes texts of them, and garbage collection.",
  },
  {
    row: /^memory per own entry that was updated, of 10,000$/,
    reason:
      "two costs that do not grow with the entries are divided by few of them here: the author remembers its last 11,000 " +
      "removals, so that deltas stay small (44 B per entry), and a Map whose entries are replaced doubles its table where " +
      "half of the places would do (46 B). At 100,000 entries the removals are 4 B, and the target is met.",
  },
  {
    row: /^longest turn, 500,000 entries: deltas$/,
    reason:
      "the least of the runs is 23 ms, and in the others it is a collection of a heap that grows to half a gigabyte meanwhile, whose " +
      "threads are counted: of the floor in the same run, which makes lists alone, they take 64 to 89 ms.",
  },
  {
    row: /^client: a diff that updates all 20,000 users$/,
    reason:
      "each of 20,000 keys is listed twice, with the new meta beside the old one and then without it, as listeners of the " +
      "official client see it, and a third of the time is garbage collection. Without tables for keys of one meta it took " +
      "half of what it had; the official client takes longer in the same run.",
  },
];

/** Where a peer of another kind takes less. */
const behind: readonly Reason[] = [
  {
    row: /^(all [\d,]+ to a new node, work of both sides|one change received|list of [\d,]+)/,
    reason:
      "awareness is one map of states by client, without topics, keys, several entries of a user, removals or digests, and " +
      "its list is that map; it says every state again every 15 seconds instead, which is paid in bytes. A change that is " +
      "received here is checked, merged into a set, hashed, and found by topic and key. What each of these costs, and what " +
      "was tried, is in decisions 0250 and 0260.",
  },
];

/** Why a peer takes less in a row, if that was found out. */
export function reasonBehind(rowName: string): string | undefined {
  return behind.find(({ row }) => row.test(rowName))?.reason;
}

/** The reason for a row, if one was found. */
export function reasonFor(rowName: string): string | undefined {
  return reasons.find(({ row }) => row.test(rowName))?.reason;
}
