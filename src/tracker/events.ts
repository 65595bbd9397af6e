/** What a tracker tells besides diffs: its events, by name. */
import type { TrackerError } from "../errors.js";
import type { Session } from "../session.js";
import type { ConnectionStatus, ReplicaLink, VoiceWay } from "../replication/step.js";

/** What a tracker tells besides diffs. */
export interface TrackerEvents {
  /**
   * How this node is connected has changed: `deaf` if it does not hear itself, on the ways that `unheard` names, though
   * the pubsub says that it is connected.
   */
  connection: { readonly status: ConnectionStatus; readonly unheard: readonly VoiceWay[] };
  /** A node is heard for the first time, or shown again after it was down. */
  replicaUp: { readonly name: string; readonly incarnation: string };
  /** A node fell silent, or is known to have ended: its entries are hidden. */
  replicaDown: { readonly name: string; readonly incarnation: string };
  /** A life is forgotten: after `permdownPeriodMs`, or when it departed. */
  replicaGone: { readonly name: string; readonly incarnation: string };
  /** How frames get through between a node and this one has changed; `replicaDown` and `replicaGone` end it too. */
  replicaLink: { readonly name: string; readonly incarnation: string; readonly link: ReplicaLink };
  /**
   * A slice differed from its author's at an equal clock. Should never happen; it is rebuilt. Told as often as the error
   * `DIVERGENCE`, as anybody who can publish can cause it: `unreported` says how many were left out before it.
   */
  divergence: {
    readonly name: string;
    readonly incarnation: string;
    readonly shard: number;
    readonly unreported?: number;
  };
  /** Two nodes of one name are alive. Told as often as the error `NAME_CONFLICT`. */
  nameConflict: {
    readonly name: string;
    readonly incarnations: readonly [string, string];
    readonly unreported?: number;
  };
  /**
   * An entry of this node was ended because somebody wanted it to: close what its session stands for. `by` is the node
   * that asked. Told after the diff with the leave.
   */
  evicted: {
    readonly topic: string;
    readonly key: string;
    readonly session: Session;
    readonly reason: string;
    readonly by: string;
  };
  /**
   * Whatever went wrong where nobody could be told by a throw: of one kind ten at once, and one more every six seconds,
   * whose `details.unreported` says how many were left out before it.
   */
  error: TrackerError;
}

/** The events that are told with an error, and as often. */
export const errorTwins = { DIVERGENCE: "divergence", NAME_CONFLICT: "nameConflict" } as const;

/** All events that there are. */
export const trackerEventNames: Readonly<Record<keyof TrackerEvents, true>> = {
  connection: true,
  replicaUp: true,
  replicaDown: true,
  replicaGone: true,
  replicaLink: true,
  divergence: true,
  nameConflict: true,
  evicted: true,
  error: true,
};
