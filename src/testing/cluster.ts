/**
 * A simulated cluster: real trackers on virtual time and a faulty network, in one process and from one seed.
 * The same seed, options and calls give the same run, to the byte. What the trackers do wrong by their own
 * promises (a diff that does not fit, a payload above the limit, a list that is not what the diffs add up to)
 * makes the next `advance` or `settle` throw a {@link SimulationError}.
 */
import type { AnyMeta, Meta } from "../words.js";
import {
  checkSimulateOptions,
  SimulationError,
  type RestartOptions,
  type SimulateOptions,
} from "./cluster-options.js";
import { Machine, type StallOrder } from "./machine.js";
import { faultless, FaultyNetwork, type Lane, type Outage } from "./network.js";
import {
  convergence,
  deafnessIsAdmitted,
  foldEqualsList,
  membershipIsRight,
  noDivergence,
  outageIsAdmitted,
  payloadsFit,
  readsAgree,
  responsibleIsAgreed,
} from "./oracles.js";
import { SeededRandom } from "./random.js";
import { SimulatedNode, type SimulatedNodeOptions } from "./simulated-node.js";
import { settlePromises, VirtualTime } from "./virtual-time.js";

export {
  SimulationError,
  type RestartOptions,
  type SimulatedTrackerOptions,
  type SimulateOptions,
  type StartTracker,
} from "./cluster-options.js";

/** The defaults of the tracker that the simulation has to know to say how long settling may take. */
const defaultBroadcastPeriodMs = 1_500;
const defaultHeartbeatPeriodMs = 2_000;
const defaultDownPeriodMs = 8_000;
const defaultPermdownPeriodMs = 1_200_000;
/** Heartbeats within which everything has converged after the last fault: news, request, answer, and a repair. */
export const heartbeatsToSettle = 6;
/** Ways there and back that settling may take beside, where they are long. */
const waysToSettle = 20;
/** A start that takes longer has hung: `startTimeoutMs` is 5,000 unless given. */
const startLimitMs = 60_000;
/** How often `settle` looks. */
const settleStepMs = 100;
/** Tasks of a node between two comparisons of its whole list with its diffs; after a diff it is compared anyway. */
const tasksPerComparison = 32;

/** Builds a cluster and starts its nodes. @throws TrackerError `INVALID_OPTION`, and as the start of a tracker. */
export async function simulate<M extends Meta<M> = AnyMeta>(
  options: SimulateOptions<M>,
): Promise<SimulatedCluster<M>> {
  const cluster = new SimulatedCluster<M>(options);
  for (const name of options.nodes) await cluster.start(name);
  return cluster;
}

export class SimulatedCluster<M extends Meta<M> = AnyMeta> {
  readonly time: VirtualTime;
  readonly network: FaultyNetwork;
  /** Every life so far, in the order of their starts. */
  readonly lives: SimulatedNode<M>[] = [];
  /** Names under which a start was refused: that life may have been heard, and then said goodbye. */
  readonly refused = new Set<string>();
  /** Who is starting, and with what: others may hear of it already. */
  readonly starting = new Map<string, SimulatedNodeOptions<M>["options"]>();
  /** One line per payload that arrived and per fault, if asked for. */
  readonly trace: string[] = [];
  readonly #options: SimulateOptions<M>;
  readonly #random: SeededRandom;
  readonly #latest = new Map<string, SimulatedNode<M>>();
  readonly #violations: string[] = [];
  #divergenceExpected = false;

  /** @internal Use {@link simulate}. */
  constructor(options: SimulateOptions<M>) {
    checkSimulateOptions(options);
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    if (options.beside !== undefined) {
      this.time = options.beside.time;
      this.network = options.beside.network;
      return;
    }
    this.time = new VirtualTime();
    const { maxPayloadBytes, ...faults } = options.network ?? {};
    this.network = new FaultyNetwork({
      time: this.time,
      random: this.#random.fork("network"),
      maxPayloadBytes,
      onDelivery: ({ from, to, channel, payload }) => {
        if (options.trace === true) {
          this.#note(`${from.pubsub.nodeName} > ${to.pubsub.nodeName} ${channel} ${payload}`);
        }
      },
    });
    this.network.faults = { ...faultless, ...faults };
    this.network.latencies = options.latencies ?? [];
  }

  /** Milliseconds of virtual time since the beginning. */
  get nowMs(): number {
    return this.time.nowMs;
  }

  /** How long the trackers collect changes, unless a life was given another period. */
  get broadcastPeriodMs(): number {
    return this.#options.options?.broadcastPeriodMs ?? defaultBroadcastPeriodMs;
  }

  /** How often the trackers say that they are there; the longest, if nodes differ. */
  get heartbeatPeriodMs(): number {
    return this.#longest("heartbeatPeriodMs", defaultHeartbeatPeriodMs);
  }

  /** After how much silence the trackers hide a node; the longest, if nodes differ. */
  get downPeriodMs(): number {
    return this.#longest("downPeriodMs", defaultDownPeriodMs);
  }

  /** After how much silence the trackers forget a node; the longest, if nodes differ. */
  get permdownPeriodMs(): number {
    return this.#longest("permdownPeriodMs", defaultPermdownPeriodMs);
  }

  /** The latest life of a node. @throws RangeError if there was none of that name. */
  node(name: string): SimulatedNode<M> {
    const node = this.#latest.get(name);
    if (node === undefined) throw new RangeError(`no node is named ${name}`);
    return node;
  }

  /** The lives that run at the moment. */
  running(): SimulatedNode<M>[] {
    return this.lives.filter((node) => node.running);
  }

  /**
   * Starts a life: a new node, one of an earlier name, or (for tests of name conflicts) a second one beside a
   * life that still runs.
   */
  async start(name: string, { clockOffsetMs = 0, options }: RestartOptions = {}): Promise<SimulatedNode<M>> {
    const life = this.lives.length + 1;
    let tasks = 0;
    let diffsSeen = 0;
    const started: { node?: SimulatedNode<M> } = {};
    const machine = new Machine({
      time: this.time,
      random: this.#random.fork(`machine ${life}`),
      clockOffsetMs,
      aroundTask: this.#options.aroundTask,
      afterTask: () => {
        const { node } = started;
        if (node === undefined) return;
        tasks += 1;
        // Its stop goes on from one promise to the next.
        if (node.state === "stopping") this.time.promisesMayBePending();
        if (node.diffs.length !== diffsSeen || tasks % tasksPerComparison === 0) {
          diffsSeen = node.diffs.length;
          this.#check(node);
        }
        this.#options.afterTask?.(node);
      },
    });
    const endpoint = this.network.connect(name, machine);
    this.#note(`start ${name} (life ${life}, clock ${clockOffsetMs})`);
    const itsOptions = this.#optionsOf(name, options);
    const starting = SimulatedNode.start<M>({
      name,
      life,
      time: this.time,
      machine,
      endpoint,
      behaviour: this.#options.behaviour?.(name) ?? {},
      startTracker: this.#options.startTracker,
      options: itsOptions,
    }).then((node) => {
      // Before anything else happens to it.
      started.node = node;
      this.lives.push(node);
      this.#latest.set(name, node);
      return node;
    });
    this.starting.set(name, itsOptions);
    try {
      return await this.#drive(starting);
    } catch (error) {
      this.refused.add(name);
      throw error;
    } finally {
      this.starting.delete(name);
    }
  }

  /** Ends a life as `kill -9` does: it says nothing. What it has sent is still under way. */
  crash(which: string | SimulatedNode<M>): void {
    const node = this.#resolve(which);
    if (node.machine.ended) return;
    node.state = "crashed";
    node.machine.end();
    this.network.disconnect(node.endpoint);
    this.#note(`crash ${node.name} (life ${node.life})`);
    if (this.#options.announceCrashes === true) this.network.announceGone(node.name);
  }

  /** Starts a node again, after a crash if it still runs. Its application has to track everything anew. */
  async restart(name: string, options: RestartOptions = {}): Promise<SimulatedNode<M>> {
    this.crash(name);
    return this.start(name, options);
  }

  /**
   * Stops a life gracefully. Its process ends as soon as the tracker's `stop` has resolved; the returned promise
   * does not wait for that if it takes virtual time.
   */
  async stop(which: string | SimulatedNode<M>, options?: { readonly handoffMs?: number }): Promise<void> {
    const node = this.#resolve(which);
    if (!node.running) return;
    node.state = "stopping";
    // What the others grant of the window that it asks for.
    const windowMs = Math.min(options?.handoffMs ?? this.downPeriodMs, this.permdownPeriodMs);
    node.goodbye = { atMs: this.nowMs, windowMs };
    this.#note(`stop ${node.name} (life ${node.life}, window ${windowMs})`);
    const stopping = node.tracker.stop(options);
    void stopping.then(() => {
      if (node.machine.ended) return;
      node.state = "stopped";
      node.machine.end();
      this.network.disconnect(node.endpoint);
    });
    this.time.promisesMayBePending();
    await settlePromises();
  }

  /** Cuts all links between nodes of different groups, both ways. Nodes in no group keep theirs. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.#note(`partition ${JSON.stringify(groups)}`);
    for (const group of groups) {
      for (const other of groups) {
        if (other === group) continue;
        for (const from of group) for (const to of other) this.network.cut(from, to);
      }
    }
  }

  /** From now on `to` does not hear `from`. */
  oneWay(from: string, to: string): void {
    this.#note(`cut ${from} > ${to}`);
    this.network.cut(from, to);
  }

  /** From now on nothing of one lane comes from one node to the other: broadcasts, or what is sent to it alone. */
  cutLane(from: string, to: string, lane: Lane): void {
    this.#note(`cut the ${lane} lane ${from} > ${to}`);
    this.network.cut(from, to, [lane]);
  }

  /** A node does nothing for a while: its timers and what arrives wait. */
  stall(which: string | SimulatedNode<M>, durationMs: number, first: StallOrder = "timers"): void {
    const node = this.#resolve(which);
    this.#note(`stall ${node.name} ${durationMs} ms, ${first} first`);
    node.machine.stall(durationMs, first);
  }

  /** The broker goes away, for all or for the given nodes, until {@link heal}. */
  outage({
    nodes,
    announced = true,
    refuses = false,
  }: { nodes?: readonly string[] } & Partial<Outage> = {}): void {
    const names = nodes ?? [...this.#latest.keys()];
    this.#note(`outage ${names.join(" ")}${announced ? "" : ", silent"}`);
    this.network.beginOutage(names, { announced, refuses });
  }

  /** Ends the outages of some nodes; whatever else fails goes on failing. */
  reconnect(nodes: readonly string[]): void {
    this.#note(`reconnect ${nodes.join(" ")}`);
    this.network.endOutages(nodes);
  }

  /** Ends all faults of the network: partitions, outages, losses, delays. Stalls end by themselves. */
  heal(): void {
    this.#note("heal");
    this.network.faults = faultless;
    this.network.mendAll();
    this.network.endOutages();
  }

  /** From now on a `divergence` event is no violation: call it when a slice was corrupted on purpose. */
  expectDivergence(): void {
    this.#divergenceExpected = true;
  }

  /** Lets virtual time pass. @throws SimulationError if a promise was broken. */
  async advance(durationMs: number): Promise<void> {
    await this.time.advance(durationMs);
    this.check();
  }

  /**
   * Heals everything and lets time pass until all running nodes list the same, know of each other, and have done
   * so for two heartbeats. Returns how long it took until they did, in milliseconds.
   *
   * @throws SimulationError if it takes longer than it may: until the last payload is in and the last stall is
   *   over, then until the dead are known to be dead, then `heartbeatsToSettle` heartbeats.
   */
  async settle(): Promise<number> {
    this.heal();
    const beganMs = this.nowMs;
    const limitMs = this.#settleLimitMs();
    const steadyMs = 2 * this.heartbeatPeriodMs;
    let settledMs: number | undefined;
    while (settledMs === undefined || this.nowMs < settledMs + steadyMs) {
      const wrong = this.#unsettled();
      if (wrong.length > 0 || this.#remainsUnsettled()) {
        if (this.nowMs > limitMs) {
          throw new SimulationError([`not settled after ${limitMs - beganMs} ms`, ...wrong], this.nowMs);
        }
        settledMs = undefined;
      } else {
        settledMs ??= this.nowMs;
      }
      await this.advance(settleStepMs);
    }
    this.check();
    for (const node of this.running()) {
      const disagreeing = readsAgree(node.tracker, node.fold.topics());
      if (disagreeing.length > 0) throw new SimulationError(disagreeing, this.nowMs);
    }
    const disputed = responsibleIsAgreed(this.running());
    if (disputed.length > 0) throw new SimulationError(disputed, this.nowMs);
    return settledMs - beganMs;
  }

  /** Checks now what `advance` checks. @throws SimulationError */
  check(): void {
    for (const node of this.running()) this.#check(node);
    const wrong = [...this.#violations.splice(0), ...payloadsFit(this.lives)];
    if (!this.#divergenceExpected) wrong.push(...noDivergence(this.lives));
    if (wrong.length > 0) throw new SimulationError(wrong, this.nowMs);
  }

  /** Waits for a promise, letting as little virtual time pass as it needs. */
  async #drive<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    await settlePromises();
    for (let waitedMs = 0; !settled && waitedMs < startLimitMs; waitedMs += 1) await this.time.advance(1);
    if (!settled) throw new Error(`a node did not start within ${startLimitMs} ms of virtual time`);
    return promise;
  }

  #optionsOf(name: string, options: RestartOptions["options"]): SimulatedNodeOptions<M>["options"] {
    const given = {
      name: "simulated",
      ...this.#options.options,
      ...this.#options.nodeOptions?.[name],
      ...options,
    };
    return {
      ...given,
      broadcastPeriodMs: given.broadcastPeriodMs ?? defaultBroadcastPeriodMs,
      heartbeatPeriodMs: given.heartbeatPeriodMs ?? defaultHeartbeatPeriodMs,
      downPeriodMs: given.downPeriodMs ?? defaultDownPeriodMs,
      permdownPeriodMs: given.permdownPeriodMs ?? defaultPermdownPeriodMs,
    };
  }

  #longest(period: "heartbeatPeriodMs" | "downPeriodMs" | "permdownPeriodMs", defaultMs: number): number {
    const { options, nodeOptions = {} } = this.#options;
    const ofAllMs = options?.[period] ?? defaultMs;
    return Math.max(ofAllMs, ...Object.values(nodeOptions).map((own) => own[period] ?? ofAllMs));
  }

  #settleLimitMs(): number {
    let fromMs = Math.max(this.nowMs, this.network.lastArrivalMs);
    let windowsEndMs = fromMs;
    // A goodbye that was lost shows as silence, and one that comes last begins its window then.
    let longestWindowMs = this.downPeriodMs;
    for (const { machine, goodbye, patienceMs } of this.lives) {
      if (!machine.ended) fromMs = Math.max(fromMs, machine.stalls.at(-1)?.untilMs ?? 0);
      else longestWindowMs = Math.max(longestWindowMs, patienceMs);
      if (goodbye === undefined) continue;
      windowsEndMs = Math.max(windowsEndMs, goodbye.atMs + goodbye.windowMs);
      longestWindowMs = Math.max(longestWindowMs, goodbye.windowMs);
    }
    return (
      Math.max(fromMs, windowsEndMs) +
      longestWindowMs +
      heartbeatsToSettle * this.heartbeatPeriodMs +
      waysToSettle * this.network.slowestMs
    );
  }

  #unsettled(): string[] {
    return [
      ...convergence(this.lives),
      ...membershipIsRight(this.lives, this.nowMs, this.heartbeatPeriodMs / 2),
    ];
  }

  /** Whether something is still to happen that could undo convergence: late payloads, stalls. */
  #remainsUnsettled(): boolean {
    if (this.network.lastArrivalMs > this.nowMs) {
      // Heartbeats are under way all the time: only what was sent under the faults matters.
      const { lastArrivalMs, slowestMs } = this.network;
      if (lastArrivalMs > this.nowMs + faultless.delayMs[1] + slowestMs) return true;
    }
    return this.lives.some(({ machine }) => !machine.ended && machine.stalled);
  }

  #check(node: SimulatedNode<M>): void {
    const wrong = [
      ...node.violations.splice(0),
      ...foldEqualsList(node.fold, node.tracker),
      ...outageIsAdmitted(node),
      ...deafnessIsAdmitted(node, this.nowMs),
    ];
    for (const line of wrong) this.#violations.push(`${node.name} at ${this.nowMs} ms: ${line}`);
  }

  #resolve(which: string | SimulatedNode<M>): SimulatedNode<M> {
    return typeof which === "string" ? this.node(which) : which;
  }

  #note(line: string): void {
    if (this.#options.trace === true) this.trace.push(`${this.nowMs.toFixed(3)} ${line}`);
  }
}
