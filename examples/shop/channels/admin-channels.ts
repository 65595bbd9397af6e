/** What admins follow: the presences of all carts, and several times a second the state of the cluster. */
import type { ChannelHandlers, Channel } from "rollcall/channels";
import { cartTopic, type CartTracker } from "../presence/cart-tracker.ts";
import type { History } from "../presence/history.ts";
import type { ClusterView } from "../wire.ts";

/** What is known of an admin's socket. */
export interface AdminSocket {
  /** When its token ends, in milliseconds since 1970. */
  readonly endsMs: number;
}

/** `presence_state` once, then every `presence_diff`. */
export function cartTrackerChannel(
  node: string,
  tracker: CartTracker,
): ChannelHandlers<undefined, AdminSocket> {
  const endings = new Map<Channel<undefined, AdminSocket>, ReturnType<typeof setTimeout>>();
  return {
    join: () => ({ ok: { node } }),
    joined(channel) {
      // The socket ends with its token; a page that is open connects again, with the newest one that it has.
      const { endsMs } = channel.socket.assigns;
      const timer = setTimeout(() => channel.socket.disconnect(), Math.max(0, endsMs - Date.now()));
      endings.set(channel, timer);
      channel.follow(tracker, cartTopic);
    },
    terminate(channel) {
      clearTimeout(endings.get(channel));
      endings.delete(channel);
    },
  };
}

const tellPeriodMs = 500;

/** The state is made twice a second for all who watch, and not at all when nobody does. */
export function clusterChannel(
  node: string,
  history: History,
  describe: () => ClusterView,
): ChannelHandlers<undefined, AdminSocket> {
  const watching = new Set<Channel<undefined, AdminSocket>>();
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
