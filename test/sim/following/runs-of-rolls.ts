/** Runs of large clusters, in which callers tell all who is there. Each returns what was found, one line each. */
import { encodeFollowing } from "../../../src/replication/following/codec.js";
import { FOLLOWING_LIMITS } from "../../../src/replication/following/limits.js";
import { COUNTER_SPAN } from "../../../src/replication/following/roll-text.js";
import { FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import { hashText } from "../../../src/replication/hash.js";
import { replicaOf } from "../../../src/replication/life.js";
import { Cluster, HEARTBEAT_MS, type Node } from "./cluster.js";
import { registrarsOf, type BrokenRules } from "./runs.js";

const NODES = 16;
const DOWN_MS = 8_000;
const CALLERS = FOLLOWING_LIMITS.callers;
/** One is asked twice before it is taken for down. */
const QUESTIONS = 2;

interface Setting {
  readonly count?: number;
  readonly rules?: BrokenRules;
  readonly echoes?: boolean;
  readonly callsFrom?: number;
}

/** A cluster at rest in which ten are many, unless it is said otherwise. Beats come at different times. */
export function largeCluster(
  seed: number,
  { count = NODES, rules = {}, echoes = true, callsFrom = 10 }: Setting = {},
): Cluster {
  const limits = { ...FOLLOWING_LIMITS, callsFrom, callsUntil: Math.ceil(callsFrom * 0.75) };
  const cluster = new Cluster(seed, {
    ...{ windowMs: 50, lingering: 300, permdownPeriodMs: 60_000, maxFrameBytes: 256 * 1024, echoes },
    following: { rules: { ...FOLLOWING_RULES, ...rules }, limits },
  });
  for (let i = 0; i < count; i++) {
    cluster.start(`n${i}`);
    cluster.run(137);
  }
  cluster.run(8 * HEARTBEAT_MS);
  cluster.downs.length = 0;
  return cluster;
}

export function callersOf(cluster: Cluster): readonly Node[] {
  const isCaller = (name: string): boolean =>
    cluster.nowMs - (cluster.calledMs.get(name) ?? -Infinity) <= 1.5 * HEARTBEAT_MS;
  return [...cluster.nodes.values()].filter(({ name }) => isCaller(name));
}

function others(cluster: Cluster): readonly Node[] {
  const callers = new Set(callersOf(cluster));
  return [...cluster.nodes.values()].filter((node) => !callers.has(node));
}

function wronglyDown(cluster: Cluster): readonly string[] {
  return cluster.downs
    .filter(({ isAlive }) => isAlive)
    .map(({ by, name, atMs }) => `${by} takes ${name} for down at ${atMs.toFixed(0)}, which is there`);
}

/** Of what is broadcast: a beat and a roll of each of three callers. */
export function beatsGoToCallers(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = largeCluster(seed, { rules, count: 24 });
  const before = cluster.sent.broadcasts;
  cluster.run(10 * HEARTBEAT_MS);
  const each = (cluster.sent.broadcasts - before) / 10;
  const found = [...wronglyDown(cluster)];
  if (each !== 2 * CALLERS) found.push(`${each} broadcasts in a heartbeat of ${cluster.nodes.size} nodes`);
  return found;
}

/** All callers die at once. */
export function callersDie(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = largeCluster(seed, { rules, echoes: false });
  const callers = callersOf(cluster);
  for (const caller of callers) cluster.crash(caller);
  const before = cluster.sent.others;
  cluster.run(30_000);
  const found = [...wronglyDown(cluster)];
  const asked = cluster.sent.others - before;
  if (asked > QUESTIONS * CALLERS * cluster.nodes.size) found.push(`${asked} questions when callers die`);
  if (new Set(cluster.downs.map(({ name }) => name)).size !== CALLERS) found.push("not all callers are down");
  if (callersOf(cluster).length !== CALLERS) found.push(`${callersOf(cluster).length} callers`);
  return found;
}

/** No caller hears one of the nodes. */
export function muteNodesSpeakToAll(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = largeCluster(seed, { rules, echoes: false });
  const callers = callersOf(cluster);
  const [mute] = others(cluster);
  for (const caller of callers) cluster.cut.add(`${mute!.name}>${caller.name}`);
  const before = cluster.sent.others;
  cluster.run(60_000);
  const found = wronglyDown(cluster).filter(
    (line) => !callers.some(({ name }) => line.startsWith(`${name} `)),
  );
  const asked = cluster.sent.others - before;
  // Each of the callers asks it on and on.
  if (asked > 60 * CALLERS) return [...found, `${asked} questions when callers do not hear one`];
  return found;
}

/** A node hears but rolls that somebody made up, of one that has died. Returns for how long it takes that for up. */
function heardOfDead(seed: number, rules: BrokenRules, isLate: boolean, names: boolean): number {
  const cluster = largeCluster(seed, { rules });
  const [caller] = callersOf(cluster);
  const [dead, listening] = others(cluster);
  const { highestCounter } = listening!.follower.membership.presentOf(dead!.name)!;
  cluster.crash(dead!);
  for (const { name } of cluster.nodes.values())
    if (name !== listening!.name) cluster.cut.add(`${name}>${listening!.name}`);
  const call = { hash: hashText(replicaOf(dead!.life)), end: highestCounter % COUNTER_SPAN };
  const message = { type: "roll", isLate, calls: names ? [call] : [] } as const;
  const sinceMs = cluster.nowMs;
  for (let i = 1; i <= 20; i++) {
    const counter = 1_000 + i;
    const payload = encodeFollowing({ from: caller!.life, to: undefined, counter, message });
    cluster.step(listening!, { type: "frame", payload, way: "broadcasts" });
    cluster.run(HEARTBEAT_MS);
  }
  const down = cluster.downs.find(({ by, name }) => by === listening!.name && name === dead!.name);
  return (down?.atMs ?? Infinity) - sinceMs;
}

/** A caller says the same again and again. */
export function repeatedCallsKeepNobody(seed: number, rules: BrokenRules = {}): readonly string[] {
  const tookMs = heardOfDead(seed, rules, false, true);
  return tookMs <= 12_000 ? [] : [`a dead node is up for ${tookMs} ms, as a caller repeats itself`];
}

/** A caller stands still again and again, and says so. */
export function lateCallsAccuseNobody(seed: number, rules: BrokenRules = {}): readonly string[] {
  const tookMs = heardOfDead(seed, rules, true, false);
  return tookMs >= 40_000 ? [] : [`a node is down after ${tookMs} ms by late rolls alone`];
}

/** So many die that nobody calls any more; and one more, before that is known. That one is noticed as soon as any. */
export function whoDiesInAShrinkingClusterIsNoticed(
  seed: number,
  rules: BrokenRules = {},
): readonly string[] {
  return ceasedCallersKeepNobody(seed, rules, DOWN_MS + HEARTBEAT_MS);
}

/** The same, after a while. */
export function ceasedCallersKeepNobody(
  seed: number,
  rules: BrokenRules = {},
  withinMs = 30_000,
): readonly string[] {
  const cluster = largeCluster(seed, { rules });
  const [last, ...doomed] = others(cluster).slice(0, 10);
  for (const node of doomed) cluster.crash(node);
  cluster.run(9_000);
  cluster.crash(last!);
  cluster.run(withinMs);
  const found = [...wronglyDown(cluster)];
  for (const { name, follower } of cluster.nodes.values())
    for (const up of follower.upNames())
      if (!cluster.nodes.has(up)) found.push(`${name} takes ${up} for up, which died long ago`);
  return found;
}

/** A newcomer takes the place of a caller, which has named one that dies at this moment. */
export function replacedCallersKeepNobody(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = largeCluster(seed, { rules });
  const before = callersOf(cluster).map(({ name }) => name);
  const [doomed] = others(cluster);
  // It has sent its last beat to the callers of before, which tell of it in their next rolls.
  const ranked = (name: string): boolean => registrarsOf("", [...cluster.nodes.keys(), name]).includes(name);
  const newcomer = Array.from({ length: 1_000 }, (_, i) => `newcomer-${i}`).find(ranked);
  cluster.start(newcomer ?? "");
  cluster.run(50);
  cluster.crash(doomed!);
  cluster.run(DOWN_MS + 1.75 * HEARTBEAT_MS);
  const found = [...wronglyDown(cluster)];
  if (before.every((name) => callersOf(cluster).some((each) => each.name === name)))
    found.push("no caller was replaced");
  for (const { name, follower } of cluster.nodes.values())
    for (const up of follower.upNames())
      if (!cluster.nodes.has(up)) found.push(`${name} takes ${up} for up, which has died`);
  return found;
}

/** Callers that have much to say to each other tell of each other, too; and die at once. */
export function callersSpeakForThemselves(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = largeCluster(seed, { rules });
  const callers = callersOf(cluster);
  for (const caller of callers) cluster.step(caller, { type: "follow", topic: "t" });
  for (let passedMs = 0; passedMs < 6_000; passedMs += 50) {
    for (const [i, caller] of callers.entries()) cluster.track(caller, "t", `${i} ${passedMs}`);
    cluster.run(50);
  }
  for (const caller of callers) cluster.crash(caller);
  cluster.run(DOWN_MS + 1.5 * HEARTBEAT_MS);
  const found = [...wronglyDown(cluster)];
  for (const { name, follower } of cluster.nodes.values())
    for (const up of follower.upNames())
      if (!cluster.nodes.has(up)) found.push(`${name} takes ${up} for up, which called and died`);
  return found;
}

/** One that speaks with everybody dies with all callers: others begin to call, to whom it said something last. */
export function newCallersTellNothingOld(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = largeCluster(seed, { rules });
  const [doomed, ...listening] = others(cluster);
  for (const node of listening) cluster.step(node, { type: "follow", topic: "t" });
  for (let passedMs = 0; passedMs < 6_000; passedMs += 50) {
    cluster.track(doomed!, "t", `${passedMs}`);
    cluster.run(50);
  }
  for (const node of [doomed!, ...callersOf(cluster)]) cluster.crash(node);
  cluster.run(2 * DOWN_MS);
  const found = [...wronglyDown(cluster)];
  for (const { name, follower } of cluster.nodes.values())
    for (const up of follower.upNames())
      if (!cluster.nodes.has(up)) found.push(`${name} takes ${up} for up, which died before others called`);
  return found;
}

/** Somebody makes up a roll that is ahead of what all have sent: that ends, and nobody is asked on and on because of it. */
export function madeUpRollsAreForgotten(seed: number, rules: BrokenRules = {}): readonly string[] {
  const cluster = largeCluster(seed, { rules });
  const [caller] = callersOf(cluster);
  const nodes = [...cluster.nodes.values()];
  const ahead = COUNTER_SPAN / 4;
  const calls = nodes.map(({ life, follower: { begun } }) => ({
    hash: hashText(replicaOf(life)),
    end: (begun.counter + ahead) % COUNTER_SPAN,
  }));
  const message = { type: "roll", isLate: false, calls } as const;
  const counter = caller!.follower.begun.counter + 1;
  const payload = encodeFollowing({ from: caller!.life, to: undefined, counter, message });
  for (const node of nodes)
    if (node !== caller) cluster.step(node, { type: "frame", payload, way: "broadcasts" });
  cluster.run(2 * DOWN_MS);
  const before = cluster.sent.others;
  cluster.run(60_000);
  const found = [...wronglyDown(cluster)];
  const asked = cluster.sent.others - before;
  if (asked > 0) found.push(`${asked} questions long after a roll that was made up`);
  for (const { name, follower } of nodes)
    if (follower.counters.framesImplausible === 0) found.push(`${name} has not counted what was made up`);
  return found;
}
