/** What admins follow: the presences of all carts, and once a second the state of the cluster. */
import type { ChannelHandlers, Channel } from "rollcall/channels";
import { cartTopic, type CartTracker } from "../presence/cart-tracker.ts";
import type { History } from "../presence/history.ts";
import type { ClusterView } from "../wire.ts";

/** `presence_state` once, then every `presence_diff`. */
export function cartTrackerChannel(node: string, tracker: CartTracker): ChannelHandlers {
  return {
    join: () => ({ ok: { node } }),
    joined(channel) {
      channel.follow(tracker, cartTopic);
    },
  };
}

const tellPeriodMs = 1_000;

/** The state is made once a second for all who watch, and not at all when nobody does. */
export function clusterChannel(node: string, history: History, describe: () => ClusterView): ChannelHandlers {
  const watching = new Set<Channel>();
  let timer: ReturnType<typeof setInterval> | undefined;
  const tell = (): void => {
    const view = describe();
    for (const channel of watching) channel.push("cluster", view);
  };
  return {
    join: () => ({ ok: { node, history: history.get() } }),
    joined(channel) {
      watching.add(channel);
      channel.push("cluster", describe());
      timer ??= setInterval(tell, tellPeriodMs);
    },
    terminate(channel) {
      watching.delete(channel);
      if (watching.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}
