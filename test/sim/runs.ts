/**
 * Runs of their own, for rules that a random schedule does not reach or no oracle of every run can see. Each
 * throws what it finds wrong; with all rules in place it finds nothing.
 */
import { isDeepStrictEqual } from "node:util";
import type { AuthoredShard } from "../../src/replication/authoring/authored-shard.js";
import type { ReplicatorOptions } from "../../src/replication/options.js";
import { Replicator } from "../../src/replication/replicator.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { SimulationError, type SimulatedCluster } from "../../src/testing/cluster.js";
import { decodeFrame } from "../../src/replication/wire/codec.js";
import { editBirths, editReceived } from "./lies.js";
import { changed, simulateBy } from "./protocol.js";

const topic = "room:1";

function fail(cluster: SimulatedCluster, what: string): never {
  throw new SimulationError([what], cluster.nowMs);
}

function trackMany(cluster: SimulatedCluster, name: string, count: number): void {
  const node = cluster.node(name);
  const session = node.session();
  for (let user = 1; user <= count; user += 1) node.tracker.set(session, topic, `user:${user}`, {});
}

/** A newcomer lists the first pages before the last have come. */
export async function firstSyncShowsItsPages(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const limits = { pageItems: 5, deltaDots: 5 };
  const cluster = await simulateBy(changed({ limits }, protocol), {
    seed,
    nodes: ["a"],
    options: { poolSize: 1 },
  });
  trackMany(cluster, "a", 60);
  await cluster.start("b");
  await cluster.settle();
  const [first] = cluster.node("b").diffs;
  const joins = first?.diff.get(topic)?.joins.length ?? 0;
  if (joins > 10) fail(cluster, "a newcomer lists nobody until everything is there");
}

/** A node that comes back downloads what has changed, and not what it holds. */
export async function rebuildCostsWhatChanged(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const limits = { removalsKept: 4, deltaDots: 4, pageItems: 20 };
  const users = 200;
  const cluster = await simulateBy(changed({ limits }, protocol), {
    seed,
    nodes: ["a", "b"],
    options: { poolSize: 1 },
    trace: true,
  });
  trackMany(cluster, "a", users);
  await cluster.settle();
  cluster.partition(["a"], ["b"]);
  const begin = cluster.trace.length;
  const session = cluster.node("a").session();
  for (let turn = 1; turn <= 20; turn += 1) {
    cluster.node("a").tracker.set(session, topic, "restless", { turn });
  }
  await cluster.advance(3_000);
  await cluster.settle();
  let births = 0;
  let pages = 0;
  for (const { payload } of deliveriesIn(cluster.trace.slice(begin))) {
    const message = decodeFrame(payload).frame?.message;
    if (message?.type !== "page") continue;
    pages += 1;
    births += message.births.length;
  }
  if (pages === 0) fail(cluster, "nothing was fetched as pages");
  if (births > users / 4) fail(cluster, `${births} of ${users} births travelled again`);
}

/** A copy that is damaged is found by the next heartbeat, reported, and right again by the one after. */
export async function divergenceHeals(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  let isDamaging = false;
  const startTracker = editReceived((frame) => {
    const { message } = frame;
    if (!isDamaging || message.type !== "delta") return frame;
    return { ...frame, message: { ...message, births: message.births.slice(1) } };
  });
  const cluster = await simulateBy(protocol, {
    seed,
    nodes: ["a", "b"],
    options: { poolSize: 1 },
    startTracker,
  });
  await cluster.settle();
  cluster.expectDivergence();
  isDamaging = true;
  trackMany(cluster, "a", 3);
  await cluster.advance(100);
  isDamaging = false;
  await cluster.advance(2 * cluster.heartbeatPeriodMs);
  const { tracker } = cluster.node("b");
  if (tracker.count(topic) !== 3) fail(cluster, "a divergence has not healed within two heartbeats");
  if (cluster.node("b").eventsOf("divergence").length !== 1) fail(cluster, "a divergence was not reported");
}

/** A value that was altered by one character, its dot being right, is noticed and mended like any divergence. */
export async function alteredValuesHeal(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  let isAltering = true;
  const part = ["topic", "key", "session", "meta"][seed % 4];
  const startTracker = editBirths((birth) => {
    if (!isAltering || !birth.key.endsWith(":2")) return birth;
    if (part === "topic") return { ...birth, topic: "room:2" };
    if (part === "key") return { ...birth, key: "user;2" };
    if (part === "session") return { ...birth, session: birth.session.replace("-", "_") };
    return { ...birth, meta: { device: "phony", list: [1, { deep: "x" }] } };
  });
  const cluster = await simulateBy(protocol, {
    seed,
    nodes: ["a", "b"],
    options: { poolSize: 1 },
    startTracker,
  });
  await cluster.settle();
  cluster.expectDivergence();
  const session = cluster.node("a").session();
  for (const user of [1, 2, 3]) {
    const meta = { device: "phone", list: [1, { deep: "x" }] };
    cluster.node("a").tracker.set(session, topic, `user:${user}`, meta);
  }
  await cluster.advance(100);
  isAltering = false;
  await cluster.advance(2 * cluster.heartbeatPeriodMs);
  const listed = (name: string): unknown =>
    cluster
      .node(name)
      .tracker.list(topic)
      .map(({ key, session, meta, ref }) => JSON.stringify([key, session, meta, ref]))
      .sort();
  if (!isDeepStrictEqual(listed("a"), listed("b"))) fail(cluster, `an altered ${part} has not healed`);
  if (cluster.node("b").eventsOf("divergence").length !== 1) fail(cluster, "a divergence was not reported");
}

/** A newcomer and the others know each other long before the next heartbeat. */
export async function newcomersAreGreeted(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a"] });
  await cluster.advance(500);
  await cluster.start("b");
  await cluster.advance(200);
  for (const name of ["a", "b"]) {
    const { replicas } = cluster.node(name).tracker.health();
    if (replicas.length !== 1) fail(cluster, `${name} does not know the other after 200 ms`);
  }
}

/** Nodes whose first heartbeats were lost learn of each other by the next. */
export async function strangersFindEachOther(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a"] });
  cluster.partition(["a"], ["b"]);
  await cluster.start("b");
  await cluster.advance(500);
  cluster.heal();
  await cluster.settle();
}

const crowd = Array.from({ length: 30 }, (_, number) => `n${number}`);

/** The payloads that were delivered, by the lines of a trace. */
function* deliveriesIn(
  trace: readonly string[],
): Generator<{ readonly atMs: number; readonly to: string; readonly payload: string }> {
  for (const line of trace) {
    const [, atMs, to, payload] = /^([\d.]+) \S+ > (\S+) \S+ (\[.*)$/.exec(line) ?? [];
    if (to !== undefined && payload !== undefined) yield { atMs: Number(atMs), to, payload };
  }
}

/** The most frames of one kind that a node gets within 5 ms. `kind` is the second element of a frame. */
async function rushOf(
  cluster: SimulatedCluster,
  name: string,
  isMeant: (frame: readonly unknown[]) => boolean,
  act: () => Promise<unknown>,
): Promise<number> {
  const arrivalsMs: number[] = [];
  const begin = cluster.trace.length;
  await act();
  for (const { atMs, to, payload } of deliveriesIn(cluster.trace.slice(begin))) {
    if (to === name && isMeant(JSON.parse(payload) as unknown[])) arrivalsMs.push(atMs);
  }
  return Math.max(
    0,
    ...arrivalsMs.map((fromMs) => arrivalsMs.filter((ms) => ms >= fromMs && ms < fromMs + 5).length),
  );
}

/** Thirty nodes do not greet a newcomer at the same moment. */
export async function greetingsAreSpread(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: crowd, trace: true });
  await cluster.settle();
  const rush = await rushOf(
    cluster,
    "new",
    ([, kind, , , to]) => kind === 0 && to !== 0,
    async () => {
      await cluster.start("new");
      await cluster.advance(200);
    },
  );
  if (rush > crowd.length / 2) fail(cluster, `${rush} greetings within 5 ms`);
}

/** Thirty nodes that have missed the same delta do not ask for it at the same moment. */
export async function requestsAreSpread(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: crowd, trace: true });
  await cluster.settle();
  const [author = "", ...others] = crowd;
  cluster.partition([author], others);
  trackMany(cluster, author, 1);
  await cluster.advance(100);
  cluster.heal();
  const rush = await rushOf(
    cluster,
    author,
    ([, kind]) => kind === 2,
    () => cluster.advance(2 * cluster.heartbeatPeriodMs),
  );
  if (rush === 0) fail(cluster, "nobody asks for what all have missed");
  if (rush > crowd.length / 2) fail(cluster, `${rush} requests within 5 ms`);
}

/** A node that has missed nothing hears nothing of another's catching up. */
export async function answersGoToWhoAsks(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulateBy(protocol, { seed, nodes: ["a", "b", "c"], trace: true });
  await cluster.settle();
  cluster.oneWay("a", "b");
  trackMany(cluster, "a", 1);
  await cluster.advance(100);
  cluster.heal();
  const deltas = (): Promise<unknown> => cluster.advance(2 * cluster.heartbeatPeriodMs);
  const rush = await rushOf(cluster, "c", ([, kind]) => kind === 1, deltas);
  if (!cluster.node("b").tracker.has(topic, "user:1")) fail(cluster, "b has not caught up");
  if (rush > 0) fail(cluster, "c hears an answer that another has asked for");
}

/** An author that changes for ever remembers a bounded number of its removals. */
export async function removalsAreBounded(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const bound = 20_000;
  const authors: AuthoredShard[] = [];
  class Seen extends Replicator {
    constructor(options: ReplicatorOptions, nowMs: number) {
      super(options, nowMs);
      authors.push(...this.shards);
    }
  }
  // However long a delta is: it tells the removals that are kept.
  const changes = { replicator: Seen, limits: { deltaDots: Infinity } };
  const cluster = await simulateBy(changed(changes, protocol), {
    seed,
    nodes: ["a"],
    options: { poolSize: 1 },
  });
  const { tracker } = cluster.node("a");
  const session = cluster.node("a").session();
  for (let turn = 0; turn <= 1.5 * bound; turn += 1) tracker.set(session, topic, "restless", { turn });
  await cluster.advance(cluster.broadcastPeriodMs);
  for (const author of authors) {
    // Each update is two dots, a removal and a birth.
    const answer = author.answer(author.flushed.clock - 2 * (bound + 1));
    if (answer === undefined) fail(cluster, "has flushed nothing");
    if (answer.type === "delta") fail(cluster, `keeps ${answer.removed.length} removals`);
  }
}
