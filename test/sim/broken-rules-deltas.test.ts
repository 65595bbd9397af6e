/** Rules of the set and of merging: each is needed, for an oracle sees when it is off. */
import { AuthoredShard } from "../../src/replication/authoring/authored-shard.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import type { DeltaMessage } from "../../src/replication/message.js";
import { Replicator } from "../../src/replication/replicator.js";
import { View } from "../../src/replication/showing/view.js";
import { KeptRemovals } from "../../src/crdt/removals.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { rebuilding, smallLimits } from "./schedules.js";
import { instead, wrapGetter } from "./wrap.js";

/** The invariant: a slice that is held is exactly what its author had at one flushed clock. */
const invariant = /the dots \[|never flushed/;

const rules: readonly BrokenRule[] = [
  {
    rule: "R6 is missed: a dot is a birth or a removal, never both",
    found: invariant,
    firstSeed: 35,
    break: () => {
      // One dot does both: a node that does not hear of the birth does not hear what it removed either.
      const removals = new WeakMap<AuthoredShard, Set<number>>();
      const oneDotEach = (author: AuthoredShard, delta: DeltaMessage): DeltaMessage => {
        const births = new Set(delta.births.map(({ clock }) => clock));
        const isToldOf = (clock: number): boolean =>
          removals.get(author)?.has(clock) !== true || births.has(clock + 1);
        return { ...delta, removed: delta.removed.filter(({ clock }) => isToldOf(clock)) };
      };
      return [
        instead(AuthoredShard.prototype, "update", function (original, previous, meta) {
          const entry = original(previous, meta);
          const known = removals.get(this) ?? new Set<number>();
          removals.set(this, known.add(ReplicatedEntry.clockOf(entry) - 1));
          return entry;
        }),
        instead(AuthoredShard.prototype, "flush", function (original, isHeard) {
          const delta = original(isHeard);
          return delta === undefined ? undefined : oneDotEach(this, delta);
        }),
        instead(AuthoredShard.prototype, "answer", function (original, clock) {
          const answer = original(clock);
          return answer?.type === "delta" ? oneDotEach(this, answer) : answer;
        }),
      ];
    },
  },
  {
    rule: "R3 is missed: a delta is self-contained",
    found: invariant,
    firstSeed: 21,
    break: () => [
      instead(AuthoredShard.prototype, "answer", (original, clock) => {
        const answer = original(clock);
        return answer?.type === "delta" ? { ...answer, removed: [] } : answer;
      }),
    ],
  },
  {
    rule: "R10 is missed: where the removals kept do not reach back, the answer says so",
    found: /second join/,
    schedule: rebuilding,
    limits: smallLimits,
    break: () => [wrapGetter(KeptRemovals.prototype, "reach", () => 0)],
  },
  {
    rule: "R27 is missed: only its owner removes an entry",
    found: /an entry that was not removed has left as/,
    break: () => [
      instead(Replicator.prototype, "step", function (original, event, nowMs) {
        const step = original(event, nowMs);
        if (event.type !== "remove") return step;
        const { entry, reason } = event;
        // Who leaves here has left everywhere, it believes.
        for (const other of this.view.getByKey(ReplicatedEntry.topicOf(entry), entry.key)) {
          this.view.leave(other, reason);
        }
        return step;
      }),
    ],
  },
  {
    rule: "R9 is missed: a digest speaks of the flush",
    found: /reported a divergence/,
    break: () => [
      wrapGetter(AuthoredShard.prototype, "flushed", function (summary) {
        return { ...summary, count: this.entries.size };
      }),
    ],
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
    break: () => [
      instead(View.prototype, "update", function (_, entry, previous) {
        this.leave(previous, "untracked");
        this.join(entry);
      }),
      // Else what left and is back in one diff would be told as the update that it is.
      instead(ReplicatedEntry, "seal", (original, entry) => original(entry, undefined)),
    ],
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
