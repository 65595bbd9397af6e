/**
 * The oracles that look while faults last see: trackers are damaged on purpose, or what a rule of theirs forbids is
 * done, so that the one oracle that is meant has to find it. So do those that compare exactly.
 */
import type { Schedule, Step } from "../../src/testing/steps.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { all, believed, editBirths, editDiffs, editTopics, hearingEnds, lies, unlessEmpty } from "./lies.js";

function scheduleOf(steps: readonly Step[], setting: Partial<Schedule> = {}) {
  return (seed: number): Schedule => ({
    seed,
    nodes: ["a", "b", "c"],
    network: {},
    options: { maxMetaBytes: 128, poolSize: 1 },
    announceCrashes: false,
    ...setting,
    steps,
  });
}

const ann = { session: 1, topic: "room:1", key: "user:1" };
const set = (node: string): Step => ({ do: "set", node, ...ann });
const wait = (ms: number): Step => ({ do: "advance", ms });

/** An entry that was updated, closed, and untracked. */
const ending = scheduleOf([
  set("a"),
  set("a"),
  { do: "set", node: "a", session: 2, topic: "room:1", key: "user:2" },
  wait(3_000),
  { do: "untrack", node: "a", session: 2, topic: "room:1", key: "user:2" },
  wait(2_000),
  { do: "close", node: "a", session: 1 },
  wait(2_000),
]);

/** A user of a node that is deployed comes back on another at once. */
const deploying = scheduleOf([
  set("a"),
  wait(3_000),
  { do: "stop", node: "a", handoffMs: undefined },
  set("b"),
  wait(7_000),
]);

/** A node dies and stays away. */
const dying = scheduleOf([set("a"), wait(3_000), { do: "crash", node: "a" }, wait(40_000)]);

/** A node is started beside others. */
const joining = scheduleOf([
  set("a"),
  wait(4_000),
  { do: "start", node: "d", clockOffsetMs: 0 },
  { do: "awaitComplete", node: "d" },
  { do: "set", node: "d", ...ann },
  wait(30_000),
]);

/** A node that changes all the time is away for longer than a down period, and back. */
const returning = scheduleOf([
  set("a"),
  wait(3_000),
  { do: "partition", groups: [["a"], ["b", "c"]] },
  wait(12_000),
  set("a"),
  { do: "heal" },
  wait(30_000),
]);

const exact: readonly BrokenRule[] = [
  {
    rule: "a session that closed, told as untracked",
    found: /has left as untracked though it was closed/,
    schedule: ending,
    broken: {
      startTracker: editDiffs((diff) => ({
        ...diff,
        leaves: diff.leaves.map((leave) =>
          leave.reason === "closed" ? { ...leave, reason: "untracked" } : leave,
        ),
      })),
    },
  },
  {
    rule: "an entry that was untracked, told as closed",
    found: /has left as closed though it was untracked/,
    schedule: ending,
    broken: {
      startTracker: editDiffs((diff) => ({
        ...diff,
        leaves: diff.leaves.map((leave) =>
          leave.reason === "untracked" ? { ...leave, reason: "closed" } : leave,
        ),
      })),
    },
  },
  {
    rule: "another ref before than the diff said",
    found: /after ref .* instead of/,
    schedule: ending,
    broken: {
      startTracker: lies((tracker) => ({
        list: (topic) =>
          tracker
            .list(topic)
            .map((entry) => (entry.prevRef === undefined ? entry : { ...entry, prevRef: "?" })),
      })),
    },
  },
  {
    rule: "a meta that was changed on its way",
    found: /shows another meta than was tracked/,
    schedule: ending,
    broken: {
      startTracker: editBirths((birth) => ({ ...birth, meta: { ...birth.meta, more: [1] } })),
      // The digest would tell, and the true meta be fetched.
      rules: { agrees: () => true },
    },
  },
];

const during: readonly BrokenRule[] = [
  {
    rule: "a key that is away within its window",
    found: /a key is away \d+ ms before its window ends/,
    schedule: deploying,
    broken: {
      // Who comes in the place of one that departs is told of nowhere but at home.
      startTracker: believed(
        ({ pubsub: { nodeName } }) =>
          (diff) =>
            editTopics(diff, ({ joins, updates, leaves }) => {
              const departed = new Set(
                leaves.filter(({ reason }) => reason === "departed").map(({ key }) => key),
              );
              return unlessEmpty({
                joins: joins.filter(({ key, node }) => node === nodeName || !departed.has(key)),
                updates,
                leaves,
              });
            }),
      ),
    },
  },
  {
    rule: "the dead who stay",
    found: /shows the dead \d+ ms of good connection after it was heard/,
    schedule: dying,
    broken: { rules: { isSilent: () => false } },
  },
  {
    rule: "a start that nobody sees",
    found: /does not see life \d+ of d/,
    schedule: joining,
    // Everybody takes what d says for its own; d itself hears itself, and starts.
    broken: { rules: { isOwn: (name, ownName) => name === ownName || name === "d" } },
  },
  {
    rule: "one who is hidden though nothing was lost",
    found: /hides who is there, though nothing was lost/,
    schedule: scheduleOf([set("a"), wait(60_000)]),
    broken: {
      // A heartbeat is patience enough.
      rules: { isSilent: (silentMs) => silentMs > 1_500 },
    },
  },
  {
    rule: "completeness that is claimed before anybody was heard",
    found: /is complete \d+ ms after its start .* without \d+ entries/,
    schedule: scheduleOf(joining(1).steps, {
      latencies: ["a", "b", "c", "d"].map((from) => ({ from, delayMs: [100, 120] })),
    }),
    broken: {
      startTracker: lies((tracker) => ({ health: () => ({ ...tracker.health(), complete: true }) })),
    },
  },
  {
    rule: "a wait to be complete that never ends",
    found: /whenComplete has not resolved \d+ ms after all was here/,
    schedule: joining,
    broken: { startTracker: lies(() => ({ whenComplete: () => new Promise<void>(() => undefined) })) },
  },
  {
    rule: "a return that never ends",
    found: /is still hidden \d+ ms after all it returned with was here/,
    schedule: returning,
    broken: { rules: { isShownAgain: () => false } },
  },
  {
    rule: "one who is heard and no longer told",
    found: /no longer follows a, of which no broadcast was lost/,
    schedule: scheduleOf([
      set("a"),
      wait(8_000),
      ...["b", "c"].map((from): Step => ({ do: "lane", from, to: "a", lane: "send" })),
      set("a"),
      wait(10_000),
    ]),
    broken: { rules: { isSpokenTo: () => false } },
  },
  {
    rule: "a stop that never ends",
    found: /stop has not ended after \d+ ms/,
    schedule: scheduleOf([{ do: "stop", node: "a", handoffMs: 0 }, wait(20_000)]),
    broken: {
      startTracker: lies((tracker) => ({
        stop: (options) => tracker.stop(options).then(() => new Promise<void>(() => undefined)),
      })),
    },
  },
];

const together: readonly BrokenRule[] = [
  {
    rule: "trackers that share a channel",
    found: /^[a-e] lacks|shows what nobody has tracked/,
    schedule: scheduleOf(
      [0, 1].flatMap((tracker): Step[] => [{ do: "set", node: "a", ...ann, tracker }, wait(3_000)]),
      { trackers: ["rooms", "typing"] },
    ),
    broken: {
      // The channel on which the second tracker speaks and hears is that of the first.
      startTracker: all((start) => (behaviour, options) => {
        const { pubsub } = options;
        const one = (channel: string): string => channel.replace(/typing$/, "rooms");
        return start(behaviour, {
          ...options,
          pubsub: {
            ...pubsub,
            broadcast: (channel, payload) => pubsub.broadcast(one(channel), payload),
            subscribe: (channel, receive) => pubsub.subscribe(one(channel), receive),
          },
        });
      }),
    },
  },
  {
    rule: "a session that ends in one tracker only",
    found: /lists what is not tracked/,
    schedule: scheduleOf(
      [
        { do: "set", node: "a", ...ann, tracker: 0 },
        { do: "set", node: "a", ...ann, tracker: 1 },
        wait(3_000),
        { do: "close", node: "a", session: 1 },
        wait(3_000),
      ],
      { trackers: ["rooms", "typing"] },
    ),
    broken: {
      startTracker: all(hearingEnds((graceMs, { name }) => (name === "typing" ? undefined : graceMs))),
    },
  },
];

describeBrokenRules("what is not compared exactly", exact);
describeBrokenRules("a promise that is broken while faults last", during);
describeBrokenRules("trackers side by side", together);
