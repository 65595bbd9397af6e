/**
 * Who is shopping: every open page of every cart, on every node. Cart channels track themselves here, under a
 * topic that only admins follow, so that shoppers never see presence traffic.
 */
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
