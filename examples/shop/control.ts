/**
 * What the primary and its nodes say to each other, beside what the pubsub relays over the same IPC channel:
 * objects with the property `shop`. Everything else is somebody else's and is ignored.
 */
import type { ClusterRequest } from "./routes/admin-routes.ts";

/** How a node is set up; it travels in the environment of its process. */
export interface NodeConfig {
  readonly name: string;
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
  /** The nodes that serve already. */
  readonly others: readonly string[];
}

export type NodeSays =
  { readonly type: "ready" } | { readonly type: "failed"; readonly message: string } | ClusterRequest;

export interface PrimarySays {
  readonly type: "stop";
  /** How long the node's shoppers stay on the list for want of a new connection. */
  readonly handoffMs: number;
}

export const configVariable = "LACEWING_NODE";

export function envelope<Message>(message: Message): { shop: Message } {
  return { shop: message };
}

/** The message in an envelope of ours. Both ends are this program, so what is in it is trusted. */
export function opened<Message>(value: unknown): Message | undefined {
  if (typeof value !== "object" || value === null || !("shop" in value)) return undefined;
  return value.shop as Message;
}
