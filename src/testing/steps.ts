/**
 * What can happen to a simulated cluster, as data: a schedule is a list of steps that a seed or a property test
 * makes, that can be printed, shortened and run again. Every step can be done at any time: one that makes no
 * sense where it stands (a crash of what has crashed) does nothing, so that any part of a schedule is a schedule.
 */
import type { AdapterManner } from "./adapter-manners.js";
import type { SimulatedTrackerOptions } from "./cluster.js";
import type { StallOrder } from "./machine.js";
import type { MetaShape } from "./metas.js";
import type { Latency } from "./latencies.js";
import type { Lane, NetworkFaults } from "./network.js";

/** Which of the trackers of a node a step means, by its place in the schedule. Default: the first. */
interface OnTracker {
  readonly tracker?: number;
}

/** What an application does on one of its nodes. `session` numbers the sessions of a life. */
export type ApplicationStep = OnTracker & Use;

type Use =
  | {
      readonly do: "track" | "set" | "update" | "untrack";
      readonly node: string;
      readonly session: number;
      readonly topic: string;
      readonly key: string;
      /** Beside a version of its own every meta has this many letters. */
      readonly letters?: number;
      /** Or it is of this shape and of about so many bytes. */
      readonly shape?: MetaShape;
      readonly bytes?: number;
    }
  | { readonly do: "untrackTopic"; readonly node: string; readonly session: number; readonly topic: string }
  | { readonly do: "untrackAll"; readonly node: string; readonly session: number }
  /**
   * A session that closes does so in all trackers of its node. With a grace its entries stay for a while; one without ends
   * that of the session that had the number before, too.
   */
  | { readonly do: "close"; readonly node: string; readonly session: number; readonly graceMs?: number }
  /** All that the node lists of a user is to go, wherever it is. */
  | { readonly do: "evict"; readonly node: string; readonly topic: string; readonly key: string }
  /** Calls `whenComplete`, and goes on. */
  | { readonly do: "awaitComplete"; readonly node: string }
  /** Sets many keys at once: more than one payload may hold. */
  | {
      readonly do: "crowd";
      readonly node: string;
      readonly session: number;
      readonly topic: string;
      readonly keys: number;
    }
  /** Updates one entry many times in a row: more removals than a peer may be allowed to miss. */
  | {
      readonly do: "churn";
      readonly node: string;
      readonly session: number;
      readonly topic: string;
      readonly key: string;
      readonly times: number;
    };

/** What befalls nodes and network. */
export type FaultStep =
  | { readonly do: "faults"; readonly faults: Partial<NetworkFaults> }
  | { readonly do: "partition"; readonly groups: readonly (readonly string[])[] }
  | { readonly do: "oneWay"; readonly from: string; readonly to: string }
  /** Of what one node sends another one lane is cut. */
  | { readonly do: "lane"; readonly from: string; readonly to: string; readonly lane: Lane }
  | {
      readonly do: "outage";
      readonly nodes: readonly string[];
      readonly announced: boolean;
      readonly refuses: boolean;
    }
  /** The outages of these nodes end; whatever else fails goes on failing. */
  | { readonly do: "reconnect"; readonly nodes: readonly string[] }
  | { readonly do: "heal" }
  /** From now on, or until healed, the adapter of a node misbehaves. */
  | { readonly do: "adapter"; readonly node: string; readonly manner: AdapterManner }
  | { readonly do: "stall"; readonly node: string; readonly ms: number; readonly first: StallOrder }
  | { readonly do: "crash"; readonly node: string }
  /** Starts a node that does not run; `poolSize` if it differs from the others. */
  | {
      readonly do: "start";
      readonly node: string;
      readonly clockOffsetMs: number;
      readonly poolSize?: number;
    }
  | { readonly do: "stop"; readonly node: string; readonly handoffMs: number | undefined }
  /** A second life under the name of one that runs, for a while: ended by the next settle at the latest. */
  | { readonly do: "twin"; readonly node: string }
  | { readonly do: "endTwin"; readonly node: string; readonly which: "first" | "second" }
  /** One node's copy of another's slice is damaged. Does nothing where the run has no way to do that. */
  | { readonly do: "corrupt"; readonly node: string; readonly of: string };

export type Step =
  ApplicationStep | FaultStep | { readonly do: "advance"; readonly ms: number } | { readonly do: "settle" };

/**
 * What applications do within the callbacks of their trackers. `act`: handlers track and untrack; `throw`: handlers and
 * listeners throw; `stop`: a listener of errors stops its tracker.
 */
export type Habit = "act" | "throw" | "stop";

/** A whole run: from the seed, the network's and the trackers' random follow. */
export interface Schedule {
  readonly seed: number;
  readonly nodes: readonly string[];
  readonly network: Partial<NetworkFaults> & { readonly maxPayloadBytes?: number };
  readonly options: SimulatedTrackerOptions;
  readonly announceCrashes: boolean;
  /** The names of the trackers that each node runs side by side. Default: one. */
  readonly trackers?: readonly string[];
  /** Options of single nodes, other than those of the rest. */
  readonly nodeOptions?: Readonly<Record<string, SimulatedTrackerOptions>>;
  /** How far apart the nodes are, whatever else befalls the network. Default: near. */
  readonly latencies?: readonly Latency[];
  readonly habits?: readonly Habit[];
  readonly steps: readonly Step[];
}
