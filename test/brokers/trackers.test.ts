/** Trackers over real brokers in one process: large resyncs within the payload limits, and strangers on the channels. */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Session, Tracker, type PubSub } from "../../src/index.js";
import { channelName } from "../../src/pubsub/channel-names.js";
import { randomText } from "../../src/runtime.js";
import type { ContractNode } from "../../src/testing/pubsub-contract.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { openNodeBy } from "./clients.js";
import { behind } from "./contract-nodes.js";
import { openNats, openPostgres, openRedis, type Broker, type OpenBroker } from "./servers.js";

const trackerName = "test";
const periods = { broadcastPeriodMs: 200, heartbeatPeriodMs: 500, downPeriodMs: 3_000 };

interface Meta {
  readonly text: string;
}

/** A tracker over a broker, and all that went wrong with it. */
interface OpenedTracker {
  readonly tracker: Tracker<Meta>;
  readonly errors: string[];
  /** The largest payload that it has sent. */
  largestBytes(): number;
  /** Cuts its connection, and joins it again. */
  readonly proxy: TcpProxy;
  end(): Promise<void>;
}

/** The adapter, measured. */
function measured(node: ContractNode, payloadOf: (payload: string) => void): PubSub {
  return {
    nodeName: node.nodeName,
    ...(node.maxPayloadBytes !== undefined && { maxPayloadBytes: node.maxPayloadBytes }),
    broadcast: (channel, payload) => {
      payloadOf(payload);
      return node.broadcast(channel, payload);
    },
    send: (to, channel, payload) => {
      payloadOf(payload);
      return node.send(to, channel, payload);
    },
    subscribe: (channel, receive) => node.subscribe(channel, receive),
    onStatus: (listener) => node.onStatus?.(listener) ?? (() => {}),
    onError: (listener) => node.onError?.(listener) ?? (() => {}),
  };
}

async function openTracker(
  client: string,
  broker: Broker,
  nodeName: string,
  prefix: string,
): Promise<OpenedTracker> {
  const proxy = await TcpProxy.to({ host: broker.url.hostname, port: Number(broker.url.port) });
  const { node, end } = await openNodeBy(client)(behind(proxy, broker.url), nodeName, prefix);
  let largest = 0;
  const pubsub = measured(node, (payload) => (largest = Math.max(largest, Buffer.byteLength(payload))));
  const errors: string[] = [];
  const tracker = await Tracker.start<Meta>({}, { name: trackerName, pubsub, ...periods });
  tracker.on("error", ({ code, message }) => errors.push(`${code}: ${message}`));
  return {
    tracker,
    errors,
    proxy,
    largestBytes: () => largest,
    async end() {
      await tracker.stop({ handoffMs: 0 });
      await node.close?.();
      await end();
      await proxy.cut();
    },
  };
}

function listed(tracker: Tracker<Meta>): string[] {
  const lines: string[] = [];
  for (const topic of tracker.topics()) {
    for (const { key, meta, ref, node } of tracker.list(topic))
      lines.push(`${topic} ${key} ${meta.text} ${ref} ${node}`);
  }
  return lines.sort();
}

async function until(what: string, satisfied: () => boolean, patienceMs = 60_000): Promise<void> {
  const limit = performance.now() + patienceMs;
  while (!satisfied()) {
    if (performance.now() > limit) throw new Error(`Waited ${patienceMs} ms in vain for ${what}`);
    await pause(20);
  }
}

const count = (tracker: Tracker<Meta>): number =>
  tracker.topics().reduce((sum, topic) => sum + tracker.count(topic), 0);

function resyncs(client: string, openBroker: OpenBroker, maxPayloadBytes: number): void {
  let broker: Broker;
  beforeAll(async () => {
    if (openBroker !== undefined) broker = await openBroker();
  });
  afterAll(() => broker?.stop());

  it(`20,000 entries with 200-byte metas resync in payloads of at most ${maxPayloadBytes} bytes`, async () => {
    const prefix = `test-${randomText(8)}`;
    const author = await openTracker(client, broker, "author", prefix);
    const session = new Session();
    // 200 bytes of JSON, some of them in characters of three bytes.
    const text = (number: number): string => `€€€€€€€€€€${String(number).padStart(159, ".")}`;
    expect(Buffer.byteLength(JSON.stringify({ text: text(0) }))).toBe(200);
    for (let number = 0; number < 20_000; number++) {
      author.tracker.track(session, `topic ${number % 20}`, `key ${number}`, { text: text(number) });
    }

    const newcomer = await openTracker(client, broker, "newcomer", prefix);
    await until("a newcomer's first sync", () => count(newcomer.tracker) === 20_000);
    expect(listed(newcomer.tracker)).toEqual(listed(author.tracker));

    // Away for long enough to be down, while every tenth entry changes.
    await newcomer.proxy.cut();
    await until("the cut to be noticed", () => !newcomer.tracker.health().connected);
    for (let number = 0; number < 20_000; number += 10) {
      author.tracker.update(session, `topic ${number % 20}`, `key ${number}`, { text: text(number + 1) });
    }
    await pause(periods.downPeriodMs);
    await newcomer.proxy.join();
    await until(
      "the resync",
      () => newcomer.tracker.health().complete && newcomer.tracker.health().connected,
    );
    const expected = listed(author.tracker);
    await until("the changes", () => listed(newcomer.tracker).join() === expected.join());

    expect(author.largestBytes()).toBeLessThanOrEqual(maxPayloadBytes);
    expect(author.largestBytes()).toBeGreaterThan(Math.min(maxPayloadBytes, 256 * 1024) * 0.8);
    expect(author.errors).toEqual([]);
    // What the newcomer sent while it was cut off has failed, but nothing for its size.
    expect(newcomer.largestBytes()).toBeLessThanOrEqual(maxPayloadBytes);
    expect(newcomer.tracker.health().counters.divergences).toBe(0);
    await newcomer.end();
    await author.end();
  });
}

function strangers(client: string, openBroker: OpenBroker): void {
  let broker: Broker;
  beforeAll(async () => {
    if (openBroker !== undefined) broker = await openBroker();
  });
  afterAll(() => broker?.stop());

  it("a stranger who listens, sends junk and repeats what it heard changes nothing, and is counted", async () => {
    const prefix = `test-${randomText(8)}`;
    const [a, b] = [
      await openTracker(client, broker, "a", prefix),
      await openTracker(client, broker, "b", prefix),
    ];
    const stranger = await openNodeBy(client)(broker.url.href, "stranger", prefix);
    const [channel, inbox] = [channelName("all", trackerName), channelName("to", trackerName)];
    const overheard: string[] = [];
    await stranger.node.subscribe(channel, (payload) => overheard.push(payload));
    await stranger.node.subscribe(inbox, (payload) => overheard.push(payload));
    const session = new Session();
    for (let number = 0; number < 100; number++) {
      a.tracker.track(session, "room", `user ${number}`, { text: `${number}` });
    }
    await until("the entries on b", () => b.tracker.count("room") === 100);
    for (let number = 0; number < 50; number++) a.tracker.untrack(session, "room", `user ${number}`);
    await until("the removals on b", () => b.tracker.count("room") === 50);
    const before = listed(a.tracker);

    const refused = b.tracker.health().counters.framesRefused;
    const junk = [
      "",
      "junk",
      "null",
      "[]",
      "{}",
      "[1]",
      '{"__proto__":{"a":1}}',
      "\u0001\ufeff",
      "[".repeat(5_000),
    ];
    for (const payload of junk) {
      await stranger.node.broadcast(channel, payload);
      await stranger.node.send("b", inbox, payload);
    }
    await until(
      "the junk to be counted",
      () => b.tracker.health().counters.framesRefused >= refused + 2 * junk.length,
    );
    const late = b.tracker.health().counters.framesLate;
    const repeated = [...overheard];
    expect(repeated.length).toBeGreaterThan(2);
    for (const payload of repeated) {
      await stranger.node.broadcast(channel, payload);
      await stranger.node.send("b", inbox, payload);
    }
    await until("the repetitions to be counted", () => b.tracker.health().counters.framesLate > late);

    // Heard by all, so everything before it was heard too.
    a.tracker.track(session, "room", "the last", { text: "last" });
    await until("the last entry on b", () => b.tracker.has("room", "the last"));
    expect(listed(b.tracker)).toEqual(listed(a.tracker));
    expect(listed(a.tracker).filter((line) => !line.includes("the last"))).toEqual(before);
    expect(b.errors.some((error) => error.startsWith("INVALID_FRAME"))).toBe(true);
    expect(b.tracker.health().replicas.map(({ name, status }) => [name, status])).toEqual([["a", "up"]]);
    await stranger.node.close?.();
    await stranger.end();
    await a.end();
    await b.end();
  });
}

const maxFrameBytes = 256 * 1024;

describe.skipIf(openNats === undefined)("nats", () => {
  resyncs("transport-node 3", openNats, maxFrameBytes);
  strangers("transport-node 3", openNats);
});

describe.skipIf(openPostgres === undefined)("postgres", () => {
  resyncs("pg 8", openPostgres, 7_999);
  strangers("pg 8", openPostgres);
});

describe.skipIf(openRedis === undefined)("redis", () => {
  resyncs("ioredis 6", openRedis, maxFrameBytes);
  strangers("node-redis 6", openRedis);
});
