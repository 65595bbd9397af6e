/** What a simulated cluster is made from, and what it throws. */
import { functionOption, wrongOption, isArray } from "../checks.js";
import { readOptions } from "../known-names.js";
import type { AnyMeta, Meta } from "../words.js";
import type { TrackerBehaviour } from "../tracker/behaviour.js";
import type { Tracker, TrackerOptions } from "../tracker/tracker.js";
import type { SimulatedCluster } from "./cluster.js";
import type { Latency } from "./latencies.js";
import type { NetworkFaults } from "./network.js";
import type { SimulatedNode } from "./simulated-node.js";

/** Starts a tracker, as `Tracker.start` does. */
export type StartTracker<M extends Meta<M> = AnyMeta> = (
  behaviour: TrackerBehaviour<M>,
  options: TrackerOptions,
) => Promise<Tracker<M>>;

/** What is given to each tracker beside its pubsub and its runtime. */
export type SimulatedTrackerOptions = Partial<Omit<TrackerOptions, "pubsub" | "runtime">>;

export interface SimulateOptions<M extends Meta<M> = AnyMeta> {
  /** Determines the whole run. */
  readonly seed: number | string;
  /** The nodes to begin with, started one after the other at time 0. */
  readonly nodes: readonly string[];
  /** What goes wrong on the network from the beginning. Default: nothing. */
  readonly network?: (Partial<NetworkFaults> & { readonly maxPayloadBytes?: number }) | undefined;
  /** Options of every tracker. `name` is "simulated" unless given. */
  readonly options?: SimulatedTrackerOptions | undefined;
  /** Options of single nodes, other than those of the rest. */
  readonly nodeOptions?: Readonly<Record<string, SimulatedTrackerOptions>> | undefined;
  /** How far apart the nodes are. Default: near. */
  readonly latencies?: readonly Latency[] | undefined;
  /**
   * A cluster whose nodes run on the same network and time, as processes with several trackers do: give this one's
   * trackers another name, and start, stall and end lives in both.
   */
  readonly beside?: SimulatedCluster<M> | undefined;
  /**
   * Starts the tracker of each life, on the pubsub and the runtime that it is given. Default `Tracker.start`: another one
   * may wrap the tracker that an application uses, or what that tracker is given.
   */
  readonly startTracker?: StartTracker<M> | undefined;
  /** The behaviour of each life. Default: one that does nothing; diffs are recorded anyway. */
  readonly behaviour?: ((nodeName: string) => TrackerBehaviour<M>) | undefined;
  /** Whether {@link SimulatedCluster.trace} is kept. Default false. */
  readonly trace?: boolean | undefined;
  /** Whether an adapter tells the others of a crash at once (`onNodeGone`). Default false. */
  readonly announceCrashes?: boolean | undefined;
  /** Runs everything that a node does, one task at a time: what a turn costs can be measured there. */
  readonly aroundTask?: ((run: () => void) => void) | undefined;
  /** Called after everything that a node did: a timer, an arrival. Throw to end the run. */
  readonly afterTask?: ((node: SimulatedNode<M>) => void) | undefined;
}

const simulateOptionNames: Readonly<Record<keyof SimulateOptions, true>> = {
  seed: true,
  nodes: true,
  network: true,
  options: true,
  nodeOptions: true,
  latencies: true,
  beside: true,
  behaviour: true,
  trace: true,
  announceCrashes: true,
  startTracker: true,
  aroundTask: true,
  afterTask: true,
};

/** @throws TrackerError `INVALID_OPTION`; the options of trackers are checked when one starts. */
export function checkSimulateOptions(options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw wrongOption("options", options, "an object with at least `seed` and `nodes`");
  }
  const read = readOptions(options as Partial<SimulateOptions>, simulateOptionNames);
  const { seed, nodes, startTracker, behaviour, aroundTask, afterTask } = read;
  if (typeof seed !== "string" && !Number.isFinite(seed)) {
    throw wrongOption("seed", seed, "a finite number or a text");
  }
  if (!isArray(nodes) || !nodes.every((name) => typeof name === "string")) {
    throw wrongOption("nodes", nodes, "an array of node names");
  }
  functionOption("behaviour", behaviour);
  functionOption("aroundTask", aroundTask);
  functionOption("afterTask", afterTask);
  functionOption("startTracker", startTracker);
}

export interface RestartOptions {
  /** How far the wall clock of the new life is off; negative for one that goes backwards. Default 0. */
  readonly clockOffsetMs?: number | undefined;
  /** Options that this life has other than the rest of the cluster. */
  readonly options?: SimulatedTrackerOptions | undefined;
}

/** Thrown when a simulated cluster breaks a promise. `wrong` holds one line per finding. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
  readonly wrong: readonly string[];
  readonly atMs: number;

  constructor(wrong: readonly string[], atMs: number) {
    const shown = wrong.slice(0, 20).join("\n  ");
    super(`after ${Math.round(atMs)} ms of virtual time:\n  ${shown}`);
    this.wrong = wrong;
    this.atMs = atMs;
  }
}
