/** Rules of the set and of merging: each is needed, for an oracle sees when it is off. */
import { AuthoredShard } from "../../src/replication/author.js";
import { Authorship } from "../../src/replication/authorship.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import type { DeltaMessage } from "../../src/replication/message.js";
import { Membership } from "../../src/replication/membership.js";
import { Replica } from "../../src/replication/replica.js";
import { Replicator } from "../../src/replication/replicator.js";
import { RemoteSlice } from "../../src/replication/slice.js";
import { View } from "../../src/replication/view.js";
import { KeptRemovals } from "../../src/crdt/removals.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { rebuilding, smallLimits } from "./schedules.js";
import { instead, wrapGetter } from "./wrap.js";

/** The invariant: a slice that is held is exactly what its author had at one flushed clock. */
const invariant = /the dots \[|never flushed/;

const rules: readonly BrokenRule[] = [
  {
    rule: "a dot is a birth or a removal, never both",
    found: invariant,
    break: () => {
      // One dot does both: whoever does not hear of the birth does not hear what it removed either.
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
    rule: "a delta is self-contained",
    found: invariant,
    break: () => [
      instead(AuthoredShard.prototype, "answer", (original, clock) => {
        const answer = original(clock);
        return answer?.type === "delta" ? { ...answer, removed: [] } : answer;
      }),
    ],
  },
  {
    rule: "where the removals kept do not reach back, the answer says so",
    found: /second join/,
    schedule: rebuilding,
    limits: smallLimits,
    break: () => [wrapGetter(KeptRemovals.prototype, "reach", () => 0)],
  },
  {
    rule: "only its owner removes an entry",
    found: /an entry that was not removed has left as/,
    break: () => [
      instead(Replicator.prototype, "remove", function (original, entry, reason) {
        original(entry, reason);
        // Who leaves here has left everywhere, it believes.
        for (const other of this.view.getByKey(ReplicatedEntry.topicOf(entry), entry.key)) {
          this.view.leave(other, reason);
        }
      }),
    ],
  },
  {
    rule: "a digest speaks of the flush",
    found: /reported a divergence/,
    break: () => [
      wrapGetter(AuthoredShard.prototype, "flushed", function (summary) {
        return { ...summary, count: this.entries.size };
      }),
    ],
  },
  {
    rule: "a late frame is a lost frame",
    found: /reported a divergence|went back from clock/,
    break: () => {
      // Makes every frame look newer than all before.
      let counter = 0;
      return [
        instead(Membership.prototype, "hear", (original, life, _, direct) => {
          counter += 1;
          return original(life, counter, direct);
        }),
        instead(RemoteSlice.prototype, "compare", (original, summary) => original(summary, counter)),
        instead(RemoteSlice.prototype, "receiveDelta", (original, message, _, direct) =>
          original(message, counter, direct),
        ),
      ];
    },
  },
  {
    rule: "broadcasts and direct frames are counted each by themselves",
    found: /drops a frame of .* that is not late/,
    break: () => [
      instead(Membership.prototype, "hear", (original, life, counter, direct) => {
        const heard = original(life, counter, direct);
        if (!(heard instanceof Replica)) return heard;
        heard.broadcastCounter = Math.max(heard.broadcastCounter, heard.directCounter);
        heard.directCounter = heard.broadcastCounter;
        return heard;
      }),
    ],
  },
  {
    rule: "only what joins on is merged",
    found: invariant,
    break: () => [
      instead(RemoteSlice.prototype, "receiveDelta", function (original, message, ...rest) {
        const since = Math.min(message.since, this.clock);
        return original({ ...message, since }, ...rest);
      }),
    ],
  },
  {
    rule: "what ends at or below the clock is old",
    found: /went back from clock/,
    break: () => [instead(RemoteSlice.prototype, "joinsOn", (_, { since }, clock) => since <= clock)],
  },
  {
    rule: "what overlaps is merged",
    found: /does not merge what joins on/,
    break: () => [instead(RemoteSlice.prototype, "joinsOn", (_, { since }, clock) => since === clock)],
  },
  {
    rule: "a delta in parts is merged whole or not at all",
    found: invariant,
    break: () => [
      instead(RemoteSlice.prototype, "receiveDelta", (original, message, ...rest) =>
        original({ ...message, part: 1, parts: 1 }, ...rest),
      ),
    ],
  },
  {
    rule: "what is seen was flushed",
    found: invariant,
    break: () => [
      instead(Authorship.prototype, "answerOne", (original, nowMs) => {
        // What waits is not flushed now, and spoken of all the same.
        const restore = wrapGetter(AuthoredShard.prototype, "pendingDots", () => 0);
        original(nowMs);
        restore();
      }),
    ],
  },
  {
    rule: "an update is one, not a leave and a join",
    found: /in one diff twice/,
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
    rule: "an echo is dropped",
    found: /second join: .* of [a-e]' /,
    break: () => [
      instead(Membership.prototype, "hear", (original, life, counter, direct) => {
        const heard = original(life, counter, direct);
        if (heard !== "own") return heard;
        return original({ ...life, name: `${life.name}'` }, counter, direct);
      }),
    ],
  },
  {
    rule: "slices are kept by their author's numbering",
    found: /holds of .*: (a slice that nobody has authored|clock|at clock|\[)/,
    break: () => [instead(Replica.prototype, "slice", (original, shard) => original(shard % 2))],
  },
];

describeBrokenRules("each rule of the set and of merging, switched off", rules);
