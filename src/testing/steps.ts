/**
 * What can happen to a simulated cluster, as data: a schedule is a list of steps that a seed or a property test
 * makes, that can be printed, shortened and run again. Every step can be done at any time: one that makes no
 * sense where it stands (a crash of what has crashed) does nothing, so that any part of a schedule is a schedule.
 */
import type { SimulatedTrackerOptions } from "./cluster.js";
import type { StallOrder } from "./machine.js";
import type { NetworkFaults } from "./network.js";

/** What an application does on one of its nodes. `session` numbers the sessions of a life. */
export type ApplicationStep =
  | {
      readonly do: "track" | "set" | "update" | "untrack";
      readonly node: string;
      readonly session: number;
      readonly topic: string;
      readonly key: string;
      /** Beside a version of its own every meta has this many letters. */
      readonly letters?: number;
    }
  | { readonly do: "untrackTopic"; readonly node: string; readonly session: number; readonly topic: string }
  | { readonly do: "untrackAll" | "close"; readonly node: string; readonly session: number }
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
  | {
      readonly do: "outage";
      readonly nodes: readonly string[];
      readonly announced: boolean;
      readonly refuses: boolean;
    }
  | { readonly do: "heal" }
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

/** A whole run: from the seed, the network's and the trackers' random follow. */
export interface Schedule {
  readonly seed: number;
  readonly nodes: readonly string[];
  readonly network: Partial<NetworkFaults> & { readonly maxPayloadBytes?: number };
  readonly options: SimulatedTrackerOptions;
  readonly announceCrashes: boolean;
  readonly steps: readonly Step[];
}
