/**
 * One client in one topic, from its join to its end. Promises: handlers run one after another; the answer to a
 * join is written before anything else; nothing is written after the end, nor under another join's ref; the
 * session closes in the same turn as the channel ends; `terminate` runs exactly once for a join that was
 * accepted. Knows its connection only as somewhere to write, and no other channel.
 */
import { TrackerError } from "../errors.js";
import { Session } from "../session.js";
import {
  closeFrame,
  encodePayload,
  errorFrame,
  pushFrame,
  replyFrame,
  type ClientMessage,
  type EncodedPayload,
  type Frame,
  type Ref,
  type SharedFrame,
} from "./frames.js";
import type {
  Channel,
  ChannelHandlers,
  ChannelSocket,
  EndReason,
  HandlerResult,
  JoinResult,
  JsonPayload,
  Payload,
  PresenceSource,
  Reply,
} from "./handlers.js";
import type { Reporter } from "../reports.js";
import { isThenable, SerialQueue, type Task, type TaskOwner } from "./serial-queue.js";
import { Broadcast, type Subscriber, type Subscribers } from "./subscribers.js";

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

/** Where a channel writes, and what is told when it ends. */
export interface ChannelConnection<SocketAssigns> extends ChannelSocket<SocketAssigns> {
  write(frame: Frame): void;
  writeShared(frame: SharedFrame): void;
  channelEnded(channel: RunningChannel): void;
}

/** What channels share with their server. */
export interface ChannelContext {
  readonly subscribers: Subscribers;
  readonly reports: Reporter;
  readonly maxQueuedMessages: number;
  /** To all nodes. */
  broadcast(broadcast: Broadcast, except?: Subscriber): void;
}

/** A channel as its connection sees it, whatever its assigns. */
export interface RunningChannel {
  readonly topic: string;
  readonly joinRef: Ref;
  /** Runs the join that `ref` asks for, once `before` has resolved. */
  start(params: JsonPayload, ref: Ref, before: Promise<void> | undefined): void;
  receive(message: ClientMessage): void;
  end(reason: EndReason): void;
  /** Resolves when the last handler, `terminate` included, is done; `undefined` if that is so already. */
  whenIdle(): Promise<void> | undefined;
}

/** The JSON text of payloads that a presence hands to many channels at once: each is encoded once. */
const sharedEncodings = new WeakMap<object, EncodedPayload>();

export class ServerChannel<Assigns, SocketAssigns>
  implements Channel<Assigns, SocketAssigns>, RunningChannel, Subscriber, TaskOwner
{
  readonly topic: string;
  readonly joinRef: Ref;
  readonly session = new Session();
  readonly #connection: ChannelConnection<SocketAssigns>;
  readonly #route: Route<Assigns, SocketAssigns>;
  readonly #context: ChannelContext;
  readonly #queue = new SerialQueue(this);
  #state: "joining" | "joined" | "ended" = "joining";
  #assigns: Assigns | undefined;
  /** Made by the first `follow`: most channels need none. */
  #following: AbortController | undefined;
  /** Broadcasts that came while joining: they follow the answer to the join. */
  #held: Broadcast[] | undefined;
  /** Why it ended while it was still joining; `terminate` is owed if the join is accepted all the same. */
  #endReason: EndReason = "closed";

  constructor(
    topic: string,
    joinRef: Ref,
    connection: ChannelConnection<SocketAssigns>,
    route: Route<Assigns, SocketAssigns>,
    context: ChannelContext,
  ) {
    this.topic = topic;
    this.joinRef = joinRef;
    this.#connection = connection;
    this.#route = route;
    this.#context = context;
  }

  get socket(): ChannelSocket<SocketAssigns> {
    return this.#connection;
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  get assigns(): Assigns {
    // No handler gets the channel under this type before `join` has given its assigns.
    return this.#assigns as Assigns;
  }

  set assigns(assigns: Assigns) {
    this.#assigns = assigns;
  }

  push(event: string, payload: Payload): void {
    this.#push(event, encodePayload(payload));
  }

  broadcast(event: string, payload: Payload): void {
    const broadcast = new Broadcast(this.topic, event, payload);
    if (this.#state === "joined") this.#context.broadcast(broadcast);
  }

  broadcastFrom(event: string, payload: Payload): void {
    const broadcast = new Broadcast(this.topic, event, payload);
    if (this.#state === "joined") this.#context.broadcast(broadcast, this);
  }

  follow(presence: PresenceSource, topic: string = this.topic): void {
    if (this.#state === "ended") return;
    const { signal } = (this.#following ??= new AbortController());
    presence.forward(topic, (event, payload) => this.#push(event, encodeShared(payload)), { signal });
  }

  send(message: unknown): void {
    this.#enqueue(() => this.#route.handlers.handleInfo?.(this, message));
  }

  stop(): void {
    if (this.#state === "ended") return;
    this.#queue.clear();
    this.#queue.push(() => this.end("stopped"));
  }

  /**
   * Runs the join, after the channel that it replaces has ended. Broadcasts are heard from now on, so that none
   * falls between what the join handler reads and what the client is sent.
   */
  start(params: JsonPayload, ref: Ref, before: Promise<void> | undefined): void {
    this.#context.subscribers.add(this);
    if (before) this.#queue.push(() => before);
    this.#queue.push(() => this.#join(params, ref));
  }

  receive(message: ClientMessage): void {
    if (message.event === "phx_leave") this.#leave(message.ref);
    else this.#enqueue(() => this.#handlePush(message));
  }

  deliver(broadcast: Broadcast): void {
    const intercept = this.#route.handleOut.get(broadcast.event);
    if (intercept && typeof broadcast.encoded === "string") {
      this.#enqueue(() => intercept(this, broadcast.payload as JsonPayload));
    } else if (this.#state === "joined") {
      this.#connection.writeShared(broadcast.frame);
    } else if ((this.#held ??= []).length < this.#context.maxQueuedMessages) {
      this.#held.push(broadcast);
    } else {
      this.#overflow();
    }
  }

  taskFailed(error: unknown): void {
    this.#report("a channel handler failed", error);
    if (this.#state === "joined") this.end("failed");
  }

  whenIdle(): Promise<void> | undefined {
    return this.#queue.whenIdle();
  }

  end(reason: EndReason): void {
    if (this.#state === "ended") return;
    const joined = this.#state === "joined";
    this.#state = "ended";
    this.#queue.clear();
    this.#context.subscribers.remove(this);
    this.#following?.abort();
    if (reason === "failed") this.#connection.write(errorFrame(this.joinRef, this.topic));
    else if (reason !== "closed") this.#connection.write(closeFrame(this.joinRef, this.topic));
    this.#connection.channelEnded(this);
    this.session.close();
    if (joined) this.#queue.push(() => this.#route.handlers.terminate?.(this, reason));
    else this.#endReason = reason;
  }

  #join(params: JsonPayload, ref: Ref): unknown {
    const refuseCrashed = (error: unknown): void => {
      this.#report("a join handler failed", error);
      this.#refuseJoin(ref, { reason: "join crashed" });
    };
    try {
      const result = this.#route.handlers.join(this, params);
      if (!isThenable(result)) return this.#joined(ref, result);
      return result.then((value) => this.#joined(ref, value)).then(undefined, refuseCrashed);
    } catch (error) {
      return refuseCrashed(error);
    }
  }

  #joined(ref: Ref, result: JoinResult<Assigns>): unknown {
    if (typeof result !== "object" || result === null || !("ok" in result || "error" in result)) {
      throw new TrackerError("INVALID_ARGUMENT", "join must give { ok } or { error }", { value: result });
    }
    if ("error" in result) return this.#refuseJoin(ref, result.error);
    const response = encodePayload(result.ok);
    this.#assigns = result.assigns;
    if (this.#state === "ended") return this.#route.handlers.terminate?.(this, this.#endReason);
    this.#state = "joined";
    this.#reply(ref, "ok", response);
    for (const broadcast of this.#held ?? []) this.#connection.writeShared(broadcast.frame);
    this.#held = undefined;
    // Not in this task: a failure of `joined` is a failure of the channel, not of the join. And not at all if
    // writing the answer has shown that the client reads too slowly.
    if (!this.ended) this.#queue.pushFirst(() => this.#route.handlers.joined?.(this));
    return undefined;
  }

  #refuseJoin(ref: Ref, response: Payload): void {
    if (this.#state === "ended") return;
    const encoded = encodePayload(response);
    this.#state = "ended";
    this.#queue.clear();
    this.#context.subscribers.remove(this);
    this.#reply(ref, "error", encoded);
    this.#connection.channelEnded(this);
    this.session.close();
  }

  #leave(ref: Ref): void {
    const leave = (): void => {
      this.#reply(ref, "ok", "{}");
      this.end("left");
    };
    // A client that leaves while it joins has given up waiting: there is nothing to hear out first.
    if (this.#state === "joining") leave();
    else this.#enqueue(leave);
  }

  #handlePush({ event, payload, ref }: ClientMessage): unknown {
    let answered = ref === null;
    const reply = (answer: Reply): void => {
      if (answered || this.#state !== "joined") return;
      const [status, response] = readReply(answer);
      const encoded = encodePayload(response);
      answered = true;
      this.#reply(ref, status, encoded);
    };
    const finish = (answer: Reply | void): void => {
      if (answer !== undefined) reply(answer);
    };
    let result: HandlerResult;
    if (Buffer.isBuffer(payload)) {
      const handler = this.#route.handleBinary.get(event);
      if (!handler) return reply({ error: { reason: "unknown event" } });
      result = handler(this, payload, reply);
    } else {
      const handler = this.#route.handleIn.get(event);
      if (!handler) return reply({ error: { reason: "unknown event" } });
      result = handler(this, payload as JsonPayload, reply);
    }
    return isThenable(result) ? result.then(finish) : finish(result);
  }

  #push(event: string, payload: EncodedPayload): void {
    const frame = pushFrame(this.joinRef, this.topic, event, payload);
    if (this.#state === "joined") this.#connection.write(frame);
  }

  #reply(ref: Ref, status: string, response: EncodedPayload): void {
    if (ref === null) return;
    this.#connection.write(replyFrame(this.joinRef, ref, this.topic, status, response));
  }

  #enqueue(task: Task): void {
    if (this.#state === "ended") return;
    if (this.#queue.length < this.#context.maxQueuedMessages) this.#queue.push(task);
    else this.#overflow();
  }

  #overflow(): void {
    this.#report(
      "a channel was ended because too many messages waited for its handler",
      new TrackerError("TIMEOUT", "maxQueuedMessages was exceeded", {
        maxQueuedMessages: this.#context.maxQueuedMessages,
      }),
    );
    this.end("failed");
  }

  #report(message: string, cause: unknown): void {
    this.#context.reports.report("HANDLER_FAILED", message, { topic: this.topic }, cause);
  }
}

/** @throws TrackerError `INVALID_ARGUMENT` for what is not a reply: handlers may be untyped. */
function readReply(reply: Reply): [status: string, response: Payload] {
  if (typeof reply === "object" && reply !== null) {
    if ("ok" in reply) return ["ok", reply.ok];
    if ("error" in reply) return ["error", reply.error];
    if (typeof reply.status === "string") return [reply.status, reply.response];
  }
  throw new TrackerError("INVALID_ARGUMENT", "a reply is { ok }, { error } or { status, response }", {
    value: reply,
  });
}

/** A frozen payload never changes once it is handed out, so that its encoding may be kept. */
function encodeShared(payload: object): EncodedPayload {
  if (!Object.isFrozen(payload)) return encodePayload(payload);
  let encoded = sharedEncodings.get(payload);
  if (encoded === undefined) {
    encoded = encodePayload(payload);
    sharedEncodings.set(payload, encoded);
  }
  return encoded;
}
