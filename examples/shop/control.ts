/**
 * What the primary and its nodes say to each other, beside what the pubsub relays over the same IPC channel:
 * objects with the property `shop`. Everything else is somebody else's and is ignored. It goes on while a node
 * is cut off: that cuts what the nodes say to each other, not who governs them.
 */
import type { ClusterStatus, NodeAction } from "./wire.ts";

/** How a node is set up. It travels over IPC: an environment is inherited, and shows in lists of processes. */
export interface NodeConfig {
  readonly name: string;
  /** The names of all nodes. */
  readonly nodes: readonly string[];
  readonly host: string;
  /** Shared by all nodes. */
  readonly port: number;
  /** This node's own, so that a tab can be put on it. */
  readonly ownPort: number;
  readonly pubsub: string;
  readonly dataFolder: string;
  readonly assetFolder: string;
  readonly secret: string;
  readonly adminUser: string;
  readonly adminPassword: string;
}

/** What its process is started with, each time anew. */
export interface NodeStart extends NodeConfig {
  /** Which start of this node it is, from 1. */
  readonly run: number;
  /** The nodes that serve already and can be heard. */
  readonly others: readonly string[];
  /** The nodes that are cut off. */
  readonly cut: readonly string[];
}

/** What an admin asks of the primary. */
export type ClusterRequest =
  { readonly type: NodeAction; readonly node: string } | { readonly type: "restart" | "bring" | "home" };

/** What became of it, to be read by the admin. */
export interface ClusterAnswer {
  readonly done: boolean;
  readonly text: string;
}

/** What a node says of itself several times a second. */
export interface NodeReport {
  /** Unique shoppers on its own list. */
  readonly shoppers: number;
  /** Shoppers whose pages it serves. */
  readonly serves: number;
  /** Shoppers on its list by the life that serves them; see `homeOf`. */
  readonly homes: readonly (readonly [home: string, shoppers: number])[];
  /** Frames heard from each other node since the last report. */
  readonly frames: Readonly<Record<string, number>>;
  /** Whether its list has everything that it has heard of. */
  readonly complete: boolean;
  /** Shoppers in the largest single change since a cut was healed. */
  readonly largestDiff: number;
}

/** What became of those whom a node served that has ended. */
export interface MoveOutcome {
  readonly happenedId: number;
  readonly moved: number;
  readonly missing: number;
  readonly tookMs: number;
}

export type NodeSays =
  /** Its process listens, and is to be told how it starts. */
  | { readonly type: "listening" }
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "ask"; readonly id: number; readonly request: ClusterRequest }
  | { readonly type: "report"; readonly report: NodeReport }
  | { readonly type: "moved"; readonly outcome: MoveOutcome };

export type PrimarySays =
  | { readonly type: "start"; readonly config: NodeStart }
  /** `handoffMs`: how long the node's shoppers stay on the list for want of a new connection. */
  | { readonly type: "stop"; readonly handoffMs: number }
  | { readonly type: "answer"; readonly id: number; readonly answer: ClusterAnswer }
  | { readonly type: "cut"; readonly nodes: readonly string[] }
  | { readonly type: "status"; readonly status: ClusterStatus };

export function envelope<Message>(message: Message): { shop: Message } {
  return { shop: message };
}

/** The message in an envelope of ours. Both ends are this program, so what is in it is trusted. */
export function opened<Message>(value: unknown): Message | undefined {
  if (typeof value !== "object" || value === null || !("shop" in value)) return undefined;
  return value.shop as Message;
}
