/**
 * The oracles of those who leave in a while or are evicted see, and the one of who is responsible: trackers are damaged on
 * purpose, so that the one oracle that is meant has to find it.
 */
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { Replica } from "../../src/replication/replica.js";
import { View } from "../../src/replication/showing/view.js";
import type { Schedule, Step } from "../../src/testing/steps.js";
import { Evictions } from "../../src/tracker/evictions.js";
import { LeavingEntries } from "../../src/tracker/leaving.js";
import { LocalEntries } from "../../src/tracker/local-entries.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { instead } from "./wrap.js";

function scheduleOf(steps: readonly Step[]) {
  return (seed: number): Schedule => ({
    seed,
    nodes: ["a", "b", "c"],
    network: {},
    options: { maxMetaBytes: 128, poolSize: 1, heartbeatPeriodMs: 1_000, downPeriodMs: 3_500 },
    announceCrashes: false,
    steps,
  });
}

const user = { topic: "room:1", key: "user:1" };
const set = (node: string, session: number): Step => ({ do: "set", node, session, ...user });
const close = (node: string, session: number): Step => ({ do: "close", node, session, graceMs: 4_000 });
const wait = (ms: number): Step => ({ do: "advance", ms });
const evict = (node: string): Step => ({ do: "evict", node, ...user });

/** A user goes with a grace, and comes back in it nowhere, or on one of the nodes. */
const going = scheduleOf([set("a", 1), wait(9_000), close("a", 1), wait(9_000)]);
const comingBackTo = (node: string) =>
  scheduleOf([set("a", 1), wait(9_000), close("a", 1), wait(500), set(node, 2), wait(9_000)]);
/** One of two devices comes back. */
const comingBackOnce = scheduleOf([
  ...[
    set("a", 1),
    set("a", 2),
    wait(9_000),
    close("a", 1),
    close("a", 2),
    wait(500),
    set("b", 3),
    wait(9_000),
  ],
]);
/** A user is evicted from another node, and comes back after that. */
const evicted = scheduleOf([
  set("a", 1),
  wait(3_000),
  evict("b"),
  set("a", 2),
  wait(3_000),
  set("c", 3),
  wait(3_000),
]);

const graces: readonly BrokenRule[] = [
  {
    rule: "a grace that ends too soon",
    found: /has left in its grace though nobody came in its place/,
    schedule: going,
    break: () => [
      instead(LeavingEntries.prototype, "begin", (original, session, entries, graceMs) =>
        original(session, entries, graceMs / 2),
      ),
    ],
  },
  {
    rule: "a grace that does not end",
    found: /keeps who leaves \d+ ms after its grace/,
    schedule: going,
    break: () => [
      instead(LeavingEntries.prototype, "begin", (original, session, entries, graceMs) =>
        original(session, entries, 2 * graceMs),
      ),
    ],
  },
  {
    rule: "who comes back on the same node takes no place",
    found: /keeps who leaves beside who came in its place/,
    schedule: comingBackTo("a"),
    break: () => [
      instead(LeavingEntries.prototype, "replace", (original, by, isLocal) =>
        isLocal ? undefined : original(by, isLocal),
      ),
    ],
  },
  {
    rule: "who comes back on another node takes no place",
    found: /keeps who leaves .* or beside who came/,
    schedule: comingBackTo("b"),
    break: () => [
      instead(LeavingEntries.prototype, "replace", (original, by, isLocal) =>
        isLocal ? original(by, isLocal) : undefined,
      ),
    ],
  },
  {
    rule: "who comes back takes the places of all",
    found: /has left in its grace though nobody came in its place/,
    schedule: comingBackOnce,
    break: () => [
      instead(LeavingEntries.prototype, "replace", (original, by, isLocal) => {
        original(by, isLocal);
        return original(by, isLocal);
      }),
    ],
  },
];

const evictions: readonly BrokenRule[] = [
  {
    rule: "an owner that ends nobody",
    found: /has not ended whom b wanted to go/,
    schedule: evicted,
    break: () => [instead(Evictions.prototype, "heard", () => true)],
  },
  {
    rule: "an owner that ends those who come after the question as well",
    found: /evicts whom nobody wanted to go/,
    schedule: evicted,
    break: () => {
      const tracked = new WeakMap<LocalEntries, Set<string>>();
      return [
        instead(LocalEntries.prototype, "add", function (original, session, topic, key, meta) {
          tracked.set(this, (tracked.get(this) ?? new Set()).add(session.id));
          return original(session, topic, key, meta);
        }),
        instead(LocalEntries.prototype, "takeSuccessor", function () {
          const [next] = tracked.get(this) ?? [];
          if (next !== undefined) tracked.get(this)?.delete(next);
          return next;
        }),
      ];
    },
  },
  {
    rule: "an eviction without a word of it",
    found: /an entry that was not removed has left as closed/,
    schedule: evicted,
    break: () => [instead(View.prototype, "evict", () => undefined)],
  },
  {
    rule: "an eviction by others than the owner",
    found: /an entry that was not removed has left as evicted/,
    schedule: evicted,
    break: () => [
      instead(View.prototype, "evictSessions", function (original, topic, key, sessions) {
        original(topic, key, sessions);
        for (const entry of this.getByKey(topic, key)) {
          const isOther = ReplicatedEntry.ownerOf(entry) instanceof Replica;
          if (isOther && sessions.includes(entry.session)) this.leave(entry, "closed");
        }
      }),
    ],
  },
  {
    rule: "leaves as evicted that nobody wanted",
    found: /has left as evicted though nobody wanted it to go/,
    schedule: going,
    break: () => [
      instead(View.prototype, "leave", function (original, entry, reason) {
        if (ReplicatedEntry.ownerOf(entry) instanceof Replica) this.evict(entry);
        original(entry, reason);
      }),
    ],
  },
];

const responsibilities: readonly BrokenRule[] = [
  {
    rule: "each node has an opinion of its own",
    found: /nobody, or several nodes are responsible/,
    schedule: going,
    break: () => [
      instead(Tracker.prototype, "responsible", function (original, text, among) {
        return original(`${text} ${this.nodeName}`, among);
      }),
    ],
  },
];

describeBrokenRules("each oracle of graces", graces);
describeBrokenRules("each oracle of evictions", evictions);
describeBrokenRules("the oracle of who is responsible", responsibilities);
