/**
 * One client in one topic, from its join to its end. Promises: handlers run one after another; the answer to a
 * join is written before anything else; nothing is written after the end, nor under another join's ref; the
 * session closes in the same turn as the channel ends; `terminate` runs exactly once for a join that was
 * accepted. Knows its connection only as somewhere to write, and no other channel.
 */
import { looked, requireText } from "../checks.js";
import { TrackerError } from "../errors.js";
import type { Session } from "../session.js";
import { checkFollow, checkFollowCount } from "./checks.js";
import { ChannelSession } from "./channel-session.js";
import type { ChannelConnection, ChannelContext, Route, RunningChannel } from "./channel-context.js";
import {
  closeFrame,
  encodePayload,
  errorFrame,
  pushFrame,
  replyFrame,
  typeName,
  type ClientMessage,
  type EncodedPayload,
  type Frame,
  type Ref,
} from "./frames.js";
import type {
  Channel,
  ChannelSocket,
  CountSource,
  EndReason,
  FollowCountsOptions,
  FollowOptions,
  JoinResult,
  JsonPayload,
  Payload,
  PresenceSource,
  Reply,
} from "./handlers.js";
import type { JoinCharges } from "./join-budget.js";
import { readPayload } from "./payload.js";
import { PresenceFeeds, type FeedClient, type PendingState } from "./presence-feed.js";
import { isThenable, SerialQueue, type Task, type TaskOwner } from "./serial-queue.js";
import { Broadcast, type Subscriber } from "./subscribers.js";

/** What a message that waits takes beside its text, roughly. */
const MESSAGE_BYTES = 256;

export class ServerChannel<Assigns, SocketAssigns>
  implements
    Channel<Assigns, SocketAssigns>,
    RunningChannel,
    Subscriber,
    TaskOwner<number | Broadcast>,
    FeedClient
{
  readonly topic: string;
  readonly joinRef: Ref;
  readonly #connection: ChannelConnection<SocketAssigns>;
  readonly #route: Route<Assigns, SocketAssigns>;
  readonly #context: ChannelContext;
  readonly #queue = new SerialQueue<number | Broadcast>(this);
  /** Made when somebody asks for it: many channels track nothing. */
  #session: Session | undefined;
  #state: "joining" | "joined" | "ended" = "joining";
  #assigns: Assigns | undefined;
  /** Made by the first `follow`: most channels need none. */
  #feeds: PresenceFeeds | undefined;
  /** Until `joined` has run: what is sent meanwhile is what the join has caused. */
  #isJoinCharged = true;
  /** Broadcasts that came while joining: they follow the answer to the join. */
  #held: Broadcast[] | undefined;
  /** Those that wait for `handleOut`. They are bounded by their bytes alone: others have sent them. */
  #broadcastsWaiting = 0;
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

  get session(): Session {
    if (this.#session === undefined) {
      this.#session = new ChannelSession(this);
      if (this.ended) this.#session.close();
    }
    return this.#session;
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
    requireText("event", event);
    this.pushEncoded(event, encodePayload(payload));
  }

  broadcast(event: string, payload: Payload): void {
    requireText("event", event);
    this.#broadcast(new Broadcast(this.topic, event, payload, { sender: this.#connection }));
  }

  broadcastFrom(event: string, payload: Payload): void {
    requireText("event", event);
    this.#broadcast(new Broadcast(this.topic, event, payload, { sender: this.#connection }), this);
  }

  follow(presence: PresenceSource, topic: string = this.topic, options: FollowOptions = {}): void {
    const checked = checkFollow(presence, topic, options);
    if (!this.ended) this.#allFeeds().follow(presence, topic, checked);
  }

  followCount(presence: CountSource, topic: string = this.topic, options: FollowCountsOptions = {}): void {
    const checked = checkFollowCount(presence, topic, options);
    if (!this.ended) this.#allFeeds().followCount(presence, topic, checked);
  }

  #allFeeds(): PresenceFeeds {
    return (this.#feeds ??= new PresenceFeeds(this, this.#context.encodings));
  }

  pushEncoded(event: string, payload: EncodedPayload): void {
    const frame = pushFrame(this.joinRef, this.topic, event, payload);
    if (this.#state === "joined") this.#write(frame);
  }

  pushPiece(event: string, payload: EncodedPayload, taken?: () => void): void {
    if (this.#state !== "joined") return;
    this.#connection.write(pushFrame(this.joinRef, this.topic, event, payload), taken);
  }

  get joinCharges(): JoinCharges {
    return this.#connection.joinCharges;
  }

  later(callback: () => void): void {
    this.#context.later(callback);
  }

  readsTooSlowly(): void {
    this.#connection.readsTooSlowly();
  }

  addPending(state: PendingState): void {
    this.#connection.addPending(state);
  }

  removePending(state: PendingState): void {
    this.#connection.removePending(state);
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
  start(params: JsonPayload, ref: Ref, before: Promise<void> | undefined, bytes: number): void {
    this.#context.subscribers.add(this);
    if (before) this.#queue.push(() => before);
    this.#queue.push(() => this.#join(params, ref), bytes + MESSAGE_BYTES);
  }

  receive(message: ClientMessage, bytes: number): void {
    if (message.event === "phx_leave") this.#leave(message.ref);
    else this.#enqueue(() => this.#handlePush(message), bytes + MESSAGE_BYTES);
  }

  deliver(broadcast: Broadcast): void {
    const intercept = this.#route.handleOut.get(broadcast.event);
    if (intercept && typeof broadcast.encoded === "string") {
      const handle = (): unknown => intercept(this, broadcast.payload as JsonPayload);
      if (this.#canHold(broadcast)) this.#queue.push(handle, broadcast);
    } else if (this.#state === "joined") {
      this.#connection.writeShared(broadcast.frame);
    } else if ((this.#held?.length ?? 0) >= this.#context.maxQueuedMessages) {
      this.#overflow("maxQueuedMessages");
    } else if (this.#canHold(broadcast)) {
      (this.#held ??= []).push(broadcast);
      this.#connection.broadcasts.keep(broadcast);
    }
  }

  /** Whether one more broadcast may wait. Ends the channel if not: its sender may be anywhere. */
  #canHold(broadcast: Broadcast): boolean {
    if (this.#state === "ended") return false;
    if (this.#connection.broadcasts.canKeep(broadcast)) return true;
    this.#overflow("maxQueuedBytes");
    return false;
  }

  #releaseHeld(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held) for (const broadcast of held) this.#connection.broadcasts.release(broadcast);
  }

  taskFailed(error: unknown): void {
    this.#report("a channel handler failed", error);
    if (this.#state === "joined") this.end("failed");
  }

  loadHeld(load: number | Broadcast): void {
    if (typeof load === "number") return this.#connection.bytesHeld(load);
    this.#broadcastsWaiting++;
    this.#connection.broadcasts.keep(load);
  }

  loadReleased(load: number | Broadcast): void {
    if (typeof load === "number") return this.#connection.bytesHeld(-load);
    this.#broadcastsWaiting--;
    this.#connection.broadcasts.release(load);
  }

  whenIdle(): Promise<void> | undefined {
    return this.#queue.whenIdle();
  }

  end(reason: EndReason, isLost = false): void {
    if (this.#state === "ended") return;
    const joined = this.#state === "joined";
    this.#state = "ended";
    this.#queue.clear();
    this.#releaseHeld();
    this.#context.subscribers.remove(this);
    this.#feeds?.end();
    if (reason === "failed") this.#connection.write(errorFrame(this.joinRef, this.topic));
    else if (reason !== "closed") this.#connection.write(closeFrame(this.joinRef, this.topic));
    this.#connection.channelEnded(this);
    const { graceMs } = this.#route.handlers;
    this.#session?.close(isLost ? { graceMs } : undefined);
    if (joined) this.#queue.push(() => this.#route.handlers.terminate?.(this, reason));
    else this.#endReason = reason;
  }

  #join(params: JsonPayload, ref: Ref): unknown {
    try {
      const result = this.#route.handlers.join(this, params);
      if (!isThenable(result)) return this.#joined(ref, result);
      return result
        .then((value) => this.#joined(ref, value))
        .then(undefined, (error: unknown) => this.#joinFailed(ref, error));
    } catch (error) {
      return this.#joinFailed(ref, error);
    }
  }

  #joinFailed(ref: Ref, error: unknown): void {
    this.#report("a join handler failed", error);
    this.#refuseJoin(ref, { reason: "join crashed" });
  }

  #joined(ref: Ref, result: JoinResult<Assigns>): unknown {
    if (typeof result !== "object" || result === null || !("ok" in result || "error" in result)) {
      throw new TrackerError("INVALID_ARGUMENT", "join must return { ok } or { error }", {
        type: typeName(result),
      });
    }
    if ("error" in result) return this.#refuseJoin(ref, result.error);
    const response = encodePayload(result.ok);
    this.#assigns = result.assigns;
    if (this.#state === "ended") return this.#route.handlers.terminate?.(this, this.#endReason);
    this.#state = "joined";
    this.#reply(ref, "ok", response);
    if (this.#held) {
      for (const broadcast of this.#held) {
        // Writing may show that the client reads too slowly.
        if (!this.ended) this.#connection.writeShared(broadcast.frame);
      }
      this.#releaseHeld();
    }
    // Not in this task: a failure of `joined` is a failure of the channel, not of the join. And not at all if
    // writing the answer has shown that the client reads too slowly.
    if (!this.ended && this.#route.handlers.joined) this.#queue.pushFirst(() => this.#runJoined());
    else this.#isJoinCharged = false;
    return undefined;
  }

  #runJoined(): unknown {
    const result = this.#route.handlers.joined?.(this);
    if (isThenable(result)) return result.then(() => void (this.#isJoinCharged = false));
    this.#isJoinCharged = false;
    return undefined;
  }

  #refuseJoin(ref: Ref, response: Payload): void {
    if (this.#state === "ended") return;
    const encoded = encodePayload(response);
    this.#state = "ended";
    this.#queue.clear();
    this.#releaseHeld();
    this.#context.subscribers.remove(this);
    this.#reply(ref, "error", encoded);
    this.#connection.channelEnded(this);
    this.#session?.close();
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
      const [status, response] = looked("INVALID_ARGUMENT", "reply", () => readReply(answer));
      const encoded = encodePayload(response);
      answered = true;
      this.#reply(ref, status, encoded);
    };
    const finish = (answer: Reply | void): void => {
      if (answer !== undefined) reply(answer);
    };
    if (Buffer.isBuffer(payload)) {
      const handler = this.#route.handleBinary.get(event);
      if (!handler) return reply({ error: { reason: "unknown event" } });
      const result = handler(this, payload, reply);
      return isThenable(result) ? result.then(finish) : finish(result);
    }
    const handler = this.#route.handleIn.get(event);
    const read = readPayload(payload);
    if (read === undefined) return this.#connection.malformed();
    if (read.payload === undefined) {
      this.#connection.messageRefused();
      return reply({ error: { reason: read.refusal } });
    }
    if (!handler) return reply({ error: { reason: "unknown event" } });
    const result = handler(this, read.payload, reply);
    return isThenable(result) ? this.#whileParsed(read.bytes, result.then(finish)) : finish(result);
  }

  /** A handler that takes its time keeps the parsed payload: that waits too, and may be much larger than its text. */
  #whileParsed<Value>(bytes: number, handled: PromiseLike<Value>): PromiseLike<Value> {
    this.#connection.bytesHeld(bytes);
    const done = (): void => this.#connection.bytesHeld(-bytes);
    handled.then(done, done);
    return handled;
  }

  #broadcast(broadcast: Broadcast, except?: Subscriber): void {
    if (this.#state !== "joined") return;
    if (this.#isJoinCharged) this.#connection.joinCharges.charge(broadcast.encoded.length);
    this.#context.broadcast(broadcast, except);
  }

  #write(frame: Frame): void {
    if (this.#isJoinCharged) this.#connection.joinCharges.charge(frame.bytes);
    this.#connection.write(frame);
  }

  #reply(ref: Ref, status: string, response: EncodedPayload): void {
    if (ref === null) return;
    this.#write(replyFrame(this.joinRef, ref, this.topic, status, response));
  }

  #enqueue(task: Task, bytes?: number): void {
    if (this.#state === "ended") return;
    const waiting = this.#queue.length - this.#broadcastsWaiting;
    if (waiting < this.#context.maxQueuedMessages) this.#queue.push(task, bytes);
    else this.#overflow("maxQueuedMessages");
  }

  #overflow(limit: "maxQueuedMessages" | "maxQueuedBytes"): void {
    if (this.#state === "ended") return;
    this.#context.counters.overflowedChannels++;
    this.#report(
      "a channel was ended because too much waited for its handler",
      new TrackerError("LIMIT_REACHED", `${limit} was exceeded`, { limit }),
    );
    this.end("failed");
  }

  #report(message: string, cause: unknown): void {
    this.#context.reports.remark("HANDLER_FAILED", message, { topic: this.topic }, { cause, kind: message });
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
    type: typeName(reply),
  });
}
