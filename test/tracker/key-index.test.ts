/** One user across topics: the index says what a walk over all topics says, whenever it is asked. */
import { describe, expect, it } from "vitest";
import fc from "fast-check";
import type { Runtime } from "../../src/runtime.js";
import { Session } from "../../src/session.js";
import { simulate } from "../../src/testing/cluster.js";
import { SeededRandom } from "../../src/testing/random.js";
import type { Tracker } from "../../src/tracker/tracker.js";
import type { Diff } from "../../src/words.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { MemoryHub } from "../../src/adapters/memory.js";
import { virtualRuntime } from "../support/virtual-runtime.js";
import { codeOf, plainDiff, startAlone } from "./recorder.js";

const KEYS = ["ann", "bob", "__proto__", ""];
const TOPICS = ["room", "hall", "__proto__", "constructor"];

function expectIndexed(tracker: Tracker, when: string): void {
  for (const key of KEYS) {
    const walked = tracker.topics().filter((topic) => tracker.has(topic, key));
    expect([...tracker.topicsOf(key)].sort(), `${when}: ${JSON.stringify(key)}`).toEqual(walked.sort());
  }
}

/** A pubsub of which parts can be replaced. */
function through(pubsub: PubSub): PubSub {
  return {
    nodeName: pubsub.nodeName,
    broadcast: (channel, payload) => pubsub.broadcast(channel, payload),
    send: (node, channel, payload) => pubsub.send(node, channel, payload),
    subscribe: (channel, receive) => pubsub.subscribe(channel, receive),
  };
}

const anyCall = fc.record({
  does: fc.constantFrom("set", "set", "set", "untrack", "untrackTopic", "close"),
  session: fc.nat(3),
  topic: fc.constantFrom(...TOPICS),
  key: fc.constantFrom(...KEYS),
  meta: fc.nat(2),
});

describe("topicsOf", () => {
  it("says what a walk over the topics says, after every call and in every handler", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyCall, { maxLength: 40 }), fc.boolean(), async (calls, isHeard) => {
        const handleDiff = (_diff: unknown, told: Tracker): void => expectIndexed(told, "in a handler");
        const errors: unknown[] = [];
        const tracker = await startAlone(isHeard ? { handleDiff } : {}, { indexKeys: true });
        tracker.on("error", (error) => errors.push(error.cause));
        const sessions = [new Session(), new Session(), new Session(), new Session()];
        for (const { does, session: place, topic, key, meta } of calls) {
          const session = sessions[place] ?? new Session();
          if (does === "set") tracker.set(session, topic, key, { meta });
          else if (does === "untrack") tracker.untrack(session, topic, key);
          else if (does === "untrackTopic") tracker.untrack(session, topic);
          else {
            session.close();
            sessions[place] = new Session();
          }
          expectIndexed(tracker, does);
        }
        await tracker.stop({ handoffMs: 0 });
        expectIndexed(tracker, "after stop");
        expect(errors).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it.each([1, 2, 3, 4])("does so in a cluster with faults, handoffs and restarts, seed %d", async (seed) => {
    const random = new SeededRandom(`topicsOf ${seed}`);
    const nodes = ["a", "b", "c"];
    const cluster = await simulate({
      seed,
      nodes,
      options: { indexKeys: true },
      network: { lossRate: 0.05, delayMs: [1, 100] },
      behaviour: () => ({ handleDiff: (_diff, tracker) => expectIndexed(tracker, "in a handler") }),
    });
    const sessions: { session: Session; tracker: Tracker }[] = [];
    let most = 0;
    for (let step = 0; step < 200; step++) {
      const node = cluster.node(random.pick(nodes));
      if (random.chance(0.06)) {
        if (!node.running) await cluster.restart(node.name);
        else if (random.chance(0.5)) cluster.crash(node);
        else await cluster.stop(node, { handoffMs: random.pick([0, 5_000]) });
      } else if (node.running && random.chance(0.6)) {
        const session = random.chance(0.5)
          ? node.session()
          : (sessions.find(({ tracker }) => tracker === node.tracker)?.session ?? node.session());
        node.tracker.set(session, random.pick(TOPICS), random.pick(KEYS), { step });
        sessions.push({ session, tracker: node.tracker });
      } else if (sessions.length > 0) {
        sessions.splice(random.integer(0, sessions.length - 1), 1)[0]?.session.close();
      }
      if (random.chance(0.05)) cluster.partition(["a"], ["b", "c"]);
      if (random.chance(0.1)) cluster.heal();
      await cluster.advance(random.integer(0, 3_000));
      for (const { tracker, name } of cluster.running()) {
        expectIndexed(tracker, `step ${step} on ${name}`);
        for (const key of KEYS) most = Math.max(most, tracker.topicsOf(key).length);
      }
    }
    expect(most).toBeGreaterThan(1);
    for (const { events } of cluster.lives) {
      const failed = events.filter(({ detail }) => (detail as { code?: unknown }).code === "HANDLER_FAILED");
      expect(failed.map(({ detail }) => (detail as Error).cause)).toEqual([]);
    }
  });

  it("knows what has changed and was not delivered yet, when the pubsub asks while it is called", async () => {
    const { time, runtime } = virtualRuntime();
    const hub = new MemoryHub();
    const asked = new Set<string>();
    const told: Diff[] = [];
    let isCut = false;
    const starting: { tracker?: Tracker } = {};
    const asking: PubSub = {
      ...through(hub.node("a")),
      broadcast(channel, payload) {
        const { tracker } = starting;
        if (tracker !== undefined) {
          const is = tracker.has("room", "ann") ? "is here" : "is not here";
          asked.add(`${is}, ${tracker.topicsOf("ann").join() || "nowhere"}, ${told.length} told`);
        }
        return hub.node("a").broadcast(channel, payload);
      },
    };
    const cut: PubSub = {
      ...through(hub.node("b")),
      broadcast: (channel, payload) => (isCut ? undefined : hub.node("b").broadcast(channel, payload)),
      send: (node, channel, payload) => (isCut ? undefined : hub.node("b").send(node, channel, payload)),
    };
    const handleDiff = (diff: Diff): void => {
      if (diff.has("room")) told.push(diff);
    };
    // Its timers are late, so that much is due at once: it has something to send as it finds the other one silent.
    const late: Runtime = {
      ...runtime,
      schedule: (delayMs, callback) => runtime.schedule(delayMs + 400, callback),
    };
    const options = { indexKeys: true, broadcastPeriodMs: 0 };
    const tracker = await startAlone({ handleDiff }, { ...options, pubsub: asking, runtime: late });
    starting.tracker = tracker;
    const other = await startAlone({}, { pubsub: cut, runtime });
    other.track(new Session(), "room", "ann", {});
    await time.advance(5_000);
    isCut = true;
    const busy = new Session();
    for (let ms = 0; ms < 20_000; ms += 100) {
      tracker.set(busy, "hall", "bob", { ms });
      await time.advance(100);
    }
    expect(told.map(plainDiff)).toEqual([{ room: ["join ann"] }, { room: ["leave ann down"] }]);
    expect([...asked].sort()).toEqual([
      "is here, room, 1 told",
      "is not here, nowhere, 0 told",
      "is not here, nowhere, 1 told",
      "is not here, nowhere, 2 told",
    ]);
    const stopped = Promise.all([tracker.stop({ handoffMs: 0 }), other.stop({ handoffMs: 0 })]);
    await time.advance(0);
    await stopped;
  });

  it("names the option where it was not given, and refuses what is no boolean", async () => {
    const tracker = await startAlone();
    expect(() => tracker.topicsOf("ann")).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTION",
        details: expect.objectContaining({ option: "indexKeys" }) as object,
      }),
    );
    expect(() => tracker.topicsOf("ann")).toThrow(/`indexKeys: true`/);
    await tracker.stop({ handoffMs: 0 });
    for (const indexKeys of [1, "yes"]) {
      await expect(startAlone({}, { indexKeys: indexKeys as never })).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
    }
    expect(codeOf(() => tracker.topicsOf("ann"))).toBe("INVALID_OPTION");
  });
});
