/**
 * A pubsub over `BroadcastChannel`: the worker threads of one Node process, or the tabs and workers of one origin
 * in a browser. Free of Node imports.
 *
 * All nodes share one `BroadcastChannel`, by two ports each: a port does not hear what it posts itself, and a node
 * has to. It has no connection that could break, so there is no status. A page that is hidden for good says so; nobody
 * is told when a thread ends without closing its pubsub, so its silence has to tell.
 */
import { TrackerError } from "../errors.js";
import { readOptions } from "../known-names.js";
import { AdapterEvents } from "../pubsub/adapter-events.js";
import { checkedNodeName } from "../pubsub/node-name.js";
import type { PubSub, Unsubscribe } from "../pubsub/pubsub.js";
import { Receivers } from "../pubsub/receivers.js";
import { unavailable } from "../pubsub/unavailable.js";

export interface BroadcastChannelPubSubOptions {
  /** Default: host, process id and a random part; in a browser `browser` and a random part. */
  readonly nodeName?: string | undefined;
  /** The name of the `BroadcastChannel`, which should be used for nothing else. Default `rollcall`. */
  readonly channelName?: string | undefined;
}

export interface BroadcastChannelPubSub extends PubSub {
  /** Closes the `BroadcastChannel` and tells the others that the node is gone. Closing twice does nothing. */
  close(): void;
}

const optionNames: Readonly<Record<keyof BroadcastChannelPubSubOptions, true>> = {
  nodeName: true,
  channelName: true,
};

/** What goes over the channel. The property `rollcall` holds the version. */
type Message =
  /** To everybody, the sender included, or only to the node `to`. */
  | {
      readonly rollcall: 1;
      readonly type: "frame";
      readonly to?: string;
      readonly channel: string;
      readonly payload: string;
    }
  /** The node was closed. */
  | { readonly rollcall: 1; readonly type: "nodeGone"; readonly node: string };

/**
 * In Node an open pubsub does not keep its thread alive.
 *
 * @throws TrackerError `INVALID_OPTION` for another option, and a `nodeName` that is empty or longer than 128 bytes.
 */
export function broadcastChannelPubSub(options: BroadcastChannelPubSubOptions = {}): BroadcastChannelPubSub {
  const { nodeName, channelName = "rollcall" } = readOptions(options, optionNames);
  const checked = checkedNodeName(nodeName);
  return new BroadcastChannelNode(
    checked,
    new BroadcastChannel(channelName),
    new BroadcastChannel(channelName),
  );
}

class BroadcastChannelNode implements BroadcastChannelPubSub {
  readonly nodeName: string;
  readonly echoes = true;
  readonly #speaking: BroadcastChannel;
  readonly #hearing: BroadcastChannel;
  readonly #events = new AdapterEvents("connected");
  readonly #receivers = new Receivers(this.#events.reportError);
  readonly onNodeGone = this.#events.onNodeGone;
  readonly onError = this.#events.onError;
  #closed = false;

  constructor(nodeName: string, speaking: BroadcastChannel, hearing: BroadcastChannel) {
    this.nodeName = nodeName;
    this.#speaking = speaking;
    this.#hearing = hearing;
    hearing.onmessage = ({ data }) => this.#receive(data);
    hearing.onmessageerror = () => this.#refuse();
    for (const port of [speaking, hearing]) {
      // Only Node has it, and its type is the browser's.
      if ("unref" in port && typeof port.unref === "function") port.unref();
    }
    if (hasPage(globalThis)) globalThis.addEventListener("pagehide", this.#leavePage);
  }

  /** The page goes, or is put aside: a page that is shown again is heard again by its next heartbeat. */
  readonly #leavePage = (): void => this.#post({ rollcall: 1, type: "nodeGone", node: this.nodeName });

  broadcast(channel: string, payload: string): void {
    this.#post({ rollcall: 1, type: "frame", channel, payload });
  }

  send(node: string, channel: string, payload: string): void {
    this.#post({ rollcall: 1, type: "frame", to: node, channel, payload });
  }

  subscribe(channel: string, receive: (payload: string) => void): Unsubscribe {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    return this.#receivers.add(channel, receive);
  }

  close(): void {
    if (this.#closed) return;
    this.#post({ rollcall: 1, type: "nodeGone", node: this.nodeName });
    this.#closed = true;
    if (hasPage(globalThis)) globalThis.removeEventListener("pagehide", this.#leavePage);
    this.#hearing.onmessage = null;
    this.#hearing.onmessageerror = null;
    this.#hearing.close();
    this.#speaking.close();
    this.#receivers.clear();
    this.#events.clear();
  }

  #post(message: Message): void {
    if (this.#closed) throw unavailable(this.nodeName, "closed");
    this.#speaking.postMessage(message);
  }

  #receive(data: unknown): void {
    const message = messageOf(data);
    if (message === undefined) return this.#refuse();
    if (message.type === "nodeGone") return this.#events.reportNodeGone(message.node);
    if (message.to === undefined || message.to === this.nodeName) {
      this.#receivers.deliver(message.channel, message.payload);
    }
  }

  #refuse(): void {
    this.#events.reportError(
      new TrackerError("INVALID_FRAME", "Something on the BroadcastChannel was sent by no rollcall node", {
        channelName: this.#hearing.name,
      }),
    );
  }
}

/** A browser's page, as far as it is needed here; threads and workers have none. */
interface Page {
  addEventListener(event: "pagehide", listener: () => void): void;
  removeEventListener(event: "pagehide", listener: () => void): void;
}

function hasPage(scope: object): scope is Page {
  return "document" in scope && "addEventListener" in scope;
}

type Fields = Readonly<Partial<Record<"rollcall" | "type" | "to" | "channel" | "payload" | "node", unknown>>>;

/** The message, or `undefined` if no rollcall node of this version sends such. */
function messageOf(data: unknown): Message | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { rollcall, type, to, channel, payload, node }: Fields = data;
  if (rollcall !== 1) return undefined;
  if (type === "nodeGone" && typeof node === "string") return { rollcall, type, node };
  if (type !== "frame" || typeof channel !== "string" || typeof payload !== "string") return undefined;
  if (to === undefined) return { rollcall, type, channel, payload };
  return typeof to === "string" ? { rollcall, type, to, channel, payload } : undefined;
}
