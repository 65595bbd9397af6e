/**
 * Who is shopping: every open page of every cart, on every node. Cart channels track themselves here, under a
 * topic that only admins follow, so that shoppers never see presence traffic.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Presence, type PubSub } from "rollcall";
import type { CartMeta } from "../wire.ts";

export type CartTracker = Presence<CartMeta>;

export const cartTopic = "admin:cart_tracker";

export function startCartTracker(pubsub: PubSub): Promise<CartTracker> {
  return Presence.start<CartMeta>({
    name: "carts",
    pubsub,
    // Sooner than the default, so that the dashboard feels live: 500 ms at most for a change in a storm.
    broadcastPeriodMs: 500,
    // One join and one update per shopper and admin is a lot when thousands come: a few diffs a second are not.
    diffPeriodMs: 200,
  });
}

/**
 * Resolves when the list has all that these nodes have, or after the timeout. A tracker is complete when it has
 * caught up with everyone that it has heard of; one that is slow to answer is waited for because it is named.
 */
export async function hearOut(
  tracker: CartTracker,
  nodes: readonly string[],
  timeoutMs: number,
): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  const isDone = (): boolean => {
    const { complete, replicas } = tracker.health();
    return complete && nodes.every((node) => replicas.some(({ name }) => name === node));
  };
  while (!isDone() && performance.now() < untilMs) await pause(20);
}
