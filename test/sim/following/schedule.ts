/**
 * Random schedules of nodes that follow, and of such that hold everything beside them: tracking, following, crashes,
 * restarts, goodbyes, partitions, cuts, loss, repetition and reordering. In the end everything gets through, and everything
 * has to be right, complete and quiet.
 */
import { FOLLOWING_LIMITS } from "../../../src/replication/following/limits.js";
import type { FollowingLimits } from "../../../src/replication/following/limits.js";
import { NO_LIMIT } from "../../../src/replication/following/message.js";
import { FOLLOWING_RULES } from "../../../src/replication/following/rules.js";
import type { FollowingRules } from "../../../src/replication/following/rules.js";
import { SeededRandom } from "../../../src/testing/random.js";
import { PROTOCOL } from "../../../src/replication/rules.js";
import type { Rules } from "../../../src/replication/rules.js";
import { CALM, Cluster, HEARS_OUT_WITHIN_MS, HEARTBEAT_MS, type Holds, type Node } from "./cluster.js";
import { leaksOf } from "./leaks.js";
import { heldOf, wrongInLimit } from "./limited-oracle.js";

const STEPS = 60;
const NAMES = ["a", "b", "c", "d", "e", "f", "g"];
const TOPICS = ["t1", "t2", "__proto__", "t4", "t5", "t6"];
/** What is lost in faults is missed by a summary, a minute after the last one at the latest. */
const SETTLES_WITHIN_MS = 75_000;
/** After a fault everybody knows who is up, and every registrar is settled, within this time. */
const CALM_AFTER_MS = 6 * HEARTBEAT_MS;

/** A follow of an application's. */
interface Handle {
  readonly topic: string;
  readonly limit: number | undefined;
}

/** How a rule is broken, or a limit set. */
export interface Changes {
  readonly rules?: Partial<FollowingRules>;
  readonly limits?: Partial<FollowingLimits>;
  readonly allRules?: Partial<Rules>;
}

/**
 * Runs the schedule of a seed; `isMixed`: some nodes hold everything, and one that starts again may hold otherwise than
 * before. Returns what was found, one line each.
 */
export function runSchedule(seed: number, changes: Changes = {}, isMixed = false): readonly string[] {
  const choices = new SeededRandom(seed).fork("options");
  const few = choices.chance(0.5);
  // In half of them a cluster of three is a large one.
  const calls = new SeededRandom(seed).fork("rolls").chance(0.5);
  // In half of them two entries are a large topic.
  const stretches = new SeededRandom(seed).fork("stretches").chance(0.5);
  const cluster = new Cluster(seed, {
    windowMs: choices.pick([0, 50, 1_500]),
    lingering: choices.pick([300, 3_000]),
    permdownPeriodMs: choices.pick([15_000, 60_000]),
    // In the small one nearly all that tells more than one thing is cut.
    maxFrameBytes: choices.pick([400, 256 * 1024]),
    echoes: choices.chance(0.5),
    countPeriodMs: 2_000 / choices.fork("counts").pick([1, 4, 20]),
    following: {
      rules: { ...FOLLOWING_RULES, ...changes.rules },
      limits: {
        ...FOLLOWING_LIMITS,
        ...(few ? { removalsKept: 10, closesKept: 2 } : {}),
        ...(calls ? { callers: 2, callsFrom: 4, callsUntil: 3 } : {}),
        ...(stretches ? { stretchBirths: 2, changesTold: 4, entriesPerTurn: 2 } : {}),
        ...changes.limits,
      },
    },
    protocol: {
      rules: { ...PROTOCOL.rules, ...changes.allRules },
      limits: { ...PROTOCOL.limits, ...(stretches ? { entriesPerStep: 2 } : {}) },
    },
  });
  return new Schedule(
    cluster,
    choices.chance(0.25),
    choices.chance(0.5),
    isMixed ? new SeededRandom(seed).fork("kinds") : undefined,
    new SeededRandom(seed).fork("limited").chance(0.6) ? new SeededRandom(seed).fork("limits") : undefined,
  ).run();
}

class Schedule {
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  readonly #isAlwaysCalm: boolean;
  /** Where nobody counts, schedules are what they were before anybody could. */
  readonly #counting: SeededRandom | undefined;
  readonly #names: readonly string[];
  readonly #topics: readonly string[];
  /** Chooses what nodes hold that start, if they do not all follow. */
  readonly #kinds: SeededRandom | undefined;
  /** How likely a node that starts holds everything. */
  readonly #share: number;
  /** How each node follows each topic, once for each handle. */
  readonly #handles = new Map<Node, Handle[]>();
  /** Chooses the limits of follows, where some have one. */
  readonly #limits: SeededRandom | undefined;
  /** How often each node wants to know the count of each topic. */
  readonly #counted = new Map<Node, string[]>();

  /**
   * @param isCalm: nothing is lost, cut or slow, and nobody crashes: what is complete is right at any time.
   * @param counts: counts are followed, too.
   * @param limits: chooses limits, if follows have any.
   */
  constructor(
    cluster: Cluster,
    isCalm: boolean,
    counts: boolean,
    kinds: SeededRandom | undefined,
    limits: SeededRandom | undefined,
  ) {
    this.#limits = limits;
    this.#kinds = kinds;
    this.#share = kinds?.pick([0.2, 0.5, 0.8]) ?? 0;
    this.#cluster = cluster;
    this.#isAlwaysCalm = isCalm;
    this.#random = cluster.random;
    this.#counting = counts ? cluster.random.fork("counts") : undefined;
    this.#names = NAMES.slice(0, this.#random.integer(3, 7));
    this.#topics = TOPICS.slice(0, this.#random.integer(1, 6));
  }

  run(): readonly string[] {
    const cluster = this.#cluster;
    if (!this.#isAlwaysCalm) this.#setFaults();
    for (const name of this.#names) {
      this.#start(name);
      if (this.#random.chance(0.5)) cluster.run(this.#random.between(0, 3_000));
    }
    for (let step = 0; step < STEPS; step++) {
      for (let calls = this.#random.integer(0, 5); calls > 0; calls--) {
        this.#call();
        if (this.#counting !== undefined) this.#followCounts(this.#counting);
      }
      this.#disturb();
      cluster.run(this.#random.between(0, this.#random.pick([30, 500, 3_000])));
      if (this.#random.chance(0.05)) cluster.run(this.#random.between(5_000, 20_000));
      this.#checkCompleteness();
      this.#checkCounts();
      if (this.#isAlwaysCalm) this.#checkDowns();
      if (cluster.wrong.length > 0) return cluster.wrong;
    }
    return this.#rest();
  }

  #start(name: string): void {
    const holds: Holds = this.#kinds?.chance(this.#share) === true ? "everything" : "followed";
    this.#cluster.start(name, holds);
  }

  #node(): Node | undefined {
    return this.#cluster.nodes.get(this.#random.pick(this.#names));
  }

  #call(): void {
    const node = this.#node();
    if (node === undefined) return;
    const cluster = this.#cluster;
    const topic = this.#random.pick(this.#topics);
    const entries = [...node.entries.keys()];
    const handles = this.#handles.get(node) ?? [];
    this.#handles.set(node, handles);
    const chance = this.#random.next();
    if (chance < 0.35) cluster.track(node, topic, `u${this.#random.integer(0, 3)}`);
    else if (chance < 0.45 && entries.length > 0) cluster.update(node, this.#random.pick(entries));
    else if (chance < 0.65 && entries.length > 0) cluster.untrack(node, this.#random.pick(entries));
    else if (node.holds === "everything") return;
    else if (chance < 0.85) {
      const handle = { topic, limit: this.#limits?.pick([undefined, 1, 2, 4, 8]) };
      handles.push(handle);
      cluster.step(node, { type: "follow", ...handle });
    } else if (handles.length > 0) {
      const [closed = { topic, limit: undefined }] = handles.splice(
        this.#random.integer(0, handles.length - 1),
        1,
      );
      cluster.step(node, { type: "unfollow", ...closed });
    }
  }

  #followCounts(random: SeededRandom): void {
    const node = this.#cluster.nodes.get(random.pick(this.#names));
    if (node === undefined || random.chance(0.7)) return;
    const counted = this.#counted.get(node) ?? [];
    this.#counted.set(node, counted);
    if (random.chance(0.6)) {
      const topic = random.pick(this.#topics);
      counted.push(topic);
      this.#cluster.step(node, { type: "followCount", topic });
    } else if (counted.length > 0) {
      const [topic = ""] = counted.splice(random.integer(0, counted.length - 1), 1);
      this.#cluster.step(node, { type: "unfollowCount", topic });
    }
  }

  #setFaults(): void {
    const random = this.#random;
    this.#cluster.faults = {
      loss: random.chance(0.5) ? random.pick([0.01, 0.1, 0.3]) : 0,
      repeat: random.chance(0.4) ? 0.2 : 0,
      delayMs: random.pick([
        [0.2, 3],
        [0, 40],
        [20, 400],
        [0, 2_000],
      ] as const),
      reorders: random.chance(0.5),
    };
  }

  #disturb(): void {
    const cluster = this.#cluster;
    const random = this.#random;
    const chance = random.next();
    if (this.#isAlwaysCalm) {
      if (chance < 0.15) this.#stop(random.pick([50, 4_000]), random.pick([0, 300, 8_000]));
      return;
    }
    if (chance < 0.06) {
      const side = random.subset(this.#names, 0.5);
      for (const one of this.#names) {
        for (const other of this.#names)
          if (side.includes(one) !== side.includes(other)) cluster.cut.add(`${one}>${other}`);
      }
    } else if (chance < 0.1) cluster.cut.add(`${random.pick(this.#names)}>${random.pick(this.#names)}`);
    else if (chance < 0.18) cluster.cut.clear();
    else if (chance < 0.24) this.#stop(random.pick([50, 3_000, 15_000]));
    else if (chance < 0.28) this.#stop(random.pick([50, 4_000]), random.pick([0, 300, 8_000]));
    else if (chance < 0.33) this.#setFaults();
    else if (chance < 0.36) cluster.faults = CALM;
    else if (chance < 0.39) this.#disconnect(random.pick([50, 1_000, 9_000, 20_000]));
    if (!this.#isCalm || chance < 0.39) cluster.calmSinceMs = cluster.nowMs;
  }

  get #isCalm(): boolean {
    const { cut, faults, nodes } = this.#cluster;
    return cut.size === 0 && faults === CALM && [...nodes.values()].every(({ isAttached }) => isAttached);
  }

  /** The pubsub of a node loses its connection, and has it back later. */
  #disconnect(durationMs: number): void {
    const cluster = this.#cluster;
    const node = this.#node();
    if (node === undefined) return;
    cluster.attach(node, false);
    cluster.at(cluster.nowMs + durationMs, () => {
      if (node.isAlive) cluster.attach(node, true);
    });
  }

  /** A node crashes, or says goodbye, and starts again later. */
  #stop(restartAfterMs: number, windowMs?: number): void {
    const cluster = this.#cluster;
    const node = this.#node();
    if (node === undefined) return;
    if (windowMs !== undefined) cluster.step(node, { type: "goodbye", windowMs });
    cluster.crash(node);
    this.#handles.delete(node);
    this.#counted.delete(node);
    cluster.at(cluster.nowMs + restartAfterMs, () => {
      if (!cluster.nodes.has(node.name)) this.#start(node.name);
    });
  }

  /** Who says that a follow is complete, in a time without faults, lists all that was there a moment ago. */
  #checkCompleteness(): void {
    const cluster = this.#cluster;
    if (!this.#isAlwaysCalm && (!this.#isCalm || cluster.nowMs - cluster.calmSinceMs < CALM_AFTER_MS)) return;
    for (const node of cluster.nodes.values()) {
      if (node.machine.connection.status !== "connected") continue;
      for (const topic of this.#topicsOf(node)) {
        if (!isComplete(node, topic, cluster.nowMs)) continue;
        const listed = cluster.listed(node, topic);
        const truth = cluster.truth(topic, cluster.nowMs - HEARTBEAT_MS);
        const limit = limitOf(node, topic);
        if (limit !== NO_LIMIT) {
          if (listed.size < Math.min(limit, truth.size))
            cluster.wrong.push(
              `${node.name} is complete in ${topic} with ${listed.size} of ${truth.size}, and its limit is ${limit}`,
            );
          continue;
        }
        for (const ref of truth) {
          if (!listed.has(ref)) cluster.wrong.push(`${node.name} is complete in ${topic} without ${ref}`);
        }
      }
    }
  }

  /** A count that says it is settled, in a time without faults, is what there was a moment ago. */
  #checkCounts(): void {
    const cluster = this.#cluster;
    for (const node of cluster.nodes.values()) {
      for (const topic of node.follower.interests.counts.watches.topics()) {
        const told = node.countsTold.get(topic);
        const count = node.follower.countOf(topic);
        const isTold = told?.entries === count.entries && told.isSettled === count.isSettled;
        if (!isTold && (told !== undefined || count.entries !== 0 || count.isSettled))
          cluster.wrong.push(`${node.name} was not told that the count of ${topic} has changed`);
      }
    }
    if (!this.#isAlwaysCalm && (!this.#isCalm || cluster.nowMs - cluster.calmSinceMs < CALM_AFTER_MS)) return;
    for (const node of cluster.nodes.values()) {
      if (node.follower.connection.status !== "connected") continue;
      for (const topic of node.follower.interests.counts.watches.topics()) {
        const { entries, isSettled } = node.follower.countOf(topic);
        const { fewest, most } = cluster.counts.rangeOf(topic, cluster.nowMs - cluster.countedWithinMs);
        if (isSettled && (entries < fewest || entries > most))
          cluster.wrong.push(
            `${node.name} counts ${entries} in ${topic}, settled, where ${fewest} to ${most} were`,
          );
      }
    }
  }

  /** Nobody who is there is taken for down, where everything gets through. */
  #checkDowns(): void {
    const { downs, wrong } = this.#cluster;
    for (const { by, name, atMs, isAlive } of downs.splice(0))
      if (isAlive) wrong.push(`${by} takes ${name} for down at ${atMs}, which is there`);
  }

  /** The topics of which a node has to list everything. */
  #topicsOf({ holds, follower, startedMs }: Node): readonly string[] {
    if (holds === "followed") return [...follower.interests.follows.topics()];
    // Whom it has not heard yet it does not know of, as any node that holds everything.
    return this.#cluster.nowMs - startedMs > HEARS_OUT_WITHIN_MS ? this.#topics : [];
  }

  #rest(): readonly string[] {
    const cluster = this.#cluster;
    cluster.cut.clear();
    cluster.faults = CALM;
    for (const node of cluster.nodes.values()) cluster.attach(node, true);
    cluster.run(20_000);
    let wrong = this.#unsettled();
    for (let waitedMs = 0; wrong.length > 0 && waitedMs < SETTLES_WITHIN_MS; waitedMs += 2_500) {
      cluster.run(2_500);
      wrong = this.#unsettled();
      if (cluster.wrong.length > 0) return cluster.wrong;
    }
    if (wrong.length > 0) return wrong;
    // Lives that are over are forgotten, and what lingers ends.
    cluster.run(75_000);
    const before = { ...cluster.sent };
    cluster.run(10_000);
    const others = cluster.sent.others - before.others;
    for (const node of cluster.nodes.values()) cluster.checkShares(node);
    const found = [...this.#unsettled(), ...leaksOf(cluster), ...cluster.wrong];
    // A renewal now and then is an enlistment and its answer.
    if (others > 4 * cluster.nodes.size) found.push(`${others} frames in ten seconds of rest`);
    return found;
  }

  #unsettled(): string[] {
    const cluster = this.#cluster;
    const wrong: string[] = [];
    for (const node of cluster.nodes.values()) {
      const { name, follower } = node;
      for (const topic of this.#topicsOf(node)) {
        const listed = cluster.listed(node, topic);
        const all = cluster.truth(topic);
        const limit = limitOf(node, topic);
        const truth = limit === NO_LIMIT ? all : heldOf(cluster, node, topic);
        if (limit !== NO_LIMIT) wrong.push(...wrongInLimit(cluster, node, topic, limit));
        for (const ref of truth) if (!listed.has(ref)) wrong.push(`${name} lacks ${ref} of ${topic}`);
        for (const ref of listed) if (!truth.has(ref)) wrong.push(`${name} has the ghost ${ref} of ${topic}`);
        if (!isComplete(node, topic, cluster.nowMs)) wrong.push(`${name} is not complete in ${topic}`);
      }
      for (const topic of follower.interests.counts.watches.topics()) {
        const { entries, isSettled } = follower.countOf(topic);
        const { size } = cluster.truth(topic);
        if (entries !== size) wrong.push(`${name} counts ${entries} in ${topic}, where ${size} are`);
        if (!isSettled) wrong.push(`${name} has a count of ${topic} that is not settled`);
      }
      const up = Array.from(node.machine.membership.replicas(), (each) =>
        each.status === "up" ? each.name : "",
      )
        .filter((other) => other !== "")
        .sort()
        .join();
      const others = [...cluster.nodes.keys()]
        .filter((other) => other !== name)
        .sort()
        .join();
      if (up !== others) wrong.push(`${name} takes for up: ${up}`);
    }
    return wrong;
  }
}

/** The limit with which a node follows a topic. */
function limitOf({ holds, follower }: Node, topic: string): number {
  return holds === "everything" ? NO_LIMIT : follower.interests.follows.limitOf(topic);
}

/** Whether a node says of a topic that it lists all that there is. */
function isComplete({ holds, machine, follower }: Node, topic: string, nowMs: number): boolean {
  return holds === "everything" ? machine.hasCaughtUp(nowMs) : follower.isComplete(topic, nowMs);
}
