/**
 * The user's side of channels: the arguments and the return values of handlers. Types only, but for `refuse`.
 */
import type { IncomingMessage } from "node:http";
import { TrackerError } from "../errors.js";
import type { Session } from "../session.js";
import type { ConnectParams } from "./params.js";

/** A payload that a client sent as JSON. Its properties may be anything: check them before use. */
export type JsonPayload = Readonly<Record<string, unknown>>;

/**
 * A payload for a client: an object that JSON can hold, or bytes (`Uint8Array`, `ArrayBuffer`), which travel in
 * a binary frame.
 */
export type Payload = object;

/** The answer to a push: the client's `receive("ok")`, `receive("error")`, or a status of your own. */
export type Reply =
  | { readonly ok: Payload }
  | { readonly error: Payload }
  | { readonly status: string; readonly response: Payload };

/**
 * Known by this mark and not by its class: an application may have two copies of this module, one by `import` and
 * one by `require`, and a refusal of either must be one.
 */
const REFUSAL_MARK: unique symbol = Symbol.for("rollcall.channels.refusal") as never;

/** A refusal of a connection, made by {@link refuse}. */
export interface Refusal {
  /** The HTTP status that the client is answered with. */
  readonly status: number;
  readonly [REFUSAL_MARK]: true;
}

/** Whether a connect hook returned what {@link refuse} makes, of whatever copy of this module. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && REFUSAL_MARK in value;
}

/**
 * Refuses a connection with an HTTP status, before the upgrade. (A connection that is accepted and then closed
 * makes the official client come back some seventy times a second; a refused one backs off.)
 *
 * @throws TrackerError `INVALID_ARGUMENT` for a status outside 400 to 599.
 */
export function refuse(status: number): Refusal {
  if (!Number.isInteger(status) || status < 400 || status > 599) {
    throw new TrackerError("INVALID_ARGUMENT", "refuse needs an HTTP status from 400 to 599", {
      argument: "status",
      value: status,
    });
  }
  return { status, [REFUSAL_MARK]: true };
}

/** The facts by which a connect hook decides. */
export interface ConnectRequest {
  /** The parameters of the URL, nested ones as objects and lists. */
  readonly params: ConnectParams;
  /** The client's `authToken`, which travels as a subprotocol and so stays out of URLs and logs. */
  readonly authToken: string | undefined;
  /** The HTTP request of the upgrade: headers, cookies, remote address. */
  readonly request: IncomingMessage;
}

/**
 * Which origins may connect: `true` for the request's own host, `false` for all, a list such as
 * `["https://shop.example", "https://*.shop.example", "capacitor://localhost"]`, or a function. `"null"` in a list
 * is the origin of pages without one, such as sandboxed frames and files. A request without an `Origin` header does
 * not come from a browser and passes.
 */
export type OriginCheck =
  boolean | readonly string[] | ((origin: string, request: IncomingMessage) => boolean);

/** The values that refuse as well, with 403, when a connect hook returns them; `refuse(403)` is clearer. */
export type NoAssigns = false | null | undefined | "" | 0;

/** How clients connect to one path. */
export interface SocketOptions<SocketAssigns> {
  /**
   * Decides who may connect: returns what is known about the socket, or `refuse(status)`. One that returns nothing,
   * anything that counts as false, `true`, a list or an error refuses with 403 and is reported once. One that throws or rejects refuses
   * with 500 and is reported; one that takes longer than `connectTimeoutMs` with 503. Without it everyone may
   * connect.
   *
   * A property `expiresAtMs` of what it returns, in milliseconds since 1970, is until when the socket may stay. Within
   * a second after that it is closed with 4001, at which the client comes back through this hook; one that is over
   * already is refused with 403; one that looks like seconds with 500, and is reported. `socket.renew` moves it.
   */
  readonly connect?:
    | ((
        request: ConnectRequest,
      ) => SocketAssigns | Refusal | NoAssigns | Promise<SocketAssigns | Refusal | NoAssigns>)
    | undefined;
  /**
   * Names the socket, so that `channels.disconnect(id)` ends all sockets of a user, on all nodes, and
   * `maxSocketsPerId` counts them. One that throws, or returns anything but a string or `undefined`, refuses with 500
   * and is reported.
   */
  readonly id?: ((assigns: SocketAssigns) => string | undefined) | undefined;
  /** Default: the server's. */
  readonly checkOrigin?: OriginCheck | undefined;
  /**
   * Whether clients without a WebSocket may poll. The official client falls back to it after a short outage where its
   * `longPollFallbackMs` is set, and stays there until the page is loaded anew.
   * @default true
   */
  readonly longPoll?: boolean | undefined;
}

/**
 * Tokens are often dated in seconds. So dated, any time of ours is before 1980, when nobody was given one.
 *
 * @throws TrackerError `INVALID_ARGUMENT` for a value that is no time, or one in seconds.
 */
export function checkExpiry(expiresAtMs: unknown, nowMs: number): asserts expiresAtMs is number | undefined {
  if (expiresAtMs === undefined) return;
  const details = { argument: "expiresAtMs", type: typeof expiresAtMs };
  if (typeof expiresAtMs !== "number" || !Number.isFinite(expiresAtMs)) {
    throw new TrackerError("INVALID_ARGUMENT", "expiresAtMs must be milliseconds since 1970", details);
  }
  if (expiresAtMs > 0 && expiresAtMs < nowMs / 100) {
    const message = `expiresAtMs must be milliseconds since 1970, and looks like seconds: is it ${expiresAtMs} * 1000?`;
    throw new TrackerError("INVALID_ARGUMENT", message, details);
  }
}

/** One connection of a client, as its channels see it. */
export interface ChannelSocket<SocketAssigns = unknown> {
  readonly id: string | undefined;
  /** The value that the connect hook returned, or the last one that was passed to `renew`. */
  readonly assigns: SocketAssigns;
  /**
   * Replaces what is known about the socket and until when it may stay, in milliseconds since 1970; without that, for
   * as long as it likes. For all its channels; its `id` stays. Nothing happens once the connection is gone.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for a value that is no time, or looks like one in seconds.
   */
  renew(assigns: SocketAssigns, expiresAtMs?: number): void;
  /** Closes the connection with 1001; the official client connects again. */
  disconnect(): void;
}

/** A channel whose join has not been answered yet. */
export interface JoiningChannel<SocketAssigns = unknown> {
  readonly topic: string;
  readonly socket: ChannelSocket<SocketAssigns>;
  /** Lives as long as the channel: the entries that are tracked with it leave when the channel ends. */
  readonly session: Session;
  /** Hands a message to `handleInfo`, after the running handler. Nothing happens once the channel has ended. */
  send(message: unknown): void;
}

/** How a channel follows a presence. */
export interface FollowOptions {
  /**
   * What the client calls the events of the presence: the `events` option of the official client's `Presence`.
   * @default { state: "presence_state", diff: "presence_diff", rest: "presence_rest" }
   */
  readonly events?:
    { readonly state: string; readonly diff: string; readonly rest?: string | undefined } | undefined;
  /**
   * Only so many keys, from 1: the first of the topic. How many there are of the rest is the event `rest`, with
   * `{ metas, keys }`. Without it, all.
   */
  readonly limit?: number | undefined;
}

/** How a channel follows the counts of a presence. */
export interface FollowCountsOptions {
  /** @default "presence_count" */
  readonly event?: string | undefined;
  /** As of `presence.followCount`. Default: its own. */
  readonly periodMs?: number | undefined;
}

/** Anything that forwards presence events, such as a `Presence`. */
export interface PresenceSource {
  forward(
    topic: string,
    receive: (event: string, payload: object) => void,
    options: { readonly signal: AbortSignal; readonly limit?: number | undefined },
  ): unknown;
}

/** Anything that tells how many are under a topic, such as a `Presence`. */
export interface CountSource {
  followCount(
    topic: string,
    tell: (count: { readonly metas: number; readonly keys: number }) => void,
    options: { readonly signal: AbortSignal; readonly periodMs?: number | undefined },
  ): unknown;
}

/**
 * One client in one topic. Handlers outlive their sockets, so once the channel has ended its methods do nothing.
 */
export interface Channel<Assigns = unknown, SocketAssigns = unknown> extends JoiningChannel<SocketAssigns> {
  /** The assigns that `join` returned; yours to change or replace. */
  assigns: Assigns;
  /** Whether the channel has ended. */
  readonly ended: boolean;
  /**
   * Sends to this client.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for an event that is no text, and a payload that has no encoding.
   */
  push(event: string, payload: Payload): void;
  /** Sends to all clients in this topic on all nodes. @throws TrackerError as `push`. */
  broadcast(event: string, payload: Payload): void;
  /** The same, but not to this client. */
  broadcastFrom(event: string, payload: Payload): void;
  /**
   * Sends the client the presence of a topic, by default this one: `presence_state` once, then every
   * `presence_diff`, until the channel ends. A state above `maxPieceBytes` goes out in pieces, the next when the
   * client has taken the last: the first as `presence_state`, the others as joins of a `presence_diff`.
   *
   * What is followed under the same events is one list to the client: a second topic comes as joins of a
   * `presence_diff`, and the same topic of the same presence is followed once. For lists of their own give each its
   * `events`.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for what is no presence, and a topic that is no text; `INVALID_OPTION` for
   *   another option, an event that is no text, and a limit that is not a whole number from 1.
   */
  follow(presence: PresenceSource, topic?: string, options?: FollowOptions): void;
  /**
   * Sends the client how many are under a topic, by default this one: `presence_count` with `{ metas, keys }` once, then
   * again when they have changed, at most once in `periodMs` after a change at once, until the channel ends. The same
   * topic of the same presence is followed once per event. For rooms too big to list.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for what is no presence, and a topic that is no text; `INVALID_OPTION` for
   *   another option, an event that is no text, and a `periodMs` that is no duration.
   */
  followCount(presence: CountSource, topic?: string, options?: FollowCountsOptions): void;
  /** Ends the channel for good after the running handler: the client does not join again. */
  stop(): void;
}

/**
 * Why a channel ended.
 *
 * - `left`: the client left.
 * - `closed`: the connection is gone.
 * - `rejoined`: the same socket joined the topic again.
 * - `stopped`: `channel.stop()`.
 * - `evicted`: somebody wanted the user to go (`tracker.evict`); the client does not join again.
 * - `failed`: a handler threw, or more than `maxQueuedMessages` waited for one.
 */
export type EndReason = "left" | "closed" | "rejoined" | "stopped" | "evicted" | "failed";

/** The value that a join returns: the answer to the client, and the assigns that the channel has from now on. */
export type JoinResult<Assigns> =
  | (undefined extends Assigns
      ? { readonly ok: Payload; readonly assigns?: Assigns | undefined }
      : { readonly ok: Payload; readonly assigns: Assigns })
  | { readonly error: Payload };

/** Answers a push, once, now or later; for answers that are not known when the handler returns. */
export type LateReply = (reply: Reply) => void;

/** The value that a handler of a push returns: an answer, or nothing. */
export type HandlerResult = Reply | void | Promise<Reply | void>;

/**
 * The channels of one topic pattern. The handlers of one channel run one after another, also async ones; those
 * of different channels do not wait for each other. A handler that throws or rejects ends its channel, the
 * client joins again, and the `error` event has the cause.
 */
export interface ChannelHandlers<Assigns = undefined, SocketAssigns = unknown> {
  /**
   * Decides whether a client may join. Broadcasts made meanwhile are kept and sent after the answer. One that
   * throws answers `{ reason: "join crashed" }`. The official client retries a refused join for ever, unless it
   * leaves.
   */
  join(
    channel: JoiningChannel<SocketAssigns>,
    params: JsonPayload,
  ): JoinResult<Assigns> | Promise<JoinResult<Assigns>>;
  /** Called when the join has been answered, before anything else is handled: the place to push and follow. */
  joined?: ((channel: Channel<Assigns, SocketAssigns>) => void | Promise<void>) | undefined;
  /**
   * For how long what the session of a channel tracks stays when its connection is lost, in case the client comes back:
   * a page that is loaded anew, a tunnel, a token that is over. None for a client that leaves, a channel that fails or
   * stops, and a socket that is disconnected. See `Session.close`.
   * @default 0
   */
  readonly graceMs?: number | undefined;
  /** Handlers of the client's events by name. An event without one is answered `{ reason: "unknown event" }`. */
  readonly handleIn?:
    | {
        readonly [event: string]: (
          channel: Channel<Assigns, SocketAssigns>,
          payload: JsonPayload,
          reply: LateReply,
        ) => HandlerResult;
      }
    | undefined;
  /** The same for events whose payload is bytes. */
  readonly handleBinary?:
    | {
        readonly [event: string]: (
          channel: Channel<Assigns, SocketAssigns>,
          data: Buffer,
          reply: LateReply,
        ) => HandlerResult;
      }
    | undefined;
  /**
   * Broadcasts with these events are not sent to the client but handed over, to push something else or nothing.
   * The payload is shared by all who receive it. Bytes are never handed over.
   */
  readonly handleOut?:
    | {
        readonly [event: string]: (
          channel: Channel<Assigns, SocketAssigns>,
          payload: JsonPayload,
        ) => void | Promise<void>;
      }
    | undefined;
  /** Receives the messages that are passed to `channel.send`. */
  handleInfo?:
    ((channel: Channel<Assigns, SocketAssigns>, message: unknown) => void | Promise<void>) | undefined;
  /**
   * Called once when a joined channel has ended, after the handler that runs. The session is closed already, and
   * nothing is sent any more.
   */
  terminate?:
    ((channel: Channel<Assigns, SocketAssigns>, reason: EndReason) => void | Promise<void>) | undefined;
}

/** A socket path, to add channels to. */
export interface SocketMount<SocketAssigns> {
  /**
   * Adds the channels of a topic (`"lobby"`) or of all topics with a prefix (`"room:*"`). An exact topic wins
   * over a prefix, an earlier prefix over a later one.
   *
   * @throws TrackerError `INVALID_ARGUMENT` for a pattern that is empty, was given before, or has a `*` anywhere
   *   but at its end, and for handlers without a `join` or with one that is no function; `INVALID_OPTION` for a `graceMs`
   *   that is no time, and for a name in a plain object that is none of a handler. A class may have other members.
   */
  channel<Assigns = undefined>(
    pattern: string,
    handlers: ChannelHandlers<Assigns, SocketAssigns>,
  ): SocketMount<SocketAssigns>;
}
