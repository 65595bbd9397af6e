/**
 * What a connection runs on, and the one kind of it that `ws` serves. Promises that frames go out in the order in
 * which they were given, whether they are one client's or shared. Knows no channel and no limit.
 */
import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { ownCopy, wireOf, type Frame, type SharedFrame } from "./frames.js";
import type { Readable } from "./intake.js";

/** A way to one client. */
export interface Transport extends Readable {
  /** Whether a frame may be sent. */
  readonly isOpen: boolean;
  /** What the client has not taken yet, in bytes. */
  readonly bytesBuffered: number;
  /** What was received and is not handled yet, because the transport is paused, in bytes. */
  readonly bytesUnread: number;
  /** Sends a frame. `taken` is called in a later turn, once it and all before it have left this process. */
  send(frame: Frame, taken?: () => void): void;
  sendShared(frame: SharedFrame): void;
  /** Asks the client to close; the connection is cut if it does not. */
  close(code: number, reason: string): void;
  /** Cuts the connection. */
  terminate(): void;
}

/** What a transport tells. */
export interface TransportOwner {
  frameReceived(data: Buffer, binary: boolean): void;
  /** A frame that is no message: a ping, with its answer, or a pong. */
  controlReceived(bytes: number, answer?: () => void): void;
  /** Something came that is no frame, or too large a one; the transport closes by itself. */
  frameRefused(tooLarge: boolean): void;
  /** A frame of bytes cannot be sent this way. */
  frameUndeliverable(): void;
  closed(): void;
}

export class WebSocketTransport implements Transport {
  readonly #webSocket: WebSocket;
  /** What the WebSocket runs on. */
  readonly #stream: Duplex;

  constructor(webSocket: WebSocket, stream: Duplex) {
    this.#webSocket = webSocket;
    this.#stream = stream;
  }

  listen(owner: TransportOwner): void {
    const webSocket = this.#webSocket;
    webSocket.on("message", (data, binary) => owner.frameReceived(toBuffer(data), binary));
    webSocket.on("ping", (data) => owner.controlReceived(data.length, () => webSocket.pong(ownCopy(data))));
    webSocket.on("pong", (data) => owner.controlReceived(data.length));
    webSocket.on("close", () => owner.closed());
    // Closed by `ws` itself, with the code that says why: too large a frame, text that is not UTF-8.
    webSocket.on("error", (error) => {
      owner.frameRefused((error as { code?: unknown }).code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH");
    });
  }

  get isOpen(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  get bytesBuffered(): number {
    return this.#webSocket.bufferedAmount;
  }

  /** A socket that is paused leaves it to TCP. */
  get bytesUnread(): number {
    return 0;
  }

  /**
   * Past `ws`, which writes a header apart from what follows it, anew for every socket of a shared frame. Frames stay in
   * order: without compression `ws` writes each one at once, too.
   */
  send(frame: Frame, taken?: () => void): void {
    if (taken === undefined) this.#stream.write(wireOf(frame));
    else this.#stream.write(wireOf(frame), (error) => void (error ?? taken()));
  }

  sendShared({ wire }: SharedFrame): void {
    this.#stream.write(wire);
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason);
  }

  terminate(): void {
    this.#webSocket.terminate();
  }
}

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
