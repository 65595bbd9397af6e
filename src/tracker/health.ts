/** What `health` and `explain` tell. Types only. */
import type { Counters } from "../replication/port.js";
import type { ReplicaStatus } from "../replication/replica.js";

/** What is known of one other life. */
export interface ReplicaHealth {
  readonly name: string;
  readonly incarnation: string;
  readonly status: ReplicaStatus;
  /** Healthy time since it was heard last. */
  readonly silentMs: number;
  /** Events it is known to have had that are not held here. */
  readonly lagDots: number;
  /** Whether all it said that it has is held. */
  readonly complete: boolean;
  /** Entries held of it, shown or hidden. */
  readonly entries: number;
}

/** How a tracker is. */
export interface Health {
  /**
   * Connected, and caught up with every node that was heard and is not down. Nodes that said goodbye before this
   * one started are not among them: nobody speaks for them, so this node does not list who waits in their window.
   */
  readonly complete: boolean;
  readonly connected: boolean;
  readonly replicas: readonly ReplicaHealth[];
  readonly counters: Readonly<Counters> & {
    /** Calls of `track`, `set` and `update` with a session that had closed. */
    readonly closedSessionCalls: number;
  };
}

/** Why an entry is in the list, or hidden from it. */
export interface Explanation {
  readonly key: string;
  readonly ref: string;
  readonly session: string;
  /** The node that owns it, and its life. */
  readonly node: string;
  readonly incarnation: string;
  /** The dot of its birth, within the shard by the owner's numbering. */
  readonly shard: number;
  readonly clock: number;
  /** `local` for this node's own. */
  readonly status: "local" | ReplicaStatus;
  /** Healthy time since its owner was heard last; 0 for this node's own. */
  readonly silentMs: number;
  /** Whether `list` has it. Entries of a silent node, and those handed off, are held but hidden. */
  readonly visible: boolean;
}
