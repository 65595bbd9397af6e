/** Runs of their own for rules of who is alive: see `runs.ts`. */
import type { EntryOwner } from "../../src/replication/entry.js";
import { ReplicatedEntry } from "../../src/replication/entry.js";
import { View } from "../../src/replication/showing/view.js";
import type { Life } from "../../src/replication/life.js";
import { LIMITS } from "../../src/replication/limits.js";
import { encodeFrame } from "../../src/replication/wire/codec.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { simulate, SimulationError, type SimulatedCluster } from "../../src/testing/cluster.js";
import type { VersionedMeta } from "../../src/testing/history-oracles.js";
import type { Session } from "../../src/session.js";
import { faultless } from "../../src/testing/network.js";
import { by, simulateBy } from "./protocol.js";
import { WhiteBox } from "./white-box.js";

type Cluster = SimulatedCluster<VersionedMeta>;

const topic = "room:1";
const channel = "rollcall:simulated";

function fail(cluster: { readonly nowMs: number }, ...wrong: string[]): never {
  throw new SimulationError(wrong, cluster.nowMs);
}

/** Runs with what the oracles inside see after each task. */
async function watched(
  seed: number,
  nodes: readonly string[],
  protocol: Protocol,
  run: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  const whiteBox = new WhiteBox();
  const wrong: string[] = [];
  const seen: { cluster?: Cluster } = {};
  const cluster: Cluster = await simulate<VersionedMeta>({
    seed,
    nodes: [],
    options: by(whiteBox.watch(protocol), {}),
    afterTask: (node) => {
      if (seen.cluster !== undefined) wrong.push(...(whiteBox.hooks.afterTask?.(seen.cluster, node) ?? []));
    },
  });
  seen.cluster = cluster;
  whiteBox.hooks.begun?.(cluster);
  for (const name of nodes) await cluster.start(name);
  await run(cluster);
  if (wrong.length > 0) fail(cluster, ...wrong);
}

/** A heartbeat that nobody has sent. */
function forgedHeartbeat({ name, incarnation }: Life, counter: number): string {
  return JSON.stringify([1, 0, name, incarnation, 0, counter, 1, 0, [0, 0, 0]]);
}

function forgedIncarnation(number: number): string {
  return number.toString(36).padStart(14, "0");
}

/** A name that begins a new life again and again leaves a bounded memory behind. */
export function livesThatAreOverAreBounded(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  return watched(seed, ["a"], protocol, async (cluster) => {
    await cluster.advance(10);
    const { endpoint } = cluster.node("a");
    for (let number = 1; number <= 2_200; number += 1) {
      const life = { name: "restless", incarnation: forgedIncarnation(number) };
      cluster.network.inject(endpoint, channel, forgedHeartbeat(life, 1));
      // The window of one has ended before the next begins.
      const goodbye = JSON.stringify([1, 6, life.name, life.incarnation, 0, 2, 0]);
      cluster.network.inject(endpoint, channel, goodbye);
    }
    await cluster.advance(1_000);
  });
}

/** Names that somebody makes up fill no memory. */
export async function forgedNamesAreBounded(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a"] });
  await cluster.advance(10);
  const { endpoint, tracker } = cluster.node("a");
  for (let number = 1; number <= LIMITS.knownLives + 100; number += 1) {
    const life = { name: `forged:${number}`, incarnation: forgedIncarnation(number) };
    cluster.network.inject(endpoint, channel, forgedHeartbeat(life, 1));
  }
  const known = tracker.health().replicas.length;
  if (known > LIMITS.knownLives) fail(cluster, `knows ${known} lives that somebody made up`);
}

/** A frame that nobody has sent, in the name of a node that runs: it is heard again, and asked for what is lost. */
async function isListedAgain(
  seed: number,
  protocol: Protocol,
  frameOf: (of: Life, counter: number) => string,
): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b"] });
  const b = cluster.node("b");
  b.tracker.track(b.session(), topic, "user:1", {});
  await cluster.advance(3_000);
  const { endpoint, tracker } = cluster.node("a");
  const [known] = tracker.health().replicas;
  const of = { name: "b", incarnation: known?.incarnation ?? "" };
  cluster.network.inject(endpoint, channel, frameOf(of, b.tracker.health().counters.framesSent + 10));
  await cluster.advance(2.5 * cluster.downPeriodMs);
  if (!tracker.has(topic, "user:1")) fail(cluster, "does not list who is there");
  const status = tracker.health().replicas.find(({ name }) => name === "b")?.status;
  if (status !== "up") fail(cluster, `takes b for ${status}`);
}

/** A goodbye of a later life, that nobody runs. */
export function madeUpLivesYield(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  return isListedAgain(seed, protocol, ({ name }) =>
    JSON.stringify([1, 6, name, "zzzzzzzzzzzzzz", 0, 1, 600_000]),
  );
}

/** A goodbye of a life that runs. */
export function madeUpGoodbyesEnd(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  return isListedAgain(seed, protocol, ({ name, incarnation }, counter) =>
    JSON.stringify([1, 6, name, incarnation, 0, counter, 600_000]),
  );
}

/** Entries that somebody makes up fill no memory. */
export async function forgedEntriesAreBounded(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const maxEntries = 100;
  const options = by(protocol, { maxEntries });
  const cluster = await simulate({ seed, nodes: ["a", "b"], options });
  const b = cluster.node("b");
  for (let number = 1; number <= 20; number += 1) b.tracker.track(b.session(), topic, `user:${number}`, {});
  await cluster.advance(3_000);
  const { endpoint, tracker } = cluster.node("a");
  for (let number = 1; number <= 30; number += 1) {
    const births = Array.from({ length: 10 }, (_, i) => ({
      clock: i + 1,
      topic,
      key: `k${i}`,
      session: "s",
      meta: {},
    }));
    const message = {
      type: "delta",
      shard: 0,
      since: 0,
      upTo: 10,
      part: 1,
      parts: 1,
      births,
      removed: [],
    } as const;
    const from = { name: `forged:${number}`, incarnation: forgedIncarnation(1) };
    const delta = encodeFrame({ from, to: undefined, counter: 1, message });
    cluster.network.inject(endpoint, channel, delta);
  }
  const { replicas } = tracker.health();
  const held = replicas.reduce((sum, { entries }) => sum + entries, 0);
  if (held > maxEntries) fail(cluster, `holds ${held} entries where there is room for ${maxEntries}`);
  if (tracker.count(topic) < 20) fail(cluster, "has lost what it had");
}

/** Of two lives of one name that go on, the others are told, and so is each of the two. */
export async function twinsAreReported(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b", "c"] });
  await cluster.advance(1_000);
  const first = cluster.node("b");
  const second = await cluster.start("b");
  await cluster.advance(3 * cluster.downPeriodMs);
  for (const node of [cluster.node("a"), cluster.node("c"), first, second]) {
    if (node.eventsOf("nameConflict").length === 0) {
      fail(cluster, `${node.name} (life ${node.life}) does not report a conflict`);
    }
  }
}

/** Half-way through its window a goodbye is heard again, as a new frame. */
export function goodbyesAreSaidOnce(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  return watched(seed, ["a", "b"], protocol, async (cluster) => {
    const b = cluster.node("b");
    b.tracker.track(b.session(), topic, "user:1", { version: 1 });
    await cluster.advance(3_000);
    const [life] = cluster.node("a").tracker.health().replicas;
    await cluster.stop("b");
    for (let time = 1; time <= 3; time += 1) {
      await cluster.advance(4_000);
      const counter = 1_000 + time;
      const goodbye = JSON.stringify([1, 6, "b", life?.incarnation, 0, counter, cluster.downPeriodMs]);
      cluster.network.inject(cluster.node("a").endpoint, channel, goodbye);
    }
    await cluster.advance(1_000);
  });
}

/** Sockets close when a server stops: others must not see their users leave before the window ends. */
export async function closingAfterStopSaysNothing(
  seed: number,
  protocol: Protocol = PROTOCOL,
): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b"] });
  const b = cluster.node("b");
  const session = b.session();
  b.tracker.track(session, topic, "user:1", {});
  await cluster.advance(3_000);
  const stopping = cluster.stop("b");
  // The process lives on for a while, as one whose server drains.
  b.machine.runtime.schedule(0, () => undefined);
  session.close();
  await stopping;
  await cluster.advance(3_000);
  for (const { diff } of [...cluster.node("a").diffs, ...b.diffs]) {
    for (const { reason } of diff.get(topic)?.leaves ?? []) {
      if (reason === "closed") fail(cluster, "an entry left as closed after its node has stopped");
    }
  }
}

/** Somebody is to go, and the first frames that say so are lost. */
export async function evictionsAreAskedForAgain(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b"] });
  const b = cluster.node("b");
  b.tracker.track(b.session(), topic, "user:1", { version: 1 });
  await cluster.advance(3_000);
  cluster.network.faults = { ...faultless, lossRate: 1 };
  cluster.node("a").tracker.evict(topic, "user:1");
  await cluster.advance(1_000);
  cluster.network.faults = faultless;
  await cluster.advance(6_000);
  if (b.tracker.count(topic) > 0) fail(cluster, "somebody who was to go is still there");
}

/**
 * Users with two connections, one of them on a node that was there before: two nodes are deployed one after the other,
 * and connections move, close and move on within both windows.
 */
export function deploysOneAfterTheOther(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  return watched(seed, ["a", "b", "c"], protocol, async (cluster) => {
    const connect = (name: string, version: number): Session => {
      const node = cluster.node(name);
      const session = node.session();
      node.tracker.track(session, topic, "user:1", { version });
      return session;
    };
    connect("a", 1);
    connect("a", 2);
    connect("b", 3);
    await cluster.advance(3_000);
    await cluster.stop("a");
    await cluster.advance(1_000);
    connect("b", 4);
    await cluster.advance(2_000);
    const closing = connect("c", 5);
    await cluster.advance(2_000);
    await cluster.stop("b");
    await cluster.advance(500);
    closing.close();
    await cluster.advance(500);
    connect("c", 6);
    await cluster.advance(10_000);
  });
}

/**
 * Two lives that depart show the same key. In a cluster that takes an answer which arrives after its author's
 * goodbye; the view is asked by itself.
 */
export async function departingTakesOverFromNobody(
  _seed: number,
  { rules }: Protocol = PROTOCOL,
): Promise<void> {
  const view = new View(rules);
  view.departingLives = 2;
  for (const [number, name] of ["a", "b"].entries()) {
    const owner = { name, departure: "departed" as const };
    const entry = new ReplicatedEntry(
      { owner, shard: 0, refPrefix: `${name}.` },
      1,
      topic,
      "user:1",
      name,
      {},
    );
    view.join(entry);
    if (view.count(topic) !== number + 1) fail({ nowMs: 0 }, "of two that depart only one is shown");
  }
}

/** Two entries of a life that departs come late, beside one that was there: neither takes the place of the other. */
export async function departingTakesNoPlaceOfItsOwn(
  _seed: number,
  { rules }: Protocol = PROTOCOL,
): Promise<void> {
  const view = new View(rules);
  const join = (owner: EntryOwner, clock: number): void => {
    const origin = { owner, shard: 0, refPrefix: `${owner.name}.` };
    view.join(new ReplicatedEntry(origin, clock, topic, "user:1", `${owner.name}-${clock}`, {}));
  };
  join({ name: "b", departure: undefined }, 1);
  view.departingLives = 1;
  const departing = { name: "a", departure: "departed" as const };
  for (const clock of [1, 2]) join(departing, clock);
  if (view.count(topic) !== 3) fail({ nowMs: 0 }, "one that departs takes the place of another of its life");
}
