/**
 * Every oracle sees: the tracker is damaged on purpose, so that the one oracle that is meant has to find it. What
 * the rules of the protocol, switched off, show already is not repeated here.
 */
import { AuthoredShard } from "../../src/replication/authoring/authored-shard.js";
import { Greetings } from "../../src/replication/lives/greetings.js";
import { Membership } from "../../src/replication/lives/membership.js";
import { Replica } from "../../src/replication/replica.js";
import type { Peer } from "../../src/replication/lives/peer.js";
import { Outbox } from "../../src/replication/wire/outbox.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { Requests } from "../../src/replication/holding/requests.js";
import { View } from "../../src/replication/showing/view.js";
import { Engine } from "../../src/tracker/engine.js";
import { OwnedEntries } from "../../src/tracker/owned.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { editBirths, editDiffs, repeatDiffs, reviveTheReplaced, sayInsteadOfDown } from "./damage.js";
import { removalsAreBounded } from "./runs.js";
import { restarting } from "./schedules.js";
import { instead } from "./wrap.js";

const diffs: readonly BrokenRule[] = [
  { rule: "a second join", found: /second join/, break: () => [repeatDiffs("joins")] },
  { rule: "a leave without a join", found: /leave without a join/, break: () => [repeatDiffs("leaves")] },
  {
    rule: "a leave of another revision",
    found: /leave of .* but there was ref/,
    break: () => [
      editDiffs((diff) => ({ ...diff, leaves: diff.leaves.map((leave) => ({ ...leave, ref: "?" })) })),
    ],
  },
  {
    rule: "an update without a join",
    found: /update of what is not there/,
    break: () => [
      editDiffs(({ joins, updates, leaves }) => ({
        joins: [],
        updates: [
          ...updates,
          ...joins.map((entry) => ({ ...entry, prevRef: entry.ref, previous: entry.meta })),
        ],
        leaves,
      })),
    ],
  },
  {
    rule: "an update of another revision",
    found: /update of .* from ref \?, but there was ref/,
    break: () => [
      editDiffs((diff) => ({
        ...diff,
        updates: diff.updates.map((update) => ({ ...update, prevRef: "?" })),
      })),
    ],
  },
  {
    rule: "an update of another meta",
    found: /with a previous meta that was not there/,
    break: () => [
      editDiffs((diff) => ({
        ...diff,
        updates: diff.updates.map((update) => ({ ...update, previous: { version: -1 } })),
      })),
    ],
  },
  {
    rule: "an update as a leave, and a join in the next diff",
    found: /an entry that was not removed has left as untracked/,
    break: () => {
      const later = new WeakMap<View, ReplicatedEntry[]>();
      return [
        instead(View.prototype, "update", function (_, entry, previous) {
          this.leave(previous, "untracked");
          later.set(this, [...(later.get(this) ?? []), entry]);
        }),
        instead(View.prototype, "takeDiff", function (original) {
          const diff = original();
          for (const entry of later.get(this) ?? []) this.join(entry);
          later.delete(this);
          return diff;
        }),
      ];
    },
  },
  {
    rule: "a topic in which nothing changed",
    found: /in which nothing changed/,
    break: () => [
      instead(View.prototype, "takeDiff", (original) => {
        const diff = original();
        return diff && new Map([...diff, ["nowhere", { joins: [], updates: [], leaves: [] }]]);
      }),
    ],
  },
  {
    rule: "a list that is not what the diffs add up to",
    found: /against its diffs, the list has the ghost/,
    break: () => [editDiffs((diff) => ({ ...diff, joins: [] }))],
  },
  {
    rule: "a diff before start has resolved",
    found: /a diff was delivered before start resolved/,
    break: () => [
      instead(Engine.prototype, "start", function (original) {
        this.step({
          type: "add",
          shard: 0,
          topic: "early",
          key: "user:1",
          session: "early-1",
          meta: { version: 0 },
        });
        this.deliver();
        return original();
      }),
    ],
  },
];

const reads: readonly BrokenRule[] = [
  {
    rule: "an entry in a list twice",
    found: /list\(.*\) holds an entry twice/,
    break: () => [
      instead(View.prototype, "list", (original, topic) => {
        const entries = original(topic);
        return [...entries, ...entries.slice(0, 1)];
      }),
    ],
  },
  {
    rule: "a topic twice",
    found: /topics\(\) names a topic twice/,
    break: () => [instead(View.prototype, "topics", (original) => [...original(), ...original()])],
  },
  {
    rule: "a topic of which nothing is listed",
    found: /topics\(\) and list\(nowhere\) disagree/,
    break: () => [instead(View.prototype, "topics", (original) => [...original(), "nowhere"])],
  },
  {
    rule: "a count of something else",
    found: /^count\(/,
    break: () => [instead(View.prototype, "count", (original, topic) => original(topic) + 1)],
  },
  {
    rule: "a count of entries for one of keys",
    found: /countKeys\(/,
    break: () => [
      instead(View.prototype, "countKeys", function (_, topic) {
        return this.count(topic);
      }),
    ],
  },
  {
    rule: "a key that is not there",
    found: /has\(.*\) is false/,
    break: () => [instead(View.prototype, "has", () => false)],
  },
  {
    rule: "entries of another key",
    found: /getByKey\(.*\) gives \d+ of \d+/,
    break: () => [
      instead(View.prototype, "getByKey", (original, ...which) => [
        ...original(...which),
        ...original(...which),
      ]),
    ],
  },
  {
    rule: "a call that does not what it promises",
    found: /track gave {2}instead of ALREADY_TRACKED/,
    break: () => [
      instead(Tracker.prototype, "track", function (_, session, topic, key, meta) {
        return this.set(session, topic, key, meta);
      }),
    ],
  },
  {
    rule: "an entry that its application has tracked is lost everywhere",
    found: /lacks what was tracked/,
    break: () => [instead(Tracker.prototype, "untrack", (original, session) => original(session))],
  },
  {
    rule: "an entry that its application has removed is left everywhere",
    found: /lists what is not tracked/,
    break: () => [instead(OwnedEntries.prototype, "entries", () => [])],
  },
];

const converging: readonly BrokenRule[] = [
  {
    rule: "a list that lacks an entry",
    found: /^[a-e] lacks /,
    break: () => [
      instead(View.prototype, "join", (original, entry) => {
        const isOwn = !(ReplicatedEntry.ownerOf(entry) instanceof Replica);
        if (isOwn || entry.key !== "user:1") original(entry);
      }),
    ],
  },
  {
    rule: "a ghost in a list",
    found: /^[a-e] has the ghost/,
    break: () => [
      instead(View.prototype, "leave", (original, entry, reason) => {
        const isOwn = !(ReplicatedEntry.ownerOf(entry) instanceof Replica);
        if (isOwn || entry.key !== "user:1") original(entry, reason);
      }),
    ],
  },
  {
    rule: "a stale meta in a list",
    found: /^[a-e] has .* instead of /,
    break: () => [
      instead(View.prototype, "update", (original, entry, previous) => {
        const isOwn = !(ReplicatedEntry.ownerOf(entry) instanceof Replica);
        if (isOwn) original(entry, previous);
      }),
    ],
  },
  {
    rule: "a node that never is complete",
    found: /is not complete/,
    break: () => [instead(Engine.prototype, "isComplete", () => false)],
  },
  {
    rule: "convergence that takes too many heartbeats",
    found: /not settled after \d+ ms/,
    break: () => [
      instead(Requests.prototype, "want", (original, replica, slice, nowMs) =>
        original(replica, slice, nowMs + 60_000),
      ),
    ],
  },
  {
    rule: "a slice at a clock that its author never flushed",
    found: /at which its author never flushed/,
    break: () => [
      instead(AuthoredShard.prototype, "flush", (original, isHeard) => {
        const delta = original(isHeard);
        return delta && { ...delta, upTo: delta.upTo + 1 };
      }),
    ],
  },
  {
    rule: "a slice with another value than its author's",
    found: /^[a-e] holds of .* at clock \d+ instead of/,
    break: () => [editBirths((birth) => ({ ...birth, meta: { ...birth.meta, letters: "?" } }))],
  },
  {
    rule: "an entry that nobody has tracked",
    found: /shows what nobody has tracked/,
    break: () => [editBirths((birth) => ({ ...birth, session: `${birth.session}?` }))],
  },
  {
    rule: "an earlier meta after a later one",
    found: /goes back from version/,
    break: () => [editBirths((birth) => (birth.clock > 2 ? { ...birth, meta: { version: 0 } } : birth))],
  },
];

const surroundings: readonly BrokenRule[] = [
  {
    rule: "an own entry that leaves because another is silent",
    found: /an entry of its own has left as down/,
    break: () => [
      instead(View.prototype, "leave", function (original, entry, reason) {
        original(entry, reason);
        if (reason !== "down") return;
        for (const other of this.getByKey(ReplicatedEntry.topicOf(entry), entry.key)) original(other, reason);
      }),
    ],
  },
  {
    rule: "a departure that nobody announced",
    found: /departed without a goodbye/,
    break: () => [sayInsteadOfDown("departed")],
  },
  {
    rule: "a replacement of one that lives",
    found: /replaced though it lives/,
    break: () => [sayInsteadOfDown("replaced")],
  },
  {
    rule: "a life after a later one of its name",
    found: /shows life \d+ after life \d+/,
    schedule: restarting,
    break: () => [reviveTheReplaced()],
  },
  {
    rule: "a late frame that is heard",
    found: /hears a late frame of/,
    break: () => [
      instead(Membership.prototype, "hear", (original, life, counter, direct, nowMs) => {
        const heard = original(life, counter, direct, nowMs);
        if (heard.type === "heard") heard.replica[direct ? "directCounter" : "broadcastCounter"] = 0;
        return heard;
      }),
    ],
  },
  {
    rule: "a frame that is none",
    found: /reported an error: .*no frame of rollcall/,
    break: () => [
      instead(Outbox.prototype, "sendHeartbeat", (original, heartbeat, to) =>
        original({ ...heartbeat, poolSize: 0 }, to),
      ),
    ],
  },
  {
    rule: "direct frames in an idle cluster",
    found: /sent \d+ frames while idle/,
    break: () => {
      const greeted = new WeakMap<Greetings, Set<Peer>>();
      return [
        instead(Greetings.prototype, "want", function (original, replica, nowMs) {
          greeted.set(this, (greeted.get(this) ?? new Set()).add(replica));
          return original(replica, nowMs);
        }),
        instead(Greetings.prototype, "advance", function (original, nowMs, greet) {
          for (const replica of greeted.get(this) ?? []) greet(replica);
          return original(nowMs, greet);
        }),
      ];
    },
  },
  {
    rule: "requests that are remembered for ever",
    found: /still has \d+ requests for nothing/,
    break: () => [
      instead(Requests.prototype, "drop", () => undefined),
      // What is due for ever would keep the time from passing.
      instead(Requests.prototype, "advance", (original, nowMs, send) => {
        const nextMs = original(nowMs, send);
        return nextMs === undefined ? undefined : Math.max(nextMs, nowMs + 100);
      }),
    ],
  },
  {
    rule: "greetings that are remembered for ever",
    found: /still has \d+ greetings for nobody/,
    break: () => [
      instead(Greetings.prototype, "advance", function (original, nowMs, greet) {
        return original(nowMs, (replica) => {
          greet(replica);
          this.want(replica, nowMs + 1e9);
        });
      }),
    ],
  },
  {
    rule: "removals that are remembered for ever",
    found: /keeps \d+ removals/,
    run: removalsAreBounded,
    broken: { limits: { removalsKept: 1e9 } },
  },
];

describeBrokenRules("a diff that is wrong", diffs);
describeBrokenRules("a read that is wrong", reads);
describeBrokenRules("a list that does not converge", converging);
describeBrokenRules("surroundings that are wrong", surroundings);
