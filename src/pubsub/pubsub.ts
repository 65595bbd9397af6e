/**
 * The least that rollcall needs from a pubsub. An adapter implements this interface for one kind of
 * pubsub; it knows no tracker, no presence and no encoding, only text on named channels. The text is well-formed
 * and has no NUL, which PostgreSQL could not carry; JSON text never has one.
 *
 * An adapter may lose, repeat and reorder payloads. It must not corrupt a payload, deliver it on another channel,
 * or block. A connection is closed by the code that opened it: an adapter never closes the client that it was given.
 *
 * A node should hear itself: what it broadcasts comes back to its own subscriptions, and what it sends to its own name
 * arrives, each by the way that it takes to others. A node that does not hear itself then knows that nobody else does,
 * whatever its connection says. An adapter that keeps this promise says so by `echoes`.
 */

/** Ends a subscription or stops a listener. Calling it twice does nothing. */
export type Unsubscribe = () => void | Promise<void>;

/** Whether the payloads of a node can reach others, as far as the adapter knows. */
export type PubSubStatus = "connected" | "disconnected";

export interface PubSub {
  /** The name of this node; unique in the cluster. At most 128 bytes of UTF-8, without control characters. */
  readonly nodeName: string;
  /** The largest payload that the pubsub takes, in bytes of UTF-8. Absent: no limit of its own. */
  readonly maxPayloadBytes?: number | undefined;
  /** What keeps apart applications that share the medium, where there is such. `sealed` binds its seals to it. */
  readonly prefix?: string | undefined;
  /**
   * Whether this node hears itself, by the way that what it sends takes to others. Then a tracker believes in its
   * connection only as far as it hears itself. Absent: it believes what `onStatus` tells, and cannot notice that
   * nobody hears it.
   */
  readonly echoes?: boolean | undefined;
  /**
   * Sends to every node that is subscribed to the channel, this one included where `echoes` says so. A failure is a rejected promise or a
   * thrown error; the caller reports it and relies on later messages for the repair.
   */
  broadcast(channel: string, payload: string): void | Promise<void>;
  /** Sends to the node of that name, which may be this one; does nothing if there is none. */
  send(node: string, channel: string, payload: string): void | Promise<void>;
  /**
   * Receives the payloads that any node broadcasts on the channel, or sends to this node on it. The subscription is in force
   * when this returns or its promise resolves, and lasts over reconnects. Several subscriptions to one
   * channel each receive. `receive` never throws.
   */
  subscribe(channel: string, receive: (payload: string) => void): Unsubscribe | Promise<Unsubscribe>;
  /**
   * Hears every change of the connection from now on; never called synchronously. An adapter that is
   * disconnected when the listener is added says so at once (in a microtask). Absent: always connected.
   */
  onStatus?: ((listener: (status: PubSubStatus) => void) => Unsubscribe) | undefined;
  /** Hears that a node has certainly ended: a hint that arrives sooner than its silence would tell. */
  onNodeGone?: ((listener: (nodeName: string) => void) => Unsubscribe) | undefined;
  /**
   * Hears failures that have no caller, such as a connection error of the client. The listener gets whatever
   * the client reported.
   */
  onError?: ((listener: (error: unknown) => void) => Unsubscribe) | undefined;
  /**
   * Tells which of these nodes have a subscription to the channel now, as far as the medium itself knows: nobody is
   * asked who might be busy. It may name a node whose connection has died without a word, and no other that has
   * ended. Takes bounded time; rejects where there is no connection or the medium refuses the question. What it says
   * of this node itself shows whether it can be trusted. Absent: the medium cannot tell.
   */
  listening?: ((channel: string, nodes: readonly string[]) => Promise<ReadonlySet<string>>) | undefined;
  /**
   * Replaces the connection by a new one, for a caller that hears nothing over the present one. Subscriptions
   * last; what is under way may be lost. Returns when that has begun, and `onStatus` tells what comes of it. Does
   * nothing while a connection is being made. Absent: nothing can be done.
   */
  reconnect?: (() => void | Promise<void>) | undefined;
}
