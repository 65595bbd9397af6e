/**
 * The border of a running tracker: whatever arrives and whatever it is called with, it neither throws anything
 * but a TrackerError nor changes by what it refuses.
 */
import { describe, expect, it } from "vitest";
import { TrackerError } from "../../src/errors.js";
import { hearingItself } from "../support/own-voice.js";
import { decodeFrame } from "../../src/replication/wire/codec.js";
import { LIMITS } from "../../src/replication/limits.js";
import { simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import type { PubSub } from "../../src/pubsub/pubsub.js";
import { Machine } from "../../src/testing/machine.js";
import { listAll } from "../../src/testing/oracles.js";
import { SeededRandom } from "../../src/testing/random.js";
import { Session } from "../../src/session.js";
import { VirtualTime } from "../../src/testing/virtual-time.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { damage, nonsense } from "./mutate.js";

const frames = Number(process.env["FUZZ_FRAMES"] ?? 30_000);
const calls = 20_000;
const channels = ["rollcall:simulated", "rollcall:simulated:inbox"] as const;
const timeout = 600_000;

/** A cluster that has said all kinds of things, and what it has said. */
async function makeCluster(): Promise<{ cluster: SimulatedCluster; said: string[] }> {
  const cluster = await simulate({ seed: 1, nodes: ["a", "b", "c"], trace: true });
  const random = new SeededRandom("what a cluster says");
  const sessions = ["a", "b", "c"].map((name) => ({ name, session: cluster.node(name).session() }));
  for (let round = 0; round < 40; round += 1) {
    const { name, session } = random.pick(sessions);
    const topic = `room:${random.integer(1, 8)}`;
    const key = random.pick(["user:1", "user:2", "__proto__"]);
    if (random.chance(0.7)) cluster.node(name).tracker.set(session, topic, key, { round, name });
    else cluster.node(name).tracker.untrack(session, topic, key);
    if (round === 20) cluster.partition(["a"], ["b", "c"]);
    if (round === 30) cluster.heal();
    await cluster.advance(random.integer(0, 900));
  }
  await cluster.settle();
  const said = cluster.trace.flatMap((line) => /^\S+ \w+ > \w+ \S+ (\[.*)$/.exec(line)?.[1] ?? []);
  return { cluster, said };
}

interface Alone {
  readonly time: VirtualTime;
  readonly machine: Machine;
  readonly tracker: Tracker;
  /** Joins less leaves, by topic. */
  readonly totals: Map<string, number>;
  readonly receive: (channel: string, payload: string) => void;
}

/** A tracker whose pubsub brings what the test hands it and takes everything. */
async function startAlone(): Promise<Alone> {
  const time = new VirtualTime();
  const machine = new Machine({
    time,
    random: new SeededRandom("alone"),
    clockOffsetMs: 0,
    afterTask: () => undefined,
  });
  const receivers = new Map<string, (payload: string) => void>();
  const own = hearingItself("b");
  const pubsub: PubSub = {
    ...own,
    subscribe: (channel, receive) => {
      receivers.set(channel, receive);
      return own.subscribe(channel, receive);
    },
  };
  const totals = new Map<string, number>();
  const tracker = await Tracker.start(
    {
      handleDiff(diff) {
        for (const [topic, { joins, leaves }] of diff) {
          totals.set(topic, (totals.get(topic) ?? 0) + joins.length - leaves.length);
        }
      },
    },
    { name: "simulated", pubsub, runtime: machine.runtime },
  );
  tracker.on("error", () => undefined);
  await time.advance(10);
  return { time, machine, tracker, totals, receive: (channel, payload) => receivers.get(channel)?.(payload) };
}

function textOf(tracker: Tracker): string {
  return JSON.stringify(listAll(tracker).map(({ topic, entry }) => [topic, entry]));
}

describe("a tracker that receives junk", () => {
  it(`does not change by any of ${frames} frames that it refuses`, { timeout }, async () => {
    const { cluster, said } = await makeCluster();
    const b = cluster.node("b");
    const before = textOf(b.tracker);
    const random = new SeededRandom("refused");
    let refused = 0;
    const unread = { version: 0, kind: 0, holds: 0 };
    for (let count = 0; count < frames; count += 1) {
      const text = random.chance(0.2) ? nonsense(random) : damage(random.pick(said), random);
      const decoded = decodeFrame(text);
      if (decoded.frame !== undefined) continue;
      if ("unread" in decoded) unread[decoded.unread] += 1;
      else refused += 1;
      cluster.network.inject(b.endpoint, random.pick(channels), text);
      if (count % 1_000 === 0) expect(textOf(b.tracker)).toBe(before);
    }
    expect(textOf(b.tracker)).toBe(before);
    expect(refused).toBeGreaterThan(frames / 4);
    expect(b.tracker.health().counters).toMatchObject({
      framesRefused: refused,
      framesUnread: unread.version,
      framesOfUnknownKind: unread.kind,
    });
    await cluster.settle();
    expect(textOf(b.tracker)).toBe(before);
  });

  it(`is not broken by ${frames} frames that may pass for real ones`, { timeout }, async () => {
    const { said } = await makeCluster();
    const { time, machine, tracker, totals, receive } = await startAlone();
    const session = new Session();
    tracker.track(session, "room:1", "user:1", { round: 0, name: "own" });
    const random = new SeededRandom("forged");
    let longestMs = 0;
    for (let count = 0; count < frames; count += 1) {
      const text = damage(random.pick(said), random);
      // Processor time: what a busy machine does meanwhile is not the frame's doing.
      const began = process.cpuUsage();
      machine.arrive(() => receive(random.pick(channels), text));
      const { user, system } = process.cpuUsage(began);
      const tookMs = (user + system) / 1_000;
      longestMs = Math.max(longestMs, tookMs);
      if (tookMs > 500) throw new Error(`took ${tookMs} ms: ${text.slice(0, 500)}`);
      if (count % 50 === 0) await time.advance(random.integer(0, 100));
    }
    await time.advance(30_000);
    // A forger may claim entries, but what was delivered adds up, and what is this node's own is untouched.
    for (const topic of new Set([...totals.keys(), ...tracker.topics()])) {
      expect(tracker.count(topic), topic).toBe(totals.get(topic) ?? 0);
      expect(tracker.list(topic)).toHaveLength(tracker.count(topic));
    }
    expect(tracker.getByKey("room:1", "user:1").filter((entry) => entry.session === session.id)).toHaveLength(
      1,
    );
    expect(tracker.health().replicas.length).toBeLessThanOrEqual(LIMITS.knownLives);
    if (frames >= 1_000_000) {
      const heapMegabytes = process.memoryUsage().heapUsed / 2 ** 20;
      console.log(`longest frame ${longestMs.toFixed(0)} ms, heap ${heapMegabytes.toFixed(0)} MB`);
    }
    expect(({} as Record<string, unknown>)["round"]).toBeUndefined();
    // It still does its work.
    session.close();
    expect(tracker.getByKey("room:1", "user:1").filter((entry) => entry.session === session.id)).toEqual([]);
  });
});

/** Anything that a caller without types could pass. */
function anything(random: SeededRandom, sessions: readonly Session[]): unknown {
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  const values: readonly unknown[] = [
    undefined,
    null,
    true,
    0,
    -1,
    NaN,
    Infinity,
    12n,
    "",
    "room:1",
    "__proto__",
    "\ud800",
    "x".repeat(600),
    Symbol("symbol"),
    {},
    { page: "photos" },
    { nested: { list: [1, "two", null, { deep: true }] } },
    { date: new Date(0) },
    { call: () => 1 },
    { big: 1n },
    { not: NaN },
    { gone: undefined },
    { huge: "x".repeat(10_000) },
    JSON.parse('{"__proto__": {"polluted": true}}'),
    cyclic,
    [],
    [1],
    new Map(),
    new Date(0),
    () => ({ page: "made" }),
    () => {
      throw new TrackerError("INVALID_ARGUMENT", "thrown by the caller's own function");
    },
    new Proxy({}, { ownKeys: () => ["trap"], getOwnPropertyDescriptor: () => undefined }),
    ...sessions,
  ];
  return random.pick(values);
}

describe("a tracker that is called with anything", () => {
  it("returns a result or throws a TrackerError, and keeps its promises", { timeout }, async () => {
    const cluster = await simulate({ seed: 2, nodes: ["a", "b"] });
    const a = cluster.node("a");
    const random = new SeededRandom("calls");
    const sessions = [a.session(), a.session(), a.session()];
    const closed = a.session();
    closed.close();
    const methods = [
      "track",
      "set",
      "update",
      "untrack",
      "list",
      "getByKey",
      "count",
      "countKeys",
      "has",
      "explain",
    ] as const;
    const outcomes = { results: 0, refusals: 0 };
    for (let count = 0; count < calls; count += 1) {
      const method = random.pick(methods);
      const likely = [random.pick(sessions), "room:1", "user:1", { count }];
      const input = Array.from({ length: random.integer(0, 5) }, (_, index) =>
        random.chance(0.6) && index < 4 ? likely[index] : anything(random, [...sessions, closed]),
      );
      const call: unknown = Reflect.get(a.tracker, method);
      if (typeof call !== "function") throw new TypeError(`${method} is no method`);
      try {
        Reflect.apply(call, a.tracker, input);
        outcomes.results += 1;
      } catch (error) {
        if (!(error instanceof TrackerError)) {
          throw new Error(`${method}(${input.map((value) => describeValue(value)).join(", ")})`, {
            cause: error,
          });
        }
        outcomes.refusals += 1;
      }
      if (count % 500 === 0) await cluster.advance(random.integer(0, 2_000));
    }
    expect(outcomes.results).toBeGreaterThan(calls / 10);
    expect(outcomes.refusals).toBeGreaterThan(calls / 10);
    await cluster.settle();
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

function describeValue(value: unknown): string {
  if (typeof value === "object" && value !== null) return Object.prototype.toString.call(value);
  return String(value).slice(0, 40);
}
