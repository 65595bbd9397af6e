/**
 * Runs a schedule: does its steps on a simulated cluster, tells the naive model what the applications did, and
 * lets the oracles look after every task. It promises to end with a settled cluster or a
 * {@link SimulationError}, and the same run for the same schedule.
 */
import { TrackerError } from "../errors.js";
import type { TrackerBehaviour } from "../tracker/behaviour.js";
import type { Session } from "../tracker/session.js";
import { SimulationError, simulate, type SimulatedCluster } from "./cluster.js";
import { HistoryOracles, type VersionedMeta } from "./history-oracles.js";
import { NaiveModel } from "./naive-model.js";
import { faultless, type NetworkFaults } from "./network.js";
import { listAll } from "./oracles.js";
import type { SimulatedNode } from "./simulated-node.js";
import type { ApplicationStep, FaultStep, Schedule, Step } from "./steps.js";

type Cluster = SimulatedCluster<VersionedMeta>;
type Node = SimulatedNode<VersionedMeta>;

/** What a run can be given to see more, or to do what needs the tracker's insides. */
export interface RunHooks {
  /** Called once, before the first node starts. */
  readonly begun?: (cluster: Cluster) => void;
  /** Called after each task of a node. Returns what is wrong. */
  readonly afterTask?: (cluster: Cluster, node: Node) => readonly string[];
  /** Called when the cluster has settled. Returns what is wrong. */
  readonly settled?: (cluster: Cluster) => readonly string[];
  /** Damages one node's copy of another's slice; false if it has none. */
  readonly corrupt?: (cluster: Cluster, node: Node, of: string) => boolean;
  readonly behaviour?: (nodeName: string) => TrackerBehaviour<VersionedMeta>;
  readonly trace?: boolean;
}

/** What a run came to. */
export interface RunResult {
  readonly cluster: Cluster;
  readonly model: NaiveModel;
  /** How long each settle took, in milliseconds of virtual time. */
  readonly settledMs: readonly number[];
}

/** The meta of each key of a crowd has so many letters, so that a few dozen exceed a small payload. */
const crowdLetters = 60;

/** What a heartbeat says of one shard has at most so many bytes. */
const summaryBytesMax = 32;

/** Runs a schedule and settles at its end. @throws SimulationError */
export async function runSchedule(schedule: Schedule, hooks: RunHooks = {}): Promise<RunResult> {
  return new ScheduleRun(schedule, hooks).run();
}

class ScheduleRun {
  readonly #schedule: Schedule;
  readonly #hooks: RunHooks;
  readonly #model = new NaiveModel();
  readonly #sessions = new Map<Node, Map<number, Session>>();
  readonly #twins = new Set<string>();
  readonly #turnedBack = new Set<string>();
  readonly #twinOf = new Map<string, { readonly first: Node; readonly second: Node }>();
  readonly #leftAlone = new Set<Node>();
  readonly #settledMs: number[] = [];
  readonly #wrong: string[] = [];
  #corrupted = false;

  constructor(schedule: Schedule, hooks: RunHooks) {
    this.#schedule = schedule;
    this.#hooks = hooks;
  }

  async run(): Promise<RunResult> {
    const { seed, nodes, network, options, announceCrashes, steps } = this.#schedule;
    const watching: { oracles?: HistoryOracles } = {};
    const cluster: Cluster = await simulate<VersionedMeta>({
      seed,
      nodes: [],
      network,
      options,
      announceCrashes,
      ...(this.#hooks.behaviour === undefined ? {} : { behaviour: this.#hooks.behaviour }),
      trace: this.#hooks.trace ?? false,
      afterTask: (node) => {
        watching.oracles?.look(node);
        this.#wrong.push(...(this.#hooks.afterTask?.(cluster, node) ?? []));
      },
    });
    const isCorrupted = (): boolean => this.#corrupted;
    const oracles = new HistoryOracles(cluster, this.#model, {
      twins: this.#twins,
      turnedBack: this.#turnedBack,
      get corrupted() {
        return isCorrupted();
      },
      hints: announceCrashes,
      latestFrameMs: latestFrameMs({ ...faultless, ...network }),
      heartbeatPeriodMs: cluster.heartbeatPeriodMs,
      downPeriodMs: cluster.downPeriodMs,
      permdownPeriodMs: cluster.permdownPeriodMs,
    });
    watching.oracles = oracles;
    this.#hooks.begun?.(cluster);
    for (const name of nodes) await cluster.start(name);
    for (const step of [...steps, { do: "settle" } as const]) {
      await this.#do(cluster, step);
      for (const node of cluster.running()) oracles.look(node);
      const wrong = [...oracles.wrong.splice(0), ...this.#wrong.splice(0)];
      if (wrong.length > 0) throw new SimulationError(wrong, cluster.nowMs);
    }
    return { cluster, model: this.#model, settledMs: this.#settledMs };
  }

  async #do(cluster: Cluster, step: Step): Promise<void> {
    switch (step.do) {
      case "advance":
        return cluster.advance(step.ms);
      case "settle":
        return this.#settle(cluster);
      case "track":
      case "set":
      case "update":
      case "untrack":
      case "untrackTopic":
      case "untrackAll":
      case "close":
      case "crowd":
      case "churn": {
        const node = latest(cluster, step.node);
        // A request of a user reaches the application through the event loop, like anything else.
        if (node?.running === true) {
          node.machine.arrive(() => {
            if (node.running) this.#apply(cluster, node, step);
          });
        }
        return;
      }
      default:
        return this.#befall(cluster, step);
    }
  }

  async #befall(cluster: Cluster, step: FaultStep): Promise<void> {
    switch (step.do) {
      case "faults":
        cluster.network.faults = { ...faultless, ...step.faults };
        return;
      case "partition":
        return cluster.partition(...step.groups);
      case "oneWay":
        return cluster.oneWay(step.from, step.to);
      case "outage":
        return cluster.outage(step);
      case "heal":
        return cluster.heal();
      case "start":
        if (latest(cluster, step.node)?.machine.ended !== false) {
          // Two lives that start in one millisecond are ordered by chance, as if the clock had gone back.
          const sameMs =
            Math.floor(latest(cluster, step.node)?.startedMs ?? -1) === Math.floor(cluster.nowMs);
          if (step.clockOffsetMs < 0 || sameMs) this.#turnedBack.add(step.node);
          await cluster.start(step.node, {
            clockOffsetMs: step.clockOffsetMs,
            ...(step.poolSize === undefined ? {} : { options: { poolSize: step.poolSize } }),
          });
        }
        return;
      case "endTwin":
        return this.#endTwin(cluster, step.node, step.which);
      default:
        break;
    }
    const node = latest(cluster, step.node);
    if (node === undefined || node.machine.ended) return;
    switch (step.do) {
      case "stall":
        return cluster.stall(node, step.ms, step.first);
      case "crash":
        if (!this.#twinOf.has(node.name)) cluster.crash(node);
        return;
      case "stop":
        if (this.#twinOf.has(node.name) || node.machine.stalled) return;
        return cluster.stop(node, step.handoffMs === undefined ? {} : { handoffMs: step.handoffMs });
      case "twin": {
        if (this.#twins.has(node.name) || !node.running) return;
        this.#twins.add(node.name);
        this.#twinOf.set(node.name, { first: node, second: await cluster.start(node.name) });
        return;
      }
      case "corrupt":
        if (node.running && this.#hooks.corrupt?.(cluster, node, step.of) === true) {
          this.#corrupted = true;
          cluster.expectDivergence();
        }
        return;
    }
  }

  /**
   * Ends one of two lives of a name. The first was replaced by the second and is never listened to again: if it
   * is left alone, it is alone until the cluster is to settle.
   */
  #endTwin(cluster: Cluster, name: string, which: "first" | "second"): void {
    const twins = this.#twinOf.get(name);
    if (twins === undefined) return;
    this.#twinOf.delete(name);
    cluster.crash(twins[which]);
    if (which === "second") this.#leftAlone.add(twins.first);
  }

  /** Whoever was replaced and still lives is restarted, as an operator would do. */
  async #restartWhoeverIsLeftAlone(cluster: Cluster): Promise<void> {
    for (const name of [...this.#twinOf.keys()]) this.#endTwin(cluster, name, "first");
    for (const node of this.#leftAlone) {
      cluster.crash(node);
      if (latest(cluster, node.name)?.machine.ended === true) await cluster.start(node.name);
    }
    this.#leftAlone.clear();
  }

  async #settle(cluster: Cluster): Promise<void> {
    await this.#restartWhoeverIsLeftAlone(cluster);
    this.#settledMs.push(await cluster.settle());
    const wrong = [
      ...this.#ownEntriesAreTheModel(cluster),
      ...(await this.#idlesQuietly(cluster)),
      ...(this.#hooks.settled?.(cluster) ?? []),
    ];
    if (wrong.length > 0) throw new SimulationError(wrong, cluster.nowMs);
    cluster.network.faults = { ...faultless, ...this.#schedule.network };
  }

  /** What every running node lists is what the applications have tracked. */
  #ownEntriesAreTheModel(cluster: Cluster): string[] {
    const running = cluster.running();
    const expected = running
      .flatMap(({ life }) => this.#model.of(life))
      .map(({ topic, session, key, node, version }) => JSON.stringify([topic, session, key, node, version]));
    const truth = new Set(expected);
    return running.flatMap(({ name, tracker }) => {
      const found = listAll(tracker).map(({ topic, entry }) =>
        JSON.stringify([topic, entry.session, entry.key, entry.node, entry.meta.version]),
      );
      const missing = [...truth].filter((line) => !found.includes(line));
      const ghosts = found.filter((line) => !truth.has(line));
      return [
        ...missing.map((line) => `${name} lacks what was tracked: ${line}`),
        ...ghosts.map((line) => `${name} lists what is not tracked: ${line}`),
      ];
    });
  }

  /** A settled cluster sends heartbeats and nothing else. */
  async #idlesQuietly(cluster: Cluster): Promise<string[]> {
    const periodMs = cluster.heartbeatPeriodMs;
    const periods = 3;
    const { network, options } = this.#schedule;
    // A heartbeat of very many shards takes several frames.
    const summariesBytes = (options.poolSize ?? 1) * summaryBytesMax;
    const framesEach = Math.max(1, 2 * Math.floor(summariesBytes / (network.maxPayloadBytes ?? Infinity)));
    const before = cluster.running().map((node) => ({ node, ...node.endpoint.traffic }));
    await cluster.advance(periods * periodMs);
    return before.flatMap(({ node, broadcasts, sends }) => {
      const { traffic } = node.endpoint;
      const wrong: string[] = [];
      if (traffic.sends > sends) wrong.push(`${node.name} sent ${traffic.sends - sends} frames while idle`);
      if (traffic.broadcasts - broadcasts > (periods + 1) * framesEach) {
        wrong.push(
          `${node.name} broadcast ${traffic.broadcasts - broadcasts} frames in ${periods} idle heartbeats`,
        );
      }
      return wrong;
    });
  }

  #sessionOf(node: Node, number: number): Session {
    const sessions = this.#sessions.get(node) ?? new Map<number, Session>();
    this.#sessions.set(node, sessions);
    const session = sessions.get(number) ?? node.session();
    sessions.set(number, session);
    return session;
  }

  /** One call of the application, compared with what the model says must come of it. */
  #apply(cluster: Cluster, node: Node, step: ApplicationStep): void {
    const { tracker, name, life } = node;
    const model = this.#model;
    const session = this.#sessionOf(node, step.session);
    const expectEqual = (what: string, found: unknown, expected: unknown): void => {
      if (found !== expected) {
        this.#wrong.push(
          `${name} at ${cluster.nowMs} ms: ${what} gave ${String(found)} instead of ${String(expected)}`,
        );
      }
    };
    switch (step.do) {
      case "close":
        model.remove(session.id);
        session.close();
        this.#sessions.get(node)?.delete(step.session);
        return;
      case "untrackAll":
        model.remove(session.id);
        tracker.untrack(session);
        return;
      case "untrackTopic":
        model.remove(session.id, step.topic);
        tracker.untrack(session, step.topic);
        return;
      case "untrack":
        model.remove(session.id, step.topic, step.key);
        tracker.untrack(session, step.topic, step.key);
        expectEqual("a read after untrack", listsOwn(node, session, step.topic, step.key), undefined);
        return;
      case "crowd":
        for (let number = 1; number <= step.keys; number += 1) {
          const { session: sessionNumber, topic } = step;
          const key = `crowd:${number}`;
          this.#apply(cluster, node, {
            do: "set",
            node: name,
            session: sessionNumber,
            topic,
            key,
            letters: crowdLetters,
          });
        }
        return;
      case "track":
      case "set":
      case "update":
      case "churn":
        break;
    }
    const { topic, key } = step;
    const entry = { node: name, life, session: session.id, topic, key };
    const present = model.has(entry);
    const times = step.do === "churn" ? step.times : 1;
    const letters = step.do === "churn" ? undefined : step.letters;
    const call = step.do === "churn" ? "set" : step.do;
    for (let time = 0; time < times; time += 1) {
      const version = model.nextVersion();
      const meta: VersionedMeta =
        letters === undefined ? { version } : { version, letters: textOf(version, letters) };
      const refusal =
        call === "track" && present ? "ALREADY_TRACKED" : call === "update" && !present ? "NOT_TRACKED" : "";
      if (refusal === "") model.put({ ...entry, version });
      const code = codeOf(() => tracker[call](session, topic, key, meta));
      expectEqual(call, code, refusal);
    }
    const expected = model
      .of(life)
      .find((other) => other.session === session.id && other.topic === topic && other.key === key);
    expectEqual(`a read after ${step.do}`, listsOwn(node, session, topic, key), expected?.version);
  }
}

function latestFrameMs({ delayMs, repeatRate, repeatDelayMs }: NetworkFaults): number {
  return delayMs[1] + (repeatRate > 0 ? repeatDelayMs[1] : 0);
}

function latest(cluster: Cluster, name: string): Node | undefined {
  return cluster.lives.findLast((node) => node.name === name);
}

/** A text that no other meta has: a text that several had would travel once. */
function textOf(version: number, letters: number): string {
  return String(version).padEnd(letters, "x");
}

/** The version that a node lists for an entry of its own. */
function listsOwn({ tracker }: Node, session: Session, topic: string, key: string): number | undefined {
  return tracker.getByKey(topic, key).find((entry) => entry.session === session.id)?.meta.version;
}

/** The code of the error that a call throws, or nothing. Any other error is passed on. */
function codeOf(call: () => unknown): string {
  try {
    call();
    return "";
  } catch (error) {
    if (error instanceof TrackerError) return error.code;
    throw error;
  }
}
