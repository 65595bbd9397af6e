/**
 * A pubsub is the user's own code. Whatever it returns, throws, or tells at an odd moment is reported and costs
 * nothing else: the tracker says that it is there for as long as it runs, and `stop` ends.
 */
import { describe, expect, it } from "vitest";
import type { TrackerError } from "../../src/errors.js";
import type { PubSub, PubSubStatus } from "../../src/pubsub/pubsub.js";
import type { Runtime } from "../../src/runtime.js";
import type { TrackerBehaviour } from "../../src/tracker/behaviour.js";
import { Session } from "../../src/session.js";
import { Tracker } from "../../src/tracker/tracker.js";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import { allowNoUnhandledRejections } from "../support/rejections.js";
import { virtualRuntime } from "../support/virtual-runtime.js";
import { codeOf } from "./recorder.js";

const startTimeoutMs = 3_000;
const heartbeatPeriodMs = 1_000;

allowNoUnhandledRejections();

/** A tracker on a pubsub of parts, on virtual time. */
class Bench {
  readonly virtual = virtualRuntime();
  readonly errors: TrackerError[] = [];
  broadcasts: string[] = [];
  receive: ((payload: never) => void)[] = [];
  readonly #parts: Partial<Record<keyof PubSub, unknown>>;
  #tracker: Tracker | undefined;

  constructor(parts: Partial<Record<keyof PubSub, unknown>> = {}) {
    this.#parts = parts;
  }

  get pubsub(): PubSub {
    const pubsub: Record<string, unknown> = {
      nodeName: "a",
      ...this.#parts,
      // Whatever it returns, it delivers: to this node, too.
      broadcast: (channel: string, payload: string) => {
        this.broadcasts.push(payload);
        this.#bringBack(payload);
        return this.#do("broadcast", channel, payload);
      },
      send: (node: string, channel: string, payload: string) => {
        if (node === "a") this.#bringBack(payload);
        return this.#do("send", node, channel, payload);
      },
      subscribe: (channel: string, receive: () => void) => {
        this.receive.push(receive);
        return this.#parts.subscribe === undefined
          ? () => undefined
          : this.#do("subscribe", channel, receive);
      },
    };
    return pubsub as unknown as PubSub;
  }

  #do(part: keyof PubSub, ...given: readonly unknown[]): unknown {
    const does = this.#parts[part];
    return typeof does === "function" ? (does(...given) as unknown) : undefined;
  }

  #bringBack(payload: string): void {
    const [receive] = this.receive;
    queueMicrotask(() => receive?.(payload as never));
  }

  async start(behaviour: TrackerBehaviour = {}, runtime: Partial<Runtime> = {}): Promise<Tracker> {
    const tracker = await Tracker.start(behaviour, {
      name: "test",
      pubsub: this.pubsub,
      runtime: { ...this.virtual.runtime, ...runtime },
      startTimeoutMs,
      heartbeatPeriodMs,
      broadcastPeriodMs: 0,
    });
    this.#tracker = tracker;
    // What it said to hear itself.
    this.broadcasts = [];
    return tracker;
  }

  async listen(behaviour: TrackerBehaviour = {}): Promise<Tracker> {
    const tracker = await this.start(behaviour);
    tracker.on("error", (error) => this.errors.push(error));
    await this.pass(0);
    return tracker;
  }

  pass(durationMs: number): Promise<void> {
    return this.virtual.time.advance(durationMs);
  }

  /** How many times it says that it is there, in ten heartbeat periods. */
  async heartbeats(): Promise<number> {
    await this.pass(0);
    this.broadcasts = [];
    await this.pass(10 * heartbeatPeriodMs);
    return this.broadcasts.length;
  }

  /** Stops the tracker; says how long that took. */
  async stop(): Promise<number> {
    const beganMs = this.virtual.time.nowMs;
    let endedMs: number | undefined;
    void this.#tracker?.stop({ handoffMs: 0 }).then(() => (endedMs = this.virtual.time.nowMs));
    await this.pass(10 * startTimeoutMs);
    return (endedMs ?? Infinity) - beganMs;
  }

  get codes(): string[] {
    return [...new Set(this.errors.map(({ code }) => code))];
  }
}

const raise = (): never => {
  throw new Error("mine");
};
/** An object that throws when it is looked at. */
const opaque = (): object => new Proxy({}, { get: raise, has: raise, getPrototypeOf: raise });
const never = (): Promise<never> => new Promise(() => undefined);

/** What a function may return, and with what code it is reported. */
const returns: readonly (readonly [string, () => unknown, "fine" | "reported"])[] = [
  ["true", () => true, "fine"],
  ["0", () => 0, "fine"],
  ["null", () => null, "fine"],
  ["a text", () => "sent", "fine"],
  ["an object", () => ({}), "fine"],
  ["an object with a `then` that is no function", () => ({ then: 5 }), "fine"],
  ["a promise of a boolean", () => Promise.resolve(true), "fine"],
  ["a thenable that calls back twice", () => ({ then: (done: () => void) => [done(), done()] }), "fine"],
  ["a thenable that throws", () => ({ then: raise }), "reported"],
  ["a function that is a thenable and throws", () => Object.assign(() => 1, { then: raise }), "reported"],
  [
    "an object whose `then` throws when it is read",
    () => Object.defineProperty({}, "then", { get: raise }),
    "reported",
  ],
  ["a rejected promise", () => Promise.reject(new Error("mine")), "reported"],
  ["a promise rejected with nothing", () => Promise.reject(), "reported"],
  ["nothing, because it throws", raise, "reported"],
  [
    "nothing, because it throws what cannot be looked at",
    () => {
      throw opaque();
    },
    "reported",
  ],
  ["a promise rejected with what cannot be looked at", () => Promise.reject(opaque()), "reported"],
];

describe("broadcast returns", () => {
  it.each(returns)("%s", async (_, broadcast, outcome) => {
    const bench = new Bench({ broadcast });
    await bench.listen();
    expect(await bench.heartbeats()).toBe(10);
    expect(bench.codes).toEqual(outcome === "fine" ? [] : ["PUBLISH_FAILED"]);
    expect(await bench.stop()).toBe(0);
  });

  it("promises that never settle: reported once, and no memory is kept for them", async () => {
    const bench = new Bench({ broadcast: never });
    await bench.listen();
    await bench.pass(1_500 * heartbeatPeriodMs);
    expect(bench.errors.map(({ code, details }) => [code, details])).toEqual([
      ["PUBLISH_FAILED", { unsettled: 1_024 }],
    ]);
    expect(await bench.stop()).toBe(startTimeoutMs);
  });
});

describe("a start that the pubsub does not answer", () => {
  /** Whether each timer that the wait has set keeps the process alive, and what the start came to. */
  async function unanswered(parts: Partial<Record<keyof PubSub, unknown>>): Promise<[boolean[], unknown]> {
    const bench = new Bench({ subscribe: never, ...parts });
    const kept: boolean[] = [];
    const { runtime } = bench.virtual;
    let outcome: unknown;
    void bench
      .start(
        {},
        {
          schedule: (delayMs, callback, options) => {
            kept.push(options?.keepsAlive === true);
            return runtime.schedule(delayMs, callback);
          },
        },
      )
      .catch((error: unknown) => (outcome = error));
    await bench.pass(startTimeoutMs - 1);
    expect(outcome).toBe(undefined);
    const keptByTheWait = [...kept];
    await bench.pass(1);
    return [keptByTheWait, outcome];
  }

  it("keeps the process alive until it is over", async () => {
    const [kept, error] = await unanswered({});
    expect(kept).toContain(true);
    expect(error).toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    expect(error).not.toHaveProperty("cause");
  });

  it("says what the pubsub has told meanwhile", async () => {
    const refusal = new Error("ECONNREFUSED");
    let stopped = 0;
    const onError = (listener: (error: unknown) => void): (() => void) => {
      queueMicrotask(() => listener(refusal));
      return () => void (stopped += 1);
    };
    const [, error] = await unanswered({ onError });
    expect(error).toMatchObject({ code: "PUBSUB_UNAVAILABLE", cause: refusal });
    expect(stopped).toBe(1);
  });

  it("costs nothing where the pubsub refuses a listener", async () => {
    for (const onError of [raise, () => raise, () => 5, never]) {
      const [, error] = await unanswered({ onError });
      expect(error).toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
      expect(error).not.toHaveProperty("cause");
    }
  });
});

describe("subscribe and listeners return", () => {
  it.each(returns)("%s, to end with", async (_, unsubscribe) => {
    const bench = new Bench({ subscribe: () => unsubscribe, onStatus: () => unsubscribe });
    await bench.listen();
    expect(await bench.heartbeats()).toBe(10);
    expect(await bench.stop()).toBe(0);
  });

  it("what is no function: reported at the end", async () => {
    const bench = new Bench({ subscribe: () => undefined, onStatus: () => 5, onNodeGone: () => ({}) });
    await bench.listen();
    expect(await bench.heartbeats()).toBe(10);
    expect(bench.errors).toEqual([]);
    expect(await bench.stop()).toBe(0);
    expect(bench.errors.map(({ code }) => code)).toEqual(Array(4).fill("PUBSUB_UNAVAILABLE"));
  });

  it("what rejects: reported, and the tracker runs", async () => {
    const bench = new Bench({ onError: () => Promise.reject(new Error("mine")) });
    await bench.listen();
    expect(await bench.heartbeats()).toBe(10);
    expect(await bench.stop()).toBe(0);
    expect(bench.codes).toEqual(["PUBSUB_UNAVAILABLE"]);
  });

  it("what never ends: stop does, in time, and reports", async () => {
    const bench = new Bench({ subscribe: () => never, onStatus: () => never, onNodeGone: never });
    await bench.listen();
    expect(await bench.stop()).toBe(startTimeoutMs);
    expect(bench.codes).toEqual(["PUBSUB_UNAVAILABLE"]);
  });

  it("what never ends, after a goodbye that is never sent: stop still ends in time", async () => {
    const bench = new Bench({ subscribe: () => never, broadcast: never });
    await bench.listen();
    expect(await bench.stop()).toBe(startTimeoutMs);
  });

  it("what throws: the others are ended all the same", async () => {
    let ended = 0;
    const bench = new Bench({ subscribe: () => raise, onError: () => () => void (ended += 1) });
    await bench.listen();
    expect(await bench.stop()).toBe(0);
    // The listener of the start, and the one of the run.
    expect([ended, bench.codes]).toEqual([2, ["PUBSUB_UNAVAILABLE"]]);
  });
});

describe("a pubsub that throws at the start", () => {
  it.each(["subscribe", "onStatus", "onNodeGone", "onError"] as const)("in %s", async (place) => {
    let subscriptions = 0;
    const subscribe = (): (() => void) => {
      subscriptions += 1;
      return () => void (subscriptions -= 1);
    };
    const bench = new Bench({ subscribe, [place]: raise });
    await expect(bench.start()).rejects.toMatchObject({ code: "PUBSUB_UNAVAILABLE" });
    await bench.pass(10_000);
    expect([subscriptions, bench.virtual.timers.size]).toEqual([0, 0]);
  });
});

describe("a pubsub that tells at an odd moment", () => {
  it("delivers and changes its status within subscribe, broadcast and each other", async () => {
    const bench = new Bench();
    let status: ((status: PubSubStatus) => void) | undefined;
    let gone: ((node: string) => void) | undefined;
    let failed: ((error: unknown) => void) | undefined;
    let depth = 0;
    const everything = (): void => {
      if (++depth > 3) return;
      for (const receive of bench.receive) {
        for (const payload of ["junk", 5, undefined, Buffer.from("junk"), bench.broadcasts.at(-1)]) {
          receive(payload as never);
        }
      }
      status?.("disconnected");
      gone?.("b");
      status?.("connected");
      failed?.(new Error("mine"));
      depth -= 1;
    };
    const busy = new Bench({
      broadcast: () => everything(),
      subscribe: (_: string, receive: (payload: string) => void) => {
        bench.receive.push(receive);
        everything();
        return everything;
      },
      onStatus: (listener: typeof status) => ((status = listener), everything(), everything),
      onNodeGone: (listener: typeof gone) => ((gone = listener), everything(), everything),
      onError: (listener: typeof failed) => ((failed = listener), everything(), everything),
    });
    const tracker = await busy.listen();
    tracker.track(new Session(), "room", "ann", {});
    expect(await busy.heartbeats()).toBeGreaterThanOrEqual(10);
    expect(tracker.list("room")).toHaveLength(1);
    expect(busy.codes.sort()).toEqual(["INVALID_FRAME", "PUBSUB_UNAVAILABLE"]);
    expect(await busy.stop()).toBe(0);
    const { framesReceived } = tracker.health().counters;
    depth = 0;
    everything();
    expect(tracker.health().counters.framesReceived).toBe(framesReceived);
  });

  it("a frame that comes while the pubsub is being called is taken after it, and in its order", async () => {
    const said = new Bench();
    await said.listen();
    await said.pass(3 * heartbeatPeriodMs);
    const heard = said.broadcasts.map((payload) => payload.replaceAll('"a"', '"b"'));
    const frames = heard.length;
    expect(frames).toBe(4);
    let receivedMeanwhile = -1;
    let look = (): number => -1;
    const bench = new Bench({
      broadcast: () => {
        if (look() < 0) return;
        for (const payload of heard.splice(0)) {
          for (const receive of bench.receive) receive(payload as never);
          receivedMeanwhile = look();
        }
      },
    });
    const tracker = await bench.start();
    look = () => tracker.health().counters.framesReceived;
    await bench.pass(1);
    expect(receivedMeanwhile).toBe(0);
    const { framesReceived, framesLate } = tracker.health().counters;
    expect([framesReceived, framesLate]).toEqual([2 * frames, frames]);
    await Promise.all([bench.stop(), said.stop()]);
  });

  it("more frames than can wait are counted, and reported once", async () => {
    const bench = new Bench({
      subscribe(_: string, receive: (payload: string) => void) {
        for (let number = 0; number < 10_000; number++) receive("junk");
        return () => undefined;
      },
    });
    const tracker = await bench.listen();
    const { framesReceived, framesRefused } = tracker.health().counters;
    expect([framesReceived, framesRefused]).toEqual([20_000, 20_000]);
    const reasons = bench.errors.map(({ details }) => details["reason"]);
    expect(reasons.filter((reason) => String(reason).includes("came at once"))).toHaveLength(1);
    await bench.stop();
  });

  it("what a busy cluster sends while this node starts is taken whole, a thousand frames in a turn", async () => {
    const life = { name: "b", incarnation: "00000000000001" };
    const clocks = Array.from({ length: 2_500 }, (_, number) => number);
    const frames = clocks.map((since) =>
      encodeFrame({
        ...{ from: life, to: undefined, counter: since + 1 },
        message: {
          type: "delta",
          shard: 0,
          since,
          upTo: since + 1,
          part: 1,
          parts: 1,
          births: [],
          removed: [],
        },
      }),
    );
    const bench = new Bench({
      subscribe(channel: string, receive: (payload: string) => void) {
        if (!channel.endsWith("inbox")) for (const frame of frames) receive(frame);
        return () => undefined;
      },
    });
    let received = (): number => 0;
    const taken: number[] = [];
    const { schedule } = bench.virtual.runtime;
    const tracker = await bench.start(
      {},
      {
        schedule: (delayMs, callback, options) =>
          schedule(
            delayMs,
            () => {
              const before = received();
              callback();
              if (received() > before) taken.push(received() - before);
            },
            options,
          ),
      },
    );
    received = () => tracker.health().counters.framesReceived;
    tracker.on("error", (error) => bench.errors.push(error));
    await bench.pass(0);
    expect(taken).toEqual([1_000, 1_000, 500]);
    expect(bench.errors).toEqual([]);
    const { deltasMerged, framesLate } = tracker.health().counters;
    expect([deltasMerged, framesLate]).toEqual([2_500, 0]);
    await bench.stop();
  });

  it("a status that is none is reported, and changes nothing", async () => {
    let tell: ((status: unknown) => void) | undefined;
    const bench = new Bench({ onStatus: (listener: typeof tell) => ((tell = listener), raise) });
    const tracker = await bench.listen();
    for (const status of [undefined, "ready", {}, true]) tell?.(status);
    expect(bench.errors.map(({ code }) => code)).toEqual(Array(4).fill("PUBSUB_UNAVAILABLE"));
    expect(tracker.health().connected).toBe(true);
    await bench.stop();
  });
});

describe("a listener", () => {
  it("that stops the tracker on the first error stops it once", async () => {
    const bench = new Bench({ broadcast: raise });
    const tracker = await bench.start();
    let stops = 0;
    tracker.on("error", () => {
      stops += 1;
      void tracker.stop();
    });
    await bench.pass(10_000);
    expect([tracker.stopped, bench.broadcasts.length]).toEqual([true, 2]);
    expect(stops).toBe(2);
    expect(codeOf(() => tracker.track(new Session(), "room", "ann", {}))).toBe("TRACKER_STOPPED");
  });

  it("of errors that changes the list does so after what was going on", async () => {
    const bench = new Bench({ broadcast: raise });
    const seen: string[] = [];
    const tracker = await bench.start({ handleDiff: (diff) => void seen.push(...diff.keys()) });
    const session = new Session();
    tracker.on("error", () => {
      if (!session.closed) tracker.set(session, `room ${seen.length}`, "ann", {});
      if (seen.length > 5) session.close();
    });
    await bench.pass(20_000);
    expect(tracker.topics()).toEqual([]);
    expect(await bench.heartbeats()).toBe(10);
    await bench.stop();
  });

  it("of errors that makes the pubsub fail again ends", async () => {
    let fail: ((error: unknown) => void) | undefined;
    const bench = new Bench({ onError: (listener: typeof fail) => ((fail = listener), () => undefined) });
    const tracker = await bench.start();
    let heard = 0;
    tracker.on("error", () => {
      heard += 1;
      fail?.(new Error("again"));
    });
    fail?.(new Error("first"));
    // The others of their kind are counted, and told of now and then.
    expect(heard).toBe(10);
    expect(await bench.heartbeats()).toBe(10);
    await bench.stop();
  });

  it.each(returns)("may return %s, and a warning too", async (_, listener) => {
    const bench = new Bench({ broadcast: raise });
    let warnings = 0;
    const warn = (): void => {
      warnings += 1;
      return listener() as never;
    };
    const tracker = await bench.start({ handleDiff: listener as never }, { warn });
    const off = tracker.on("error", listener as never);
    tracker.track(new Session(), "room", "ann", {});
    expect(await bench.heartbeats()).toBe(10);
    off();
    expect(await bench.heartbeats()).toBe(10);
    expect(warnings).toBeGreaterThan(0);
    expect(await bench.stop()).toBe(0);
  });
});

describe("the timer", () => {
  it("is set again, whatever was thrown", async () => {
    const bench = new Bench();
    const { runtime, time } = bench.virtual;
    const thrown: unknown[] = [];
    let isBroken = false;
    let reads = 0;
    await bench.start(
      {},
      {
        // The first look at the clock in a turn is the alarm's, the second what is done in it, the third for the next.
        monotonicMs: () => (++reads === 2 && isBroken ? raise() : time.nowMs),
        schedule: (delayMs, callback) =>
          runtime.schedule(delayMs, () => {
            reads = 0;
            try {
              callback();
            } catch (error) {
              thrown.push(error);
            }
          }),
      },
    );
    await bench.pass(10);
    isBroken = true;
    await bench.pass(2_000);
    isBroken = false;
    expect(thrown.length).toBeGreaterThan(2);
    expect(await bench.heartbeats()).toBeGreaterThanOrEqual(10);
    await bench.stop();
  });
});
