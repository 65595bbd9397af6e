/** What `health` and `explain` tell. Types only. */
import type { DurationCounts } from "../durations.js";
import type { VersionRange } from "../replication/message.js";
import type { ConnectionStatus, ReplicaLink } from "../replication/step.js";
import type { Counters } from "../replication/counters.js";
import type { SelfBlame } from "../replication/lives/healthy-time.js";
import type { ReplicaStatus } from "../replication/replica.js";

export type { VersionRange } from "../replication/message.js";

/** What is known of one other life. */
export interface ReplicaHealth {
  readonly name: string;
  readonly incarnation: string;
  readonly status: ReplicaStatus;
  /** What it holds of others: everything, or what it has followed. */
  readonly holds: "everything" | "followed";
  /** Healthy time since it was heard last. */
  readonly silentMs: number;
  /**
   * How frames get through between it and this node: `whole` as far as is known; `noBroadcasts` if only what it
   * sends to this node alone is heard; `noDirect` if direct messages get lost one way or the other, and broadcasts
   * take their place; `oneWay` if it is heard and does not hear this node: what is missing of it stays missing.
   */
  readonly link: ReplicaLink;
  /** Within what time it sends its next heartbeat, often late ones included, and is judged by; undefined until it has said so. */
  readonly heartbeatPeriodMs: number | undefined;
  /** Events it is known to have had that are not held here. */
  readonly lagDots: number;
  /** Whether this node holds all that the other one said that it has. */
  readonly complete: boolean;
  /**
   * The reason why it is not complete: `summary` if the node has not yet said for certain what it has, of all its shards;
   * `entries` if it has, and some are missing here; `room` if the missing ones would be more than `maxEntries`. Undefined
   * if it is complete.
   */
  readonly waitsFor: "summary" | "entries" | "room" | undefined;
  /** The version of its library; undefined until it has said so, which it does when it meets this node. */
  readonly version: string | undefined;
  /** The versions of the protocol that it speaks; undefined until it has said so. */
  readonly protocolVersions: VersionRange | undefined;
  /** Entries held of it, shown or hidden. */
  readonly entries: number;
}

/** How much a node has to do with others that holds what it follows. */
export interface FollowingHealth {
  /** Topics that are followed, those included that linger. */
  readonly follows: number;
  /** Topics that it follows or has entries in: each is told to two registrars. */
  readonly stakes: number;
  /** Stakes of other nodes, and its own, that it knows as their registrar. */
  readonly registrarRows: number;
  /** Topics of which it follows the count. */
  readonly counts: number;
  /** Nodes with which it shares anything, up or down. */
  readonly peers: number;
}

/**
 * A node that is heard, and of which nothing can be listed: it speaks another version of the protocol, or it follows and
 * this node is an observer.
 */
export interface ForeignNodeHealth {
  readonly name: string;
  readonly incarnation: string;
  /**
   * `version`: it speaks no version of the protocol in common with this node. `holds`: it holds what it follows, and this
   * node is an observer, to which such nodes tell nothing.
   */
  readonly differs: "version" | "holds";
  /** What it says that it speaks; or, if even that cannot be read, the version of its last frame. */
  readonly protocolVersions: VersionRange;
  /** How long ago it was heard. */
  readonly silentMs: number;
}

/** How a tracker is. */
export interface Health {
  /**
   * Whether this node has been complete since it started, and was not stopped: it answers from memory ever since, also
   * in an outage, while it is not `complete`. For a probe that says where to send requests.
   */
  readonly ready: boolean;
  /**
   * Connected, heard the others out, caught up with every life that is up as it was when it appeared or came back, and
   * nothing has been missing for longer than `downPeriodMs`. What is missing at the moment: `lagDots`. Nobody speaks for
   * nodes that said goodbye before this one started: until those who wait in their windows are back, or the windows
   * end, but no longer than `downPeriodMs`, a node that starts is not complete.
   */
  readonly complete: boolean;
  /** Whether the pubsub says that it is connected, and this node hears itself through it. */
  readonly connected: boolean;
  /** `deaf` if the pubsub says that it is connected, and this node does not hear itself. */
  readonly connection: ConnectionStatus;
  readonly replicas: readonly ReplicaHealth[];
  /** What this node itself has tracked: entries, and sessions that have any. */
  readonly own: { readonly entries: number; readonly sessions: number };
  /** Of a node with `holds: "followed"`; undefined of one that holds everything. */
  readonly following: FollowingHealth | undefined;
  /** Readers of `diffs()`. */
  readonly followers: number;
  /**
   * How long changes of this node took until they were seen: from the first change of a flush until its delta was heard
   * again through the pubsub, where that echoes. A sample of them: one delta at a time.
   */
  readonly changeToSeen: DurationCounts;
  /** The version of this library. */
  readonly version: string;
  /** The version of the protocol that this node speaks at present: the newest that all others understand. */
  readonly protocolVersion: number;
  /** All versions of the protocol that this node speaks. */
  readonly protocolVersions: VersionRange;
  /**
   * Nodes that were heard within the last `downPeriodMs`, and of which this node lists nothing, as there is no version of
   * the protocol that both speak, or as they follow and this node is an observer. Each was reported once, as
   * `UNKNOWN_PROTOCOL` or `HOLDS_DIFFER`. `complete` does not wait for them.
   */
  readonly foreignNodes: readonly ForeignNodeHealth[];
  /**
   * How often, and for how long, this node blamed itself instead of others: `durationMs` is the time that it has left out
   * of everybody's silence since it started, because it could not hear. Each disconnection, each stretch in which it
   * was deaf, and each turn of its own that was longer than half of `heartbeatPeriodMs` counts once.
   */
  readonly selfBlamed: SelfBlame;
  readonly counters: Readonly<Counters> & {
    /** Calls of `track`, `set` and `update` with a session that had closed. */
    readonly closedSessionCalls: number;
    /** Payloads that the pubsub refused. */
    readonly publishFailures: number;
    /** Metas of other nodes that did not pass the schema. */
    readonly invalidMetas: number;
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
