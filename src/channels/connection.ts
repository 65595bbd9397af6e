/**
 * One socket of one client: reads its frames, hands them to its channels, and writes theirs. Promises that
 * no frame of a client, whatever it holds, throws beyond this file; that a slow reader is dropped instead of
 * being waited for; and that all channels end in the same turn as the socket. Knows no HTTP and no other socket.
 */
import type { Runtime } from "../runtime.js";
import { SocketRates } from "./admission.js";
import type { Backlog, Holder } from "./backlog.js";
import type { ChannelConnection, RunningChannel } from "./channel-context.js";
import type { ChannelCounters } from "./counters.js";
import {
  decodeBinary,
  decodeText,
  replyFrame,
  type ClientMessage,
  type Frame,
  type Ref,
  type SharedFrame,
} from "./frames.js";
import type { ErrorReports } from "./error-reports.js";
import type { Expiries, Expiring } from "./expiries.js";
import { checkExpiry } from "./handlers.js";
import { Intake, type IntakeOwner } from "./intake.js";
import { JoinBudget } from "./join-budget.js";
import type { ChannelLimits } from "./options.js";
import { readPayload } from "./payload.js";
import type { PendingState } from "./presence-feed.js";
import type { Transport, TransportOwner } from "./transport.js";
import { KeptBroadcasts, SentBroadcasts } from "./waiting-broadcasts.js";

/** Topics are bounded as in the tracker, or a socket could make the server remember megabytes of names. */
const MAX_TOPIC_BYTES = 512;

/** Close codes of RFC 6455 as this server uses them. */
export const CLOSE = {
  goingAway: 1001,
  unsupportedData: 1003,
  invalidData: 1007,
  internalError: 1011,
  serviceRestart: 1012,
  /** Of the range that is left to applications. */
  expired: 4001,
} as const;

/** Makes the channel for a topic, or `undefined` where no pattern matches. */
export interface ChannelSource<SocketAssigns> {
  open(topic: string, joinRef: Ref, connection: ChannelConnection<SocketAssigns>): RunningChannel | undefined;
}

/** What connections share with their server. */
export interface ConnectionContext {
  readonly runtime: Runtime;
  readonly limits: ChannelLimits;
  readonly reports: ErrorReports;
  readonly counters: ChannelCounters;
  readonly backlog: Backlog;
  readonly expiries: Expiries;
  connectionClosed(connection: OpenConnection): void;
}

/** Who a connection belongs to, and what it shares with others. */
export interface ConnectionIdentity<SocketAssigns> {
  readonly id: string | undefined;
  readonly assigns: SocketAssigns;
  /** Until when it may stay, by the wall clock. */
  readonly expiresAtMs: number | undefined;
  readonly sharedRates: SocketRates | undefined;
  /** When its handshake began, in monotonic milliseconds. */
  readonly begunAtMs: number;
}

/** A connection as the server sees it, whatever its assigns. */
export interface OpenConnection {
  readonly id: string | undefined;
  readonly channelCount: number;
  readonly heardAtMs: number;
  /** When its handshake began, in monotonic milliseconds. */
  readonly begunAtMs: number;
  /** Whether it has ended; its socket may still be closing. */
  readonly ended: boolean;
  /** With `isLost` its client is waited for, as its channels say. */
  close(code: number, reason: string, isLost?: boolean): void;
  terminate(): void;
}

export class Connection<SocketAssigns>
  implements ChannelConnection<SocketAssigns>, OpenConnection, TransportOwner, IntakeOwner, Holder, Expiring
{
  readonly id: string | undefined;
  readonly begunAtMs: number;
  /** They are not counted with the intake: others have sent them. */
  readonly broadcasts: KeptBroadcasts;
  readonly joinCharges: JoinBudget;
  #assigns: SocketAssigns;
  readonly #transport: Transport;
  readonly #source: ChannelSource<SocketAssigns>;
  readonly #context: ConnectionContext;
  readonly #channels = new Map<string, RunningChannel>();
  readonly #intake: Intake;
  /** Presence states of which some pieces have yet to be sent: most connections have none. */
  #pendingStates: Set<PendingState> | undefined;
  /** Made by the first broadcast that others have to wait for: most connections need none. */
  #sent: SentBroadcasts | undefined;
  #heardAtMs: number;
  #wasSlowed = false;
  #ended = false;
  /** Until it is cut off or gone: one that is closing still holds what it has not sent. */
  #isCounted = true;

  constructor(
    transport: Transport,
    { id, assigns, expiresAtMs, sharedRates, begunAtMs }: ConnectionIdentity<SocketAssigns>,
    source: ChannelSource<SocketAssigns>,
    context: ConnectionContext,
  ) {
    this.id = id;
    this.begunAtMs = begunAtMs;
    this.#assigns = assigns;
    this.#transport = transport;
    this.#source = source;
    this.#context = context;
    this.#heardAtMs = context.runtime.monotonicMs();
    const rates = SocketRates.ofOne(context.limits, this.#heardAtMs);
    this.joinCharges = new JoinBudget(context.runtime, rates, sharedRates);
    this.#intake = new Intake(transport, this, context, rates, sharedRates);
    this.broadcasts = new KeptBroadcasts(context.backlog, context.limits, () => this.#noteWaiting());
    context.expiries.set(this, expiresAtMs);
  }

  get assigns(): SocketAssigns {
    return this.#assigns;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  /** When the client was last heard, or could have been, in monotonic milliseconds. */
  get heardAtMs(): number {
    return Math.max(this.#heardAtMs, this.#intake.waitedUntilMs);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get bytesWaiting(): number {
    const { bytesBuffered, bytesUnread } = this.#transport;
    let bytes = bytesBuffered + bytesUnread + this.#intake.queuedBytes + this.broadcasts.ownBytes;
    if (this.#pendingStates) for (const state of this.#pendingStates) bytes += state.bytesWaiting;
    return bytes;
  }

  get bytesShared(): number {
    return this.broadcasts.sharedBytes;
  }

  renew(assigns: SocketAssigns, expiresAtMs?: number): void {
    checkExpiry(expiresAtMs, this.#context.runtime.wallClockMs());
    if (this.#ended) return;
    this.#assigns = assigns;
    this.#context.expiries.set(this, expiresAtMs);
  }

  expire(): void {
    this.close(CLOSE.expired, "expired", true);
  }

  disconnect(): void {
    this.close(CLOSE.goingAway, "disconnected");
  }

  write(frame: Frame, taken?: () => void): void {
    if (!this.#canWrite()) return;
    this.#transport.send(frame, taken);
    this.#noteBuffered();
  }

  writeShared(frame: SharedFrame): void {
    if (!this.#canWrite()) return;
    this.#transport.sendShared(frame);
    this.#noteBuffered();
  }

  channelEnded(channel: RunningChannel): void {
    if (this.#channels.get(channel.topic) === channel) this.#channels.delete(channel.topic);
  }

  bytesHeld(change: number): void {
    this.#intake.hold(change);
    if (change > 0) this.#noteWaiting();
  }

  holdSent(bytes: number): () => void {
    if (this.#ended) return () => undefined;
    this.#sent ??= new SentBroadcasts(this.#context.runtime, (change) => this.#intake.holdSent(change));
    return this.#sent.hold(bytes);
  }

  addPending(state: PendingState): void {
    (this.#pendingStates ??= new Set()).add(state);
    this.#noteWaiting();
  }

  removePending(state: PendingState): void {
    this.#pendingStates?.delete(state);
  }

  malformed(binary = false): void {
    this.#context.counters.malformedFrames++;
    this.#context.reports.remark("INVALID_FRAME", "a client sent what is no message", { id: this.id });
    this.close(binary ? CLOSE.unsupportedData : CLOSE.invalidData, "malformed frame");
  }

  messageRefused(): void {
    this.#context.counters.refusedMessages++;
    this.#tellPayload();
  }

  readsTooSlowly(): void {
    this.#context.counters.slowReaders++;
    this.#limitReached("maxBufferedBytes", "a socket was dropped because its client reads too slowly");
    this.terminate();
  }

  crowdOut(): void {
    this.#context.counters.crowdedOut++;
    const message = "a socket was dropped because too much waits on all sockets, and most of it there";
    this.#limitReached("maxBufferedBytesTotal", message);
    this.terminate();
  }

  /** Ends all channels now and asks the client to close; it is cut off if it does not. */
  close(code: number, reason: string, isLost = false): void {
    if (this.#ended) return;
    this.#end(isLost);
    this.#transport.close(code, reason);
    this.#noteWaiting();
  }

  /** Ends all channels and cuts the connection. */
  terminate(): void {
    this.#end(true);
    this.#stopCounting();
    this.#transport.terminate();
  }

  slowed(limit: "messagesPerSecond" | "maxQueuedBytes"): void {
    this.#context.counters.pausedReads++;
    if (this.#transport.bytesUnread > 0) this.#noteWaiting();
    if (this.#wasSlowed) return;
    this.#wasSlowed = true;
    this.#limitReached(limit, "a socket is read no faster; said once per socket");
  }

  frameReceived(data: Buffer, binary: boolean): void {
    if (!this.#charge(data.length)) return;
    const message = binary ? decodeBinary(data) : decodeText(data.toString());
    if (message === undefined) return this.malformed(binary);
    try {
      this.#handle(message, data.length);
    } catch (error) {
      const failure = { cause: error, kind: "message" };
      this.#context.reports.remark("HANDLER_FAILED", "a message could not be handled", {}, failure);
      this.close(CLOSE.internalError, "internal error");
    }
  }

  controlReceived(bytes: number, answer?: () => void): void {
    if (!this.#charge(bytes) || answer === undefined || !this.#canWrite()) return;
    answer();
    this.#noteBuffered();
  }

  frameRefused(tooLarge: boolean): void {
    this.#context.counters.malformedFrames++;
    if (tooLarge) this.#limitReached("maxFrameBytes", "a client sent too large a frame");
    else this.#context.reports.remark("INVALID_FRAME", "a client sent what is no frame", { id: this.id });
  }

  frameUndeliverable(): void {
    this.#context.counters.undeliverableFrames++;
    const message = "bytes cannot be sent to a client on long polling, and were left out";
    this.#context.reports.remark("INVALID_ARGUMENT", message, { id: this.id });
  }

  closed(): void {
    this.#end(true);
    this.#stopCounting();
    this.#context.connectionClosed(this);
  }

  /** Whether a frame may be written. A slow reader is dropped instead. */
  #canWrite(): boolean {
    if (this.#ended || !this.#transport.isOpen) return false;
    if (this.#transport.bytesBuffered <= this.#context.limits.maxBufferedBytes) return true;
    this.readsTooSlowly();
    return false;
  }

  #noteBuffered(): void {
    if (this.#transport.bytesBuffered > 0) this.#noteWaiting();
  }

  #noteWaiting(): void {
    if (this.#isCounted) this.#context.backlog.note(this);
  }

  #stopCounting(): void {
    this.#isCounted = false;
    this.#context.backlog.forget(this);
  }

  /** Charges what was received. Returns whether it is to be handled. */
  #charge(bytes: number): boolean {
    const nowMs = this.#context.runtime.monotonicMs();
    const isWithinRate = this.#intake.spend(bytes, nowMs);
    if (!this.#ended) {
      this.#heardAtMs = nowMs;
      return true;
    }
    // It was asked to close. An honest client does; another one would go on at any rate, for nobody slows it down.
    if (!isWithinRate) this.#transport.terminate();
    return false;
  }

  #end(isLost: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const channel of this.#channels.values()) channel.end("closed", isLost);
    this.joinCharges.stop();
    this.#sent?.forget();
    this.#intake.stop();
    this.#context.expiries.forget(this);
  }

  #handle(message: ClientMessage, bytes: number): void {
    const { topic, event, joinRef, ref } = message;
    if (topic === "phoenix" && event === "heartbeat") {
      this.write(replyFrame(null, ref, topic, "ok", "{}"));
      return;
    }
    if (event === "phx_join") return this.#join(message, bytes);
    const channel = this.#channels.get(topic);
    if (!channel) {
      if (event === "phx_leave") this.write(replyFrame(joinRef, ref, topic, "ok", "{}"));
      else this.#refuse(null, ref, topic, "unmatched topic");
      return;
    }
    // Meant for a channel that this one has replaced.
    if (joinRef !== null && joinRef !== channel.joinRef) return;
    channel.receive(message, bytes);
  }

  #join({ topic, joinRef, ref, payload }: ClientMessage, bytes: number): void {
    // Clients in other languages may leave the join's own ref out of one of the two places.
    const channelRef = joinRef ?? ref;
    const previous = this.#channels.get(topic);
    const limit = this.#joinLimit(previous !== undefined);
    if (limit !== undefined) {
      const reason = limit === "maxChannelsPerSocket" ? "too many channels joined" : "too many joins";
      this.#limitReached(limit, "a join was refused");
      return this.#refuseJoin(channelRef, ref, topic, reason);
    }
    const read = Buffer.isBuffer(payload) ? { refusal: "payload must be an object" } : readPayload(payload);
    if (read === undefined) return this.malformed();
    if (read.payload === undefined) {
      this.#tellPayload();
      return this.#refuseJoin(channelRef, ref, topic, read.refusal);
    }
    const channel =
      Buffer.byteLength(topic) <= MAX_TOPIC_BYTES ? this.#source.open(topic, channelRef, this) : undefined;
    if (!channel) return this.#refuse(null, ref, topic, "unmatched topic");
    previous?.end("rejoined");
    this.#channels.set(topic, channel);
    // What waits for the join handler, and is with one that takes its time, is the parsed payload.
    channel.start(read.payload, ref, this.#bounded(previous?.whenIdle()), bytes + read.bytes);
  }

  /** The limit that a join would exceed. A join is paid for here, and what it causes to be sent afterwards. */
  #joinLimit(rejoins: boolean): string | undefined {
    const limit = this.joinCharges.take();
    const isFull = this.#channels.size >= this.#context.limits.maxChannelsPerSocket;
    return limit ?? (isFull && !rejoins ? "maxChannelsPerSocket" : undefined);
  }

  /** What is waited for, but no longer than `terminateTimeoutMs`. */
  #bounded(idle: Promise<void> | undefined): Promise<void> | undefined {
    if (!idle) return undefined;
    const { runtime, limits } = this.#context;
    return new Promise((resolve) => {
      const cancel = runtime.schedule(limits.terminateTimeoutMs, resolve);
      void idle.then(() => {
        cancel();
        resolve();
      });
    });
  }

  #refuseJoin(joinRef: Ref, ref: Ref, topic: string, reason: string): void {
    this.#context.counters.refusedJoins++;
    this.#refuse(joinRef, ref, topic, reason);
  }

  #refuse(joinRef: Ref, ref: Ref, topic: string, reason: string): void {
    if (ref !== null) this.write(replyFrame(joinRef, ref, topic, "error", JSON.stringify({ reason })));
  }

  #tellPayload(): void {
    const message = "a message was refused for its payload: no object, or nested too deep";
    this.#context.reports.remark("INVALID_FRAME", message, { id: this.id });
  }

  #limitReached(limit: string, message: string): void {
    this.#context.reports.remark("LIMIT_REACHED", message, { limit, id: this.id });
  }
}
