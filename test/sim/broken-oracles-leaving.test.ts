/**
 * The oracles of those who leave in a while or are evicted see, and the one of who is responsible: trackers are damaged on
 * purpose, so that the one oracle that is meant has to find it.
 */
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { Replica } from "../../src/replication/replica.js";
import type { Schedule, Step } from "../../src/testing/steps.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { stepping } from "./broken-replicators.js";
import {
  all,
  believed,
  editDiffs,
  editReceived,
  editTopics,
  hearingEnds,
  lies,
  unlessEmpty,
} from "./lies.js";

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

/** Who leaves in a while stays though another has come under the key. */
const keepsThoseReplaced = believed(
  ({ pubsub: { nodeName } }) =>
    (diff, tracker) =>
      editTopics(diff, (told, topic) => {
        const isReplaced = (key: string): boolean => tracker.getByKey(topic, key).length > 0;
        return unlessEmpty({
          ...told,
          leaves: told.leaves.filter(({ node, key }) => node !== nodeName || !isReplaced(key)),
        });
      }),
);

const graces: readonly BrokenRule[] = [
  {
    rule: "a grace that ends too soon",
    found: /has left in its grace though nobody came in its place/,
    schedule: going,
    broken: { startTracker: all(hearingEnds((graceMs) => graceMs / 2)) },
  },
  {
    rule: "a grace that does not end",
    found: /keeps who leaves \d+ ms after its grace/,
    schedule: going,
    broken: { startTracker: all(hearingEnds((graceMs) => 2 * graceMs)) },
  },
  {
    rule: "who comes back on the same node takes no place",
    found: /keeps who leaves beside who came in its place/,
    schedule: comingBackTo("a"),
    broken: { startTracker: keepsThoseReplaced },
  },
  {
    rule: "who comes back on another node takes no place",
    found: /keeps who leaves .* or beside who came/,
    schedule: comingBackTo("b"),
    broken: { startTracker: keepsThoseReplaced },
  },
  {
    rule: "who comes back takes the places of all",
    found: /has left in its grace though nobody came in its place/,
    schedule: comingBackOnce,
    broken: {
      startTracker: believed(({ pubsub: { nodeName } }) => {
        const gone = new Set<string>();
        return (diff, tracker) =>
          editTopics(diff, ({ joins, updates, leaves }, topic) => {
            const own = leaves.filter(({ node, ref }) => node === nodeName && !gone.has(ref));
            const waiting = own.flatMap(({ key, reason }) =>
              tracker
                .getByKey(topic, key)
                .filter(({ node }) => node === nodeName)
                .map((entry) => ({ ...entry, reason })),
            );
            for (const { ref } of waiting) gone.add(ref);
            return unlessEmpty({
              joins,
              updates,
              leaves: [...leaves.filter(({ ref }) => !gone.has(ref)), ...waiting],
            });
          });
      }),
    },
  },
];

const evictions: readonly BrokenRule[] = [
  {
    rule: "an owner that ends nobody",
    found: /has not ended whom b wanted to go/,
    schedule: evicted,
    broken: { startTracker: editReceived((frame) => (frame.message.type === "evict" ? undefined : frame)) },
  },
  {
    rule: "an owner that ends those who come after the question as well",
    found: /evicts whom nobody wanted to go/,
    schedule: evicted,
    broken: {
      // Whoever is there under the key when the question comes goes.
      startTracker: lies((tracker) => {
        tracker.on("evicted", ({ topic, key }) => void tracker.evict(topic, key));
        return {};
      }),
    },
  },
  {
    rule: "an eviction without a word of it",
    found: /an entry that was not removed has left as closed/,
    schedule: evicted,
    broken: {
      startTracker: editDiffs((diff) => ({
        ...diff,
        leaves: diff.leaves.map((leave) =>
          leave.reason === "evicted" ? { ...leave, reason: "closed" } : leave,
        ),
      })),
    },
  },
  {
    rule: "an eviction by others than the owner",
    found: /an entry that was not removed has left as evicted/,
    schedule: evicted,
    broken: {
      replicator: stepping(({ view }, step, event) => {
        const done = step();
        if (event.type !== "evict") return done;
        for (const entry of view.getByKey(event.eviction.topic, event.eviction.key)) {
          if (!(ReplicatedEntry.ownerOf(entry) instanceof Replica)) continue;
          view.evict(entry);
          view.leave(entry, "closed");
        }
        return done;
      }),
    },
  },
  {
    rule: "leaves as evicted that nobody wanted",
    found: /has left as evicted though nobody wanted it to go/,
    schedule: going,
    broken: {
      startTracker: editDiffs((diff) => ({
        ...diff,
        leaves: diff.leaves.map((leave) => ({ ...leave, reason: "evicted" })),
      })),
    },
  },
];

const responsibilities: readonly BrokenRule[] = [
  {
    rule: "each node has an opinion of its own",
    found: /nobody, or several nodes are responsible/,
    schedule: going,
    broken: {
      startTracker: lies((tracker) => ({
        responsible: ((text: string) =>
          tracker.responsible(`${text} ${tracker.nodeName}`)) as Tracker["responsible"],
      })),
    },
  },
];

describeBrokenRules("each oracle of graces", graces);
describeBrokenRules("each oracle of evictions", evictions);
describeBrokenRules("the oracle of who is responsible", responsibilities);
