/**
 * Whatever the public borders are called with ends in an error of the library or works, also where a value throws when it
 * is looked at: a getter, a revoked proxy, a conversion, an adapter or an emitter of somebody else.
 */
import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { broadcastChannelPubSub } from "../src/adapters/broadcast-channel.js";
import { clusterPubSub } from "../src/adapters/cluster.js";
import { memoryPubSub } from "../src/adapters/memory.js";
import { natsPubSub } from "../src/adapters/nats.js";
import { postgresPubSub } from "../src/adapters/postgres.js";
import { redisPubSub } from "../src/adapters/redis.js";
import { sealed } from "../src/adapters/sealed.js";
import { socketIoPubSub } from "../src/adapters/socket-io.js";
import { ChannelServer } from "../src/channels/index.js";
import { isTrackerError } from "../src/errors.js";
import { inspectFetch, inspectHandler } from "../src/inspect/index.js";
import { metricsOf, observeMetrics, prometheusText } from "../src/metrics/index.js";
import { Presence } from "../src/presence/presence.js";
import type { PubSub } from "../src/pubsub/pubsub.js";
import { Session } from "../src/session.js";
import { simulate } from "../src/testing/index.js";
import { Tracker, type TrackerOptions } from "../src/tracker/tracker.js";
import { oddValues } from "./support/odd-values.js";
import { allowNoUnhandledRejections } from "./support/rejections.js";

allowNoUnhandledRejections();

const raise = (): never => {
  throw new Error("looked at");
};
const rejects = async (): Promise<never> => raise();

class Getters {
  get name(): never {
    return raise();
  }
  get limit(): never {
    return raise();
  }
  get then(): never {
    return raise();
  }
}

function values(): readonly (readonly [name: string, value: unknown])[] {
  const { proxy, revoke } = Proxy.revocable(() => undefined, {});
  revoke();
  return [
    ...oddValues(),
    ["a revoked function", proxy],
    ["an object that cannot be converted", { valueOf: raise, toString: raise, [Symbol.toPrimitive]: raise }],
    ["an object with a value", { valueOf: () => 7 }],
    ["an emitter that throws", { once: raise, off: raise, on: raise, addEventListener: raise }],
    ["an emitter that rejects", { once: rejects, off: rejects, on: () => 1, listeners: () => [] }],
    ["a frozen emitter", Object.freeze({ on: () => 1, off: () => 1, listeners: () => [], emit: () => true })],
    ["a server that throws", { on: raise, off: () => 1, listeners: () => [] }],
    ["an iterable that throws", { [Symbol.iterator]: raise }],
    ["an iterable of symbols", [Symbol("odd")]],
    ["an object without a prototype", Object.create(null)],
    ["a class instance whose getters throw", new Getters()],
    ["a thenable that throws", { then: raise }],
  ];
}

type Take = (value: never) => unknown;

/** Each value ends in an error of the library, or is taken. */
async function isSafe(call: string, take: Take): Promise<void> {
  for (const [name, value] of values()) {
    try {
      await take(value as never);
    } catch (error) {
      if (!isTrackerError(error)) throw new Error(`${call} with ${name}`, { cause: error });
    }
  }
}

const pubsub = memoryPubSub();
const session = new Session();
let started = 0;

/** Starts a tracker with options like these, and stops it. */
async function start(options: object, of: "tracker" | "presence" = "tracker"): Promise<void> {
  const given = { name: `odd ${++started}`, pubsub, startTimeoutMs: 50, ...options };
  const tracker = await (of === "tracker" ? Tracker.start({}, given) : Presence.start(given));
  await tracker.stop({ handoffMs: 0 });
}

/** A call with each of its arguments in turn, or each of the options of its last one. */
function calls(
  name: string,
  call: (...args: never[]) => unknown,
  args: readonly unknown[],
  options: readonly string[] = [],
): [string, Take][] {
  const at = (place: number, value: unknown): never[] =>
    args.map((arg, index) => (index === place ? value : arg)) as never[];
  return [
    ...args.map((_, place): [string, Take] => [
      `${name}, argument ${place + 1}`,
      (value) => call(...at(place, value)),
    ]),
    ...options.map((option): [string, Take] => [
      `${name}, ${option}`,
      (value) => call(...at(args.length - 1, { ...(args.at(-1) as object), [option]: value })),
    ]),
  ];
}

function starts(of: "tracker" | "presence", options: readonly string[]): [string, Take][] {
  return options.map((option) => [`start of a ${of}, ${option}`, (value) => start({ [option]: value }, of)]);
}

const trackerOptions = [
  ...["name", "pubsub", "runtime", "poolSize", "maxMetaBytes", "maxEntries", "broadcastPeriodMs"],
  ...["heartbeatPeriodMs", "downPeriodMs", "permdownPeriodMs", "indexKeys", "lastSeenKept", "schema"],
  ...["invalidMetas", "expect", "observer", "diagnostics"],
];
const made: readonly [string, Take][] = [
  ...calls("Tracker.start", (behaviour, options) => Tracker.start(behaviour, options), [{}, { pubsub }]),
  ...starts("tracker", trackerOptions),
  ["Tracker.start, handleDiff", (handleDiff) => Tracker.start({ handleDiff }, { name: "" } as never)],
  ["Presence.start", (options) => Presence.start(options)],
  ...starts("presence", ["name", "pubsub", "runtime", "schema", "fetch", "handleMetas", "fetchTimeoutMs"]),
  ...calls("memoryPubSub", memoryPubSub, [{}], ["nodeName"]),
  ...calls("clusterPubSub", clusterPubSub, [{}], ["nodeName", "relayTimeoutMs"]),
  ["broadcastChannelPubSub", (value) => broadcastChannelPubSub(value).close()],
  ...calls(
    "redisPubSub",
    redisPubSub,
    [{}],
    ["publisher", "subscriber", "shards", "nodeName", "prefix", "sharded"],
  ),
  ["redisPubSub, shards", (shard) => redisPubSub({ shards: [shard] })],
  ...calls("natsPubSub", natsPubSub, [{}], ["connection", "nodeName", "prefix"]),
  ...calls("postgresPubSub", postgresPubSub, [{}], ["client", "nodeName", "prefix"]),
  ...calls("socketIoPubSub", socketIoPubSub, [{}, {}], ["nodeName"]),
  ...calls("sealed", sealed, [pubsub, {}], ["keys", "mode", "acceptUnsealed", "sealing", "runtime"]),
  ...calls("simulate", simulate, [{ nodes: [], seed: 1 }], ["seed", "nodes"]),
  ["new ChannelServer", (value) => new ChannelServer(value)],
  ["attach", (value) => void new ChannelServer({ pubsub }).attach(value)],
  ["socket", (path) => new ChannelServer({ pubsub }).socket(path)],
  ["joinsPerSecond", (joinsPerSecond) => new ChannelServer({ pubsub, joinsPerSecond })],
  ["checkOrigin", (origin) => new ChannelServer({ pubsub, checkOrigin: [origin] })],
  ["metricsOf", (value) => metricsOf(value)],
  ["prometheusText", (value) => prometheusText(value)],
  ["observeMetrics", (value) => observeMetrics(value)],
  ["inspectHandler", (value) => inspectHandler(value)],
  ["inspectFetch", (value) => inspectFetch(value)],
  ["Session.from", (value) => Session.from(value, "close").close()],
  ["Session.from, event", (value) => Session.from(new EventEmitter(), value)],
  ["Session.from, options", (value) => Session.from(new EventEmitter(), "close", value)],
  ["Session.from, options of a signal", (value) => Session.from(new AbortController().signal, value)],
  ["Session.from, graceMs", (graceMs) => Session.from(new EventEmitter(), "close", { graceMs })],
  ["Session.close", (value) => new Session().close(value)],
  ["Session.close, graceMs", (graceMs) => new Session().close({ graceMs })],
];

describe("what is made of a value that throws when it is looked at", () => {
  it.each(made)("%s", isSafe);
});

const nothing = (): void => undefined;

function ofTracker(tracker: Tracker): [string, Take][] {
  const ends = ["signal", "session"];
  return [
    ...calls("track", tracker.track.bind(tracker), [session, "room", "ann", {}]),
    ...calls("set", tracker.set.bind(tracker), [session, "room", "ann", {}]),
    ...calls("update", tracker.update.bind(tracker), [session, "room", "nobody", {}]),
    ...calls("untrack", tracker.untrack.bind(tracker), [session, "room", "ann"]),
    ...calls("evict", tracker.evict.bind(tracker), ["room", "ann", "reason"]),
    ...calls("entries", tracker.entries.bind(tracker), ["room", {}], ["after", "limit"]),
    ...calls("responsible", tracker.responsible.bind(tracker), ["job", ["a"]]),
    ...calls("isResponsible", tracker.isResponsible.bind(tracker), ["job", ["a"]]),
    ...calls("explain", tracker.explain.bind(tracker), ["room", "ann"]),
    ...calls("on", (event, listener) => tracker.on(event, listener)(), ["error", nothing]),
    ...calls("diffs", (options: never) => tracker.diffs(options), [{}], [...ends, "maxBuffered"]),
    ...["list", "count", "countKeys", "topicsOf", "session"].map((name): [string, Take] => [
      name,
      (value) => (tracker as unknown as Record<string, Take>)[name]?.(value),
    ]),
    ["whenComplete", (options) => void tracker.whenComplete(options).catch(nothing)],
    ["stop, handoffMs", (handoffMs) => tracker.stop({ handoffMs })],
    ["stop", (options) => tracker.stop(options)],
  ];
}

function ofPresence(presence: Presence): [string, Take][] {
  const ends = ["signal", "session", "ended"];
  const follow = { state: nothing, diff: nothing };
  return [
    ...calls(
      "subscribe",
      (topic, subscriber) => presence.subscribe(topic, subscriber)(),
      ["room", follow],
      [...ends, "state", "diff", "online"],
    ),
    ...calls(
      "forward",
      (topic, push, options) => presence.forward(topic, push, options)(),
      ["room", nothing, {}],
      [...ends, "limit"],
    ),
    ...calls(
      "followCount",
      (topic, callback, options) => presence.followCount(topic, callback, options)(),
      ["room", nothing, {}],
      [...ends, "periodMs"],
    ),
    ...calls("changes", (topic, options) => presence.changes(topic, options), ["room", {}]),
    ["stop", (options) => presence.stop(options)],
  ];
}

describe("what is called with a value that throws when it is looked at", () => {
  it("is a tracker", async () => {
    const options: TrackerOptions = { name: "odd calls", pubsub, indexKeys: true };
    const tracker = await Tracker.start({}, options);
    for (const [call, take] of ofTracker(tracker)) await isSafe(call, take);
    await tracker.stop({ handoffMs: 0 });
  });

  it("is a presence", async () => {
    const presence = await Presence.start({ name: "odd follows", pubsub });
    for (const [call, take] of ofPresence(presence)) await isSafe(call, take);
    await presence.stop({ handoffMs: 0 });
  });
});

describe("an instance of a class as options", () => {
  class Options {
    readonly poolSize = 2;
    get name(): string {
      return "of a class";
    }
    get pubsub(): PubSub {
      return pubsub;
    }
  }

  it("is as good as an object", async () => {
    for (const start of [() => Tracker.start({}, new Options()), () => Presence.start(new Options())]) {
      const tracker = await start();
      expect(tracker.name).toBe("of a class");
      await tracker.stop({ handoffMs: 0 });
    }
  });
});

describe("an emitter whose once takes its time", () => {
  it("ends the session if it fails, and no process", async () => {
    let fail: (reason: Error) => void = nothing;
    const promise = new Promise((_, reject) => (fail = reject));
    const source = { once: () => promise };
    const [first, second] = [Session.from(source, "close"), Session.from(source, "close")];
    expect(first.closed).toBe(false);
    fail(new Error("it is gone"));
    await new Promise((resolve) => setImmediate(resolve));
    expect([first.closed, second.closed]).toEqual([true, true]);
  });
});

describe("a server whose listeners cannot be put on", () => {
  it("is left as it was", () => {
    const emit = (): boolean => true;
    const server = { on: raise, off: nothing, listeners: () => [], emit };
    const channels = new ChannelServer({ pubsub });
    expect(() => channels.attach(server)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(server.emit).toBe(emit);
  });
});
