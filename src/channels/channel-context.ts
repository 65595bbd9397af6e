/**
 * What a channel is told and what it needs: its handlers, its connection, its server. Types only.
 */
import type { ChannelCounters } from "./counters.js";
import type { ErrorReports } from "./error-reports.js";
import type { ClientMessage, Frame, Ref, SharedFrame } from "./frames.js";
import type {
  Channel,
  ChannelHandlers,
  ChannelSocket,
  EndReason,
  HandlerResult,
  JsonPayload,
  Reply,
} from "./handlers.js";
import type { JoinCharges } from "./join-budget.js";
import type { FeedEncodings, PendingState } from "./presence-feed.js";
import type { Broadcast, BroadcastSender, Subscriber, Subscribers } from "./subscribers.js";
import type { KeptBroadcasts } from "./waiting-broadcasts.js";

/** The handlers of one pattern, with what clients name in maps. */
export interface Route<Assigns, SocketAssigns> {
  readonly handlers: ChannelHandlers<Assigns, SocketAssigns>;
  readonly handleIn: ReadonlyMap<string, PushHandler<Assigns, SocketAssigns, JsonPayload>>;
  readonly handleBinary: ReadonlyMap<string, PushHandler<Assigns, SocketAssigns, Buffer>>;
  readonly handleOut: ReadonlyMap<string, OutHandler<Assigns, SocketAssigns>>;
}

type PushHandler<Assigns, SocketAssigns, Data> = (
  channel: Channel<Assigns, SocketAssigns>,
  data: Data,
  reply: (reply: Reply) => void,
) => HandlerResult;

type OutHandler<Assigns, SocketAssigns> = (
  channel: Channel<Assigns, SocketAssigns>,
  payload: JsonPayload,
) => void | Promise<void>;

/** Where a channel writes, and what is told of it. */
export interface ChannelConnection<SocketAssigns> extends ChannelSocket<SocketAssigns>, BroadcastSender {
  /** Writes a frame; `taken` is called in a later turn, once the client has taken it. */
  write(frame: Frame, taken?: () => void): void;
  writeShared(frame: SharedFrame): void;
  channelEnded(channel: RunningChannel): void;
  /** So many bytes more wait for a handler, or are with one that runs; fewer, where negative. */
  bytesHeld(change: number): void;
  /** Broadcasts that wait for a handler, or are with one that takes its time. */
  readonly broadcasts: KeptBroadcasts;
  /** What joins cause to be sent. */
  readonly joinCharges: JoinCharges;
  /** A payload is no JSON. */
  malformed(): void;
  /** A message was answered with an error because of its payload. */
  messageRefused(): void;
  readsTooSlowly(): void;
  addPending(state: PendingState): void;
  removePending(state: PendingState): void;
}

/** What channels share with their server. */
export interface ChannelContext {
  readonly subscribers: Subscribers;
  readonly reports: ErrorReports;
  readonly counters: Pick<ChannelCounters, "overflowedChannels">;
  readonly maxQueuedMessages: number;
  readonly encodings: FeedEncodings;
  /** To all nodes. */
  broadcast(broadcast: Broadcast, except?: Subscriber): void;
  /** Calls back in a later turn of the event loop. */
  later(callback: () => void): void;
}

/** A channel as its connection sees it, whatever its assigns. */
export interface RunningChannel {
  readonly topic: string;
  readonly joinRef: Ref;
  /** Runs the join that `ref` asks for, which takes so many bytes of memory, once `before` has resolved. */
  start(params: JsonPayload, ref: Ref, before: Promise<void> | undefined, bytes: number): void;
  receive(message: ClientMessage, bytes: number): void;
  /** With `isLost` the client may come back: what its session tracks has the grace of its channel. */
  end(reason: EndReason, isLost?: boolean): void;
  /** Resolves when the last handler, `terminate` included, is done; `undefined` if that is so already. */
  whenIdle(): Promise<void> | undefined;
}
