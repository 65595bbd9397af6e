/** What a run of the chaos is given, and what it comes to. Types alone. */
import type { FaultKind } from "./faults.js";
import type { Holds, Periods } from "./messages.js";

/** What can be killed and started again between the processes. */
export interface KillableBroker {
  readonly url: URL;
  /** Whether it is ours to kill. */
  readonly ours: boolean;
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface ChaosOptions {
  readonly seed: number;
  /** For how long there is chaos, without the time that settling takes. */
  readonly durationMs: number;
  /** How often all is checked; the last time at the end. */
  readonly checkpointPeriodMs: number;
  readonly nodes: number;
  readonly holds: Holds;
  /** After how many comparisons of all lists there is a rolling deploy of all nodes, again and again; 0: after none. */
  readonly deployEvery: number;
  readonly periods: Periods;
  /** The client libraries that the nodes use in turn, as `openNodeBy` of the broker tests names them. */
  readonly clients: readonly string[];
  /** Absent: this process relays, for the cluster adapter. */
  readonly broker?: KillableBroker;
  /** Ends the run, and every process. */
  readonly signal?: AbortSignal;
  readonly progress?: (chaosMs: number, counts: ChaosCounts) => void;
}

/** How often each thing was done. */
export type ChaosCounts = Readonly<
  Record<
    FaultKind | "commands" | "brokerKill" | "checkpoint" | "deploy" | "moves" | "entries" | "follows",
    number
  >
>;

export interface ChaosOutcome {
  /** Nothing if every promise was kept. */
  readonly failures: readonly string[];
  /** What was done and heard last. */
  readonly events: readonly string[];
  readonly counts: ChaosCounts;
  /** The ids of all processes that were started, none of which runs any more. */
  readonly processes: readonly number[];
}
