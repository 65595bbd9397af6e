/**
 * Runs a schedule: does its steps on a simulated cluster, tells the naive model what the applications did, and
 * lets the oracles look after every task. It promises to end with a settled cluster or a
 * {@link SimulationError}, and the same run for the same schedule.
 */
import type { TrackerBehaviour } from "../tracker/behaviour.js";
import { Application, hasHabit, type Tracked } from "./application.js";
import { TrackerError } from "../errors.js";
import type { RestartOptions, StartTracker } from "./cluster-options.js";
import { SimulationError, simulate, type SimulatedCluster } from "./cluster.js";
import { HistoryOracles, type Expected } from "./history-oracles.js";
import { idlesQuietly } from "./idle-oracle.js";
import { LeavingOracles } from "./leaving-oracles.js";
import type { VersionedMeta } from "./metas.js";
import { NaiveModel } from "./naive-model.js";
import { faultless, type NetworkFaults } from "./network.js";
import { listAll } from "./oracles.js";
import { PromiseOracles } from "./promise-oracles.js";
import { recordedEvents, type SimulatedNode } from "./simulated-node.js";
import type { FaultStep, Schedule, Step } from "./steps.js";

type Cluster = SimulatedCluster<VersionedMeta>;
type Node = SimulatedNode<VersionedMeta>;

/** What a run can be given to see more, or to do what needs the tracker's insides. */
export interface RunHooks {
  /** Called once, before the first node starts, with the cluster of the first tracker. */
  readonly begun?: (cluster: Cluster) => void;
  /** Called after each task of a node. Returns what is wrong. */
  readonly afterTask?: (cluster: Cluster, node: Node) => readonly string[];
  /** Called when the cluster of a tracker has settled. Returns what is wrong. */
  readonly settled?: (cluster: Cluster) => readonly string[];
  /** Damages one node's copy of another's slice; false if it has none. */
  readonly corrupt?: (cluster: Cluster, node: Node, of: string) => boolean;
  readonly behaviour?: (nodeName: string) => TrackerBehaviour<VersionedMeta>;
  /** Starts the trackers. Default `Tracker.start`. */
  readonly startTracker?: StartTracker<VersionedMeta> | undefined;
  readonly trace?: boolean;
}

/** What a run came to. */
export interface RunResult {
  readonly cluster: Cluster;
  readonly model: NaiveModel;
  /** How long each settle took, in milliseconds of virtual time. */
  readonly settledMs: readonly number[];
}

/** A node that loses so many starts in a row hears nothing at all. */
const mostStarts = 3;

/** Runs a schedule and settles at its end. @throws SimulationError */
export async function runSchedule(schedule: Schedule, hooks: RunHooks = {}): Promise<RunResult> {
  return new ScheduleRun(schedule, hooks).run();
}

/** What watches one tracker of all nodes. */
interface Watched extends Tracked {
  readonly history: HistoryOracles;
  readonly promises: PromiseOracles;
}

class ScheduleRun {
  readonly #schedule: Schedule;
  readonly #hooks: RunHooks;
  /** The trackers that every node runs: the first, and those beside it. */
  readonly #trackers: Watched[] = [];
  readonly #application: Application;
  readonly #twins = new Set<string>();
  readonly #turnedBack = new Set<string>();
  readonly #turnBackLife = new Map<string, number>();
  readonly #clockOffsetMs = new Map<string, number>();
  readonly #twinOf = new Map<string, { readonly first: Node; readonly second: Node }>();
  readonly #leftAlone = new Set<Node>();
  readonly #settledMs: number[] = [];
  readonly #wrong: string[] = [];
  #corrupted = false;

  constructor(schedule: Schedule, hooks: RunHooks) {
    this.#schedule = schedule;
    this.#hooks = hooks;
    this.#application = new Application(schedule, this.#trackers);
  }

  async run(): Promise<RunResult> {
    const { nodes, steps, trackers = [undefined] } = this.#schedule;
    for (const name of trackers) await this.#begin(name);
    const [first] = this.#trackers;
    if (first === undefined) throw new RangeError("a schedule needs a tracker");
    const { cluster, model } = first;
    this.#hooks.begun?.(cluster);
    for (const name of nodes) await this.#start(name, 0);
    for (const step of [...steps, { do: "settle" } as const]) {
      await this.#do(cluster, step);
      for (const tracked of this.#trackers) {
        for (const node of tracked.cluster.running()) look(tracked, node);
        tracked.promises.lookAtStops();
      }
      const wrong = this.#takeWrong();
      if (wrong.length > 0) throw new SimulationError(wrong, cluster.nowMs);
    }
    return { cluster, model, settledMs: this.#settledMs };
  }

  /** Makes the cluster of one of the trackers, with what watches it. */
  async #begin(name: string | undefined): Promise<void> {
    const { seed, network, options, nodeOptions, latencies, announceCrashes } = this.#schedule;
    const beside = this.#trackers[0]?.cluster;
    const isFirst = beside === undefined;
    const watching: { tracked?: Watched } = {};
    const cluster: Cluster = await simulate<VersionedMeta>({
      seed: isFirst ? seed : `${seed} ${name}`,
      nodes: [],
      network,
      options: name === undefined ? options : { ...options, name },
      nodeOptions,
      latencies,
      beside,
      announceCrashes,
      behaviour: (nodeName) => this.#behaviour(nodeName, () => watching.tracked),
      startTracker: this.#hooks.startTracker,
      trace: isFirst && (this.#hooks.trace ?? false),
      afterTask: (node) => {
        if (watching.tracked !== undefined) look(watching.tracked, node);
        this.#wrong.push(...(this.#hooks.afterTask?.(cluster, node) ?? []));
      },
    });
    const model = new NaiveModel();
    const expected = this.#expected(cluster);
    const history = new HistoryOracles(cluster, model, expected);
    const promises = new PromiseOracles(cluster, model, expected);
    const leaving = new LeavingOracles(cluster, model, expected);
    watching.tracked = { cluster, model, history, promises, leaving };
    this.#trackers.push(watching.tracked);
  }

  #expected(cluster: Cluster): Expected {
    const { network, announceCrashes, habits = [], latencies = [] } = this.#schedule;
    const isCorrupted = (): boolean => this.#corrupted;
    const slowestMs = Math.max(0, ...latencies.map(({ delayMs }) => delayMs[1]));
    return {
      twins: this.#twins,
      turnedBack: this.#turnedBack,
      turnBackLife: this.#turnBackLife,
      get corrupted() {
        return isCorrupted();
      },
      hints: announceCrashes,
      handlersFail: habits.includes("throw"),
      get latestFrameMs() {
        return Math.max(
          latestFrameMs({ ...faultless, ...network }) + slowestMs,
          cluster.network.longestWayMs,
        );
      },
      slowestFaultMs: { ...faultless, ...network }.delayMs[1],
      heartbeatPeriodMs: cluster.heartbeatPeriodMs,
      downPeriodMs: cluster.downPeriodMs,
      permdownPeriodMs: cluster.permdownPeriodMs,
    };
  }

  /** The behaviour of a life: the hook's, and what the schedule's applications are in the habit of. */
  #behaviour(nodeName: string, tracked: () => Watched | undefined): TrackerBehaviour<VersionedMeta> {
    const given = this.#hooks.behaviour?.(nodeName) ?? {};
    const acts = hasHabit(this.#schedule, "act");
    const throws = hasHabit(this.#schedule, "throw");
    return {
      handleDiff: (diff, tracker) => {
        const own = tracked();
        const node = own?.cluster.lives.findLast((life) => life.tracker === tracker);
        if (node !== undefined) own?.leaving.changed(node, diff);
        given.handleDiff?.(diff, tracker);
        if (acts && own !== undefined && node !== undefined) this.#application.actOn(own, node, diff);
        if (throws) throw new Error("a handler that fails");
      },
    };
  }

  /** What a node's listeners are in the habit of. */
  #listen(cluster: Cluster, node: Node): void {
    if (hasHabit(this.#schedule, "throw")) {
      for (const event of recordedEvents) {
        node.tracker.on(event, () => {
          throw new Error("a listener that fails");
        });
      }
    }
    if (!hasHabit(this.#schedule, "stop")) return;
    node.tracker.on("error", () => {
      void cluster.stop(node);
      // Whatever has begun already: an application that gives up does so with every error.
      void node.tracker.stop();
    });
  }

  /** Starts a life of a node, with all its trackers. */
  async #start(name: string, clockOffsetMs: number, poolSize?: number): Promise<void> {
    const turnsBack = clockOffsetMs < (this.#clockOffsetMs.get(name) ?? -Infinity);
    this.#clockOffsetMs.set(name, clockOffsetMs);
    if (turnsBack) this.#turnedBack.add(name);
    for (const { cluster } of this.#trackers) {
      const node = await startUntilHeard(cluster, name, {
        clockOffsetMs,
        ...(poolSize === undefined ? {} : { options: { poolSize } }),
      });
      this.#listen(cluster, node);
      if (turnsBack) this.#turnBackLife.set(name, node.life);
    }
  }

  #takeWrong(): string[] {
    const wrong = [...this.#wrong.splice(0), ...this.#application.wrong.splice(0)];
    for (const { history, promises, leaving } of this.#trackers) {
      wrong.push(...history.wrong.splice(0), ...promises.wrong.splice(0), ...leaving.wrong.splice(0));
    }
    return wrong;
  }

  /** Does something in the clusters of all trackers, for what befalls a process befalls each of them. */
  async #inEach(name: string, act: (cluster: Cluster, node: Node) => unknown): Promise<void> {
    for (const { cluster } of this.#trackers) {
      const node = latest(cluster, name);
      if (node !== undefined && !node.machine.ended) await act(cluster, node);
    }
  }

  async #do(cluster: Cluster, step: Step): Promise<void> {
    switch (step.do) {
      case "advance":
        await cluster.advance(step.ms);
        for (const beside of this.#trackers.slice(1)) beside.cluster.check();
        return;
      case "settle":
        return this.#settle(cluster);
      case "awaitComplete": {
        const tracked = this.#trackers[step.tracker ?? 0];
        const node = tracked && latest(tracked.cluster, step.node);
        if (node?.running === true) tracked?.promises.awaitComplete(node);
        return;
      }
      case "track":
      case "set":
      case "update":
      case "untrack":
      case "untrackTopic":
      case "untrackAll":
      case "close":
      case "crowd":
      case "churn":
      case "evict": {
        const node = latest(cluster, step.node);
        // A request of a user reaches the application through the event loop, like anything else.
        if (node?.running === true) {
          node.machine.arrive(() => {
            if (node.running) this.#application.apply(node, step);
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
      case "lane":
        return cluster.cutLane(step.from, step.to, step.lane);
      case "outage":
        return cluster.outage(step);
      case "reconnect":
        return cluster.reconnect(step.nodes);
      case "adapter":
        return cluster.network.setManner(step.node, step.manner);
      case "heal":
        return cluster.heal();
      case "start":
        if (latest(cluster, step.node)?.machine.ended !== false) {
          // Two lives that start in one millisecond are ordered by chance, as if the clock had gone back.
          const sameMs =
            Math.floor(latest(cluster, step.node)?.startedMs ?? -1) === Math.floor(cluster.nowMs);
          if (step.clockOffsetMs < 0 || sameMs) this.#turnedBack.add(step.node);
          await this.#start(step.node, step.clockOffsetMs, step.poolSize);
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
        return this.#inEach(node.name, (each, own) => each.stall(own, step.ms, step.first));
      case "crash":
        if (this.#twinOf.has(node.name)) return;
        return this.#inEach(node.name, (each, own) => each.crash(own));
      case "stop":
        if (this.#twinOf.has(node.name) || node.machine.stalled) return;
        return this.#inEach(node.name, (each, own) =>
          each.stop(own, step.handoffMs === undefined ? {} : { handoffMs: step.handoffMs }),
        );
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

  /** A node that was replaced and still lives is restarted, as an operator would do. */
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
    // What users asked of a node that stalls is still to be done: it may begin a grace period.
    const stalledUntilMs = cluster.running().map(({ machine }) => machine.stalls.at(-1)?.untilMs ?? 0);
    const stalledMs = Math.max(0, ...stalledUntilMs) - cluster.nowMs;
    if (stalledMs > 0) await cluster.advance(stalledMs);
    // Entries that are about to leave do so before: nothing is to change in a settled cluster.
    const leftMs = Math.max(...this.#trackers.map(({ leaving }) => leaving.untilMs)) - cluster.nowMs;
    if (leftMs > 0) await cluster.advance(leftMs);
    this.#settledMs.push(await cluster.settle());
    for (const beside of this.#trackers.slice(1)) await beside.cluster.settle();
    const running = this.#trackers.flatMap((tracked) => tracked.cluster.running());
    const wrong = [
      ...this.#trackers.flatMap((tracked) => this.#ownEntriesAreTheModel(tracked)),
      ...(await idlesQuietly(cluster, running, this.#schedule.network.maxPayloadBytes)),
      ...this.#trackers.flatMap((tracked) => this.#hooks.settled?.(tracked.cluster) ?? []),
    ];
    if (wrong.length > 0) throw new SimulationError(wrong, cluster.nowMs);
    cluster.network.faults = { ...faultless, ...this.#schedule.network };
  }

  /** What every running node lists is what the applications have tracked. */
  #ownEntriesAreTheModel({ cluster, model }: Tracked): string[] {
    const running = cluster.running();
    const expected = running
      .flatMap(({ life }) => model.of(life))
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
}

function look({ history, promises, leaving }: Watched, node: Node): void {
  leaving.look(node);
  history.look(node);
  promises.look(node);
}

function latestFrameMs({ delayMs, repeatRate, repeatDelayMs }: NetworkFaults): number {
  return delayMs[1] + (repeatRate > 0 ? repeatDelayMs[1] : 0);
}

function latest(cluster: Cluster, name: string): Node | undefined {
  return cluster.lives.findLast((node) => node.name === name);
}

/**
 * Starts a life, and again if it does not hear itself in time, as an operator would: but only where the network loses
 * frames, or holds them back for as long, and not for ever. Else a start that is refused is a fault.
 */
async function startUntilHeard(cluster: Cluster, name: string, options: RestartOptions): Promise<Node> {
  for (let attempt = 1; ; attempt++) {
    const beganMs = cluster.nowMs;
    try {
      return await cluster.start(name, options);
    } catch (error) {
      const { lossMs, echoLossMs, slowestMs } = cluster.network;
      const isRefused = error instanceof TrackerError && error.code === "PUBSUB_UNAVAILABLE";
      const isHard = Math.max(lossMs, echoLossMs) >= beganMs || slowestMs >= cluster.nowMs - beganMs;
      if (!isRefused || !isHard || attempt === mostStarts) throw error;
    }
  }
}
