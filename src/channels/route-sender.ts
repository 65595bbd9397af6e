/** How what the routes of broadcasts decide is said to other servers. Knows no pubsub and no tracker. */
import type { Sent } from "./sent-lately.js";
import type { Broadcast } from "./subscribers.js";

export interface RouteSender {
  /** To one node, or to all; those who have had it leave it alone. Returns whether there was room for their names. */
  sayAgain(sent: Sent, agoMs: number, node?: string): boolean;
  /** Whether it can be said again to one node: it takes a little more then. */
  canSayAgain(broadcast: Broadcast): boolean;
  /** To a node that knows no other form. */
  sayPlainly(sent: Sent, node: string): void;
  /** Asks a node, or all, who is there that hears everything. */
  askWhoHearsAll(node?: string): void;
  /** Asks a node for the hellos of its servers. */
  askWhoIsThere(node: string): void;
  /** This server does not tell any more what it hears. */
  hearsAll(): void;
}
