/** A name with a slip of the pen is an error that names the nearest. */
import { describe, expect, it } from "vitest";
import { broadcastChannelPubSub } from "../src/adapters/broadcast-channel.js";
import { clusterPubSub, setupPrimary } from "../src/adapters/cluster.js";
import { memoryPubSub } from "../src/adapters/memory.js";
import { natsPubSub } from "../src/adapters/nats.js";
import { postgresPubSub } from "../src/adapters/postgres.js";
import { redisPubSub } from "../src/adapters/redis.js";
import { socketIoPubSub } from "../src/adapters/socket-io.js";
import { ChannelServer } from "../src/channels/index.js";
import { PresenceClient } from "../src/client/index.js";
import { TrackerError } from "../src/errors.js";
import { Presence } from "../src/presence/index.js";
import { Session } from "../src/session.js";
import { Tracker } from "../src/tracker/tracker.js";

async function errorOf(run: () => unknown): Promise<TrackerError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof TrackerError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const given = () => ({ name: "test", pubsub: memoryPubSub() });

describe("an option that there is not", () => {
  it.each([
    ["heartbeatMs", "heartbeatPeriodMs"],
    ["heartBeatPeriodMs", "heartbeatPeriodMs"],
    ["poolsize", "poolSize"],
    ["pool_size", "poolSize"],
    ["downPeriod", "downPeriodMs"],
  ])("%s is an error of a tracker that names %s", async (option, nearest) => {
    const error = await errorOf(() => Tracker.start({}, { ...given(), [option]: 5 }));
    expect([error.code, error.details]).toEqual(["INVALID_OPTION", { option, nearest }]);
    expect(error.message).toContain(`did you mean \`${nearest}\``);
  });

  it("is an error of stop, and nothing is stopped", async () => {
    const tracker = await Tracker.start({}, given());
    const error = await errorOf(() => tracker.stop({ handoff: 0 } as never));
    expect([error.code, error.details["nearest"], tracker.stopped]).toEqual([
      "INVALID_OPTION",
      "handoffMs",
      false,
    ]);
    await tracker.stop();
  });

  it("is an error of a wait, which would be one without an end", async () => {
    const tracker = await Tracker.start({}, given());
    const error = await errorOf(() => tracker.whenComplete({ timeout: 5 } as never));
    expect([error.code, error.details["nearest"]]).toEqual(["INVALID_OPTION", "timeoutMs"]);
    await tracker.stop();
  });

  it.each(["fetch", "diffPeriodMs"])("%s of a presence is none of a tracker", async (option) => {
    const error = await errorOf(() => Tracker.start({}, { ...given(), [option]: undefined }));
    expect(error.code).toBe("INVALID_OPTION");
  });

  it("is an error of a presence, which has those of its tracker too", async () => {
    const error = await errorOf(() => Presence.start({ ...given(), fetchTimeout: 5 } as never));
    expect([error.code, error.details["nearest"]]).toEqual(["INVALID_OPTION", "fetchTimeoutMs"]);
    const presence = await Presence.start({ ...given(), poolSize: 2, diffPeriodMs: 5, fetch: undefined });
    await presence.stop();
  });

  it("is an error of a channel server", async () => {
    const error = await errorOf(
      () => new ChannelServer({ pubsub: memoryPubSub(), maxFrameByte: 5 } as never),
    );
    expect([error.code, error.details["nearest"]]).toEqual(["INVALID_OPTION", "maxFrameBytes"]);
  });

  it.each([
    ["__proto__", "__proto__"],
    ["constructor", "constructor"],
    ["nothing", ""],
    ["a million letters", "x".repeat(1_000_000)],
  ])("is an error also if it is called %s", { timeout: 5_000 }, async (_, option) => {
    const options = Object.defineProperty({ ...given() }, option, { value: 1, enumerable: true });
    const error = await errorOf(() => Tracker.start({}, options));
    expect(error.code).toBe("INVALID_OPTION");
    expect(error.message.length).toBeLessThan(400);
  });
});

describe("an option of an adapter that there is not", () => {
  const io = { serverSideEmit: () => true, on: () => undefined, off: () => undefined };
  it.each<[string, (options: never) => unknown, string, string]>([
    ["memory", memoryPubSub, "nodename", "nodeName"],
    ["broadcast-channel", broadcastChannelPubSub, "channel", "channelName"],
    ["cluster", clusterPubSub, "relayTimeout", "relayTimeoutMs"],
    ["cluster's primary", (options) => setupPrimary().pubSub(options), "node", "nodeName"],
    ["redis", redisPubSub, "prefx", "prefix"],
    ["redis", redisPubSub, "publsher", "publisher"],
    ["nats", natsPubSub, "prefixes", "prefix"],
    ["postgres", postgresPubSub, "Prefix", "prefix"],
    ["socket-io", (options) => socketIoPubSub(io, options), "nodeNames", "nodeName"],
  ])("is an error of %s", async (_, open, option, nearest) => {
    const error = await errorOf(() => open({ [option]: "x" } as never));
    expect([error.code, error.details]).toEqual(["INVALID_OPTION", { option, nearest }]);
  });

  it.each<[string, (options: never) => unknown]>([
    ["redis", redisPubSub],
    ["nats", natsPubSub],
    ["postgres", postgresPubSub],
  ])("nor are none, or others than an object, options of %s", async (_, open) => {
    for (const options of [undefined, null, "redis://localhost", {}]) {
      expect((await errorOf(() => open(options as never))).code).toBe("INVALID_OPTION");
    }
  });

  it("is told of two clients where one was given", async () => {
    const error = await errorOf(() => redisPubSub({ client: {} } as never));
    expect([error.code, error.message]).toEqual(["INVALID_OPTION", expect.stringContaining("`subscriber`")]);
    const half = await errorOf(() => redisPubSub({ publisher: undefined, subscriber: undefined } as never));
    expect(half.message).toContain("Expected publisher to be a client");
  });
});

describe("a name that means nothing", () => {
  it("is an error of how a session closes, which then stays open", async () => {
    const session = new Session();
    const error = await errorOf(() => session.close({ grace: 5 } as never));
    expect([error.code, error.details["nearest"], session.closed]).toEqual([
      "INVALID_OPTION",
      "graceMs",
      false,
    ]);
    session.close(new Event("close") as never);
    expect(session.closed).toBe(true);
  });

  it("is an error of who follows a topic, unless a class has it", async () => {
    const presence = await Presence.start(given());
    const callbacks = { state: () => undefined, diff: () => undefined };
    const error = await errorOf(() =>
      presence.subscribe("room", { ...callbacks, onlin: () => undefined } as never),
    );
    expect([error.code, error.details["nearest"]]).toEqual(["INVALID_OPTION", "online"]);
    class Screen {
      readonly lines = 5;
      state(): void {}
      diff(): void {}
    }
    presence.subscribe("room", new Screen())();
    await presence.stop();
  });

  it("is an error of a client", () => {
    expect(() => new PresenceClient({ maxPending: 5 } as never)).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTION",
        message: "There is no option `maxPending`; options are maxPendingDiffs",
      }),
    );
  });
});

describe("an event that there is not", () => {
  it.each([
    ["replicadown", "replicaDown"],
    ["replica-up", "replicaUp"],
    ["errors", "error"],
    ["toString", undefined],
    [undefined, undefined],
    [5, undefined],
  ])("%s is an error that names the nearest", async (event, nearest) => {
    const tracker = await Tracker.start({}, given());
    const presence = await Presence.start(given());
    for (const target of [tracker, presence]) {
      const error = await errorOf(() => target.on(event as never, () => undefined));
      expect(error.code).toBe("INVALID_ARGUMENT");
      expect(error.details).toMatchObject({ argument: "event", value: event });
      if (nearest !== undefined) expect(error.details["nearest"]).toBe(nearest);
      expect(error.message).toContain("replicaGone");
      await target.stop();
    }
  });
});
