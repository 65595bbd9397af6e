/**
 * Runs for the rules of catching up: who waits for what, who is asked and told how much, and what is told of those
 * who left. Each throws what it finds wrong; with all rules in place it finds nothing.
 */
import type { Message, WireBirth } from "../../src/replication/message.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { SimulationError, type SimulatedCluster } from "../../src/testing/cluster.js";
import { faultless } from "../../src/testing/network.js";
import { SeededRandom } from "../../src/testing/random.js";
import type { Session } from "../../src/index.js";
import { by, simulateBy } from "./protocol.js";
import { Lanes, track } from "../support/lanes.js";
import { Link } from "../replication/two-nodes.js";

function fail(cluster: SimulatedCluster, what: string): never {
  throw new SimulationError([what], cluster.nowMs);
}

/** Users of a node who change all the time, over many topics. */
class Busy {
  readonly #cluster: SimulatedCluster;
  readonly #name: string;
  readonly #random: SeededRandom;
  readonly #session: Session;
  readonly #changes: number;
  #version = 0;

  /** With so many changes in 100 ms, at most. */
  constructor(cluster: SimulatedCluster, name: string, seed: number, changes = 1) {
    this.#changes = changes;
    this.#cluster = cluster;
    this.#name = name;
    this.#random = new SeededRandom(`${name} ${seed}`);
    this.#session = cluster.node(name).session();
    for (let room = 0; room < 100; room++) this.#set(room);
  }

  async advance(ms: number): Promise<void> {
    for (let gone = 0; gone < ms; gone += 100) {
      this.change();
      await this.#cluster.advance(100);
    }
  }

  change(): void {
    for (let i = 0; i < this.#changes; i++) {
      if (this.#random.chance(0.8)) this.#set(this.#random.integer(0, 99));
    }
  }

  #set(room: number): void {
    const { tracker } = this.#cluster.node(this.#name);
    tracker.set(this.#session, `room:${room}`, this.#name, { v: ++this.#version });
  }
}

/** A node that is heard again, while all reorders and its users go on, is shown. */
export async function whoReturnsIsShown(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b"], options: { poolSize: 64 } });
  await cluster.advance(3_000);
  const busy = new Busy(cluster, "a", seed);
  await busy.advance(2_000);
  cluster.partition(["a"], ["b"]);
  await busy.advance(10_000);
  cluster.heal();
  cluster.network.faults = { ...faultless, delayMs: [0, 4_000], reorder: true };
  await busy.advance(40_000);
  if (!cluster.node("b").tracker.has("room:1", "a"))
    fail(cluster, "who is heard again is not shown after 40 s");
}

/** The same where every other broadcast is lost, and what is asked for takes its time: something is always missing. */
export async function whoReturnsIsShownThoughMuchIsLost(
  seed: number,
  protocol: Protocol = PROTOCOL,
): Promise<void> {
  const options = { poolSize: 64, broadcastPeriodMs: 100, heartbeatPeriodMs: 500, downPeriodMs: 6_000 };
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b"], options });
  await cluster.advance(3_000);
  const busy = new Busy(cluster, "a", seed, 6);
  await busy.advance(2_000);
  cluster.partition(["a"], ["b"]);
  await busy.advance(10_000);
  cluster.heal();
  cluster.network.faults = { ...faultless, delayMs: [300, 400] };
  const random = new SeededRandom(seed);
  for (let turn = 0; turn < 120; turn++) {
    if (random.chance(0.5)) cluster.cutLane("a", "b", "broadcast");
    await busy.advance(100);
    cluster.network.mendAll();
  }
  if (!cluster.node("b").tracker.has("room:1", "a"))
    fail(cluster, "who is heard again is not shown after 12 s");
}

/** A wait ends while everything goes on changing, and every other broadcast is lost. */
export async function waitsEnd(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const names = ["a", "b", "c"];
  const options = { poolSize: 32, broadcastPeriodMs: 100, heartbeatPeriodMs: 500, downPeriodMs: 6_000 };
  const cluster = await simulateBy(protocol, { seed, nodes: names, options });
  await cluster.advance(3_000);
  const all = names.map((name) => new Busy(cluster, name, seed, 6));
  cluster.network.faults = { ...faultless, delayMs: [300, 400] };
  const random = new SeededRandom(seed);
  const goOn = async (): Promise<void> => {
    for (const from of names) if (random.chance(0.5)) cluster.cutLane(from, "a", "broadcast");
    for (const busy of all) busy.change();
    await cluster.advance(100);
    cluster.network.mendAll();
  };
  for (let turn = 0; turn < 20; turn++) await goOn();
  let isComplete = false;
  void cluster
    .node("a")
    .tracker.whenComplete()
    .then(() => (isComplete = true));
  for (let turn = 0; turn < 100 && !isComplete; turn++) await goOn();
  if (!isComplete) fail(cluster, "is not complete after 10 s, though all that was known at the call is here");
}

/** A newcomer far from the others lists what they have when it says that it is complete. */
export async function newcomersHearOut(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b"] });
  await cluster.advance(2_000);
  for (const name of ["a", "b"])
    cluster.node(name).tracker.track(cluster.node(name).session(), "room", name, {});
  await cluster.settle();
  cluster.network.faults = { ...faultless, delayMs: [300, 400] };
  const { tracker } = await cluster.start("c");
  let listed = -1;
  void tracker.whenComplete().then(() => (listed = tracker.count("room")));
  for (let turn = 0; turn < 500 && listed < 0; turn++) await cluster.advance(10);
  if (listed !== 2) fail(cluster, `lists ${listed} of 2 when it says that it is complete`);
}

/** A node that starts while users of another wait elsewhere is not complete without them. */
export async function newcomersWaitForWindows(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const names = ["a", "b", "c"];
  const cluster = await simulateBy(protocol, { seed, nodes: names });
  await cluster.advance(3_000);
  for (const name of names) cluster.node(name).tracker.track(cluster.node(name).session(), "room", name, {});
  await cluster.settle();
  await cluster.stop("a");
  await cluster.advance(500);
  const { tracker } = await cluster.start("a");
  let listed: string | undefined;
  const there = (name: string): number => cluster.node(name).tracker.countKeys("room");
  void tracker.whenComplete().then(() => (listed = `${there("a")} of ${there("b")}`));
  for (let turn = 0; turn < 1_000 && listed === undefined; turn++) await cluster.advance(10);
  if (listed !== "2 of 2") fail(cluster, `lists ${listed} when it says that it is complete`);
}

/** What a session's end was is told after a rebuild, and where an answer overlaps with what is held. */
export async function reasonsAreTold(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b"], options: { poolSize: 1 } });
  await cluster.advance(3_000);
  const node = cluster.node("a");
  const [closes, updates, busy] = [node.session(), node.session(), node.session()];
  node.tracker.track(closes, "room", "closes", {});
  node.tracker.track(updates, "room", "updates", { n: 0 });
  node.tracker.track(busy, "room", "busy", { n: 0 });
  await cluster.settle();
  cluster.partition(["a"], ["b"]);
  await cluster.advance(2_000);
  for (let n = 1; n <= 4_200; n++) node.tracker.update(busy, "room", "busy", { n });
  node.tracker.update(updates, "room", "updates", { n: 1 });
  closes.close();
  updates.close();
  await cluster.advance(1_000);
  cluster.heal();
  await cluster.settle();
  for (const { diff } of cluster.node("b").diffs) {
    for (const { key, reason } of diff.get("room")?.leaves ?? []) {
      if (reason !== "closed") fail(cluster, `hears that ${key} ${reason}, whose session closed`);
    }
  }
}

/** Invented lives that claim to have much cost some requests a second. */
export function inventedLivesCostLittle(_seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const link = new Link(protocol);
  const a = link.start("a");
  link.advance(100);
  const shards = Array.from({ length: 50 }, () => ({ clock: 9, count: 9, digest: 9 }));
  const say = (): void => {
    for (let i = 0; i < 60; i++) {
      link.forge(`invented-${i}`, a, { type: "heartbeat", poolSize: 50, firstShard: 0, shards });
    }
    link.at(link.nowMs + 2_000, say);
  };
  say();
  link.advance(20_000);
  const before = a.replicator.counters.requestsSent;
  link.advance(10_000);
  const perSecond = (a.replicator.counters.requestsSent - before) / 10;
  if (perSecond > 20) throw new Error(`${perSecond} requests a second to lives that do not answer`);
  return Promise.resolve();
}

/** Nobody is caught up with after one heartbeat that all hear, of which nobody knows how old it is. */
export function oneHeartbeatIsNotEnough(_seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const link = new Link(protocol);
  const a = link.start("a");
  // It hears itself.
  link.advance(100);
  const heartbeat: Message = {
    type: "heartbeat",
    poolSize: 1,
    firstShard: 0,
    shards: [{ clock: 0, count: 0, digest: 0 }],
  };
  link.forge("b", a, heartbeat);
  if (a.replicator.hasCaughtUp(link.nowMs))
    throw new Error("b is caught up with after one heartbeat that all hear");
  link.forge("b", a, heartbeat);
  if (!a.replicator.hasCaughtUp(link.nowMs))
    throw new Error("b is not caught up with after its second heartbeat");
  return Promise.resolve();
}

/**
 * A node is back after a moment without its connection, and the only heartbeat that it hears since was sent before. All
 * frames are quick, for a quarter of a heartbeat.
 */
export async function aHeartbeatMayBeOlderThanAReconnect(
  seed: number,
  protocol: Protocol = PROTOCOL,
): Promise<void> {
  const lanes = new Lanes(seed, by(protocol, {}));
  const [a, b] = [await lanes.start("a"), await lanes.start("b")];
  await lanes.advance(10_000 + 10 * seed);
  const underWay: string[] = [];
  lanes.loses = (from, _, lane, payload) => {
    if (from === "b" && lane === "broadcast") underWay.push(payload);
    return from === "b" && lane === "broadcast";
  };
  while (underWay.length === 0) await lanes.advance(5);
  a.setConnected(false);
  track(b, "meanwhile");
  await lanes.advance(300);
  a.setConnected(true);
  a.receive(underWay[0]!);
  let isComplete = false;
  void a.tracker.whenComplete().then(() => (isComplete = true));
  // The next heartbeat is lost.
  await lanes.advance(3_000);
  lanes.loses = () => false;
  if (!isComplete) await lanes.advance(10_000);
  if (!isComplete) throw new Error("is not complete 13 s after a reconnect");
  if (!a.tracker.has("room", "meanwhile"))
    throw new Error("is complete without what others had at the reconnect");
}

/** A node that came back, and whose only heartbeat since was overtaken, is shown. */
export function overtakenHeartbeatsTell(_seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const link = new Link(protocol);
  const a = link.start("a");
  const birth = (clock: number): WireBirth => ({
    clock,
    topic: "room",
    key: `user:${clock}`,
    session: "s",
    meta: {},
  });
  const delta = (since: number): Message => ({
    type: "delta",
    shard: 0,
    since,
    upTo: since + 1,
    part: 1,
    parts: 1,
    births: [birth(since + 1)],
    removed: [],
  });
  const heartbeat = (clock: number) =>
    ({
      type: "heartbeat",
      poolSize: 1,
      firstShard: 0,
      shards: [{ clock, count: clock, digest: 0 }],
    }) as const;
  link.forge("b", a, heartbeat(0));
  link.advance(10_000);
  link.forge("b", a, delta(0), 10);
  link.forge("b", a, delta(1), 14);
  link.forge("b", a, heartbeat(1), 12);
  if (a.replicator.membership.presentOf("b")?.status !== "up")
    throw new Error("a node whose heartbeat was overtaken is not shown");
  return Promise.resolve();
}

/** A node that asks for the same page again and again is not told it for ever. */
export function askingHasALimit(_seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const link = new Link(protocol);
  const a = link.start("a");
  for (let i = 0; i < 2_000; i++) link.track(a, 0, "room", `user:${i}`, `s-${i}`);
  link.advance(100);
  const flood = (): void => {
    const page = { type: "pageRequest", shard: 0, rebuild: 1, base: 0, from: 0, until: 0 } as const;
    link.forge("asks", a, page);
    link.at(link.nowMs + 2, flood);
  };
  flood();
  link.advance(10_000);
  const bytes = a.sentTo.get("asks") ?? 0;
  if (bytes > 1_500_000) throw new Error(`${bytes} bytes are told to one who needs less than 100,000`);
  return Promise.resolve();
}

/** Over a slow link no answer that is under way is asked for again and again. */
export async function slowLinksFetchOnce(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a"], options: { poolSize: 1 } });
  const { tracker } = cluster.node("a");
  for (let i = 0; i < 6_000; i++) tracker.track(cluster.node("a").session(), "room", `user:${i}`, {});
  await cluster.advance(2_000);
  cluster.network.faults = { ...faultless, delayMs: [700, 720] };
  const slow = await cluster.start("slow");
  await cluster.advance(60_000);
  const { requestsSent, pagesMerged } = slow.tracker.health().counters;
  if (slow.tracker.count("room") !== 6_000) fail(cluster, "has not caught up after 60 s");
  if (requestsSent > 1.5 * pagesMerged) fail(cluster, `asks ${requestsSent} times for ${pagesMerged} pages`);
}

/** An answer in parts gets through though the network changes their order each time. */
export async function answersInPartsArrive(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const network = { maxPayloadBytes: 3_000 };
  const options = { poolSize: 1, maxMetaBytes: 128 };
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b"], network, options });
  await cluster.advance(3_000);
  cluster.partition(["a"], ["b"]);
  const { tracker } = cluster.node("a");
  for (let i = 0; i < 400; i++) tracker.track(cluster.node("a").session(), "room", `user:${i}`, {});
  await cluster.advance(2_000);
  cluster.heal();
  cluster.network.faults = { ...faultless, delayMs: [0, 400], reorder: true };
  await cluster.advance(30_000);
  if (cluster.node("b").tracker.count("room") !== 400) fail(cluster, "an answer in parts never gets through");
}

/** A wait ends where a connection comes and goes with the heartbeats of others, for what they had when it began. */
export async function waitsEndThoughItFlaps(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const lanes = new Lanes(seed, by(protocol, {}));
  const [a, b] = [await lanes.start("a"), await lanes.start("b")];
  const flap = async (): Promise<void> => {
    a.setConnected(false);
    await lanes.advance(100);
    a.setConnected(true);
    await lanes.advance(1_900);
  };
  for (let i = 0; i < 10; i++) await flap();
  a.setConnected(false);
  track(b, "meanwhile");
  await lanes.advance(100);
  let isComplete = false;
  void a.tracker.whenComplete().then(() => (isComplete = true));
  for (let i = 0; i < 30 && !isComplete; i++) await flap();
  if (!isComplete) throw new Error("is not complete after 30 connections");
  if (!a.tracker.has("room", "meanwhile")) throw new Error("is complete without what others had at the call");
}

/** Where frames take longer than a heartbeat, who is complete after a reconnect has what others had then. */
export async function slowNetworksAreHeardOut(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b"] });
  const { tracker } = cluster.node("a");
  const author = cluster.node("b");
  const session = author.session();
  let tracked = 0;
  const goOn = async (ms: number): Promise<void> => {
    for (let gone = 0; gone < ms; gone += 500) {
      author.tracker.track(session, "room", `user:${tracked++}`, {});
      await cluster.advance(500);
    }
  };
  await goOn(5_000);
  cluster.network.faults = { ...faultless, delayMs: [3_000, 10_000], reorder: true };
  await goOn(20_000);
  cluster.outage({ nodes: ["a"] });
  await goOn(5_000);
  cluster.reconnect(["a"]);
  // What is younger than a flush was not told yet.
  const had = tracked - 5;
  let lacks: number | undefined;
  void tracker.whenComplete().then(() => {
    lacks = Array.from({ length: had }, (_, i) => `user:${i}`).filter(
      (key) => !tracker.has("room", key),
    ).length;
  });
  for (let turn = 0; turn < 200 && lacks === undefined; turn++) await goOn(500);
  if (lacks === undefined) fail(cluster, "is not complete after 100 s");
  if (lacks > 0)
    fail(cluster, `is complete without ${lacks} of ${had} entries that others had at the reconnect`);
}
