/**
 * One WebSocket of one client: reads its frames, hands them to its channels, and writes theirs. Promises that
 * no frame of a client, whatever it holds, throws beyond this file; that a slow reader is dropped instead of
 * being waited for; and that all channels end in the same turn as the socket. Knows no HTTP and no other socket.
 */
import type { Writable } from "node:stream";
import type { RawData, WebSocket } from "ws";
import type { Runtime } from "../runtime.js";
import {
  decodeBinary,
  decodeText,
  replyFrame,
  type ClientMessage,
  type Frame,
  type Ref,
  type SharedFrame,
} from "./frames.js";
import type { JsonPayload } from "./handlers.js";
import type { Reporter } from "../reports.js";
import type { ChannelLimits } from "./options.js";
import { RateLimit } from "./rate-limit.js";
import type { ChannelConnection, RunningChannel } from "./server-channel.js";

/** Topics are bounded as in the tracker, or a socket could make the server remember megabytes of names. */
const MAX_TOPIC_BYTES = 512;

/** Close codes of RFC 6455 as this server uses them. */
export const CLOSE = {
  goingAway: 1001,
  unsupportedData: 1003,
  invalidData: 1007,
  internalError: 1011,
  serviceRestart: 1012,
} as const;

/** Makes the channel for a topic, or `undefined` where no pattern matches. */
export interface ChannelSource<SocketAssigns> {
  open(topic: string, joinRef: Ref, connection: ChannelConnection<SocketAssigns>): RunningChannel | undefined;
}

/** What connections share with their server. */
export interface ConnectionContext {
  readonly runtime: Runtime;
  readonly limits: ChannelLimits;
  readonly reports: Reporter;
  readonly counters: ConnectionCounters;
  connectionClosed(connection: OpenConnection): void;
}

/** What went wrong on the sockets of a server since it started. */
export interface ConnectionCounters {
  malformedFrames: number;
  slowReaders: number;
  idleSockets: number;
  refusedJoins: number;
  pausedReads: number;
}

/** A connection as the server sees it, whatever its assigns. */
export interface OpenConnection {
  readonly id: string | undefined;
  readonly channelCount: number;
  readonly heardAtMs: number;
  /** Whether it has ended; its socket may still be closing. */
  readonly ended: boolean;
  close(code: number, reason: string): void;
  terminate(): void;
}

export class Connection<SocketAssigns> implements ChannelConnection<SocketAssigns>, OpenConnection {
  readonly id: string | undefined;
  readonly assigns: SocketAssigns;
  readonly #webSocket: WebSocket;
  /** What the WebSocket runs on. */
  readonly #stream: Writable;
  readonly #source: ChannelSource<SocketAssigns>;
  readonly #context: ConnectionContext;
  readonly #channels = new Map<string, RunningChannel>();
  readonly #joins: RateLimit;
  readonly #messages: RateLimit;
  #heardAtMs: number;
  #ended = false;

  constructor(
    webSocket: WebSocket,
    stream: Writable,
    socket: { readonly id: string | undefined; readonly assigns: SocketAssigns },
    source: ChannelSource<SocketAssigns>,
    context: ConnectionContext,
  ) {
    const { limits, runtime } = context;
    this.id = socket.id;
    this.assigns = socket.assigns;
    this.#webSocket = webSocket;
    this.#stream = stream;
    this.#source = source;
    this.#context = context;
    this.#heardAtMs = runtime.monotonicMs();
    this.#joins = new RateLimit(limits.joinsPerSecond, limits.joinBurst, this.#heardAtMs);
    this.#messages = new RateLimit(limits.messagesPerSecond, limits.messageBurst, this.#heardAtMs);
    webSocket.on("message", (data, binary) => this.#receive(data, binary));
    webSocket.on("close", () => {
      this.#end();
      context.connectionClosed(this);
    });
    // Closed by `ws` itself, with the code that says why: too large a frame, text that is not UTF-8.
    webSocket.on("error", () => void context.counters.malformedFrames++);
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  /** When the client was last heard, in monotonic milliseconds. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  get ended(): boolean {
    return this.#ended;
  }

  disconnect(): void {
    this.close(CLOSE.goingAway, "disconnected");
  }

  write({ data, binary }: Frame): void {
    if (this.#canWrite()) this.#webSocket.send(data, { binary });
  }

  /**
   * Past `ws`, which would build the header anew for every socket and write it apart. Frames stay in order:
   * without compression `ws` writes each one at once.
   */
  writeShared({ wire }: SharedFrame): void {
    if (this.#canWrite()) this.#stream.write(wire);
  }

  channelEnded(channel: RunningChannel): void {
    if (this.#channels.get(channel.topic) === channel) this.#channels.delete(channel.topic);
  }

  /** Ends all channels now and asks the client to close; `ws` cuts the connection if it does not. */
  close(code: number, reason: string): void {
    if (this.#ended) return;
    this.#end();
    this.#webSocket.close(code, reason);
  }

  /** Ends all channels and cuts the connection. */
  terminate(): void {
    this.#end();
    this.#webSocket.terminate();
  }

  /** Whether a frame may be written. A slow reader is dropped instead. */
  #canWrite(): boolean {
    if (this.#ended || this.#webSocket.readyState !== this.#webSocket.OPEN) return false;
    if (this.#webSocket.bufferedAmount <= this.#context.limits.maxBufferedBytes) return true;
    this.#context.counters.slowReaders++;
    this.terminate();
    return false;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const channel of this.#channels.values()) channel.end("closed");
  }

  #receive(data: RawData, binary: boolean): void {
    if (this.#ended) return;
    this.#heardAtMs = this.#context.runtime.monotonicMs();
    this.#slowDown(this.#messages.spend(this.#heardAtMs));
    const bytes = toBuffer(data);
    const message = binary ? decodeBinary(bytes) : decodeText(bytes.toString());
    if (message === undefined) {
      this.#context.counters.malformedFrames++;
      this.close(binary ? CLOSE.unsupportedData : CLOSE.invalidData, "malformed frame");
      return;
    }
    try {
      this.#handle(message);
    } catch (error) {
      this.#context.reports.report("HANDLER_FAILED", "a message could not be handled", {}, error);
      this.close(CLOSE.internalError, "internal error");
    }
  }

  /** A socket above its rate is read no faster: TCP passes the wait on to the sender. */
  #slowDown(owedMs: number): void {
    if (owedMs === 0 || this.#webSocket.isPaused) return;
    this.#context.counters.pausedReads++;
    this.#webSocket.pause();
    this.#context.runtime.schedule(owedMs, () => this.#webSocket.resume());
  }

  #handle(message: ClientMessage): void {
    const { topic, event, joinRef, ref, payload } = message;
    if (topic === "phoenix" && event === "heartbeat") {
      this.write(replyFrame(null, ref, topic, "ok", "{}"));
      return;
    }
    if (event === "phx_join") return this.#join(message);
    const channel = this.#channels.get(topic);
    if (!channel) {
      if (event === "phx_leave") this.write(replyFrame(joinRef, ref, topic, "ok", "{}"));
      else this.#refuse(null, ref, topic, "unmatched topic");
      return;
    }
    // Meant for a channel that this one has replaced.
    if (joinRef !== null && joinRef !== channel.joinRef) return;
    if (isJsonObject(payload) || Buffer.isBuffer(payload)) channel.receive(message);
    else this.#refuse(joinRef, ref, topic, "payload must be an object");
  }

  #join({ topic, joinRef, ref, payload }: ClientMessage): void {
    const { limits, counters } = this.#context;
    // Clients in other languages may leave the join's own ref out of one of the two places.
    const channelRef = joinRef ?? ref;
    const previous = this.#channels.get(topic);
    let refusal: string | undefined;
    if (!this.#joins.take(this.#heardAtMs)) refusal = "too many joins";
    else if (!previous && this.#channels.size >= limits.maxChannelsPerSocket) {
      refusal = "too many channels joined";
    } else if (!isJsonObject(payload)) refusal = "payload must be an object";
    if (refusal !== undefined) {
      counters.refusedJoins++;
      return this.#refuse(channelRef, ref, topic, refusal);
    }
    const channel =
      Buffer.byteLength(topic) <= MAX_TOPIC_BYTES ? this.#source.open(topic, channelRef, this) : undefined;
    if (!channel) return this.#refuse(null, ref, topic, "unmatched topic");
    previous?.end("rejoined");
    this.#channels.set(topic, channel);
    channel.start(payload as JsonPayload, ref, this.#bounded(previous?.whenIdle()));
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

  #refuse(joinRef: Ref, ref: Ref, topic: string, reason: string): void {
    if (ref !== null) this.write(replyFrame(joinRef, ref, topic, "error", JSON.stringify({ reason })));
  }
}

function isJsonObject(payload: unknown): payload is JsonPayload {
  return (
    typeof payload === "object" && payload !== null && !Array.isArray(payload) && !Buffer.isBuffer(payload)
  );
}

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
