/** No duration that the package takes reaches a timer as something for which no timer waits. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { clusterPubSub } from "../src/adapters/cluster.js";
import { memoryPubSub } from "../src/adapters/memory.js";
import { ChannelServer, type Channel } from "../src/channels/index.js";
import { validateOptions } from "../src/channels/options.js";
import { isTrackerError, type TrackerError } from "../src/errors.js";
import { Presence } from "../src/presence/index.js";
import { nodeRuntime } from "../src/runtime.js";
import { Session } from "../src/session.js";
import { Tracker } from "../src/tracker/tracker.js";
import { RawClient, startServer } from "./channels/harness.js";

const BAD = [2 ** 31, NaN, -1, Infinity, "1", 1n, Symbol("1"), {}];

const pubsub = memoryPubSub();
const given = { name: "durations", pubsub };

const startingTracker = (option: string) => (value: unknown) =>
  Tracker.start({}, { ...given, [option]: value });
const startingPresence = (option: string) => (value: unknown) =>
  Presence.start({ ...given, [option]: value });
const channelServer = (option: string) => (value: unknown) => new ChannelServer({ pubsub, [option]: value });

async function runningPresence(): Promise<Presence> {
  const presence = await Presence.start({ ...given, pubsub: memoryPubSub() });
  onTestFinished(() => presence.stop({ handoffMs: 0 }));
  return presence;
}

async function joinedChannel(): Promise<Channel> {
  let joined: Channel | undefined;
  const server = await startServer((channels) => {
    channels.socket("/socket").channel("room", {
      join: () => ({ ok: {} }),
      joined: (channel) => void (joined = channel as Channel),
    });
  });
  await (await RawClient.connect(server.url)).join("room");
  return joined ?? expect.fail("no channel");
}

/** By the name of the option; each makes something that takes it. */
const takers: readonly (readonly [
  option: string,
  make: () => ((value: unknown) => unknown) | Promise<(value: unknown) => unknown>,
])[] = [
  ...[
    ...["broadcastPeriodMs", "countPeriodMs", "heartbeatPeriodMs", "downPeriodMs", "permdownPeriodMs"],
    "startTimeoutMs",
  ].map((option) => [option, () => startingTracker(option)] as const),
  ...["fetchTimeoutMs", "diffPeriodMs", "stateTimeoutMs"].map(
    (option) => [option, () => startingPresence(option)] as const,
  ),
  ...Object.keys(validateOptions({ pubsub }).limits)
    .filter((option) => option.endsWith("Ms"))
    .map((option) => [option, () => channelServer(option)] as const),
  ["relayTimeoutMs", () => (relayTimeoutMs) => clusterPubSub({ relayTimeoutMs } as never)],
  ["handoffMs", async () => stopping(await runningPresence())],
  ["timeoutMs", async () => waiting(await runningPresence())],
  ["periodMs", async () => followingCount(await runningPresence())],
  ["periodMs", async () => channelFollowing(await joinedChannel(), await runningPresence())],
  ["graceMs", () => (graceMs) => new Session().close({ graceMs } as never)],
  ["graceMs", () => (graceMs) => Session.from(new AbortController().signal, { graceMs } as never)],
  ["graceMs", () => (graceMs) => addingChannel({ join: () => ({ ok: {} }), graceMs })],
  ["graceMs", () => (graceMs) => new ChannelServer({ pubsub }).stop({ graceMs } as never)],
  ["batchPeriodMs", () => (batchPeriodMs) => new ChannelServer({ pubsub }).drain({ batchPeriodMs } as never)],
];

function stopping(presence: Presence): (value: unknown) => unknown {
  return (handoffMs) => presence.stop({ handoffMs } as never);
}

function waiting(presence: Presence): (value: unknown) => unknown {
  return (timeoutMs) => presence.whenComplete({ timeoutMs } as never);
}

function followingCount(presence: Presence): (value: unknown) => unknown {
  return (periodMs) => presence.followCount("room", () => undefined, { periodMs } as never);
}

function channelFollowing(channel: Channel, presence: Presence): (value: unknown) => unknown {
  return (periodMs) => channel.followCount(presence, "room", { periodMs } as never);
}

function addingChannel(handlers: object): unknown {
  return new ChannelServer({ pubsub }).socket("/socket").channel("room", handlers as never);
}

async function refusalOf(take: () => unknown): Promise<TrackerError> {
  try {
    await take();
  } catch (error) {
    if (isTrackerError(error)) return error;
    throw error;
  }
  return expect.fail("was taken");
}

describe("a duration", () => {
  it.each(takers)("%s is refused where no timer waits so long", async (option, make) => {
    const take = await make();
    for (const value of BAD) {
      const { code, message } = await refusalOf(() => take(value));
      expect(code, String(value)).toMatch(/^INVALID_(OPTION|ARGUMENT)$/);
      expect(message).toContain(option);
    }
  });

  it("is in the table, whichever option of the package it is", () => {
    const folder = new URL("../docs/api-report/", import.meta.url);
    const reports = readdirSync(folder).filter((name) => name !== "testing.api.md");
    const optional = reports.flatMap((name) => {
      const text = readFileSync(new URL(name, folder), "utf8");
      return Array.from(text.matchAll(/(\w+Ms)\?: number \| undefined/g), ([, option = ""]) => option);
    });
    const known = new Set(takers.map(([option]) => option));
    expect(optional.length).toBeGreaterThan(10);
    expect(optional.filter((option) => !known.has(option))).toEqual([]);
  });
});

describe("a timer of the machine", () => {
  it("that has to wait longer than one can waits in steps, and can be cancelled in each", () => {
    const waits: { readonly delayMs: number; readonly callback: () => void }[] = [];
    const cancelled: unknown[] = [];
    const { setTimeout: realSet, clearTimeout: realClear } = globalThis;
    onTestFinished(() => void Object.assign(globalThis, { setTimeout: realSet, clearTimeout: realClear }));
    Object.assign(globalThis, {
      setTimeout: (callback: () => void, delayMs: number) => waits.push({ delayMs, callback }),
      clearTimeout: (timer: unknown) => void cancelled.push(timer),
    });
    let calls = 0;
    const cancel = nodeRuntime.schedule(2 ** 32, () => void (calls += 1));
    const longest = 2 ** 31 - 1;
    for (const delayMs of [longest, longest, 2]) {
      expect(waits.at(-1)?.delayMs).toBe(delayMs);
      expect(calls).toBe(0);
      waits.at(-1)?.callback();
    }
    expect([calls, waits.length]).toEqual([1, 3]);
    cancel();
    expect(cancelled).toEqual([3]);
  });
});
