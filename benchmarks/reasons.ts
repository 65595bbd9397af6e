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
];

/** The reason for a row, if one was found. */
export function reasonFor(rowName: string): string | undefined {
  return reasons.find(({ row }) => row.test(rowName))?.reason;
}
