/**
 * The oracles that look while faults last see: trackers are damaged on purpose, or what a rule of theirs forbids is
 * done, so that the one oracle that is meant has to find it. So do those that compare exactly.
 */
import { AuthoredShard } from "../../src/replication/authoring/authored-shard.js";
import { CatchUp } from "../../src/replication/catch-up.js";
import { Membership } from "../../src/replication/lives/membership.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { Replica } from "../../src/replication/replica.js";
import { Replicator } from "../../src/replication/replicator.js";
import { RemoteSlice } from "../../src/replication/holding/remote-slice.js";
import { Places } from "../../src/replication/showing/places.js";
import { View } from "../../src/replication/showing/view.js";
import { FaultyNetwork } from "../../src/testing/network.js";
import type { Schedule, Step } from "../../src/testing/steps.js";
import { Engine } from "../../src/tracker/engine.js";
import { Publisher } from "../../src/tracker/publisher.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { editBirths } from "./damage.js";
import { instead, NO_STEP, wrapGetter } from "./wrap.js";

const isOwn = (entry: ReplicatedEntry): boolean => !(ReplicatedEntry.ownerOf(entry) instanceof Replica);

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
    break: () => [
      instead(View.prototype, "leave", (original, entry, reason) =>
        original(entry, reason === "closed" ? "untracked" : reason),
      ),
    ],
  },
  {
    rule: "an entry that was untracked, told as closed",
    found: /has left as closed though it was untracked/,
    schedule: ending,
    break: () => [
      instead(View.prototype, "leave", (original, entry, reason) =>
        original(entry, reason === "untracked" ? "closed" : reason),
      ),
    ],
  },
  {
    rule: "another ref before than the diff said",
    found: /after ref .* instead of/,
    schedule: ending,
    break: () => [
      instead(View.prototype, "list", (original, topic) =>
        original(topic).map((entry) =>
          entry.prevRef === undefined ? entry : ({ ...entry, prevRef: "?" } as ReplicatedEntry),
        ),
      ),
    ],
  },
  {
    rule: "a meta that was changed on its way",
    found: /shows another meta than was tracked/,
    schedule: ending,
    break: () => [
      editBirths((birth) => ({ ...birth, meta: { ...birth.meta, more: [1] } })),
      // The digest would tell, and the true meta be fetched.
      instead(RemoteSlice.prototype, "compare", (original, ...summary) => {
        const verdict = original(...summary);
        return verdict === "diverged" ? "equal" : verdict;
      }),
    ],
  },
];

const during: readonly BrokenRule[] = [
  {
    rule: "a key that is away within its window",
    found: /a key is away \d+ ms before its window ends/,
    schedule: deploying,
    break: () => [
      // The successor's entry is lost soon after its key was handed to it, and what waits is not shown again.
      instead(Places.prototype, "remove", () => undefined),
      instead(Replicator.prototype, "step", function (original, event, nowMs) {
        const step = original(event, nowMs);
        if (event.type !== "turn") return step;
        for (const replica of this.membership.replicas()) {
          if (replica.departure === undefined) continue;
          for (const entry of replica.held.entries()) {
            for (const other of this.view.getByKey(ReplicatedEntry.topicOf(entry), entry.key)) {
              if (!isOwn(other)) this.view.leave(other, "untracked");
            }
          }
        }
        return step;
      }),
    ],
  },
  {
    rule: "the dead who stay",
    found: /shows the dead \d+ ms of good connection after it was heard/,
    schedule: dying,
    break: () => [
      instead(Membership.prototype, "pass", function (original, nowMs, hides) {
        // As if each silence were the first to be forgiven.
        for (const replica of this.replicas()) replica.forgivenMs = undefined;
        this.forgiveSilence(nowMs);
        original(nowMs, hides);
      }),
    ],
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
    break: () => [
      instead(Membership.prototype, "pass", function (original, nowMs, hides) {
        // As if each tick took three times as long.
        for (const replica of this.replicas()) replica.heardHealthyMs -= 1_000;
        original(nowMs, hides);
      }),
      instead(Replicator.prototype, "step", function (original, event, nowMs) {
        if (event.type !== "frame") return original(event, nowMs);
        const [, kind, name] = JSON.parse(event.payload) as [number, number, string];
        // Nobody hears the heartbeats of those it knows for a while; itself it does hear.
        const isMissed = kind === 0 && this.membership.presentOf(name) !== undefined;
        return nowMs % 30_000 < 10_000 || !isMissed ? original(event, nowMs) : NO_STEP;
      }),
    ],
  },
  {
    rule: "completeness that is claimed before anybody was heard",
    found: /is complete \d+ ms after its start .* without \d+ entries/,
    schedule: scheduleOf(joining(1).steps, {
      latencies: ["a", "b", "c", "d"].map((from) => ({ from, delayMs: [100, 120] })),
    }),
    break: () => [instead(Engine.prototype, "isComplete", () => true)],
  },
  {
    rule: "a wait to be complete that never ends",
    found: /whenComplete has not resolved \d+ ms after all was here/,
    schedule: joining,
    break: () => [wrapGetter(CatchUp.prototype, "isReached", () => false)],
  },
  {
    rule: "a return that never ends",
    found: /is still hidden \d+ ms after all it returned with was here/,
    schedule: returning,
    break: () => [instead(Membership.prototype, "caughtUp", () => undefined)],
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
    break: () => [instead(AuthoredShard.prototype, "flush", (original) => original(false))],
  },
  {
    rule: "a stop that never ends",
    found: /stop has not ended after \d+ ms/,
    schedule: scheduleOf([{ do: "stop", node: "a", handoffMs: 0 }, wait(20_000)]),
    break: () => [instead(Publisher.prototype, "settled", () => new Promise<boolean>(() => undefined))],
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
    break: () => {
      // The channel on which the second tracker speaks and hears is that of the first.
      const one = (channel: string): string => channel.replace(/typing$/, "rooms");
      return [
        instead(FaultyNetwork.prototype, "connect", (original, ...node) => {
          const endpoint = original(...node);
          const { broadcast, subscribe } = endpoint.pubsub;
          Object.assign(endpoint.pubsub, {
            broadcast: (channel: string, payload: string) => broadcast(one(channel), payload),
            subscribe: (channel: string, receive: (payload: string) => void) =>
              subscribe(one(channel), receive),
          });
          return endpoint;
        }),
      ];
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
    break: () => {
      let removals = 0;
      return [
        instead(Replicator.prototype, "step", (original, event, nowMs) => {
          if (event.type === "remove") removals += 1;
          return event.type === "remove" && removals % 2 === 0 ? NO_STEP : original(event, nowMs);
        }),
      ];
    },
  },
];

describeBrokenRules("what is not compared exactly", exact);
describeBrokenRules("a promise that is broken while faults last", during);
describeBrokenRules("trackers side by side", together);
