/** The page's socket, and the line in the footer that says what it is connected to. */
import { Socket, type Channel } from "phoenix";
import { find, setText, toast } from "./dom.ts";

/** A node that stands still answers no heartbeat: its pages go elsewhere after twice that time at the latest. */
const heartbeatMs = 10_000;

/** Connects, for as long as the page is open. `prepare` gets the socket before it connects. */
export function openSocket(path: string, prepare?: (socket: Socket) => void): Socket {
  const socket = new Socket(path, {
    heartbeatIntervalMs: heartbeatMs,
    // Soon enough that a shopper whose node went away is on the next one before anybody is missed.
    reconnectAfterMs: (tries) => [20, 60, 150, 300, 600, 1_000][tries - 1] ?? 2_000,
    rejoinAfterMs: (tries) => [200, 500, 1_000][tries - 1] ?? 2_000,
  });
  prepare?.(socket);
  socket.onOpen(() => showState("live"));
  socket.onClose(() => showState("lost"));
  // A browser that is offline does not say so on the socket, and one that is back does not know that it is dead.
  addEventListener("offline", () => showState("lost"));
  addEventListener("online", () => socket.disconnect(() => socket.connect()));
  socket.connect();
  return socket;
}

/** Every join reply names the node it comes from. */
export function showSocketNode(reply: unknown): void {
  const { node } = reply as { node?: unknown };
  if (typeof node === "string") setText(find('[data-testid="socket-node"]'), node);
}

const refusals: Readonly<Record<string, string>> = {
  too_many_tabs: "This cart is open in too many tabs. Close some, and load this page again.",
};

/**
 * Joins for good: a refused join is given up, because the client would repeat it for ever.
 */
export function join<Reply>(channel: Channel, joined: (reply: Reply) => void): void {
  channel
    .join()
    .receive("ok", (reply: Reply) => {
      showSocketNode(reply);
      joined(reply);
    })
    .receive("error", (reason: { reason?: unknown }) => {
      console.warn("The shop refused a channel", channel.topic.split(":")[0], reason);
      channel.leave();
      toast(refusals[String(reason.reason)] ?? "The shop does not let this page be live.");
    });
}

function showState(state: "live" | "lost"): void {
  find("[data-connection]").dataset["state"] = state;
  if (state === "lost") setText(find('[data-testid="socket-node"]'), "… reconnecting");
}
