/** A user is to go: only owners end their entries, everybody knows why they left, and lost frames are made good. */
import { describe, expect, it } from "vitest";
import type { TrackerError } from "../../src/errors.js";
import { Session } from "../../src/session.js";
import type { Message } from "../../src/replication/message.js";
import { simulate, type SimulatedCluster, type StartTracker } from "../../src/testing/cluster.js";
import { faultless } from "../../src/testing/network.js";
import type { TrackerEvents } from "../../src/tracker/events.js";
import { all, editFrames } from "../sim/lies.js";
import { codeOf, startAlone } from "./recorder.js";

const TOPIC = "room";
const HEARTBEAT_MS = 2_000;

type Telling = TrackerEvents["evicted"];

const tellings = new WeakMap<SimulatedCluster, Map<string, Telling[]>>();

async function clusterOf(seed: number, ...nodes: string[]): Promise<SimulatedCluster> {
  return clusterBy(undefined, seed, ...nodes);
}

/** A cluster whose nodes never hear that somebody is to go, and what they would have heard. */
async function deafClusterOf(
  seed: number,
  ...nodes: string[]
): Promise<{ cluster: SimulatedCluster; asked: Message[] }> {
  const asked: Message[] = [];
  const startTracker = all(
    editFrames(({ pubsub }) => ({
      received(frame) {
        const { from, message } = frame;
        if (message.type !== "evict") return frame;
        if (from.name !== pubsub.nodeName) asked.push(message);
        return undefined;
      },
    })),
  );
  return { cluster: await clusterBy(startTracker, seed, ...nodes), asked };
}

async function clusterBy(
  startTracker: StartTracker | undefined,
  seed: number,
  ...nodes: string[]
): Promise<SimulatedCluster> {
  const cluster = await simulate({ seed, nodes, startTracker });
  const byNode = new Map<string, Telling[]>();
  tellings.set(cluster, byNode);
  for (const name of nodes) {
    const tellingsOfNode: Telling[] = [];
    byNode.set(name, tellingsOfNode);
    cluster.node(name).tracker.on("evicted", (event) => tellingsOfNode.push(event));
  }
  await cluster.settle();
  return cluster;
}

function connect(cluster: SimulatedCluster, node: string, key: string, topic = TOPIC): Session {
  const session = cluster.node(node).session();
  cluster.node(node).tracker.track(session, topic, key, {});
  return session;
}

function leaves(cluster: SimulatedCluster, node: string): string[] {
  return cluster
    .node(node)
    .diffs.flatMap(({ diff }) => diff.get(TOPIC)?.leaves ?? [])
    .map(({ key, reason }) => `${key} ${reason}`);
}

/** What the application of a node was told. */
function told(cluster: SimulatedCluster, node: string): readonly Telling[] {
  return tellings.get(cluster)?.get(node) ?? [];
}

describe("evict", () => {
  it("has owners end their entries of the key, there and only there, and says so everywhere", async () => {
    const cluster = await clusterOf(1, "a", "b", "c");
    const [phone, laptop, tab] = [
      connect(cluster, "b", "ann"),
      connect(cluster, "b", "ann"),
      connect(cluster, "c", "ann"),
    ];
    connect(cluster, "a", "ann");
    for (const [key, topic] of [
      ["bo", TOPIC],
      ["ann", "elsewhere"],
    ] as const) {
      cluster.node("b").tracker.track(phone, topic, key, {});
    }
    await cluster.settle();
    expect(cluster.node("a").tracker.evict(TOPIC, "ann", "banned")).toBe(4);
    // Its own at once; that of others are their owners'.
    expect(
      cluster
        .node("a")
        .tracker.getByKey(TOPIC, "ann")
        .map(({ node }) => node)
        .sort(),
    ).toEqual(["b", "b", "c"]);
    await cluster.advance(1_600);
    for (const name of ["a", "b", "c"]) {
      const { tracker } = cluster.node(name);
      expect(tracker.list(TOPIC).map(({ key }) => key)).toEqual(["bo"]);
      expect(tracker.count("elsewhere")).toBe(1);
      expect(leaves(cluster, name), name).toEqual(Array.from({ length: 4 }, () => "ann evicted"));
    }
    expect(told(cluster, "b").map(({ session, reason, by }) => [session, reason, by])).toEqual(
      expect.arrayContaining([
        [phone, "banned", "a"],
        [laptop, "banned", "a"],
      ]),
    );
    expect(told(cluster, "c").map(({ session }) => session)).toEqual([tab]);
    expect([told(cluster, "a").length, told(cluster, "b").length]).toEqual([1, 2]);
    expect(phone.closed).toBe(false);
    expect(cluster.node("b").tracker.session(phone.id)).toBe(phone);
    expect(cluster.node("b").tracker.session(laptop.id)).toBeUndefined();
    expect(cluster.node("a").tracker.session(phone.id)).toBeUndefined();
  });

  it("ends who was listed at the call and nobody who comes later, however often the frame is heard", async () => {
    const cluster = await clusterOf(2, "a", "b");
    connect(cluster, "b", "ann");
    await cluster.settle();
    cluster.node("a").tracker.evict(TOPIC, "ann");
    const again = connect(cluster, "b", "ann");
    await cluster.advance(6 * HEARTBEAT_MS);
    expect(
      cluster
        .node("a")
        .tracker.getByKey(TOPIC, "ann")
        .map(({ session }) => session),
    ).toEqual([again.id]);
    expect(told(cluster, "b")).toHaveLength(1);
    expect(cluster.node("a").tracker.evict(TOPIC, "nobody")).toBe(0);
    expect(cluster.node("a").eventsOf("error")).toEqual([]);
  });

  it("tells at once of entries that wait for a node that has ended, and until when; and only once", async () => {
    const cluster = await clusterOf(4, "a", "b", "c");
    const waits = connect(cluster, "b", "ann");
    connect(cluster, "c", "ann");
    await cluster.settle();
    await cluster.stop("b", { handoffMs: 60_000 });
    await cluster.advance(1_000);
    const { tracker } = cluster.node("a");
    expect(tracker.count(TOPIC)).toBe(2);
    expect(tracker.evict(TOPIC, "ann", "banned")).toBe(2);
    const errors = (): readonly TrackerError[] => cluster.node("a").eventsOf("error") as TrackerError[];
    expect(errors()).toHaveLength(1);
    expect(errors()[0]).toMatchObject({
      code: "NOT_EVICTED",
      details: { topic: TOPIC, key: "ann", reason: "banned", sessions: [waits.id], nodes: ["b"] },
    });
    const { windowMs } = errors()[0]!.details as { windowMs: number };
    expect(windowMs).toBeGreaterThan(58_000);
    expect(windowMs).toBeLessThan(60_000);
    await cluster.advance(7 * HEARTBEAT_MS);
    // Nobody speaks for another, so all list it for as long as each other.
    for (const name of ["a", "c"]) expect(cluster.node(name).tracker.count(TOPIC)).toBe(1);
    await cluster.advance(windowMs);
    for (const name of ["a", "c"]) expect(cluster.node(name).tracker.count(TOPIC)).toBe(0);
    expect(errors()).toHaveLength(1);
    expect(leaves(cluster, "a")).toEqual(["ann evicted", "ann departed"]);
  });

  it("tells of entries whose node says goodbye before it has heard the question", async () => {
    const cluster = await clusterOf(5, "a", "b");
    connect(cluster, "b", "ann");
    await cluster.settle();
    cluster.oneWay("a", "b");
    expect(cluster.node("a").tracker.evict(TOPIC, "ann")).toBe(1);
    await cluster.stop("b");
    await cluster.advance(HEARTBEAT_MS + 100);
    const errors = cluster.node("a").eventsOf("error") as TrackerError[];
    expect(errors.map(({ code }) => code)).toEqual(["NOT_EVICTED"]);
    expect(errors[0]?.details).toHaveProperty("windowMs");
  });

  it("is asked for again with each heartbeat while it is lost", async () => {
    const cluster = await clusterOf(3, "a", "b");
    connect(cluster, "b", "ann");
    await cluster.settle();
    cluster.network.faults = { ...faultless, lossRate: 1 };
    cluster.node("a").tracker.evict(TOPIC, "ann", "banned");
    await cluster.advance(500);
    cluster.network.faults = faultless;
    await cluster.advance(1_000);
    expect(cluster.node("a").tracker.count(TOPIC)).toBe(1);
    await cluster.advance(HEARTBEAT_MS);
    expect(cluster.node("a").tracker.count(TOPIC)).toBe(0);
    expect(leaves(cluster, "a")).toEqual(["ann evicted"]);
    expect(told(cluster, "b")).toHaveLength(1);
  });

  it("is given up after the fifth time, and reported", async () => {
    const { cluster, asked } = await deafClusterOf(6, "a", "b");
    connect(cluster, "b", "ann");
    await cluster.settle();
    cluster.node("a").tracker.evict(TOPIC, "ann", "banned");
    await cluster.advance(4.5 * HEARTBEAT_MS);
    expect(cluster.node("a").eventsOf("error")).toEqual([]);
    await cluster.advance(10 * HEARTBEAT_MS);
    expect(asked).toHaveLength(5);
    const [error, ...more] = cluster.node("a").eventsOf("error") as unknown as readonly TrackerError[];
    expect([error?.code, more.length]).toEqual(["NOT_EVICTED", 0]);
    expect(error?.details["nodes"]).toEqual(["b"]);
    expect(error?.message).toMatch(/were not ended by b: .*call evict again/);
  });

  it("of one node does not make others look through more than it pays for", async () => {
    const cluster = await clusterOf(7, "a", "b");
    const { tracker } = cluster.node("b");
    for (let i = 0; i < 2_000; i += 1) tracker.track(cluster.node("b").session(), TOPIC, "guest", {});
    await cluster.settle();
    const { framesRefused } = tracker.health().counters;
    for (let i = 0; i < 60; i += 1) cluster.node("a").tracker.evict(TOPIC, "guest");
    await cluster.advance(500);
    // What is left of a frame after the account was empty is refused.
    expect(tracker.health().counters.framesRefused).toBeGreaterThan(framesRefused);
  });

  it("ends thousands of sessions under one key with the first question, and all know why", async () => {
    const cluster = await clusterOf(8, "a", "b", "c");
    const { tracker } = cluster.node("b");
    const count = 3_000;
    for (let i = 0; i < count; i += 1) tracker.track(cluster.node("b").session(), TOPIC, "guest", {});
    await cluster.settle();
    expect(cluster.node("a").tracker.evict(TOPIC, "guest", "closing time")).toBe(count);
    await cluster.advance(1_700);
    expect(told(cluster, "b")).toHaveLength(count);
    for (const name of ["a", "b", "c"]) {
      expect(cluster.node(name).tracker.count(TOPIC), name).toBe(0);
      const reasons = leaves(cluster, name).filter((leave) => leave === "guest evicted");
      expect(reasons.length, name).toBe(count);
      expect(cluster.node(name).tracker.health().counters.framesRefused, name).toBe(0);
    }
  });

  it("is over when the tracker is stopped by a listener that is told of it", async () => {
    const { cluster, asked } = await deafClusterOf(9, "a", "b");
    const { tracker } = cluster.node("a");
    connect(cluster, "a", "ann");
    connect(cluster, "b", "ann");
    await cluster.settle();
    tracker.on("evicted", () => void tracker.stop({ handoffMs: 0 }));
    expect(tracker.evict(TOPIC, "ann")).toBe(2);
    expect(tracker.stopped).toBe(true);
    await cluster.advance(12 * HEARTBEAT_MS);
    expect(asked).toHaveLength(1);
    expect(cluster.node("a").eventsOf("error")).toEqual([]);
  });

  it("ends who waits for the end of a grace as well", async () => {
    const cluster = await clusterOf(4, "a", "b");
    const session = connect(cluster, "b", "ann");
    await cluster.settle();
    session.close({ graceMs: 60_000 });
    cluster.node("a").tracker.evict(TOPIC, "ann");
    await cluster.advance(1_600);
    expect(cluster.node("a").tracker.count(TOPIC)).toBe(0);
    expect(told(cluster, "b").map((each) => each.session)).toEqual([session]);
  });

  it("ends who has come back within a grace where the node that asks has not heard of it", async () => {
    const cluster = await clusterOf(10, "a", "b", "c");
    const first = connect(cluster, "b", "ann");
    await cluster.settle();
    // Two pages in a row are loaded anew.
    first.close({ graceMs: 60_000 });
    const second = connect(cluster, "b", "ann");
    second.close({ graceMs: 60_000 });
    const third = connect(cluster, "b", "ann");
    const other = connect(cluster, "b", "bo");
    expect(cluster.node("a").tracker.evict(TOPIC, "ann", "banned")).toBe(1);
    await cluster.advance(1_600);
    for (const name of ["a", "b", "c"]) {
      expect(
        cluster
          .node(name)
          .tracker.list(TOPIC)
          .map(({ session }) => session),
        name,
      ).toEqual([other.id]);
    }
    expect(told(cluster, "b").map(({ session }) => session)).toEqual([third]);
    // A user who comes afterwards stays.
    const later = connect(cluster, "b", "ann");
    await cluster.advance(6 * HEARTBEAT_MS);
    expect(cluster.node("a").tracker.getByKey(TOPIC, "ann")).toHaveLength(1);
    expect(later.closed).toBe(false);
  });

  it("tells after the diff, so that a listener that closes the session finds the entry gone", async () => {
    const order: string[] = [];
    const tracker = await startAlone({
      handleDiff: (diff) => {
        for (const { reason } of diff.get(TOPIC)?.leaves ?? []) order.push(reason);
      },
    });
    const session = new Session();
    tracker.track(session, TOPIC, "ann", {});
    tracker.track(session, TOPIC, "bo", {});
    tracker.on("evicted", (event) => {
      order.push(`told, with ${tracker.count(TOPIC)} left`);
      event.session.close();
    });
    expect(tracker.evict(TOPIC, "ann")).toBe(1);
    expect(order).toEqual(["evicted", "told, with 1 left", "closed"]);
    await tracker.stop();
  });

  it("refuses a reason that is too long, and what is no text", async () => {
    const tracker = await startAlone();
    expect(codeOf(() => tracker.evict(TOPIC, "ann", "x".repeat(129)))).toBe("INVALID_ARGUMENT");
    expect(codeOf(() => tracker.evict(TOPIC, 7 as never))).toBe("INVALID_ARGUMENT");
    expect(codeOf(() => tracker.session(7 as never))).toBe("INVALID_ARGUMENT");
    await tracker.stop();
    expect(codeOf(() => tracker.evict(TOPIC, "ann"))).toBe("TRACKER_STOPPED");
  });
});
