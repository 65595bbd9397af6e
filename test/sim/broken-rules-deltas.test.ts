/** Rules of the set and of merging: each is needed, for an oracle sees when it is off. */
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { answersBeyondItsReach, editHeartbeats, stepping, updatesWithOneDot } from "./broken-replicators.js";
import { editDiffs, editSent } from "./lies.js";
import { rebuilding, smallLimits } from "./schedules.js";

/** The invariant: a slice that is held is exactly what its author had at one flushed clock. */
const invariant = /the dots \[|never flushed/;

const rules: readonly BrokenRule[] = [
  {
    rule: "R6 is missed: a dot is a birth or a removal, never both",
    found: invariant,
    firstSeed: 35,
    broken: { replicator: updatesWithOneDot },
  },
  {
    rule: "R3 is missed: a delta is self-contained",
    found: invariant,
    firstSeed: 21,
    broken: {
      startTracker: editSent((frame) => {
        const { to, message } = frame;
        return to === undefined || message.type !== "delta"
          ? frame
          : { ...frame, message: { ...message, removed: [] } };
      }),
    },
  },
  {
    rule: "R10 is missed: where the removals kept do not reach back, the answer says so",
    found: /second join/,
    schedule: rebuilding,
    limits: smallLimits,
    broken: { replicator: answersBeyondItsReach },
  },
  {
    rule: "R27 is missed: only its owner removes an entry",
    found: /an entry that was not removed has left as/,
    broken: {
      replicator: stepping(({ view }, step, event) => {
        const done = step();
        if (event.type !== "remove") return done;
        const { entry, reason } = event;
        // Who leaves here has left everywhere, it believes.
        for (const other of view.getByKey(ReplicatedEntry.topicOf(entry), entry.key))
          view.leave(other, reason);
        return done;
      }),
    },
  },
  {
    rule: "R9 is missed: a digest speaks of the flush",
    found: /reported a divergence/,
    broken: { replicator: editHeartbeats((summary, author) => ({ ...summary, count: author.entries.size })) },
  },
  {
    rule: "R1 is missed: a late frame is a lost frame",
    found: /reported a divergence|went back from clock/,
    broken: { rules: { isLate: () => false } },
  },
  {
    rule: "R1 is missed: broadcasts and direct frames are counted each by themselves",
    found: /drops a frame of .* that is not late/,
    broken: {
      rules: { lastCounter: (_, lastDirect, lastBroadcast) => Math.max(lastDirect, lastBroadcast) },
    },
  },
  {
    rule: "R2 is missed: only what joins on is merged",
    found: invariant,
    broken: { rules: { joinsOn: ({ upTo }, clock) => upTo > clock } },
  },
  {
    rule: "R2 is missed: what ends at or below the clock is old",
    found: /went back from clock/,
    firstSeed: 35,
    broken: { rules: { joinsOn: ({ since }, clock) => since <= clock } },
  },
  {
    rule: "R2 is missed: what overlaps is merged",
    found: /does not merge what joins on/,
    firstSeed: 55,
    broken: { rules: { joinsOn: ({ since }, clock) => since === clock } },
  },
  {
    rule: "R7 is missed: a delta in parts is merged whole or not at all",
    found: invariant,
    firstSeed: 232,
    broken: { rules: { isWhole: () => true } },
  },
  {
    rule: "R9 is missed: what is seen was flushed",
    found: invariant,
    broken: { rules: { isFlushedFirst: () => false } },
  },
  {
    rule: "R28 is missed: an update is one, not a leave and a join",
    found: /in one diff twice/,
    firstSeed: 26,
    broken: {
      startTracker: editDiffs(({ joins, updates, leaves }) => ({
        joins: [...joins, ...updates],
        updates: [],
        leaves: [
          ...leaves,
          ...updates.map((entry) => ({ ...entry, ref: entry.prevRef ?? "", reason: "untracked" as const })),
        ],
      })),
    },
  },
  {
    rule: "R26 is missed: an echo is dropped",
    // A node that takes its echo for another's voice does not hear its own.
    found: /what it broadcasts and what it sends to its own inbox does not come back/,
    broken: { rules: { isOwn: () => false } },
  },
  {
    rule: "R25 is missed: slices are kept by their author's numbering",
    found: /holds of .*: (a slice that nobody has authored|clock|at clock|\[)/,
    firstSeed: 16,
    broken: { rules: { sliceNumber: (shard) => shard % 2 } },
  },
];

describeBrokenRules("each rule of the set and of merging, switched off", rules);
