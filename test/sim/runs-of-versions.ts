/** Runs of their own for clusters of several versions of the protocol: see `runs.ts`. */
import { TrackerError } from "../../src/errors.js";
import { PROTOCOL, type Protocol } from "../../src/replication/rules.js";
import { SimulationError, simulate, type SimulatedCluster } from "../../src/testing/cluster.js";
import type { Session } from "../../src/session.js";
import { ofGeneration, speakAs, type Generation } from "./other-versions.js";

const topic = "room:1";
const userCount = 20;
const names = ["a", "b", "c", "d", "e"];

function fail(cluster: SimulatedCluster, what: string): never {
  throw new SimulationError([what], cluster.nowMs);
}

interface Mixed {
  readonly cluster: SimulatedCluster;
  /** Starts a life of a generation, once the earlier one has ended. */
  start(name: string, generation: Generation): Promise<void>;
}

async function mixed(seed: number, protocol: Protocol, laterProtocol = protocol): Promise<Mixed> {
  const cluster = await simulate({ seed, nodes: [], options: { broadcastPeriodMs: 200 } });
  const generations = new Map<string, Generation>();
  speakAs(cluster.network, (name) => generations.get(name) ?? "now");
  return {
    cluster,
    start: async (name, generation) => {
      generations.set(name, generation);
      const its = generation === "next" ? laterProtocol : protocol;
      await cluster.start(name, { options: ofGeneration(generation, its) });
    },
  };
}

function errorsOf(cluster: SimulatedCluster, code: string): string[] {
  return cluster.lives.flatMap((node) =>
    node
      .eventsOf("error")
      .filter((error) => error instanceof TrackerError && error.code === code)
      .map((error) => `${node.name}: ${String(error)}`),
  );
}

/**
 * A rolling deploy of five nodes with forty users, to another generation and back. No user is missing on any node, but on
 * one that has just started; all speak what all understand.
 */
async function upgradeAndBack(
  seed: number,
  protocol: Protocol,
  [from, to]: readonly [Generation, Generation],
  [low, high]: readonly [number, number],
  laterProtocol = protocol,
): Promise<SimulatedCluster> {
  const { cluster, start } = await mixed(seed, protocol, laterProtocol);
  for (const name of names) await start(name, from);
  const sessions = new Map<number, Session>();
  const homes = Array.from({ length: userCount }, (_, user) => names[user % names.length] ?? "");
  const connect = (user: number, name: string): void => {
    const node = cluster.node(name);
    const session = node.session();
    node.tracker.track(session, topic, `user:${user}`, {});
    homes[user] = name;
    sessions.set(user, session);
  };
  for (const [user, name] of homes.entries()) connect(user, name);
  await cluster.settle();
  const look = async (untilMs: number): Promise<void> => {
    while (cluster.nowMs < untilMs) {
      await cluster.advance(100);
      for (const node of cluster.running()) {
        if (cluster.nowMs < node.startedMs + 300) continue;
        const seen = node.tracker.countKeys(topic);
        if (seen < homes.length) fail(cluster, `${node.name} lists ${seen} of ${homes.length} users`);
      }
    }
  };
  const spokenBy = (): number[] => cluster.running().map(({ tracker }) => tracker.health().protocolVersion);
  const deploy = async (generation: Generation): Promise<void> => {
    for (const name of names) {
      await cluster.stop(name);
      const others = cluster.running();
      for (const [user, home] of homes.entries()) {
        if (home !== name) continue;
        await look(cluster.nowMs + 100);
        connect(user, others[user % others.length]?.name ?? "");
      }
      await look(cluster.nowMs + 500);
      await start(name, generation);
      await look(cluster.nowMs + 4_000);
      // Some move to the new node, and leave where they were when they are there.
      for (const user of [1, 2, 3]) {
        const before = sessions.get(user);
        connect(user, name);
        await look(cluster.nowMs + 300);
        before?.close();
        await look(cluster.nowMs + 300);
      }
      const isMixed = generation === to ? name !== names.at(-1) : name !== "";
      const expected = isMixed ? low : high;
      if (spokenBy().some((version) => version !== expected))
        fail(cluster, `speaks ${spokenBy().join()} instead of ${expected}`);
    }
  };
  await deploy(to);
  await deploy(from);
  await cluster.settle();
  return cluster;
}

/** To a later version, and back. */
export async function upgradesLoseNobody(
  seed: number,
  protocol: Protocol = PROTOCOL,
  laterProtocol = protocol,
): Promise<void> {
  const cluster = await upgradeAndBack(seed, protocol, ["now", "next"], [2, 3], laterProtocol);
  for (const code of ["UNKNOWN_PROTOCOL", "INVALID_FRAME"])
    for (const error of errorsOf(cluster, code)) fail(cluster, `refuses what a later version says: ${error}`);
  for (const name of names) {
    const counts = cluster.lives
      .filter((node) => node.name === name)
      .map(({ tracker }) => tracker.health().counters)
      .filter((each) => each.framesWithFurtherFields > 0 && each.framesOfUnknownKind > 0);
    if (counts.length === 0) fail(cluster, `${name} does not count what it leaves alone`);
  }
}

/** The same, where only the nodes of now run by the protocol that is given. */
export async function furtherIsLeftAlone(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  await upgradesLoseNobody(seed, protocol, PROTOCOL);
}

/** From the version before, and back. */
export async function thoseOfBeforeAreUnderstood(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await upgradeAndBack(seed, protocol, ["before", "now"], [1, 2]);
  for (const code of ["UNKNOWN_PROTOCOL", "INVALID_FRAME"])
    for (const error of errorsOf(cluster, code)) fail(cluster, `refuses another version: ${error}`);
}

/** What a node of a later version says at its very start is seen by those of before, and what it says later. */
export async function newcomersAreUnderstood(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const { cluster, start } = await mixed(seed, protocol);
  await start("a", "now");
  await start("b", "now");
  await start("d", "next");
  await cluster.settle();
  // Of these it knows only what all hear, and by then it is understood by the other one in every version.
  for (const name of ["a", "b"]) cluster.cutLane(name, "c", "send");
  await start("c", "next");
  const { tracker } = cluster.node("c");
  const session = cluster.node("c").session();
  for (const atMs of [100, 700]) {
    await cluster.advance(atMs);
    tracker.track(session, topic, `user:${atMs}`, {});
    await cluster.advance(300);
    for (const name of ["a", "b"]) {
      if (!cluster.node(name).tracker.has(topic, `user:${atMs}`))
        fail(cluster, "sees late what a newcomer says");
    }
  }
}

/** A node that speaks no version in common is told of once, and is nobody's replica; what it says is not believed. */
export async function otherVersionsAreReported(seed: number, protocol: Protocol = PROTOCOL): Promise<void> {
  const cluster = await simulate({ seed, nodes: ["a"], options: ofGeneration("now", protocol) });
  const { endpoint, tracker } = cluster.node("a");
  const hears = (...parts: unknown[]): void =>
    cluster.network.inject(endpoint, "rollcall:simulated", JSON.stringify(parts));
  const head = ["future", "0mjuohs00aaaaa", 0];
  for (let counter = 1; counter < 40; counter += 2) {
    hears(4, 0, ...head, counter, 1, 0, [1, 1, 1], 2_000, 0, 0, "4.0.0", 3, 4);
    hears(4, 1, ...head, counter + 1, 0, 0, 1, 1, 1, [], [["t", "k"], [[]], "s-", [1, 0, 1, 1, 0]], []);
    await cluster.advance(1_000);
  }
  const { replicas, foreignNodes, counters } = tracker.health();
  if (replicas.length > 0 || tracker.count("t") > 0) fail(cluster, "guesses what another version says");
  const errors = errorsOf(cluster, "UNKNOWN_PROTOCOL");
  if (errors.length !== 1 || errors[0]?.includes("future") !== true)
    fail(cluster, `does not report another version once, by name: ${errors.join("; ")}`);
  if (foreignNodes.length !== 1) fail(cluster, "does not show who speaks another version");
  if (counters.framesUnread !== 40) fail(cluster, `counts ${counters.framesUnread} frames of 40`);
}
