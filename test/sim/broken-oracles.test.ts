/**
 * Every oracle sees: the tracker is damaged on purpose, so that the one oracle that is meant has to find it. What
 * the rules of the protocol, switched off, show already is not repeated here.
 */
import type { Entry } from "../../src/words.js";
import { describeBrokenRules, type BrokenRule } from "./broken-rule.js";
import { editEffects, keepsRequests, stepping } from "./broken-replicators.js";
import {
  all,
  believed,
  editBirths,
  editDiffs,
  editSent,
  editTopics,
  hearingEnds,
  lies,
  repeatDiffs,
  reviveTheReplaced,
  sayInsteadOfDown,
  stale,
  telling,
  unlessEmpty,
} from "./lies.js";
import { removalsAreBounded } from "./runs.js";
import { restarting } from "./schedules.js";

const diffs: readonly BrokenRule[] = [
  { rule: "a second join", found: /second join/, broken: { startTracker: repeatDiffs("joins") } },
  {
    rule: "a leave without a join",
    found: /leave without a join/,
    broken: { startTracker: repeatDiffs("leaves") },
  },
  {
    rule: "a leave of another revision",
    found: /leave of .* but there was ref/,
    broken: {
      startTracker: editDiffs((diff) => ({
        ...diff,
        leaves: diff.leaves.map((leave) => ({ ...leave, ref: "?" })),
      })),
    },
  },
  {
    rule: "an update without a join",
    found: /update of what is not there/,
    broken: {
      startTracker: editDiffs(({ joins, updates, leaves }) => ({
        joins: [],
        updates: [
          ...updates,
          ...joins.map((entry) => ({ ...entry, prevRef: entry.ref, previous: entry.meta })),
        ],
        leaves,
      })),
    },
  },
  {
    rule: "an update of another revision",
    found: /update of .* from ref \?, but there was ref/,
    broken: {
      startTracker: editDiffs((diff) => ({
        ...diff,
        updates: diff.updates.map((update) => ({ ...update, prevRef: "?" })),
      })),
    },
  },
  {
    rule: "an update of another meta",
    found: /with a previous meta that was not there/,
    broken: {
      startTracker: editDiffs((diff) => ({
        ...diff,
        updates: diff.updates.map((update) => ({ ...update, previous: { version: -1 } })),
      })),
    },
  },
  {
    rule: "an update as a leave, and a join in the next diff",
    found: /an entry that was not removed has left as untracked/,
    broken: {
      // The entry is away in between, and back with the next diff.
      startTracker: believed(() => {
        let later = new Map<string, readonly Entry[]>();
        return (diff) => {
          const earlier = later;
          later = new Map([...diff].map(([topic, { updates }]) => [topic, updates]));
          return editTopics(diff, ({ joins, updates, leaves }, topic) =>
            unlessEmpty({
              joins: [...joins, ...(earlier.get(topic) ?? [])],
              updates: [],
              leaves: [
                ...leaves,
                ...updates.map(({ previous, prevRef = "", ...entry }) => {
                  return { ...entry, ref: prevRef, meta: previous, reason: "untracked" as const };
                }),
              ],
            }),
          );
        };
      }),
    },
  },
  {
    rule: "a topic in which nothing changed",
    found: /in which nothing changed/,
    broken: {
      startTracker: all(
        telling(() => (diff) => new Map([...diff, ["nowhere", { joins: [], updates: [], leaves: [] }]])),
      ),
    },
  },
  {
    rule: "a list that is not what the diffs add up to",
    found: /against its diffs, the list has the ghost/,
    broken: { startTracker: editDiffs((diff) => ({ ...diff, joins: [] })) },
  },
  {
    rule: "a diff before start has resolved",
    found: /a diff was delivered before start resolved/,
    broken: {
      startTracker: all((start) => (behaviour, options) => {
        const entry = { key: "user:1", meta: { version: 0 }, ref: "early", node: "a", session: "early-1" };
        const joins = [{ ...entry, prevRef: undefined }];
        behaviour.handleDiff?.(new Map([["early", { joins, updates: [], leaves: [] }]]), undefined as never);
        return start(behaviour, options);
      }),
    },
  },
];

const reads: readonly BrokenRule[] = [
  {
    rule: "an entry in a list twice",
    found: /list\(.*\) holds an entry twice/,
    broken: {
      startTracker: lies((tracker) => ({
        list: (topic) => [...tracker.list(topic), ...tracker.list(topic).slice(0, 1)],
      })),
    },
  },
  {
    rule: "a topic twice",
    found: /topics\(\) names a topic twice/,
    broken: {
      startTracker: lies((tracker) => ({ topics: () => [...tracker.topics(), ...tracker.topics()] })),
    },
  },
  {
    rule: "a topic of which nothing is listed",
    found: /topics\(\) and list\(nowhere\) disagree/,
    broken: { startTracker: lies((tracker) => ({ topics: () => [...tracker.topics(), "nowhere"] })) },
  },
  {
    rule: "a count of something else",
    found: /^count\(/,
    broken: { startTracker: lies((tracker) => ({ count: (topic) => tracker.count(topic) + 1 })) },
  },
  {
    rule: "a count of entries for one of keys",
    found: /countKeys\(/,
    broken: { startTracker: lies((tracker) => ({ countKeys: (topic) => tracker.count(topic) })) },
  },
  {
    rule: "a key that is not there",
    found: /has\(.*\) is false/,
    broken: { startTracker: lies(() => ({ has: () => false })) },
  },
  {
    rule: "entries of another key",
    found: /getByKey\(.*\) gives \d+ of \d+/,
    broken: {
      startTracker: lies((tracker) => ({
        getByKey: (topic, key) => [...tracker.getByKey(topic, key), ...tracker.getByKey(topic, key)],
      })),
    },
  },
  {
    rule: "a call that does not what it promises",
    found: /track gave {2}instead of ALREADY_TRACKED/,
    broken: {
      startTracker: lies((tracker) => ({
        track: (session, topic, key, meta) => tracker.set(session, topic, key, meta),
      })),
    },
  },
  {
    rule: "an entry that its application has tracked is lost everywhere",
    found: /lacks what was tracked/,
    broken: { startTracker: lies((tracker) => ({ untrack: (session) => tracker.untrack(session) })) },
  },
  {
    rule: "an entry that its application has removed is left everywhere",
    found: /lists what is not tracked/,
    broken: { startTracker: all(hearingEnds(() => undefined)) },
  },
];

const converging: readonly BrokenRule[] = [
  {
    rule: "a list that lacks an entry",
    found: /^[a-e] lacks /,
    broken: {
      startTracker: believed(({ pubsub: { nodeName } }) => (diff) => {
        const isTold = ({ key, node }: Entry): boolean => node === nodeName || key !== "user:1";
        return editTopics(diff, ({ joins, updates, leaves }) =>
          unlessEmpty({
            joins: joins.filter(isTold),
            updates: updates.filter(isTold),
            leaves: leaves.filter(isTold),
          }),
        );
      }),
    },
  },
  {
    rule: "a ghost in a list",
    found: /^[a-e] has the ghost/,
    broken: {
      startTracker: believed(({ pubsub: { nodeName } }) => (diff) => {
        const isTold = ({ key, node }: Entry): boolean => node === nodeName || key !== "user:1";
        return editTopics(diff, (told) => unlessEmpty({ ...told, leaves: told.leaves.filter(isTold) }));
      }),
    },
  },
  {
    rule: "a stale meta in a list",
    found: /^[a-e] has .* instead of /,
    broken: { startTracker: believed(({ pubsub: { nodeName } }) => stale(nodeName)) },
  },
  {
    rule: "a node that never is complete",
    found: /is not complete/,
    broken: {
      startTracker: lies((tracker) => ({ health: () => ({ ...tracker.health(), complete: false }) })),
    },
  },
  {
    rule: "convergence that takes too many heartbeats",
    found: /not settled after \d+ ms/,
    broken: { rules: { requestDelayMs: () => 60_000 } },
  },
  {
    rule: "a slice at a clock that its author never flushed",
    found: /at which its author never flushed/,
    broken: {
      startTracker: editSent((frame) => {
        const { to, message } = frame;
        if (message.type !== "delta" || to !== undefined) return frame;
        return { ...frame, message: { ...message, upTo: message.upTo + 1 } };
      }),
    },
  },
  {
    rule: "a slice with another value than its author's",
    found: /^[a-e] holds of .* at clock \d+ instead of/,
    broken: { startTracker: editBirths((birth) => ({ ...birth, meta: { ...birth.meta, letters: "?" } })) },
  },
  {
    rule: "an entry that nobody has tracked",
    found: /shows what nobody has tracked/,
    broken: { startTracker: editBirths((birth) => ({ ...birth, session: `${birth.session}?` })) },
  },
  {
    rule: "an earlier meta after a later one",
    found: /goes back from version/,
    broken: {
      startTracker: editBirths((birth) => (birth.clock > 2 ? { ...birth, meta: { version: 0 } } : birth)),
    },
  },
];

const surroundings: readonly BrokenRule[] = [
  {
    rule: "an own entry that leaves because another is silent",
    found: /an entry of its own has left as down/,
    broken: {
      startTracker: believed(
        ({ pubsub: { nodeName } }) =>
          (diff, tracker) =>
            editTopics(diff, (told, topic) => {
              const own = told.leaves
                .filter(({ reason }) => reason === "down")
                .flatMap(({ key }) => tracker.getByKey(topic, key))
                .filter(({ node }) => node === nodeName);
              return {
                ...told,
                leaves: [...told.leaves, ...own.map((entry) => ({ ...entry, reason: "down" as const }))],
              };
            }),
      ),
    },
  },
  {
    rule: "a departure that nobody announced",
    found: /departed without a goodbye/,
    broken: { startTracker: sayInsteadOfDown("departed") },
  },
  {
    rule: "a replacement of one that lives",
    found: /replaced though it lives/,
    broken: { startTracker: sayInsteadOfDown("replaced") },
  },
  {
    rule: "a life after a later one of its name",
    found: /shows life \d+ after life \d+/,
    schedule: restarting,
    broken: { startTracker: reviveTheReplaced() },
  },
  {
    rule: "a frame that is none",
    found: /reported an error: .*no frame of rollcall/,
    broken: {
      startTracker: editSent((frame) => {
        const { message } = frame;
        if (message.type !== "heartbeat" || message.shards.length === 0) return frame;
        return { ...frame, message: { ...message, poolSize: 0 } };
      }),
    },
  },
  {
    rule: "direct frames in an idle cluster",
    found: /sent \d+ frames while idle/,
    broken: {
      replicator: editEffects((effect, { membership }) => {
        if (effect.type !== "broadcast") return effect;
        const { payload } = effect;
        return [
          effect,
          ...[...membership.replicas()].map(({ name: to }) => ({ type: "send" as const, to, payload })),
        ];
      }),
    },
  },
  {
    rule: "requests that are remembered for ever",
    found: /still has requests of \d+ lives for nothing/,
    broken: { replicator: keepsRequests },
  },
  {
    rule: "a node at rest that is woken for nothing",
    found: /still has a reason to wake \S+ ms before its tick/,
    broken: {
      replicator: stepping((_, step, event, nowMs) => {
        const { made, effects } = step();
        if (event.type !== "turn") return { made, effects };
        return { made, effects: [...effects, { type: "wake", atMs: nowMs + 60 }] };
      }),
    },
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
