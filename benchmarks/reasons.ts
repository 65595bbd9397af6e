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
      "the copy, check and freezing of the meta, the frozen entry, the diff. From 100,000 entries on the target is met.",
  },
  {
    row: /^memory per own entry of 10,000$/,
    reason:
      "Maps grow by doubling, so at 10,000 entries their tables are emptier than at 100,000: the floor takes as much more " +
      "per entry. At 100,000 the target is met.",
  },
  {
    row: /^memory per own entry of 10,000$/,
    reason:
      "the floor alone takes 341 B here, for the Maps have just doubled and are half empty. What the tracker adds to it " +
      "is 86 B: an entry with its ref, the copied meta, and a session that knows its tracker.",
  },
  {
    row: /^memory per own entry of 500,000$/,
    reason:
      "3 B above the target: it moves with how full the Maps are. Keeping an entry with its session instead of in a Map " +
      "of the tracker saved 45 B; what could still go are two fields, of an entry and of a session.",
  },
];

/** The reason for a row, if one was found. */
export function reasonFor(rowName: string): string | undefined {
  return reasons.find(({ row }) => row.test(rowName))?.reason;
}
